"""Trainer `translate`: a text of one language into another, by an encoder and a decoder."""
