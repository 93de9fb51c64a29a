"""Kind `lora`: a Stable Diffusion pipeline adapted to captioned images by low-rank adapters."""
