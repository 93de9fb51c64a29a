"""Networks, losses and attention that more than one plugin uses. Knows tensors and folders of weights, no run."""
