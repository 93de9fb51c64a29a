"""The parts of a latent diffusion model, all of diffusers and transformers, put together as a stock `StableDiffusionPipeline`."""
