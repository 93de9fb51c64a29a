"""An experiment: several fits as one run. Each part is done once; a stop or a kill goes on with the part it came to."""

from __future__ import annotations

import json
import os
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training import files
from training.errors import UserError
from training.events import EventLog
from training.figures import Figure, figure_table
from training.fit.signals import stop_on_signal
from training.fit.thinning import StepWindow
from training.preflight.limits import Limits
from training.settings import RunSettings, TrainSettings

if TYPE_CHECKING:
    from training.fit.checkpoint import Progress
    from training.preflight.sheet import Finding
    from training.task import Study, Task

RESULTS, PARTS = "results.jsonl", "parts"
TOLD_EVERY = 0.5  # seconds between two words on how far a part is
GLANCE_SECONDS = 0.2  # between two looks for a stop, while a part waits


@dataclass(frozen=True)
class Part:
    """One piece of the work.

    Args:
        name: Letters, digits and dashes; names its folder.
        about: What its result is filed under, JSON-ready.
        steps: Optimiser steps it takes, or what else it counts (see `Fit.tell`); 0 where nothing is counted.
    """

    name: str
    about: dict[str, Any]
    steps: int


class Fit(ABC):
    """What a part works with.

    Args:
        folder: The part's own, until it is done: what it leaves there is there when it is taken up again.
    """

    folder: Path

    @abstractmethod
    def __call__(self, task: Task, settings: TrainSettings) -> Path:
        """Train in the folder; returns the artifact's."""

    @abstractmethod
    def tell(self, done: int, rate: float | None = None) -> None:
        """Say how many of its steps a part that fits nothing has done; a stop that was asked for ends it here.

        Args:
            rate: A second.

        Raises:
            StoppedError: To be let through.
        """

    @abstractmethod
    def wait(self, seconds: float, why: str) -> None:
        """Sleep, having said why; a stop that was asked for ends it as `tell` does."""


class Experiment(ABC):
    """What `build` of a kind may return in place of a Task."""

    parts: list[Part]
    facts: dict[str, Any] = {}  # noqa: RUF012 - replaced, never changed
    study_title: str = ""  # as of a task

    @abstractmethod
    def run(self, part: Part, fit: Fit) -> dict[str, Any]:
        """Do a part and return its metrics."""

    @abstractmethod
    def metrics(self, results: list[dict[str, Any]]) -> dict[str, float]:
        """What all results so far say, for the curves; each result is a part's `about` with its metrics."""

    def keeps(self, part: Part) -> bool:
        """Whether this part's weights become the run's."""
        return False

    def save(self, folder: Path, about: dict[str, Any]) -> dict[str, Any] | None:
        """Write the artifact of an experiment that trains nothing, and return its record; None without one."""
        return None

    def tables(self, results: list[dict[str, Any]]) -> dict[str, dict[str, list]]:
        """For the report: title -> {"columns": [...], "rows": [[...]]}."""
        return {}

    def figures(self, results: list[dict[str, Any]]) -> Sequence[Figure]:
        """The main figures of all results so far, beside their baselines."""
        return ()

    def unfinished(self, part: Part, folder: Path) -> dict[str, dict[str, list]]:
        """For the report, as `tables`: what a part that stopped or failed left in its folder; may be empty."""
        return {}

    def shown(self, results: list[dict[str, Any]]) -> list[dict]:
        """For the panel: {"text": …}, {"image": data URL, "caption": …} or a `data_url.chart_item`."""
        return []

    def finish(self, results: list[dict[str, Any]], folder: Path) -> dict[str, Any]:
        """Add to the kept weights' folder what the experiment found; returns what their record should say besides."""
        return {}

    def study_kept_weights(self, artifact: Path) -> list[Study]:
        """As of a task."""
        return []

    def findings(self) -> list[Finding]:
        """What only the built experiment can tell the preflight sheet."""
        return []


