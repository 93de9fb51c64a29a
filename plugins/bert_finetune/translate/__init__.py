"""Kind `translate`: translation with an encoder-decoder."""
