"""Autoencoders of tables: compress rows, embed categories and numbers, and find anomalous rows by reconstruction error."""

from pathlib import Path

from plugins._contract import TABLE, Kind, Plugin
from plugins.ae_anomaly import samples
from plugins.ae_anomaly.fit.card import CARD
from plugins.ae_anomaly.fit.endpoints import DetectAnomalies
from plugins.ae_anomaly.fit.settings import FitSettings

PLUGIN = Plugin(
    name="ae_anomaly",
    title="Anomalies",
    summary="Learn what is normal in a table of numbers, categories and dates; then see which rows are anomalous, why, and what was expected instead.",
    kinds=(
        Kind(
            "fit",
            "Learn a table",
            module="plugins.ae_anomaly.fit",
            settings=FitSettings,
            endpoints=DetectAnomalies,
            architectures=("TableAutoencoder",),
            starters=(Path(__file__).parent / "starter" / "hypothyroid",),
            card=CARD,
            samples=samples.FIT,
            takes=(TABLE,),
        ),
    ),
    tab="plugins.ae_anomaly.ui.tab:render",
)
