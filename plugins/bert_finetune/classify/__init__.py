"""Trainer `classify`: labels for single texts and pairs."""
