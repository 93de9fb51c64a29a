"""A visitor's runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spaces_app.services.plugins import PluginCatalog
from spaces_app.services.runs import RunService
from training.errors import UserError
from training.runs.comparison import MAX_RUNS, curves, differing, metric_table, predictions, settings_of
from training.runs.labels import read_labels
from training.runs.run import Run
from training.settings import RunSettings


class CompareService:
    """Curves, settings, metrics and predictions of several runs."""

    def __init__(self, plugins: PluginCatalog, runs: RunService):
        self.plugins, self._runs = plugins, runs

    def compare(self, run_ids: Sequence[str], visitor: str) -> dict[str, Any]:
        """Compare runs.

        Raises:
            UserError: For fewer than two runs or more than `MAX_RUNS`, and for one that is broken or another's.
        """
        names = list(dict.fromkeys(run_id.strip() for run_id in run_ids))
        if not 2 <= len(names) <= MAX_RUNS:
            raise UserError(f"Choose 2 to {MAX_RUNS} runs to compare; {len(names)} were chosen.")
        runs = [self._runs.get(name, visitor) for name in names]
        settings = [settings_of(run, self._settings_class(run)) for run in runs]
        described = [run.describe() for run in runs]
        return {
            "runs": [
                {"id": each["id"], "name": read_labels(run.folder).name, "status": each["status"]}
                | {"plugin": each["plugin"], "trainer": each["trainer"]}
                for run, each in zip(runs, described, strict=True)
            ],
            "curves": _by_metric([curves(run) for run in runs]),
            "settings": [{"name": name, "values": values} for name, values in differing(settings)],
            "metrics": metric_table([each["best"] for each in described]),
            "predictions": predictions(runs, settings),
        }

    def _settings_class(self, run: Run) -> type[RunSettings] | None:
        config = run.config()
        try:
            return self.plugins.get(config["plugin"]).kind(config["trainer"]).trained_by
        except UserError:  # a plugin that is not installed any more
            return None


def _by_metric(found: Sequence[dict[str, list]]) -> dict[str, list[list]]:
    """Metric -> a curve per run, empty where a run did not measure it."""
    names = dict.fromkeys(name for each in found for name in each)
    return {name: [each.get(name, []) for each in found] for name in names}
