"""One process that computes: the training loop, its batches, optimiser, checkpoints and metrics. Knows no queue and no Hub upload."""
