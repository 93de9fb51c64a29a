"""Latent spaces of the Hub to train a denoiser in. Sizes are rounded: 4 bytes a parameter, 2 in bf16."""

from __future__ import annotations

from plugins._suggestions import Suggestion

TAESD = Suggestion(
    "madebyollin/taesd",
    2.4,
    10,
    "mit",
    "A small autoencoder for Stable Diffusion's latent space: quick on a CPU, with less detail.",
    field="autoencoder",
)
SD_VAE = Suggestion(
    "stabilityai/sd-vae-ft-mse",
    83.7,
    335,
    "mit",
    "Stable Diffusion's autoencoder, fine-tuned: colour photographs of 256 pixels and more.",
    field="autoencoder",
)

DENOISER = (TAESD, SD_VAE)
