"""Facts for the model cards of `compare`."""

from plugins._contract import Card

CARD = Card(
    "image-feature-extraction",
    "selfsup-studio",
    paper="Vincent et al., 2008, doi:10.1145/1390156.1390294",
    tags=("autoencoder", "denoising"),
    summary="A plain and a denoising autoencoder of one size, for comparison.",
    limits=(
        "The weights include up to 400 training images, small and grey: publish them only where those may be "
        "published.",
    ),
)
