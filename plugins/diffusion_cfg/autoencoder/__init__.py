"""Kind `autoencoder`: a variational autoencoder whose latents a denoiser is trained in."""
