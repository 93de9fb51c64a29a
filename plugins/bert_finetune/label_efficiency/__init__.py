"""Experiment `label_efficiency`: accuracy against the number of labels, with and without pre-training."""
