"""Trainer `tag`: a label for every word, such as named entities."""
