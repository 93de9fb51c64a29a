"""Trainer `label_efficiency`: was the pre-training worth it? Accuracy against the number of labels."""
