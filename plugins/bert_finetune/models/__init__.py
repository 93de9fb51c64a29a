"""Networks, tokenizers and loading that several kinds share. Imports torch; knows no kind."""
