"""The plugin contract: a plugin is a frozen record of its kinds, each something that can be trained and then used.

A plugin knows nothing of runs, queues, tokens, the Hub or devices.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from plugins._endpoints import NAME, Endpoints, check_endpoint, endpoints_of
from plugins._samples import Sample, with_sample
from plugins._suggestions import Suggestion
from training.errors import UserError
from training.preflight.sheet import Finding, Sheet
from training.settings import RunSettings

if TYPE_CHECKING:
    from training.fit.experiment import Experiment
    from training.task import Data, Task

logger = logging.getLogger(__name__)

TABLE, IMAGES, LABELLED_TEXTS = "table", "images", "labelled texts"  # what results can be sent as


@dataclass(frozen=True)
class Card:
    """What the model card says of every artifact of a kind."""

    pipeline_tag: str = ""
    library_name: str = ""
    license: str = "apache-2.0"
    paper: str = ""
    tags: tuple[str, ...] = ()
    usage: str = ""  # Python, with {repo} where the repository's name belongs
    summary: str = ""  # what the model does, one sentence
    limits: tuple[str, ...] = ()  # what it cannot do, a sentence each


@dataclass(frozen=True)
class Kind:
    """One kind of model: how it is trained, and what its weights answer.

    The code lives in `module`, which is imported when it is first used, so that torch can be imported at the top of
    its files. It is one module with the functions below, or a package with one of them in each of its modules `data`,
    `task` and `predictor`:

        read(settings) -> Data                  in data: reads and checks the data, once; no torch
        build(data, settings) -> Task           in task; Experiment where one run fits several; `model` is a folder now
        load(folder) -> Endpoints               in predictor: weights at work
        connect(name) -> Endpoints              in predictor, where `hosted`: "hosted:model@address" on another machine

    A package may have a module `auto`, without torch, with one or both of

        start(data, settings) -> Choice                     the weights to start from, where `model` is "auto"
        choose(data, settings, parameters) -> Choices       steps, batch_size, learning_rate, precision; `model` is a
                                                            folder, or the name of weights that are not here yet


    Args:
        name: Identifier: command word, and the `trainer` of the API and of run files.
        title: Heading of its form.
        module: Dotted name of the module or package.
        settings: A subclass of `RunSettings`, every field described; None where there is nothing to train.
        endpoints: The interface that its loaded weights implement; None where they answer nothing.
        architectures: Patterns of the architectures it takes, as configurations name them: *ForSequenceClassification.
        starters: Folders of weights that ship with the plugin; the first is the default.
        card: Facts for the model card.
        samples: Data that ship with the plugin, for a run without files of one's own; the first is the default.
        suggestions: Weights of the Hub that its form offers to start from, beside any that one types.
        hosted: Whether a name that begins with "hosted:" is taken in place of weights.
        secret: Label of a secret that a run accepts, such as an API key; it is never written to disk. Empty: none.
        takes: What a run can be trained on that other plugins make: `TABLE`, `IMAGES` or `LABELLED_TEXTS`; their
            results can then be sent to its form.
        feeds: What its weights are used for in other kinds of the plugin, as "kind.field": the page of a finished run
            leads there.
    """

    name: str
    title: str
    module: str
    settings: type[RunSettings] | None = None
    endpoints: type[Endpoints] | None = None
    architectures: tuple[str, ...] = ()
    starters: tuple[Path, ...] = ()
    card: Card = field(default_factory=Card)
    samples: tuple[Sample, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    hosted: bool = False
    secret: str = ""
    takes: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f"Kind {self.name!r}: the name must match {NAME.pattern}.")
        if self.settings is not None:
            if not (inspect.isclass(self.settings) and issubclass(self.settings, RunSettings)):
                raise ValueError(f"Kind {self.name!r}: settings must be a subclass of RunSettings.")
            undescribed = [name for name, info in self.settings.model_fields.items() if not info.description]
            if undescribed:
                raise ValueError(f"Kind {self.name!r}: settings without a description: {', '.join(undescribed)}.")
        if self.endpoints is not None and not (
            inspect.isclass(self.endpoints) and issubclass(self.endpoints, Endpoints)
        ):
            raise ValueError(f"Kind {self.name!r}: endpoints must be a subclass of Endpoints.")
        self._check_samples()
        self._check_suggestions()
        if unknown := set(self.takes) - {TABLE, IMAGES, LABELLED_TEXTS}:
            raise ValueError(f"Kind {self.name!r} takes {', '.join(unknown)}; known are table, images, labelled texts.")
        for endpoint in endpoints_of(self.endpoints).values():
            check_endpoint(endpoint)

    def _check_samples(self) -> None:
        files = self.settings.file_fields() if self.settings else []
        names = [sample.name for sample in self.samples]
        if len(set(names)) < len(names):
            raise ValueError(f"Kind {self.name!r} has two samples of one name: {', '.join(names)}.")
        for sample in self.samples:
            if unknown := sample.files.keys() - set(files):
                raise ValueError(f"Kind {self.name!r}, sample {sample.name!r}: no file field {', '.join(unknown)}.")

    def _check_suggestions(self) -> None:
        fields = self.settings.weights_fields() if self.settings else []
        for suggestion in self.suggestions:
            if suggestion.field not in fields:
                raise ValueError(
                    f"Kind {self.name!r}, suggestion {suggestion.name!r}: no setting {suggestion.field} names weights."
                )

    @property
    def trained_by(self) -> type[RunSettings]:
        """The settings class of a kind that can be trained.

        Raises:
            UserError: If it cannot.
        """
        if self.settings is None:
            raise UserError(f"{self.name} cannot be trained, only used.")
        return self.settings

    def with_sample(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values of settings in which sample:NAME stands in place of a file, with the sample's files and settings.

        Raises:
            UserError: If there is no such sample, or values name two.
        """
        return with_sample(self.samples, self.trained_by.file_fields(), values)

    def read(self, settings: RunSettings) -> Data:
        """Read and check the data that the settings name.

        Raises:
            UserError: If a required file is missing, or cannot be read.
        """
        settings.check_required()
        return self.part("data").read(settings)

    def examine(self, settings: RunSettings) -> tuple[Data | None, Sheet]:
        """The data and their preflight sheet; data that cannot be read are a red row, and None."""
        try:
            data = self.read(settings)
        except UserError as error:
            return None, Sheet((Finding("red", "The data cannot be used", str(error)),))
        except Exception as error:  # a stranger's code on a stranger's file: a row of the sheet, not a traceback
            logger.exception("%s could not read its data.", self.name)
            return None, Sheet((Finding("red", "The data cannot be read", f"{type(error).__name__}: {error}"[:500]),))
        return data, data.sheet

    def build(self, data: Data, settings: RunSettings) -> Task | Experiment:
        """Make the task of a run, or its experiment; what is still "auto" is what it usually is."""
        return self.part("task").build(data, settings.with_usual())

    def rules(self) -> ModuleType | None:
        """The module `auto` of the kind's package, which decides what settings leave open; None without one."""
        if not hasattr(importlib.import_module(self.module), "__path__"):
            return None
        name = f"{self.module}.auto"
        return importlib.import_module(name) if importlib.util.find_spec(name) else None

    def load(self, folder: Path) -> Endpoints:
        """Load the weights of a folder."""
        return self.part("predictor").load(folder)

    def connect(self, name: str) -> Endpoints:
        """Reach a model on another machine by its name, "hosted:model@address".

        Raises:
            UserError: If this kind has no use for one.
        """
        if not self.hosted:
            raise UserError(f"{self.title} has no use for hosted models: choose weights.")
        return self.part("predictor").connect(name)

    def part(self, name: str) -> ModuleType:
        """The module that holds `read` (data), `build` (task) or `load` (predictor), imported at the first use."""
        module = importlib.import_module(self.module)
        return importlib.import_module(f"{self.module}.{name}") if hasattr(module, "__path__") else module


