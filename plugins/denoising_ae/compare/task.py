"""Experiment of `compare`: both arms trained with several seeds, confidence intervals over the seeds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugins.denoising_ae.compare.autoencoder_task import DENOISING, PLAIN, AutoencoderTask
from plugins.denoising_ae.compare.figures import plot_curves
from plugins.denoising_ae.compare.metrics import evaluate, evaluation_levels
from plugins.denoising_ae.compare.predictor import load_arm
from plugins.denoising_ae.compare.results import comparison_table, curve_table, curves, figures, records, summary
from training.data_url import chart_item, figure_png
from training.figures import Figure
from training.fit.experiment import Experiment, Fit, Part
from training.preflight.sheet import Finding

if TYPE_CHECKING:
    from plugins.denoising_ae.compare.data import LabelledImages
    from plugins.denoising_ae.compare.settings import CompareSettings

FIGURE = "plain_vs_denoising.png"
TITLE = "Plain vs. denoising autoencoder"


def build(data: LabelledImages, settings: CompareSettings) -> Comparison:
    """Decode the images and lay out the parts."""
    return Comparison(data, settings)


class Comparison(Experiment):
    """Two arms, each with several seeds."""

    def __init__(self, data: LabelledImages, settings: CompareSettings):
        self.images, self.settings = data.small(settings.image_size), settings
        self.levels = evaluation_levels(settings.noise, settings.level)
        self.parts = [
            Part(f"{arm}-{seed}", {"arm": arm, "seed": seed}, settings.steps)
            for seed in range(settings.seed, settings.seed + settings.seeds)
            for arm in (PLAIN, DENOISING)
        ]
        self.facts = {
            "images": len(self.images.train),
            "eval_images": len(self.images.evaluation),
            "classes": len(data.class_names),
        }

    def run(self, part: Part, fit: Fit) -> dict[str, float]:
        """Train one arm with one seed and evaluate its last weights."""
        changes = {"seed": part.about["seed"], "time_limit": 0, "eval_every": self.settings.steps}
        settings = self.settings.model_copy(update=changes)
        folder = fit(AutoencoderTask(part.about["arm"], self.images, settings), settings)
        return evaluate(load_arm(folder, part.about["arm"]), self.images, settings.noise, settings.level)

    def keeps(self, part: Part) -> bool:
        """Both arms of the first seed: their files have names of their own."""
        return part.about["seed"] == self.settings.seed

    def metrics(self, results: list[dict[str, Any]]) -> dict[str, float]:
        """Mean of each arm over the results so far."""
        names = ("mse_at_1", "eval_mse", "probe_noisy")
        return {f"{name}_{arm}": mean for (name, arm), (mean, _, _) in summary(results).items() if name in names}

    def figures(self, results: list[dict[str, Any]]) -> list[Figure]:
        return figures(results)

    def tables(self, results: list[dict[str, Any]]) -> dict[str, dict[str, list]]:
        return {
            f"{TITLE} (mean, 95 % interval)": comparison_table(results),
            "Error against noise level": curve_table(results, self.levels),
        }

    def shown(self, results: list[dict[str, Any]]) -> list[dict]:
        return [chart_item(self._figure(results), "Error against noise level, 95 % intervals")]

    def finish(self, results: list[dict[str, Any]], folder: Path) -> dict[str, Any]:
        """Write the figure; returns what the artifact's record and card say of the experiment."""
        (folder / FIGURE).write_bytes(self._figure(results))
        settings = self.settings
        text = (
            "Two autoencoders of one size on the same images; only the denoising one's input was corrupted "
            f"({settings.noise}, level {settings.level:g}). Mean and 95 % interval over {settings.seeds} seeds; "
            "differences are paired by seed."
        )
        study = {"title": TITLE, "text": text, "image": FIGURE, "records": records(results)}
        return {"studies": [study | comparison_table(results)], "facts": self.facts}

    def findings(self) -> list[Finding]:
        title = f"{len(self.parts)} parts: 2 arms, {self.settings.seeds} seeds"
        return [Finding("green", title, "Intervals need 2 seeds or more.")]

    def _figure(self, results: list[dict[str, Any]]) -> bytes:
        return figure_png(plot_curves(curves(results, self.levels)))
