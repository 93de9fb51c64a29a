"""What the model card of each trainer's weights says."""

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
pipe("a red heart", guidance_scale=4, num_inference_steps=20).images[0].save("picture.png")
""",
    summary="A text encoder, a denoiser and a decoder that draw what a caption says.",
    limits=(
        "It draws what its training captions name; of other words it makes something, not what they mean.",
        "It was trained on few pictures: some of what it draws may be one of them, nearly.",
        "There is no filter of what it draws.",
    ),
)
LORA = replace(
    DENOISER,
    paper="Hu et al., 2022, arXiv:2106.09685",
    tags=("stable-diffusion", "lora"),
    usage="""
from diffusers import StableDiffusionPipeline

pipe = StableDiffusionPipeline.from_pretrained("{repo}")  # the adapters are merged into it
pipe("a red heart", num_inference_steps=20).images[0].save("picture.png")
# or, the adapters alone on the pipeline that they were trained on: base.load_lora_weights("{repo}")
""",
    summary="A Stable Diffusion pipeline adapted to captioned pictures by low-rank adapters.",
)
AUTOENCODER = Card(
    "image-to-image",
    "diffusers",
    paper="Rombach et al., 2022, arXiv:2112.10752; Kingma & Welling, 2014, arXiv:1312.6114",
    tags=("autoencoder", "vae", "latent-diffusion"),
    usage="""
from diffusers import AutoencoderKL

vae = AutoencoderKL.from_pretrained("{repo}")
latents = vae.encode(pictures).latent_dist.mode() * vae.config.scaling_factor  # pictures in [-1, 1]
""",
    summary="An autoencoder whose latents a diffusion model can work in.",
    limits=("Detail smaller than its latents is invented when a picture comes back.",),
)
