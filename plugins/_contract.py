"""What a plugin is: one frozen record. It knows nothing of jobs, tokens, queues, the Hub or devices."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, get_args, get_origin

from training.errors import UserError
from training.fit.experiment import Experiment
from training.preflight.sheet import Sheet
from training.settings import TrainSettings
from training.task import Task

NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")
API_TYPES = (
    str,
    int,
    float,
    bool,
    Path,
    list[Path],
    list[str],
    list[float],
    dict[str, Any],
    dict[str, float],
    list[dict[str, Any]],
)


@dataclass(frozen=True)
class Card:
    """What the model card says of every artifact of a plugin, or of one of its trainers."""

    pipeline_tag: str = ""
    library_name: str = ""
    license: str = "apache-2.0"
    paper: str = ""
    tags: tuple[str, ...] = ()
    usage: str = ""  # Python, with {repo} where the repository's name belongs
    summary: str = ""  # what the model does, one sentence
    limits: tuple[str, ...] = ()  # what it cannot do, a sentence each


@dataclass(frozen=True)
class Trainer:
    """One way of training that a plugin offers.

    Args:
        name: Identifier: command word and the `trainer` of the API.
        title: What the form is headed.
        settings: A `TrainSettings` subclass; every field needs a description.
        build: Settings -> Task, or Experiment where one run fits several. `settings.model` is by then empty or a folder of this machine; heavy imports belong here.
        check: Settings -> Sheet, without torch: reads the data and says what is wrong before anything starts.
        preload: Modules that `build` will import; a warm process has them ready, so that a run starts at once.
        card: Facts for the model card, where they are not the plugin's.
        key: What a run may be given beside its settings and no file keeps, such as a key: what the form says of it. It reaches
            the run's process in the variable SELFSUP_KEY. Empty: nothing.
    """

    name: str
    title: str
    settings: type[TrainSettings]
    build: Callable[[Any], Task | Experiment]
    check: Callable[[Any], Sheet] | None = None
    preload: tuple[str, ...] = ()
    card: Card | None = None
    key: str = ""

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f"Trainer name {self.name!r} must match {NAME.pattern}.")
        if not (inspect.isclass(self.settings) and issubclass(self.settings, TrainSettings)):
            raise ValueError(f"Trainer {self.name!r}: settings must be a subclass of TrainSettings.")
        bare = [name for name, info in self.settings.model_fields.items() if not info.description]
        if bare:
            raise ValueError(f"Trainer {self.name!r}: settings without a description: {', '.join(bare)}.")

    def preflight(self, settings: TrainSettings) -> Sheet:
        """The sheet of what is known before a model is built; red rows forbid the start."""
        return self.check(settings) if self.check else Sheet(())


@dataclass(frozen=True)
class Document:
    """A JSON file that people share without weights: a prompt, say. The API has /{plugin}_push_{name} and /{plugin}_pull_{name} for it.

    Args:
        name: Identifier.
        file: What it is called in a repository of the Hub, such as prompt.json.
        check: Its text -> the text as it is saved; raises a UserError for what is none.
        card: Its text and the repository's name -> README.md.
    """

    name: str
    file: str
    check: Callable[[str], str]
    card: Callable[[str, str], str]

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name) or not self.file.endswith(".json") or "/" in self.file:
            raise ValueError(
                f"Document {self.name!r} needs a name like {NAME.pattern} and a file such as {self.name}.json."
            )


@dataclass(frozen=True)
class Plugin:
    """One family of models.

    Args:
        name: Identifier: tab id, command word, prefix of the endpoints.
        title: The tab's label.
        summary: The one sentence a visitor reads first.
        trainers: At least one.
        load: Artifact folder -> the endpoints' first argument.
        endpoints: Typed functions with docstrings; the first parameter is what `load` returned, and the API calls it `weights`.
            One that yields (annotated Iterator[…]) streams: each value takes the place of the one before, the last is the result.
        tools: Endpoints that need no weights: all their parameters are the API's.
        documents: Files that go to the Hub and come from there without weights.
        card: Facts for the model card.
        architectures: Patterns of the architectures that `load` or training takes, as configurations name them: *ForSequenceClassification.
        starters: Name -> folder of weights that ship with the plugin; the first is the default …
        connect: "hosted:model@address" -> the endpoints' first argument, for models on other machines; without it there are none.
        starter_for: … but for these endpoints: endpoint's name -> starter's name, where one starter cannot answer all.
        tab: Draws "Try" and "Look inside" with Gradio; without it, "Try" is made from the endpoints' signatures.
    """

    name: str
    title: str
    summary: str
    trainers: tuple[Trainer, ...]
    load: Callable[[Path], Any]
    endpoints: tuple[Callable[..., Any], ...] = ()
    tools: tuple[Callable[..., Any], ...] = ()
    documents: tuple[Document, ...] = ()
    card: Card = field(default_factory=Card)
    architectures: tuple[str, ...] = ()
    starters: Mapping[str, Path] = field(default_factory=dict)
    starter_for: Mapping[str, str] = field(default_factory=dict)
    connect: Callable[[str], Any] | None = None
    tab: Callable[[Workbench], None] | None = None

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f"Plugin name {self.name!r} must match {NAME.pattern}.")
        if not self.trainers:
            raise ValueError(f"Plugin {self.name!r} has no trainer.")
        for names, what in (
            ([t.name for t in self.trainers], "trainer"),
            ([e.__name__ for e in (*self.endpoints, *self.tools)], "endpoint"),
        ):
            if len(set(names)) < len(names):
                raise ValueError(f"Plugin {self.name!r} has two {what}s of one name: {', '.join(names)}.")
        for endpoint in self.endpoints:
            check_endpoint(endpoint)
        for tool in self.tools:
            check_endpoint(tool, weights=False)
        lost = {*self.starter_for.values()} - {*self.starters}
        if lost:
            raise ValueError(f"Plugin {self.name!r}: starter_for names {', '.join(sorted(lost))}, which is no starter.")

    def default_weights(self, endpoint: str) -> str:
        """The starter that answers an endpoint where no weights are named; empty where the plugin ships none."""
        return self.starter_for.get(endpoint, next(iter(self.starters), ""))

    def trainer(self, name: str) -> Trainer:
        """The trainer of that name, or a UserError that lists what there is."""
        found = next((trainer for trainer in self.trainers if trainer.name == name), None)
        if found is None:
            raise UserError(f"{self.name} has no trainer {name!r}; it has: {', '.join(t.name for t in self.trainers)}.")
        return found


class Workbench(Protocol):
    """What a tab may ask of the shell. No jobs, tokens or Hub here: those have panels of their own."""

    plugin: Plugin

    def weights_picker(self, label: str = "Weights", starter: str | None = None) -> Any:
        """A component to choose weights with: starters, own runs, or a Hub id typed in. Its value is a name.

        Args:
            starter: The one chosen at first; by default the plugin's first, empty for none.
        """

    def call(self, endpoint: Callable[..., Any], weights: str, *args: Any) -> Any:
        """Run a function of a module (an endpoint, or one like it; no lambda) on the weights of that name, loaded once and kept.

        Errors become messages on the page. On a ZeroGPU Space the call has the GPU.
        """

    def stream(self, endpoint: Callable[..., Iterator[Any]], weights: str, *args: Any) -> Iterator[Any]:
        """As `call`, for a function that yields: give each value to the page as it comes. Closing it ends the work."""
        ...

    def document_fold(
        self,
        name: str,
        make: Callable[..., str],
        inputs: list[Any],
        show: Callable[[str], list[Any]],
        outputs: list[Any],
    ) -> None:
        """Draw a fold that sends one of the plugin's documents to the Hub and opens one from there.

        Args:
            make: What the components `inputs` hold -> the document's text.
            show: Its text -> what the components `outputs` are to hold.
        """


def check_endpoint(endpoint: Callable[..., Any], weights: bool = True) -> None:
    """Refuse an endpoint that could not be published: no docstring, untyped, or of types that JSON cannot carry."""
    name = endpoint.__name__
    if not NAME.fullmatch(name) or not inspect.getdoc(endpoint):
        raise ValueError(f"Endpoint {name!r} needs a docstring and a name like {NAME.pattern}.")
    if weights and not inspect.signature(endpoint).parameters:
        raise ValueError(f"Endpoint {name!r} needs a first parameter: what `load` returns.")
    annotated = get_origin(_annotation(endpoint, inspect.signature(endpoint).return_annotation)) is Iterator
    if annotated != streams(endpoint):
        raise ValueError(f"Endpoint {name!r}: what yields is annotated Iterator[…], and nothing else is.")
    untyped = [each for each, kind in endpoint_types(endpoint, weights).items() if kind not in API_TYPES]
    if untyped:
        raise ValueError(
            f"Endpoint {name!r}: {', '.join(untyped)} must be annotated with one of: {', '.join(_type_name(t) for t in API_TYPES)}."
        )


def endpoint_types(endpoint: Callable[..., Any], weights: bool = True) -> dict[str, Any]:
    """Parameter -> type, and `return` (of what streams, of each value); where it takes weights, without the first, whose class need not be imported."""
    signature = inspect.signature(endpoint)
    annotations = {name: parameter.annotation for name, parameter in list(signature.parameters.items())[int(weights) :]}
    kinds = {name: _annotation(endpoint, kind) for name, kind in annotations.items()}
    result = _annotation(endpoint, signature.return_annotation)
    return kinds | {"return": get_args(result)[0] if get_origin(result) is Iterator else result}


def streams(endpoint: Callable[..., Any]) -> bool:
    """Whether an endpoint yields: the values on the way, and the result last."""
    return inspect.isgeneratorfunction(endpoint)


def _annotation(endpoint: Callable[..., Any], kind: Any) -> Any:
    return eval(kind, getattr(endpoint, "__globals__", {})) if isinstance(kind, str) else kind


def _type_name(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind).replace("typing.", "")
