"""Trainer `compare`: a plain and a denoising autoencoder of one size, on the same pictures, measured side by side."""
