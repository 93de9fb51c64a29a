"""Trainer `answer`: the span of a context that answers a question."""