@dataclass(frozen=True)
class Document:
    """A JSON file that people share without weights, such as a prompt; /{plugin}_push_{name} and _pull_{name} move it.

    Args:
        name: Identifier.
        file: Its name in a repository of the Hub, such as prompt.json.
        check: Its text -> the text as it is saved; raises a UserError for anything else.
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
        summary: The sentence a visitor reads first.
        kinds: At least one that can be trained.
        tools: Endpoints that need no weights.
        documents: Files that go to the Hub and come from there without weights.
        tab: "module:function" that renders "Try" and "Look inside" with Gradio, given a `Workbench`; without it, "Try"
            is made from the endpoints' signatures.
    """

    name: str
    title: str
    summary: str
    kinds: tuple[Kind, ...]
    tools: tuple[Callable[..., Any], ...] = ()
    documents: tuple[Document, ...] = ()
    tab: str = ""

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f"Plugin name {self.name!r} must match {NAME.pattern}.")
        if not self.trainable:
            raise ValueError(f"Plugin {self.name!r} has no kind that can be trained.")
        for tool in self.tools:
            check_endpoint(tool)
        functions = [function for kind in self.kinds for function in endpoints_of(kind.endpoints).values()]
        distinct = list(dict.fromkeys((*functions, *self.tools)))
        for names, what in (([k.name for k in self.kinds], "kind"), ([e.__name__ for e in distinct], "endpoint")):
            if len(set(names)) < len(names):
                raise ValueError(f"Plugin {self.name!r} has two {what}s of one name: {', '.join(names)}.")
        self._check_feeds()

    def _check_feeds(self) -> None:
        fields = {f"{kind.name}.{name}" for kind in self.trainable for name in kind.trained_by.weights_fields()}
        for kind in self.kinds:
            if unknown := set(kind.feeds) - fields:
                raise ValueError(f"Kind {kind.name!r} feeds {', '.join(unknown)}: no kind has such a field of weights.")

    @property
    def trainable(self) -> tuple[Kind, ...]:
        """The kinds that can be trained."""
        return tuple(kind for kind in self.kinds if kind.settings is not None)

    @property
    def endpoints(self) -> dict[str, Callable[..., Any]]:
        """Name -> function of every endpoint that needs weights."""
        return {name: function for kind in self.kinds for name, function in endpoints_of(kind.endpoints).items()}

    @property
    def starters(self) -> Mapping[str, Path]:
        """Name -> folder of every starter."""
        return {folder.name: folder for kind in self.kinds for folder in kind.starters}

    def kind(self, name: str) -> Kind:
        """The kind of that name.

        Raises:
            UserError: Listing what there is.
        """
        kind = next((kind for kind in self.kinds if kind.name == name), None)
        if kind is None:
            raise UserError(
                f"{self.name} has no trainer {name!r}; it has: {', '.join(k.name for k in self.trainable)}."
            )
        return kind

    def answering(self, endpoints: type[Endpoints] | Callable[..., Any] | None) -> tuple[Kind, ...]:
        """The kinds whose weights implement an interface or one of its functions, nearest first; all for None."""
        if endpoints is None:
            return self.kinds
        if inspect.isclass(endpoints):
            kinds = [kind for kind in self.kinds if kind.endpoints and issubclass(kind.endpoints, endpoints)]
            return tuple(sorted(kinds, key=lambda kind: kind.endpoints is not endpoints))
        return tuple(kind for kind in self.kinds if endpoints in endpoints_of(kind.endpoints).values())

    def default_weights(self, endpoints: type[Endpoints] | Callable[..., Any] | None = None) -> str:
        """The starter that answers where no weights are named: the first that is here, or else the first.

        Empty where the plugin ships none that can.
        """
        folders = [folder for kind in self.answering(endpoints) for folder in kind.starters]
        return next((folder.name for folder in [*filter(Path.is_dir, folders), *folders]), "")


