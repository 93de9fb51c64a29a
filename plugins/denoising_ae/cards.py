"""What the model card of each trainer's weights says."""

from plugins._contract import Card

IMAGES = Card(
    "image-to-image",
    "selfsup-studio",
    paper="Zhang et al., 2017, arXiv:1608.03981",
    tags=("denoising", "image-restoration", "autoencoder"),
    usage="""
from huggingface_hub import snapshot_download

from plugins.denoising_ae.images.image_denoiser import Cleaner  # of Selfsup Studio

cleaner = Cleaner.load(snapshot_download("{repo}"))
clean = cleaner.denoise(pixels)  # (height, width, 1 or 3), uint8 or uint16
""",
    summary="A network that takes the noise out of pictures.",
    limits=(
        "It knows the kind and the levels of noise that it was trained with; of other noise it takes away little, or takes detail for noise.",
        "What it puts in the place of noise is likely, not certain: do not read fine detail of a denoised picture as evidence.",
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

from plugins.denoising_ae.tables.table_imputer import Restorer, mend_file  # of Selfsup Studio

print(mend_file(Restorer.load(Path(snapshot_download("{repo}"))), Path("table.csv")))
""",
    summary="A denoising autoencoder that fills the holes of a table and mends cells that cannot be right.",
    limits=(
        "What it fills in is the likeliest value, not the true one: statistics of a filled table have less spread than those of the data.",
        "The file config.json lists the values of every category of the training table.",
    ),
)
COMPARE = Card(
    "image-feature-extraction",
    "selfsup-studio",
    paper="Vincent et al., 2008, doi:10.1145/1390156.1390294",
    tags=("autoencoder", "denoising"),
    summary="A plain and a denoising autoencoder of one size, to be compared.",
    limits=(
        "The weights hold up to 400 training pictures, small and grey: publish them only where those may be published.",
    ),
)
