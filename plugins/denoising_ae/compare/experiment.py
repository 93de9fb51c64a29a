"""Plain against denoising: both arms by seeds, measured the same way, with intervals over the seeds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugins.denoising_ae.compare import figures
from plugins.denoising_ae.compare.autoencoder_pair import load_arm
from plugins.denoising_ae.compare.data import SmallPictures, prepare
from plugins.denoising_ae.compare.metrics import SHARES, levels_of, measure
from plugins.denoising_ae.compare.task import DENOISING, PLAIN, AutoencoderTask
from training.artifact.confidence_intervals import t_interval
from training.data_url import as_url
from training.errors import UserError
from training.fit.experiment import Experiment, Fit, Part
from training.preflight.sheet import Finding, Sheet

if TYPE_CHECKING:
    from plugins.denoising_ae.settings import CompareSettings

PICTURE = "plain_against_denoising.png"
MEASURES = {  # name -> in words, and whether more is better
    "train_error": ("Error on training pictures", False),
    "test_error": ("Error on held-out pictures", False),
    "error_1": ("Error on noisy held-out pictures", False),
    "distance": ("Distance of reconstructions from real pictures", False),
    "latent_shift": ("How far noise moves the representation", False),
    "probe_clean": ("Linear probe", True),
    "probe_noisy": ("Linear probe, noisy pictures", True),
    "neighbours_clean": ("Nearest neighbours", True),
    "neighbours_noisy": ("Nearest neighbours, noisy pictures", True),
}


def build(settings: CompareSettings) -> Compare:
    """Read the pictures and lay out the parts.

    Raises:
        UserError: What the preflight sheet would show in red.
    """
    if settings.processes > 1:
        raise UserError("processes: the parts of this experiment run one after the other in one process.")
    if settings.model:
        raise UserError("model: both autoencoders begin from scratch here; leave it empty.")
    pictures = prepare(settings)
    Sheet(pictures.findings).raise_if_blocked()
    return Compare(pictures, settings)


class Compare(Experiment):
    """Two arms by seeds."""

    def __init__(self, pictures: SmallPictures, settings: CompareSettings):
        self.pictures, self.settings = pictures, settings
        self.levels = levels_of(settings.noise, settings.level)
        self.parts = [
            Part(f"{arm}-{settings.seed + seed}", {"arm": arm, "seed": settings.seed + seed}, settings.steps)
            for seed in range(settings.seeds)
            for arm in (PLAIN, DENOISING)
        ]
        self.facts = {"pictures": len(pictures.train), "eval_images": len(pictures.evaluation), "classes": len(pictures.class_names)}  # fmt: skip

    def run(self, part: Part, fit: Fit) -> dict[str, float]:
        """Train one arm with one seed and measure its last weights."""
        changes = {"seed": part.about["seed"], "patience": 0, "time_limit": 0, "eval_every": self.settings.steps}
        settings = self.settings.model_copy(update=changes)
        folder = fit(AutoencoderTask(part.about["arm"], self.pictures, settings), settings)
        return measure(load_arm(folder, part.about["arm"]), self.pictures, settings.noise, settings.level)

    def keeps(self, part: Part) -> bool:
        """Both arms of the first seed: their files have names of their own."""
        return part.about["seed"] == self.settings.seed

    def metrics(self, results: list[dict[str, Any]]) -> dict[str, float]:
        """Means of each arm, of what there is so far."""
        return {f"{name}_{arm}": values[0] for (name, arm), values in summary(results).items() if name in ("error_1", "test_error", "probe_noisy")}  # fmt: skip

    def tables(self, results: list[dict[str, Any]]) -> dict[str, dict[str, list]]:
        return {"Plain against denoising (mean, 95 % interval)": comparison(results), "Error against noise": curve_table(results, self.levels)}  # fmt: skip

    def shown(self, results: list[dict[str, Any]]) -> list[dict]:
        return [{"image": as_url(figures.curves(curve(results, self.levels))), "caption": "Error against noise level, 95 % intervals"}]  # fmt: skip

    def finish(self, results: list[dict[str, Any]], folder: Path) -> dict[str, Any]:
        (folder / PICTURE).write_bytes(figures.curves(curve(results, self.levels)))
        text = (
            f"Two autoencoders of one size on the same pictures; only the denoising one's input had noise ({self.settings.noise}, level "
            f"{self.settings.level:g}). Mean and 95 % interval over {self.settings.seeds} seeds; differences are of the same seed."
        )
        study = {"title": "Plain against denoising", "text": text, "image": PICTURE, "records": records(results), **comparison(results)}  # fmt: skip
        return {"studies": [study], "facts": self.facts}

    def findings(self) -> list[Finding]:
        return [
            Finding(
                "green",
                f"{len(self.parts)} parts: 2 arms, {self.settings.seeds} seeds",
                "Intervals need 2 seeds or more.",
            )
        ]


def summary(results: list[dict[str, Any]]) -> dict[tuple[str, str], tuple[float, float, float]]:
    """(measure, arm) -> mean, low, high."""
    arms = {arm: [one for one in results if one["arm"] == arm] for arm in (PLAIN, DENOISING)}
    names = [name for name in (results[0] if results else {}) if name not in ("part", "arm", "seed")]
    return {(name, arm): t_interval([one[name] for one in found]) for name in names for arm, found in arms.items() if found}  # fmt: skip


def records(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For the API and the card: measure, arm, mean, low, high."""
    return [{"measure": name, "arm": arm, "mean": round(mean, 5), "low": round(low, 5), "high": round(high, 5)} for (name, arm), (mean, low, high) in summary(results).items()]  # fmt: skip


def comparison(results: list[dict[str, Any]]) -> dict[str, list]:
    """A row a measure: plain, denoising, and the difference seed by seed."""
    found, rows = summary(results), []
    for name, (words, more) in MEASURES.items():
        if (name, PLAIN) not in found:
            continue
        cells = [_cell(found.get((name, arm))) for arm in (PLAIN, DENOISING)]
        rows.append([words, *cells, _cell(_difference(results, name), "+"), "more" if more else "less"])
    return {"columns": ["measure", PLAIN, DENOISING, "denoising over plain", "better is"], "rows": rows}


def _difference(results: list[dict[str, Any]], name: str) -> tuple[float, float, float] | None:
    by = {(one["arm"], one["seed"]): one[name] for one in results if name in one}
    pairs = [value - by[PLAIN, seed] for (arm, seed), value in by.items() if arm == DENOISING and (PLAIN, seed) in by]
    return t_interval(pairs) if pairs else None


def _cell(values: tuple[float, float, float] | None, sign: str = "") -> str:
    return "" if values is None else f"{values[0]:{sign}.4f} ({values[1]:{sign}.4f} to {values[2]:{sign}.4f})"


def curve(results: list[dict[str, Any]], levels: list[float]) -> dict[str, list[tuple[float, float, float, float]]]:
    """Arm -> (level, mean error, low, high) at each level."""
    found = summary(results)
    return {
        arm: [(level, *found[f"error_{share:g}", arm]) for share, level in zip(SHARES, levels, strict=True)]
        for arm in (PLAIN, DENOISING)
        if ("error_1", arm) in found
    }


def curve_table(results: list[dict[str, Any]], levels: list[float]) -> dict[str, list]:
    lines = curve(results, levels)
    rows = [[f"{level:g}", *(_cell(line[place][1:]) for line in lines.values())] for place, level in enumerate(levels)]
    return {"columns": ["noise level", *lines], "rows": rows}
