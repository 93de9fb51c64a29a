"""Networks, tokenizer, noise schedule and pipeline I/O of a latent diffusion model, shared by all kinds."""
