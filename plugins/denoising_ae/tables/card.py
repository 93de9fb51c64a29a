"""Facts for the model cards of `tables`."""

from plugins._contract import Card

CARD = Card(
    "tabular-classification",
    "selfsup-studio",
    paper="Vincent et al., 2008, doi:10.1145/1390156.1390294",
    tags=("denoising", "imputation", "tabular", "autoencoder"),
    usage="""
from pathlib import Path

from huggingface_hub import snapshot_download

from plugins.denoising_ae.tables.predictor import load  # of Selfsup Studio

print(load(Path(snapshot_download("{repo}"))).denoise_table(Path("table.csv")))
""",
    summary="A denoising autoencoder that imputes the missing cells of a table and corrects implausible ones.",
    limits=(
        "It imputes the most probable value, not the true one: an imputed table has less variance than the data.",
        "The file config.json lists the values of every category of the training table.",
    ),
)
