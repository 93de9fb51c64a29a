"""Facts for the model cards of `images`."""

from plugins._contract import Card

CARD = Card(
    "image-to-image",
    "selfsup-studio",
    paper="Zhang et al., 2017, arXiv:1608.03981",
    tags=("denoising", "image-restoration", "autoencoder"),
    usage="""
from huggingface_hub import snapshot_download

from plugins.denoising_ae.images.inference.image_denoiser import ImageDenoiser  # of Selfsup Studio

denoiser = ImageDenoiser.load(snapshot_download("{repo}"))
clean = denoiser.denoise(pixels).pixels  # (height, width, 1 or 3), uint8 or uint16
""",
    summary="A convolutional network that removes noise from images.",
    limits=(
        "It was trained on one type and range of noise; of other noise it removes little, or it mistakes detail for "
        "noise.",
        "What replaces the noise is plausible, not certain: do not read fine detail of a denoised image as evidence.",
    ),
)
