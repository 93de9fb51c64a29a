"""Model card facts of each kind's weights."""

from __future__ import annotations

from dataclasses import replace

from plugins._contract import Card

DENOISER = Card(
    "text-to-image",
    "diffusers",
    paper="Ho & Salimans, 2022, arXiv:2207.12598; Rombach et al., 2022, arXiv:2112.10752",
    tags=("stable-diffusion", "latent-diffusion", "classifier-free-guidance"),
    usage="""
from diffusers import StableDiffusionPipeline

pipe = StableDiffusionPipeline.from_pretrained("{repo}")
pipe("a red heart", guidance_scale=4, num_inference_steps=20).images[0].save("image.png")
""",
    summary="A latent diffusion model that generates images from captions.",
    limits=(
        "It generates what its training captions name; for other words the result means nothing.",
        "It was trained on few images: some results may be near copies of them.",
        "There is no filter on the generated images.",
    ),
)
LORA = replace(
    DENOISER,
    paper="Hu et al., 2022, arXiv:2106.09685",
    tags=("stable-diffusion", "lora"),
    usage="""
from diffusers import StableDiffusionPipeline

pipe = StableDiffusionPipeline.from_pretrained("{repo}")  # the adapters are merged into it
pipe("a red heart", num_inference_steps=20).images[0].save("image.png")
# or, the adapters alone, on the pipeline that they were trained on: base.load_lora_weights("{repo}")
""",
    summary="A Stable Diffusion pipeline adapted to captioned images by low-rank adapters.",
)
AUTOENCODER = Card(
    "image-to-image",
    "diffusers",
    paper="Rombach et al., 2022, arXiv:2112.10752; Kingma & Welling, 2014, arXiv:1312.6114",
    tags=("autoencoder", "vae", "latent-diffusion"),
    usage="""
from diffusers import AutoencoderKL

vae = AutoencoderKL.from_pretrained("{repo}")
latents = vae.encode(images).latent_dist.mode() * vae.config.scaling_factor  # images in [-1, 1]
""",
    summary="An autoencoder whose latents a diffusion model can be trained in.",
    limits=("Detail smaller than its latents is made up in the reconstruction.",),
)
