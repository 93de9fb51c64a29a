"""An autoencoder of tables: compresses rows, embeds their categories, and says which rows are odd and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plugins._contract import Plugin, Trainer
from plugins.ae_anomaly import cards, endpoints
from plugins.ae_anomaly.settings import FitSettings
from training.preflight.sheet import Sheet
from training.task import Task


def check_fit(settings: FitSettings) -> Sheet:
    """Read the table and report on its columns and rows."""
    from plugins.ae_anomaly.rows import check

    return check(settings)


def build_fit(settings: FitSettings) -> Task:
    """The task of `fit`."""
    from plugins.ae_anomaly.task import build

    return build(settings)


def load(folder: Path) -> Any:
    """An artifact as a `Detector`."""
    from plugins.ae_anomaly.detector import Detector

    return Detector.load(folder)


def tab(workbench: Any) -> None:
    """Draw "Try" and "Look inside"."""
    from plugins.ae_anomaly.tab import draw

    draw(workbench)


STARTER = Path(__file__).parent / "starter" / "hypothyroid"
PLUGIN = Plugin(
    name="ae_anomaly",
    title="Anomalies",
    summary="Learn what is normal in a table of numbers, categories and dates; then see which rows are odd, why, and what was expected instead.",
    trainers=(
        Trainer(
            "fit", "Learn a table", FitSettings, build_fit, check_fit, preload=("plugins.ae_anomaly.task", "sklearn.metrics")
        ),
    ),
    load=load,
    endpoints=(
        endpoints.score_file,
        endpoints.score,
        endpoints.explain,
        endpoints.encode_file,
        endpoints.embeddings,
    ),
    card=cards.FIT,
    architectures=("TableAutoencoder",),
    starters={"hypothyroid": STARTER} if (STARTER / "config.json").is_file() else {},
    tab=tab,
)  # fmt: skip
