"""Facts for the model cards, one card per kind."""

from plugins._contract import Card

IMAGES = Card(
    "image-to-image",
    "selfsup-studio",
    paper="Zhang et al., 2017, arXiv:1608.03981",
    tags=("denoising", "image-restoration", "autoencoder"),
    usage="""
from huggingface_hub import snapshot_download

from plugins.denoising_ae.images.image_denoiser import ImageDenoiser  # of Selfsup Studio

denoiser = ImageDenoiser.load(snapshot_download("{repo}"))
clean = denoiser.denoise(pixels).pixels  # (height, width, 1 or 3), uint8 or uint16
""",
    summary="A convolutional network that removes noise from images.",
    limits=(
        "It was trained on one type and range of noise; of other noise it removes little, or it mistakes detail for noise.",
        "What replaces the noise is plausible, not certain: do not read fine detail of a denoised image as evidence.",
    ),
)
TABLES = Card(
    "tabular-classification",
    "selfsup-studio",
    paper="Vincent et al., 2008, doi:10.1145/1390156.1390294",
    tags=("denoising", "imputation", "tabular", "autoencoder"),
    usage="""
from pathlib import Path

from huggingface_hub import snapshot_download

from plugins.denoising_ae.tables.table_imputer import TableImputer  # of Selfsup Studio

imputer = TableImputer.load(Path(snapshot_download("{repo}")))
print(imputer.impute_file(Path("table.csv")))
""",
    summary="A denoising autoencoder that imputes the missing cells of a table and corrects implausible ones.",
    limits=(
        "It imputes the most probable value, not the true one: an imputed table has less variance than the data.",
        "The file config.json lists the values of every category of the training table.",
    ),
)
COMPARE = Card(
    "image-feature-extraction",
    "selfsup-studio",
    paper="Vincent et al., 2008, doi:10.1145/1390156.1390294",
    tags=("autoencoder", "denoising"),
    summary="A plain and a denoising autoencoder of one size, for comparison.",
    limits=(
        "The weights include up to 400 training images, small and grey: publish them only where those may be published.",
    ),
)
