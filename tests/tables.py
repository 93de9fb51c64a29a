"""The anomaly plugin's sheet and task, as the shell makes them."""

from __future__ import annotations

from plugins.ae_anomaly import PLUGIN
from plugins.ae_anomaly.fit.data import read
from plugins.ae_anomaly.fit.settings import FitSettings
from plugins.ae_anomaly.fit.task import FitTask, build
from training.preflight.sheet import Sheet


def sheet_of(settings: FitSettings) -> Sheet:
    """The preflight sheet of the data."""
    return PLUGIN.kind("fit").examine(settings)[1]


def task_of(settings: FitSettings) -> FitTask:
    """The task of these settings, with their data."""
    settings = settings.with_usual()
    data = read(settings)
    data.sheet.raise_if_blocked()
    return build(data, settings)
