"""Trainer `denoiser`: from noise to latents, told a caption."""
