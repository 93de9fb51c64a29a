"""Settings, declared once, for the form, the flags, the YAML file, the API's schema and the model card.

`RunSettings` is what every run has, `TrainSettings` what training adds. A kind's own class opts in to more by mix-ins
and changes defaults without restating a field:

    class ClassifySettings(TrainSettings, TableData, StartingWeights, defaults={"steps": 1000}): ...

An experiment that decides some of them itself says so: `fixed=("patience",)` takes the field off every form and
refuses a value.

A field may be left to be decided from the data and what training starts from (`decided_later`): its value is then
"auto", which a number holds as 0, until `training.preflight.auto` puts another in its place, once, at the first start.
"""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, ValidationError, model_validator
from pydantic.fields import FieldInfo

from training.errors import UserError

ADVANCED: dict[str, Any] = {"advanced": True}  # folded away on the form
WEIGHTS: dict[str, Any] = {"kind": "weights"}  # a starter, a run or a Hub id; it reaches `build` as a folder
HOSTED = "hosted:"  # what the name of a model on another machine begins with
WEIGHTS_OR_HOSTED: dict[str, Any] = {**WEIGHTS, "hosted": True}  # or such a name, which reaches `build` as it is
HOSTED_NAME: dict[str, Any] = {"hosted": True}  # such a name and nothing else
FILE: dict[str, Any] = {"kind": "file"}  # set by an upload or on the command line, never by an API caller's JSON
IMAGES: dict[str, Any] = {**FILE, "folder": True}  # a file, or on the command line a folder, which a run keeps as a zip
FILES: dict[str, Any] = {**IMAGES, "several": True}  # a file or a zip of some, which the form makes of several uploads
SAMPLE = "sample:"  # what the name of sample data begins with, in place of a file
FIXED: dict[str, Any] = {"fixed": True}  # inherited, but the kind decides it: nobody can set it
AUTO = "auto"  # what a value that is decided later is called in every form, flag, file and request
SCRATCH = "scratch"  # in place of weights to start from: none
DATASET = r"[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)?(:[A-Za-z0-9_.-]+)?"  # the name of one at the Hub
REQUIRED: dict[str, Any] = {"required": True}  # a file that no run does without, unless `dataset` names one of the Hub


def decided_later(usual: int | float | str) -> dict[str, Any]:
    """What a field says of itself whose value may be left to be decided from the data.

    Args:
        usual: What it is where there is no rule, and what runs from before there was one have.
    """
    return {"auto": usual}


def weights_of(plugin: str) -> dict[str, Any]:
    """What a field says of itself that names weights of another plugin."""
    return {**WEIGHTS, "plugin": plugin}


