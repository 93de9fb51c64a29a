"""What "auto" means for `tables`: a network of the table's own columns, so that new weights are the only start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.preflight.auto import Choice, Choices, steps_for

if TYPE_CHECKING:
    from plugins.denoising_ae.tables.data import TableRows
    from plugins.denoising_ae.tables.settings import TablesSettings

BATCH, RATE, CONTINUED_RATE = 256, 2e-3, 5e-4
PASSES, FEWEST, MOST = 30, 1000, 2000


def start(data: TableRows, settings: TablesSettings) -> Choice:
    """New weights."""
    return Choice("", "a network is made for the columns of its table")


def choose(data: TableRows, settings: TablesSettings, parameters: int) -> Choices:
    """By the number of rows."""
    rate = Choice(CONTINUED_RATE, "trained weights") if parameters else Choice(RATE, "new weights")
    return {
        "batch_size": Choice(BATCH, "rows of a table"),
        "learning_rate": rate,
        "steps": steps_for(len(data.train), settings.batch_size or BATCH, PASSES, FEWEST, MOST),
    }