def run_task(
    task: Task | Experiment,
    settings: RunSettings,
    folder: Path,
    record: dict[str, Any],
    listener: Callable[[dict], None] | None = None,
) -> bool:
    """Train what a kind's `build` returned, in `folder`; returns whether all of its steps or parts are done.

    Raises:
        TypeError: If a task's settings say nothing of training.
    """
    if isinstance(task, Experiment):
        return run_experiment(task, folder, record, listener, settings.time_limit)
    if not isinstance(settings, TrainSettings):
        raise TypeError(f"{type(settings).__name__} must be a TrainSettings to fit a task.")
    from training.fit.loop import fit

    return fit(task, settings, folder, record, listener).step >= settings.with_usual().steps


class StoppedError(Exception):
    """A part was stopped on request."""


def run_experiment(
    experiment: Experiment,
    folder: Path,
    record: dict[str, Any],
    listener: Callable[[dict], None] | None = None,
    time_limit: float = 0,
) -> bool:
    """Do all parts that are not done, in `folder`, until a `cancel` file, a signal or the time limit stops them.

    Args:
        record: What the kept weights should say of themselves: plugin, trainer, data.
        listener: Called with every event.
        time_limit: Seconds from now after which it stops. 0: no limit.

    Returns:
        Whether all parts are done.
    """
    return _Experiment(experiment, folder, record, listener, time_limit).run()


class _Experiment:
    def __init__(
        self,
        experiment: Experiment,
        folder: Path,
        record: dict,
        listener: Callable[[dict], None] | None,
        time_limit: float,
    ):
        self.experiment, self.folder, self.record = experiment, folder, record
        self.time_limit, self.began = time_limit, time.monotonic()
        self.log = EventLog(folder / "events.jsonl", listener)
        self.results = read_results(folder)
        self.steps = 0  # of the parts that are done
        self.last_step = 0  # and of the one that is being done
        self.signalled = False
        self.window = StepWindow(self.began)

    def run(self) -> bool:
        known = {result["part"] for result in self.results}
        todo = [part for part in self.experiment.parts if part.name not in known]
        total = sum(part.steps for part in self.experiment.parts)
        self.steps = total - sum(part.steps for part in todo)
        self.tell("started", steps=total, parts=len(self.experiment.parts), resumed=bool(known))
        try:
            with stop_on_signal(self._stop):
                for number, part in enumerate(todo):
                    if number and self.is_stopped():  # like `fit`, which stops after a step
                        raise StoppedError
                    self._do(part)
        except StoppedError:
            done = f"{len(self.results)} of {len(self.experiment.parts)} parts"
            message = f"Stopped {self._why()} after {done}; it can be resumed."
            self.log.write("cancelled", step=max(self.last_step, self.steps), message=message)
            return False
        with stop_on_signal(self._stop):
            outcome, message = self._finish()
        self.tell(outcome, metrics=self.experiment.metrics(self.results), message=message)
        return True

    def _do(self, part: Part) -> None:
        place = self.folder / PARTS / part.name
        place.mkdir(parents=True, exist_ok=True)
        try:
            metrics = self.experiment.run(part, _Fit(self, place))
        except (StoppedError, UserError):
            if tables := self.experiment.unfinished(part, place):
                files.write_json(
                    self.folder / "report.json",
                    {**tables, **(self._tables() if self.results else {})},
                )
            raise
        if self.experiment.keeps(part):
            shutil.copytree(place / "artifact", self.folder / PARTS / "kept", dirs_exist_ok=True)
        result = {"part": part.name, **part.about, **metrics}
        _append(self.folder / RESULTS, result)
        self.results.append(result)
        self.steps += part.steps
        shutil.rmtree(place)  # its weights; what it found is in the results
        self.tell("eval", metrics=self.experiment.metrics(self.results), best=True)
        if items := self.experiment.shown(self.results):
            self.tell("sample", items=items)
        files.write_json(self.folder / "report.json", self._tables())

    def _tables(self) -> dict[str, dict[str, list]]:
        return {**figure_table(self.experiment.figures(self.results)), **self.experiment.tables(self.results)}

    def fit(self, task: Task, settings: TrainSettings, place: Path) -> Path:
        """Train a part in its place.

        Raises:
            UserError: If this server has no room to train a model of that size.
        """
        from training.fit.loop import fit

        Limits().check_parameters(sum(parameter.numel() for parameter in task.model.parameters()))
        settings = settings.with_usual()
        self.window = StepWindow(time.monotonic())
        progress: Progress = fit(task, settings, place, self.record, lambda event: self._pass_on(event, place))
        self._write(self.window.rest())
        if progress.step < settings.steps:
            (place / "cancel").unlink(missing_ok=True)
            raise StoppedError
        return place / "artifact"

    def _pass_on(self, event: dict, place: Path) -> None:
        """Steps become those of the whole run; a stop asked of it reaches the part."""
        if event["event"] == "step":
            values = {name: value for name, value in event.items() if name not in ("event", "time", "step")}
            self.last_step = self.steps + event["step"]
            self._write(self.window.add(self.last_step, values, time.monotonic()))
        if self.is_stopped():
            (place / "cancel").touch()

    def _write(self, point: dict[str, float] | None) -> None:
        if point:
            self.log.write("step", **point)

    def _stop(self) -> None:
        self.signalled = True

    def is_stopped(self) -> bool:
        """Whether a stop was asked for, or the time is up."""
        return self.signalled or self._is_out_of_time() or (self.folder / "cancel").exists()

    def _is_out_of_time(self) -> bool:
        return 0 < self.time_limit <= time.monotonic() - self.began

    def _why(self) -> str:
        return f"at the time limit of {self.time_limit:g} seconds" if self._is_out_of_time() else "on request"

    def _finish(self) -> tuple[str, str]:
        """Write the artifact, if that was not before a stop or a kill, and study it; returns how that ended."""
        from training.fit.studies import STOPPED, study

        artifact, title = self.folder / "artifact", self.experiment.study_title
        files.recover(artifact)
        if not artifact.is_dir():
            self._make_artifact(artifact)
        shutil.rmtree(self.folder / PARTS, ignore_errors=True)
        if title and not study(self.experiment, self.folder, self.is_stopped, self.tell):
            return "cancelled", STOPPED.format(why=self._why(), title=title)
        return "finished", ""

    def _make_artifact(self, artifact: Path) -> None:
        """From the weights that a part made, or of an experiment that trains nothing."""
        from training.artifact import model_card, store

        kept, made = self.folder / PARTS / "kept", self.folder / PARTS / "made"
        record = None
        if not kept.is_dir():
            made.mkdir(parents=True, exist_ok=True)
            record, kept = self.experiment.save(made, self.record), made
        if record is not None or kept is not made:
            with files.replacing(artifact) as new:
                shutil.copytree(kept, new, dirs_exist_ok=True)
                record = (record or store.read_record(new)) | self.experiment.finish(self.results, new)
                record["figures"] = [figure.record() for figure in self.experiment.figures(self.results)]
                files.write_json(new / store.RECORD, record)
                files.write_text(new / "README.md", model_card.render(record))

    def tell(self, event: str, **values: object) -> None:
        self.log.write(event, **{"step": self.steps, **values})


