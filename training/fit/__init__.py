"""One process that computes: training loop, batches, optimiser, checkpoints, metrics. Knows no queue and no Hub."""
