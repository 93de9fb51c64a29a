"""Facts for the model card."""

from plugins._contract import Card

CARD = Card(
    "tabular-classification",
    "selfsup-studio",
    paper="Vincent et al., 2008, doi:10.1145/1390156.1390294",
    tags=("anomaly-detection", "tabular", "autoencoder"),
    usage="""
from plugins.ae_anomaly.sklearn_estimator import AnomalyAutoencoder  # of Selfsup Studio

detector = AnomalyAutoencoder.from_pretrained("{repo}")
print(detector.score_samples(table))  # a pandas DataFrame; low is anomalous
""",
    summary="An ensemble of denoising autoencoders that says which rows of a table are anomalous and why.",
    limits=(
        "It calls anomalous what is unlike its training rows: an anomaly that looks like them is missed, a new kind of normal row is called.",
        "The weights hold up to some thousands of the training rows, scaled: publish them only where those rows may be published.",
        "p-values hold for rows drawn as the calibration rows were.",
    ),
)