@dataclass(frozen=True)
class NewRun:
    """A run that a tab asks for.

    Args:
        settings: Those that differ from the defaults; no files.
        files: Setting -> file, of which the run keeps a copy.
        name: What the list of runs calls it.
        session: Key of the labelling session that it is made of, to which its page then leads; empty for none.
    """

    settings: Mapping[str, Any]
    files: Mapping[str, Path]
    name: str = ""
    session: str = ""


class Workbench(Protocol):
    """What a tab may ask of the shell. No tokens or Hub here: those have panels of their own."""

    plugin: Plugin

    def on(self, endpoints: type[Endpoints]) -> Workbench:
        """The workbench for weights of an interface: its pickers list those alone, its calls refuse others by name."""
        ...

    def other(self, plugin: str) -> Workbench | None:
        """The workbench for weights of another plugin; None where that plugin is not here."""
        ...

    def weights_picker(self, label: str = "Weights", starter: str | None = None) -> Any:
        """A component to choose weights with: starters, own runs, or a Hub id typed in. Its value is a name.

        Args:
            starter: The one chosen at first; by default the interface's first, empty for none.
        """

    def call(self, function: Callable[..., Any] | str, weights: str, *args: Any) -> Any:
        """Call an endpoint of these weights (`Classify.classify`), or a function "module:name" with the loaded model.

        Weights are loaded once and kept. Errors become messages on the page. On a ZeroGPU Space the call has the GPU.
        """

    def stream(self, function: Callable[..., Iterator[Any]] | str, weights: str, *args: Any) -> Iterator[Any]:
        """As `call`, for what yields: give each value to the page as it comes. Closing it ends the work."""
        ...

    def send_to(self, takes: str, make: Callable[..., Any], inputs: list[Any]) -> None:
        """Render buttons that open the training form of each kind that takes such data, with these filled in.

        Args:
            takes: `TABLE`, `IMAGES` or `LABELLED_TEXTS`.
            make: What the components `inputs` hold -> a file or a list of files; a `UserError` is shown in the box.
        """

    def start_run(self, button: Any, kind: str, make: Callable[..., NewRun], inputs: list[Any], message: Any) -> None:
        """Let a button start a run of a kind of this plugin, and go to its page.

        Args:
            make: What the components `inputs` hold -> the run; a `UserError` is shown in `message`.
            message: The box's, of `message_area`.
        """

    def opened_by(self, name: str) -> None:
        """Let the page's address open the tab that is being rendered: `?name=…`."""

    def take_data(self, weights: Any, file: Any) -> None:
        """Let the page's address fill a file: `?data=` of what was sent, or the data of the run that `?weights=` names.

        Args:
            weights: The picker of the same box.
            file: A file component, whose example other weights than the starter's do not fit.
        """

    def document_fold(
        self,
        name: str,
        make: Callable[..., str],
        inputs: list[Any],
        show: Callable[[str], list[Any]],
        outputs: list[Any],
    ) -> None:
        """Render a fold that sends one of the plugin's documents to the Hub and opens one from there.

        Args:
            make: What the components `inputs` hold -> the document's text.
            show: Its text -> what the components `outputs` are to hold.
        """
