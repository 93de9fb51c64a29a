"""Kind `denoiser`: a text-to-image model, trained by denoising latents with caption dropout."""
