"""Files of annotated texts, of any tool, to sentences of words or texts with spans. Needs no torch."""