class _Fit(Fit):
    def __init__(self, owner: _Experiment, folder: Path):
        self.owner, self.folder = owner, folder
        self._told = 0.0

    def __call__(self, task: Task, settings: TrainSettings) -> Path:
        return self.owner.fit(task, settings, self.folder)

    def tell(self, done: int, rate: float | None = None) -> None:
        self.owner.last_step = self.owner.steps + done
        if time.monotonic() - self._told > TOLD_EVERY:
            self._told = time.monotonic()
            self.owner.log.write("progress", step=self.owner.last_step, rate=rate)
        if self.owner.is_stopped():
            raise StoppedError

    def wait(self, seconds: float, why: str) -> None:
        self.owner.log.write("notice", message=why)
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self.owner.is_stopped():
                raise StoppedError
            time.sleep(min(left, GLANCE_SECONDS))


def read_results(folder: Path) -> list[dict[str, Any]]:
    """The results of the parts that are done; a line torn by a kill is left out.

    Raises:
        UserError: If the file cannot be read.
    """
    path = folder / RESULTS
    if not path.exists():
        return []
    found = []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
    except OSError as error:
        raise UserError(f"{RESULTS} cannot be read: {error.strerror}.") from None
    return found


def _append(path: Path, result: dict[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        if path.stat().st_size and not path.read_bytes().endswith(b"\n"):
            file.write("\n")
        file.write(json.dumps(result, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
