"""Kinds of noise: their levels, how images are corrupted with them, and how the level is estimated from an image."""
