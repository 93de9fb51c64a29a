"""Networks, losses, attention and weight loading that several plugins use.

Knows tensors and folders of weights, no run.
"""
