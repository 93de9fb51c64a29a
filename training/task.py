"""Task: model, data and loss of a run, which `fit` trains. What is the same for every model is in the loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from training.figures import Figure

if TYPE_CHECKING:
    import torch

    from training.preflight.sheet import Finding, Sheet


@dataclass(frozen=True)
class Score:
    """One evaluation. `tables` may quote the user's rows: they stay in the run and never go to the Hub."""

    metrics: dict[str, float]
    tables: dict[str, dict[str, list]] = field(default_factory=dict)  # title -> {"columns": [...], "rows": [[...]]}
    warnings: tuple[str, ...] = ()  # what must be said at once; shown as notices of the run
    figures: tuple[Figure, ...] = ()  # what the metrics mean, beside baselines; by default `Task.metric` alone


@dataclass(frozen=True)
class Study:
    """A table measured once, of the weights that a run keeps. It goes into the card: no rows of the user's data.

    Args:
        text: What was measured and what it says; plain sentences.
        advice: What else the run's page says.
    """

    title: str
    text: str
    columns: list[str]
    rows: list[list]
    advice: str = ""


class Data(Protocol):
    """What a kind's `read` returns: rows read and checked once, for the sheet, the trial steps and the run alike."""

    @property
    def sheet(self) -> Sheet:
        """Everything found in the data; a red row forbids the start."""
        ...


@runtime_checkable
class RowStream(Protocol):
    """Training rows that are read as a run goes on, in place of a sequence: their number is not known."""

    def start(self, rank: int, processes: int) -> None:
        """Say which process of how many this is, before the first row is taken."""
        ...

    def take(self, count: int) -> list:
        """Of the next `count` rows of the run those of this process."""
        ...

    def first_rows(self, count: int) -> list:
        """At most `count` rows to try; nothing is taken."""
        ...

    def fingerprint(self) -> str:
        """Equal where all processes see the same data."""
        ...

    def own_state(self) -> Any:
        """Where this process has got to, for `merge`."""
        ...

    def merge(self, states: Sequence) -> None:
        """Take what `own_state` gave in every process, for `state_dict`."""
        ...

    def state_dict(self) -> dict[str, str]:
        """Where all processes have got to."""
        ...

    def load_state_dict(self, values: Mapping[str, str]) -> None:
        """Go on from there, with this number of processes."""
        ...


class Task(ABC):
    """Model, data and loss of one run.

    `fit` calls `collate` on the rows that a step asks for and `losses` on what comes back; the rest has a default.
    `model` is called through `forward` inside `losses`, so that several processes can share its gradients.
    """

    model: torch.nn.Module
    train_data: Sequence | RowStream
    eval_data: Sequence = ()
    metric: str = "loss"  # which evaluation metric says what is best …
    maximize: bool = False  # … and in which direction
    keep_last_weights: bool = False  # the artifact is of the last weights that were scored, whichever were best
    whole_batch: bool = (
        False  # a row's loss depends on the other rows of the batch, which is then never cut into pieces
    )
    measures_start: bool = False  # whether the weights are evaluated before training too, as a baseline
    study_title: str = ""  # of what `study_kept_weights` measures; empty: nothing
    padded: bool = True  # a batch is padded to its longest row, so that rows of like length are computed together
    facts: dict[str, Any] = {}  # noqa: RUF012 - replaced, never changed: what the artifact's record should say of the data

    @abstractmethod
    def collate(self, rows: list, rng: np.random.Generator, training: bool) -> Any:
        """Turn rows into one batch: a dict of tensors, (rows, …) each.

        Args:
            rows: Items of `train_data` or `eval_data`.
            rng: Seeded by the step, so that a resumed run draws what the unbroken one drew.
            training: Whether the rows are trained on (views, noise and masks are drawn) or evaluated.
        """

    @abstractmethod
    def losses(self, model: torch.nn.Module, batch: Any) -> torch.Tensor:
        """One loss an item, in any shape. `fit` averages over all items of the global batch, however it is cut up."""

    @abstractmethod
    def save(self, model: torch.nn.Module, folder: Path) -> None:
        """Write the artifact: what the family's own library loads with `from_pretrained(folder)`."""

    def initialise_weights(self, device: torch.device) -> None:  # noqa: B027 - most tasks have nothing to do
        """Change `model`, on its device, before the first step of a new run: initial weights computed from the data.

        In `build` it would be found again for each preflight sheet and at each resume, which throws it away.
        """

    def after_step(self, model: torch.nn.Module, step: int) -> None:  # noqa: B027 - most tasks have nothing to do
        """Change `model` after an optimiser step: move a momentum teacher, project a weight.

        Args:
            model: The unwrapped network; what changes must be its parameters or buffers, so that a checkpoint has it.
            step: Optimiser steps done, 1 after the first.
        """

    def evaluation_batch(self, rows: list) -> Any:
        """`collate` as an evaluation calls it, with the same random numbers each time: for previews and timing."""
        return self.collate(rows, np.random.default_rng(0), training=False)

    def predict(self, model: torch.nn.Module, batch: Any) -> list:
        """What `score` needs of a batch, one picklable item a row; by default the losses."""
        return self.losses(model, batch).float().flatten().tolist()

    def score(self, outputs: list) -> Score:
        """Metrics from the outputs of all of `eval_data`, in its order; by default the mean loss."""
        return Score({"loss": sum(outputs) / max(1, len(outputs))})

    def row_lengths(self, data: Sequence) -> Sequence[int] | None:
        """Tokens a row, see `padded`; None where rows are all of one size."""
        return None

    def preview(self, model: torch.nn.Module, device: torch.device) -> list[dict]:
        """A few samples for the panel: {"text": …}, {"image": data URL, "caption": …} or a `data_url.chart_item`."""
        return []

    def param_groups(self, weight_decay: float) -> list[dict]:
        """Optimiser groups; by default biases, norms and other vectors are spared the weight decay.

        A group may set `lr_scale`: its learning rate as a multiple of the run's.
        """
        trained = [p for p in self.model.parameters() if p.requires_grad]
        matrices, vectors = [p for p in trained if p.ndim > 1], [p for p in trained if p.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
        return [group for group in groups if group["params"]]

    def study_kept_weights(self, artifact: Path) -> list[Study]:
        """Measure what the run keeps, once, when all steps are done: called where `study_title` is set.

        `training.data.progress.report`, called in it, tells how far it is, and ends it where a stop was asked for.

        Args:
            artifact: The folder of weights and record.
        """
        return []

    def findings(self) -> list[Finding]:
        """What only the built task can tell the preflight sheet: truncated rows, unknown tokens."""
        return []