class RunSettings(BaseModel):
    """What every run has, with or without training. Subclasses add fields; each needs a description with its unit."""

    # The rules are built at the first use: most commands need those of one class, or of none.
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), defer_build=True)

    seed: int = Field(
        0,
        ge=0,
        lt=2**32,
        description="Seed of the split, the batches, the initial weights and the noise.",
        json_schema_extra=ADVANCED,
    )
    device: Literal["auto", "cpu"] = Field(
        "auto", description="auto takes a GPU where there is one.", json_schema_extra=ADVANCED
    )
    time_limit: float = Field(
        0,
        ge=0,
        le=31_536_000,
        description="Seconds after which the run stops, with the best weights until then. 0: no limit.",
        json_schema_extra=ADVANCED,
    )

    def __init_subclass__(
        cls,
        defaults: Mapping[str, Any] | None = None,
        descriptions: Mapping[str, str] | None = None,
        usual: Mapping[str, Any] | None = None,
        fixed: Sequence[str] = (),
        **more: Any,
    ) -> None:
        super().__init_subclass__(**more)

    @classmethod
    def __pydantic_init_subclass__(
        cls,
        defaults: Mapping[str, Any] | None = None,
        descriptions: Mapping[str, str] | None = None,
        usual: Mapping[str, Any] | None = None,
        fixed: Sequence[str] = (),
        **more: Any,
    ) -> None:
        """Change inherited fields: defaults, descriptions, which nobody can set (`fixed`), and what those that are
        decided later are where there is no rule (`usual`).

        Raises:
            TypeError: For a name that is no field.
        """
        super().__pydantic_init_subclass__(**more)
        changes = [
            *((name, "default", value) for name, value in (defaults or {}).items()),
            *((name, "description", text) for name, text in (descriptions or {}).items()),
            *((name, "json_schema_extra", decided_later(value)) for name, value in (usual or {}).items()),
            *((name, "json_schema_extra", FIXED) for name in fixed),
        ]
        for name, attribute, value in changes:
            if name not in cls.model_fields:
                raise TypeError(f"{cls.__name__} has no field {name!r} to change.")
            field = copy.copy(cls.model_fields[name])
            more_extra = attribute == "json_schema_extra" and value is not FIXED
            setattr(field, attribute, {**extra_of(field), **value} if more_extra else value)
            cls.__pydantic_fields__[name] = field

    @model_validator(mode="before")
    @classmethod
    def _read_words(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Take "auto" where a value may be decided later, and "scratch" for no weights to start from."""
        words = {name: value.strip().lower() for name, value in values.items() if isinstance(value, str)}
        read = {name: cls.undecided_value(name) for name, word in words.items() if word == AUTO and cls.has_auto(name)}
        read |= {name: "" for name, word in words.items() if word == SCRATCH and name in cls.weights_fields()}
        return {**values, **read}

    @model_validator(mode="before")
    @classmethod
    def _refuse_fixed(cls, values: dict[str, Any]) -> dict[str, Any]:
        fields = cls.model_fields
        given = [n for n in values if n in fields and n not in cls.settable_fields() and values[n] != fields[n].default]
        if given:
            raise ValueError(f"{', '.join(given)}: decided by this experiment, and no setting of it")
        return values

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        described = handler.resolve_ref_schema(handler(schema))
        settable = cls.settable_fields()
        described["properties"] = {
            name: _with_auto(value) if cls.has_auto(name) else value
            for name, value in described["properties"].items()
            if name in settable
        }
        return described

    @classmethod
    def has_auto(cls, name: str) -> bool:
        """Whether a field's value may be left to be decided later."""
        return name in cls.model_fields and "auto" in extra_of(cls.model_fields[name])

    @classmethod
    def undecided_value(cls, name: str) -> int | str:
        """What a field holds until it is decided: 0 for a number, else "auto"."""
        return 0 if cls.model_fields[name].annotation in (int, float) else AUTO

    def undecided(self) -> list[str]:
        """The fields whose values are still to be decided."""
        fields = type(self).model_fields
        return [name for name in fields if self.has_auto(name) and getattr(self, name) == self.undecided_value(name)]

    def with_usual(self) -> Self:
        """The settings with the usual value wherever one is still to be decided: for who knows no data."""
        fields = type(self).model_fields
        return self.model_copy(update={name: extra_of(fields[name])["auto"] for name in self.undecided()})

    @classmethod
    def settable_fields(cls) -> dict[str, FieldInfo]:
        """The fields that somebody can set: on the form, as a flag, in a file or by the API."""
        return {name: field for name, field in cls.model_fields.items() if not extra_of(field).get("fixed")}

    @classmethod
    def file_fields(cls) -> list[str]:
        """The names of the fields that hold a file."""
        return [name for name, field in cls.model_fields.items() if extra_of(field).get("kind") == "file"]

    @classmethod
    def weights_fields(cls) -> list[str]:
        """The names of the fields that name weights, `model` first."""
        return [name for name, field in cls.model_fields.items() if extra_of(field).get("kind") == "weights"]

    @classmethod
    def hosted_fields(cls) -> list[str]:
        """The names of the fields that can name a model on another machine."""
        return [name for name, field in cls.settable_fields().items() if extra_of(field).get("hosted")]

    @classmethod
    def weights_plugin(cls, name: str) -> str:
        """The plugin whose weights a field names; empty for the settings' own."""
        return str(extra_of(cls.model_fields[name]).get("plugin", ""))

    def weights(self) -> list[str]:
        """The weights that are named: starters, runs and Hub ids."""
        return list(self.named_weights().values())

    def named_weights(self) -> dict[str, str]:
        """Field -> the weights that it names. A model on another machine is none, and "auto" names none yet."""
        given = {name: getattr(self, name) for name in self.weights_fields()}
        return {
            name: value for name, value in given.items() if value not in ("", AUTO) and not self._is_hosted(name, value)
        }

    @classmethod
    def _is_hosted(cls, name: str, value: str) -> bool:
        return bool(extra_of(cls.model_fields[name]).get("hosted")) and value.startswith(HOSTED)

    def value(self, name: str, default: Any = None) -> Any:
        """The value of a field that only some settings have."""
        return getattr(self, name) if name in type(self).model_fields else default

    def check_required(self) -> None:
        """Refuse a run without its data.

        Raises:
            UserError: Naming the field.
        """
        for name in self.file_fields():
            field = type(self).model_fields[name]
            if extra_of(field).get("required") and not getattr(self, name) and not self.value("dataset"):
                other = ", or name a data set of the Hub (dataset)" if "dataset" in type(self).model_fields else ""
                raise UserError(f"{name}: no file was given. Upload one{other}. {field.description}")

    def changed(self) -> dict[str, Any]:
        """Only what differs from the defaults, in the order of declaration, JSON-ready."""
        return self.model_dump(mode="json", exclude_defaults=True)


class TrainSettings(RunSettings):
    """What training adds: how long, how fast, in which number format, and what is kept."""

    steps: int = Field(
        0,
        ge=0,
        le=10_000_000,
        description="Optimiser steps to train for. auto: from the number of rows.",
        json_schema_extra=decided_later(600),
    )
    batch_size: int = Field(
        0,
        ge=0,
        le=65_536,
        description="Rows per optimiser step, over all processes and micro-batches together.",
        json_schema_extra=decided_later(32),
    )
    learning_rate: float = Field(
        0,
        ge=0,
        le=10,
        description="Peak learning rate of AdamW. auto: from what training starts from; about 5e-4 from scratch, less "
        "from pre-trained weights, and the less the larger they are.",
        json_schema_extra=decided_later(5e-4),
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto",
        description="Number format of the forward pass. auto: bf16 where this machine computes it faster; fp16 needs a "
        "GPU.",
        json_schema_extra=decided_later("fp32"),
    )
    patience: int = Field(
        0, ge=0, le=10_000, description="Evaluations without a better score after which to stop. 0: never."
    )
    gradient_accumulation: int = Field(
        1,
        ge=1,
        le=4096,
        description="Micro-batches that a batch is computed in, one after the other: the same result in less memory.",
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
        description="Decay per step of the averaged weights that are evaluated and saved. 0: no averaging.",
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
    tracker: Literal["none", "tensorboard", "trackio"] = Field(
        "none",
        description="Experiment tracker that is sent the curves beside the run's own record.",
        json_schema_extra=ADVANCED,
    )
    backup: str = Field(
        "",
        pattern=r"^([A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95})?$",
        max_length=200,
        description="A private Hub repository (owner/repo) that gets the last checkpoint, the events and the data "
        "while training, so that another machine can resume. Empty: none.",
        json_schema_extra=ADVANCED,
    )

    @model_validator(mode="after")
    def _check_batch_size(self) -> TrainSettings:
        micro_batches = self.processes * self.gradient_accumulation
        if 0 < self.batch_size < micro_batches:
            raise ValueError(
                f"batch_size {self.batch_size} is less than the {micro_batches} micro-batches it is cut into "
                f"(processes {self.processes} x gradient_accumulation {self.gradient_accumulation}): raise it or cut "
                "less"
            )
        return self

    @property
    def evaluation_interval(self) -> int:
        """Steps between evaluations."""
        return self.eval_every or max(1, self.steps // 10)


class StartingWeights(RunSettings):
    """Mix-in: training may start from weights."""

    model: str = Field(
        AUTO,
        max_length=300,
        description="What to start from: a starter, a run's id or a Hub id (owner/repo@revision). auto: the starter "
        "where it fits the data. scratch, or empty: new weights.",
        json_schema_extra={**WEIGHTS, **decided_later("")},
    )


class DataSource(RunSettings):
    """Mix-in: rows of a data set of the Hub, in place of a file; some of them are held out."""

    dataset: str = Field(
        "",
        pattern=rf"^({DATASET})?$",
        max_length=200,
        description="A Hub data set (owner/name or owner/name:config), in place of a file.",
        json_schema_extra=ADVANCED,
    )
    eval_share: float = Field(
        0.1,
        ge=0,
        le=0.5,
        description="Share of the data held out for evaluation when there is no evaluation file.",
        json_schema_extra=ADVANCED,
    )


class TableData(DataSource):
    """Mix-in: the data are a table."""

    data: str = Field(
        "",
        description="The training file: CSV, TSV, JSONL or Parquet, also gzipped.",
        json_schema_extra={**FILE, **REQUIRED},
    )
    eval_data: str = Field(
        "",
        description="A file to evaluate on. Empty: a share of the training rows is held out.",
        json_schema_extra=FILE,
    )


class TextData(
    TableData, descriptions={"data": "Plain text (a blank line between documents), or a table with a text column."}
):
    """Mix-in: the data are documents."""

    text_column: str = Field(
        "",
        max_length=200,
        description="Column that holds the texts, where the corpus is a table. Empty: guessed.",
        json_schema_extra=ADVANCED,
    )


class StreamedText(TextData):
    """Mix-in: the documents may be read as the run trains, from shards of this machine or of the Hub."""

    streaming: bool = Field(
        False,
        description="Read the texts as the run trains, for data larger than memory or disk: data sets of the Hub of "
        "Parquet, JSONL or text files; on the command line also a folder of them, or a pattern such as "
        "'web/*.parquet'.",
        json_schema_extra=ADVANCED,
    )
    dataset: str = Field(
        "",
        pattern=rf"^({DATASET}(\s*=\s*[0-9.]+)?(\s*,\s*{DATASET}(\s*=\s*[0-9.]+)?)*)?$",
        max_length=1000,
        description="A Hub data set (owner/name or owner/name:config), in place of a file. With streaming several, "
        "each with its share of the training rows: 'owner/a=0.7, owner/b=0.3'.",
        json_schema_extra=ADVANCED,
    )
    dataset_revision: str = Field(
        AUTO,
        max_length=1000,
        description="Streaming: commit of the data set at the Hub; of several, comma-separated. auto: the newest when "
        "the run starts first, and the same when it is resumed.",
        json_schema_extra={**ADVANCED, **decided_later("")},
    )
    held_out_rows: int = Field(
        500,
        ge=0,
        le=100_000,
        description="Streaming: rows at the front of the data (of a text file, lines) that are held out for "
        "evaluation when there is no evaluation file; eval_share has no effect.",
        json_schema_extra=ADVANCED,
    )

    def undecided(self) -> list[str]:
        """As of every run; without a stream of the Hub there is no revision to decide."""
        has_revision = self.streaming and bool(self.dataset)
        return [name for name in super().undecided() if has_revision or name != "dataset_revision"]

    @model_validator(mode="after")
    def _check_streaming(self) -> StreamedText:
        if not self.streaming and ("," in self.dataset or "=" in self.dataset):
            raise ValueError("dataset: several data sets, or shares, are read with streaming: turn it on")
        return self


class ImageData(DataSource):
    """Mix-in: the data are images."""

    data: str = Field(
        "",
        description="Images: a zip, a Parquet file with a column of images, or (on the command line) a folder.",
        json_schema_extra={**IMAGES, **REQUIRED},
    )
    eval_data: str = Field(
        "",
        description="Images to evaluate on, in the same form. Empty: a share of the images is held out.",
        json_schema_extra=IMAGES,
    )


class HalfPrecision(RunSettings):
    """Mix-in: the artifact may be saved in 16 bits."""

    half_precision: bool = Field(
        False,
        description="Save the weights in 16 bits: half the size, for use rather than for further training.",
        json_schema_extra=ADVANCED,
    )


class Lora(RunSettings):
    """Mix-in: low-rank adapters in place of all weights (Hu et al., 2022)."""

    lora_rank: int = Field(
        0,
        ge=0,
        le=256,
        description="Rank of the adapters (LoRA). 0: all weights are trained.",
        json_schema_extra=ADVANCED,
    )
    lora_alpha: float = Field(
        0,
        ge=0,
        le=1024,
        description="The adapters are scaled by lora_alpha / lora_rank. 0: twice the rank.",
        json_schema_extra=ADVANCED,
    )


class LargeNetwork(RunSettings):
    """Mix-in: ways to train a network that is larger than the memory of one accelerator."""

    gradient_checkpointing: bool = Field(
        False,
        description="Gradient checkpointing (Chen et al., 2016): compute the activations of each layer again in the "
        "backward pass instead of keeping them. Much less memory; steps take about a quarter longer.",
        json_schema_extra=ADVANCED,
    )
    weights_dtype: Literal["fp32", "bf16"] = Field(
        "fp32",
        description="Number format that weights are held in. bf16: half the memory, computed in bf16. With LoRA the "
        "frozen weights alone are in bf16; without it, updates below 1/256 of a weight are lost.",
        json_schema_extra=ADVANCED,
    )
    sharding: Literal["none", "full"] = Field(
        "none",
        description="full: fully sharded data parallel (FSDP2; Zhao et al., 2023): each process holds its share of "
        "weights, gradients and optimiser states. Needs several processes.",
        json_schema_extra=ADVANCED,
    )

    def with_usual(self) -> Self:
        """As of every run, but weights in bf16 are computed in bf16."""
        usual = super().with_usual()
        is_open = self.weights_dtype == "bf16" and "precision" in self.undecided()
        return usual.model_copy(update={"precision": "bf16"}) if is_open else usual

    @model_validator(mode="after")
    def _check_large_network(self) -> LargeNetwork:
        precision = self.value("precision", AUTO)
        if self.weights_dtype == "bf16" and precision not in (AUTO, "bf16"):
            raise ValueError(
                f"weights_dtype bf16 needs precision bf16, and {precision} was given: change one of the two"
            )
        if self.weights_dtype == "bf16" and self.value("ema_decay") and not self.value("lora_rank"):
            raise ValueError(
                f"ema_decay {self.value('ema_decay')} has no effect on weights in bf16, whose average would be rounded "
                "to where it was: set ema_decay to 0, or weights_dtype to fp32"
            )
        if self.sharding == "full" and precision == "fp16":
            raise ValueError("sharding full needs precision bf16 or fp32: the loss scale of fp16 is not shared")
        if self.sharding == "full" and self.value("backup"):
            raise ValueError("backup does not hold the sharded checkpoints of sharding full: leave out one of the two")
        return self


S = TypeVar("S", bound=RunSettings)


def extra_of(field: FieldInfo) -> dict[str, Any]:
    """What a field says of itself beside its limits: `advanced`, `kind`."""
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def _with_auto(described: dict[str, Any]) -> dict[str, Any]:
    """The JSON schema of a field whose value may be left to be decided later."""
    about = {name: described[name] for name in ("title", "description", "auto") if name in described}
    rule = {name: value for name, value in described.items() if name not in (*about, "default")}
    default = AUTO if described.get("default") in (0, AUTO) else described.get("default")
    is_text = rule.get("type") == "string"  # which holds the word anyway
    return {**about, **(rule if is_text else {"anyOf": [rule, {"const": AUTO}]}), "default": default}


def parse_settings(settings: type[S], values: Mapping[str, Any]) -> S:
    """Check `values` by the class's own rule, the same from the form, the flags, a file and the API.

    Raises:
        UserError: One line per wrong field, each naming the field, what was given and what is allowed.
    """
    try:
        return settings.model_validate(dict(values))
    except ValidationError as error:
        raise UserError("\n".join(_explain(settings, dict(problem)) for problem in error.errors())) from None


def _explain(settings: type[RunSettings], problem: dict[str, Any]) -> str:
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        close = difflib.get_close_matches(name, settings.settable_fields(), n=1, cutoff=0.5)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        return f"There is no setting {name!r}.{hint} There are: {', '.join(settings.settable_fields())}."
    what = re.sub(r"^(Value error, |\w+ (?=should ))", "", problem["msg"])
    if not name:  # fields that do not fit each other
        return f"{what}."
    return f"{name}: {str(problem['input'])[:80]!r} was given; it {what}."
