"""Settings, declared once: from these classes come the form, the flags, the YAML file, the API's schema and the card's table."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

from training.errors import UserError

ADVANCED: dict[str, Any] = {"advanced": True}  # folded away on the form
WEIGHTS: dict[str, Any] = {"kind": "weights"}  # a starter, a run or a Hub id; it reaches `build` as a folder
HOSTED = "hosted:"  # what the name of a model on another machine begins with
WEIGHTS_OR_HOSTED: dict[str, Any] = {**WEIGHTS, "hosted": True}  # or such a name, which reaches `build` as it is
FILE: dict[str, Any] = {"kind": "file"}  # set by an upload or on the command line, never by an API caller's JSON

PICTURES: dict[str, Any] = {
    **FILE,
    "folder": True,
}  # a file, or on the command line a folder, which a run keeps as a zip


class TrainSettings(BaseModel):
    """What every trainer understands. Subclass it to add fields; each needs a description with its unit."""

    unused: ClassVar[frozenset[str]] = frozenset()  # fields that mean nothing to a trainer: its form leaves them out

    # The rules are built at the first use: most commands need those of one class, or of none.
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), defer_build=True)

    model: str = Field(
        "",
        max_length=300,
        description="What to start from: a starter, a run's id or a Hub id (owner/repo@revision). Empty: from scratch.",
        json_schema_extra=WEIGHTS,
    )
    data: str = Field(
        "", description="The training file: CSV, TSV, JSONL or Parquet, also gzipped.", json_schema_extra=FILE
    )
    eval_data: str = Field(
        "",
        description="A file to evaluate on. Empty: a share of the training rows is held out.",
        json_schema_extra=FILE,
    )
    dataset: str = Field(
        "",
        pattern=r"^([A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)?(:[A-Za-z0-9_.-]+)?)?$",
        max_length=200,
        description="A Hub data set (owner/name or owner/name:config), in place of a file.",
        json_schema_extra=ADVANCED,
    )
    eval_share: float = Field(
        0.1,
        ge=0,
        le=0.5,
        description="Share of the rows held out for evaluation when there is no evaluation file.",
        json_schema_extra=ADVANCED,
    )
    steps: int = Field(600, ge=1, le=10_000_000, description="Optimiser steps to train for.")
    batch_size: int = Field(
        32, ge=1, le=65_536, description="Rows an optimiser step, over all processes and accumulated pieces together."
    )
    learning_rate: float = Field(
        5e-4,
        gt=0,
        le=10,
        description="Peak learning rate of AdamW: about 5e-4 from scratch, 5e-5 from pre-trained weights.",
    )
    seed: int = Field(
        0,
        ge=0,
        lt=2**32,
        description="Seed of the split, the batches, the initial weights and the noise.",
        json_schema_extra=ADVANCED,
    )
    precision: Literal["fp32", "bf16", "fp16"] = Field(
        "fp32",
        description="Number format of the forward pass: bf16 halves time where the processor has it; fp16 needs a GPU.",
    )
    patience: int = Field(
        0, ge=0, le=10_000, description="Evaluations without a better score after which to stop. 0: never."
    )
    time_limit: float = Field(
        0,
        ge=0,
        le=31_536_000,
        description="Seconds of training after which to stop. 0: no limit.",
        json_schema_extra=ADVANCED,
    )
    gradient_accumulation: int = Field(
        1,
        ge=1,
        le=4096,
        description="Pieces that each batch is computed in, one after the other: the same result in less memory.",
        json_schema_extra=ADVANCED,
    )
    schedule: Literal["linear", "cosine", "constant"] = Field(
        "linear", description="How the learning rate falls after the warm-up.", json_schema_extra=ADVANCED
    )
    warmup_ratio: float = Field(
        0.06,
        ge=0,
        le=0.9,
        description="Share of the steps over which the learning rate rises from 0.",
        json_schema_extra=ADVANCED,
    )
    weight_decay: float = Field(
        0.01,
        ge=0,
        le=10,
        description="Decoupled weight decay of AdamW; biases and norms are spared.",
        json_schema_extra=ADVANCED,
    )
    max_grad_norm: float = Field(
        1.0, ge=0, le=1e6, description="Gradients are clipped to this norm. 0: no clipping.", json_schema_extra=ADVANCED
    )
    ema_decay: float = Field(
        0,
        ge=0,
        lt=1,
        description="Decay a step of the averaged weights that are evaluated and saved. 0: no averaging.",
        json_schema_extra=ADVANCED,
    )
    eval_every: int = Field(
        0, ge=0, le=10_000_000, description="Steps between evaluations. 0: ten in a run.", json_schema_extra=ADVANCED
    )
    checkpoint_every: int = Field(
        0,
        ge=0,
        le=10_000_000,
        description="Steps between checkpoints. 0: as often as costs under 1 % of the time.",
        json_schema_extra=ADVANCED,
    )
    keep_checkpoints: int = Field(
        2, ge=1, le=100, description="Checkpoints kept on disk; older ones are deleted.", json_schema_extra=ADVANCED
    )
    processes: int = Field(
        1,
        ge=1,
        le=1024,
        description="Processes to train with on this machine: the number of GPUs, or of groups of cores.",
        json_schema_extra=ADVANCED,
    )
    device: Literal["auto", "cpu"] = Field(
        "auto", description="auto takes a GPU where there is one.", json_schema_extra=ADVANCED
    )
    tracker: Literal["none", "tensorboard", "trackio"] = Field(
        "none",
        description="Experiment tracker that is sent the curves beside the run's own record.",
        json_schema_extra=ADVANCED,
    )

    backup: str = Field(
        "",
        pattern=r"^([A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95})?$",
        max_length=200,
        description="A private Hub repository (owner/repo) that gets the last checkpoint, the events and the data while "
        "training, so that another machine can resume. Empty: none.",
        json_schema_extra=ADVANCED,
    )

    @model_validator(mode="after")
    def _every_piece_has_a_row(self) -> TrainSettings:
        pieces = self.processes * self.gradient_accumulation
        if self.batch_size < pieces:
            raise ValueError(
                f"batch_size {self.batch_size} is less than the {pieces} pieces it is cut into (processes "
                f"{self.processes} x gradient_accumulation {self.gradient_accumulation}): raise it or cut less"
            )
        return self

    @classmethod
    def file_fields(cls) -> list[str]:
        """The names of the fields that hold a file."""
        return [name for name, field in cls.model_fields.items() if extra_of(field).get("kind") == "file"]

    @classmethod
    def weights_fields(cls) -> list[str]:
        """The names of the fields that name weights, `model` first."""
        return [name for name, field in cls.model_fields.items() if extra_of(field).get("kind") == "weights"]

    def weights(self) -> list[str]:
        """The weights that are named: starters, runs and Hub ids."""
        return list(self.named_weights().values())

    def named_weights(self) -> dict[str, str]:
        """Field -> the weights that it names; a model on another machine is none, where the field takes one."""
        given = {name: getattr(self, name) for name in self.weights_fields()}
        return {name: value for name, value in given.items() if value and not self._is_hosted(name, value)}

    @classmethod
    def _is_hosted(cls, name: str, value: str) -> bool:
        return bool(extra_of(cls.model_fields[name]).get("hosted")) and value.startswith(HOSTED)

    @property
    def evaluation_interval(self) -> int:
        """Steps between evaluations."""
        return self.eval_every or max(1, self.steps // 10)

    def changed(self) -> dict[str, Any]:
        """Only what differs from the defaults, in the order of declaration, JSON-ready."""
        return self.model_dump(mode="json", exclude_defaults=True)


S = TypeVar("S", bound=TrainSettings)


def extra_of(field: FieldInfo) -> dict[str, Any]:
    """What a field says of itself beside its limits: `advanced`, `kind`."""
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def parse_settings(settings: type[S], values: Mapping[str, Any]) -> S:
    """Check `values` by the class's own rule, the same from the form, the flags, a file and the API.

    Raises:
        UserError: One line a wrong field, each naming the field, what was given and what is allowed.
    """
    try:
        return settings.model_validate(dict(values))
    except ValidationError as error:
        raise UserError("\n".join(_explain(settings, dict(problem)) for problem in error.errors())) from None


def _explain(settings: type[TrainSettings], problem: dict[str, Any]) -> str:
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        close = difflib.get_close_matches(name, settings.model_fields, n=1, cutoff=0.5)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        return f"There is no setting {name!r}.{hint} There are: {', '.join(settings.model_fields)}."
    what = re.sub(r"^(Value error, |\w+ (?=should ))", "", problem["msg"])
    if not name:  # fields that do not fit each other
        return f"{what}."
    return f"{name}: {str(problem['input'])[:80]!r} was given; it {what}."
