"""What the model card of each trainer's weights says."""

from plugins._contract import Card

IMAGES = Card(
    "image-to-image",
    "selfsup-studio",
    paper="Zhang et al., 2017, arXiv:1608.03981",
    tags=("denoising", "image-restoration", "autoencoder"),
    usage="""
from huggingface_hub import snapshot_download

from plugins.denoising_ae.cleaner import Cleaner  # of Selfsup Studio

cleaner = Cleaner.load(snapshot_download("{repo}"))
clean = cleaner.denoise(pixels)  # (height, width, 1 or 3), uint8 or uint16
""",
    summary="A network that takes the noise out of pictures.",
    limits=(
        "It knows the kind and the levels of noise that it was trained with; of other noise it takes away little, or takes detail for noise.",
        "What it puts in the place of noise is likely, not certain: do not read fine detail of a denoised picture as evidence.",
    ),
)
