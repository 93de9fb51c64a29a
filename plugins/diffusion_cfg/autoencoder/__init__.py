"""Trainer `autoencoder`: the latent space that a denoiser works in."""
