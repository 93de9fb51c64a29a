"""Kind `images`: networks that denoise images."""
