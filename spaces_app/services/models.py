"""Loaded models: weights by name become models kept in memory, and endpoints are called on them."""

from __future__ import annotations

import contextlib
import functools
import importlib
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from plugins._contract import Kind, Plugin
from plugins._endpoints import Endpoints, reads_file
from plugins._recognition import recognise
from spaces_app.gpu import ZERO_GPU, lend_gpu
from spaces_app.identity import Caller
from spaces_app.services.fairness import RateLimiter
from spaces_app.services.loaded_models import LoadedModels
from spaces_app.services.plugins import PluginCatalog
from spaces_app.services.runs import RunService
from spaces_app.services.worker import Worker
from training.errors import UserError
from training.home import RUN_ID
from training.hub.pull import pull, repository
from training.nn.placement import size_in_memory
from training.runs.index import Row
from training.settings import HOSTED
from training.weights import resolve_weights

IMPORT_DELAY_SECONDS = 20.0  # after the start: the page comes first, then the process that starts runs
CALL_SECONDS = 600.0  # of a call on a file
TRIAL_SECONDS = 120.0  # to load a stranger's weights
_loading = threading.Lock()  # of the process: transformers changes torch while it makes a network
F = TypeVar("F", bound=Callable[..., Any])
Function = Callable[..., Any] | str  # an endpoint of an interface, or "module:name" of a function of the loaded model


class ModelService:
    """The models of all plugins; those that were used last stay loaded."""

    def __init__(self, plugins: PluginCatalog, runs: RunService, worker: Worker):
        self.plugins, self.runs, self._worker = plugins, runs, worker
        self._rate = RateLimiter(runs.settings.calls_per_minute)
        self._loaded = LoadedModels(runs.settings.max_models_mb * 2**20)
        self._tried: dict[Path, int] = {}  # folder of the Hub's weights -> bytes that loading them took elsewhere
        self._pulled: dict[str, dict[str, tuple[str, Kind, Path]]] = {}  # visitor -> weights -> plugin, kind, folder
        self._importing: threading.Timer | None = None
        self.call, self.stream = self._limited(lend_gpu(self._call)), self._limited(lend_gpu(self._stream))
        self.locate = self._limited(self._located)

    # -- weights by name -------------------------------------------------------------------------------------------

    def names(self, plugin: Plugin, visitor: str) -> dict[str, Kind]:
        """Weights to offer, with their kind: starters, own runs with weights, pulled ones, runs of hosted models."""
        return self._names(plugin, visitor, self.runs.descriptions(visitor, plugin, with_weights=True))

    def _names(self, plugin: Plugin, visitor: str, runs: list[Row]) -> dict[str, Kind]:
        starters = {folder.name: kind for kind in plugin.kinds for folder in kind.starters if folder.is_dir()}
        kinds = {run["id"]: kind for run in runs if (kind := _kind_of(plugin, run))}
        local = [run["id"] for run in runs if run["has_tensors"]]
        hosted = [run["id"] for run in runs if not run["has_tensors"]]  # its artifact is a prompt alone
        of_visitor = self._pulled.get(visitor, {})
        pulled = {name: kind for name, (owner, kind, _) in of_visitor.items() if owner == plugin.name}
        trained = [{name: kinds[name] for name in names if name in kinds} for names in (local, hosted)]
        return {**starters, **trained[0], **pulled, **trained[1]}

    def labels(self, plugin: Plugin, visitor: str) -> dict[str, str]:
        """Weights to offer, with what a person calls them: kind, score and when they were made."""
        runs = {run["id"]: run for run in self.runs.descriptions(visitor, plugin, with_weights=True)}
        named = self._names(plugin, visitor, list(runs.values()))
        return {name: self._label(plugin, name, kind, runs.get(name)) for name, kind in named.items()}

    def _label(self, plugin: Plugin, name: str, kind: Kind, run: Row | None) -> str:
        if name in plugin.starters:
            return f"{name} (starter: {kind.title})"
        if run is None:
            return f"{name} ({kind.title})"
        began = datetime.fromtimestamp(run["created"]).strftime("%d %b %H:%M")
        score = next((f", {metric} {value:.3f}" for metric, value in run["best"].items() if value is not None), "")
        return f"{run.get('name') or kind.title} of {began}{score}"

    def offer(self, name: str, plugin: Plugin, kind: Kind, folder: Path, visitor: str) -> None:
        """Offer pulled weights to this visitor from now on."""
        self._pulled.setdefault(visitor, {})[name] = (plugin.name, kind, folder)

    def load(
        self,
        plugin: Plugin,
        weights: str,
        endpoints: type[Endpoints] | Callable[..., Any] | None,
        caller: Caller,
    ) -> Endpoints:
        """The model of the weights of that name, or of the default starter.

        Args:
            endpoints: The interface, or the one endpoint, that the weights have to implement; None for any.

        Raises:
            UserError: If there are no such weights, or they are of a kind that does not answer this: nothing is loaded.
        """
        folder, kind = self._located(caller, plugin, weights, endpoints)
        if isinstance(folder, str):
            self._imported(kind.part, "predictor")
            return kind.connect(folder)
        key = (plugin.name, kind.name, folder, folder.stat().st_mtime_ns)  # a resumed run replaces its folder
        if (model := self._loaded.get(key)) is None:
            with _loading:
                size = self._check_memory(plugin, kind, folder, weights)
                model = self._loaded.load(key, weights.strip() or folder.name, size, lambda: kind.load(folder))
        return model

    def _check_memory(self, plugin: Plugin, kind: Kind, folder: Path, weights: str) -> int:
        """Bytes that the model will take, by the headers of its files, and what a trial found.

        The configuration of a repository may ask for more than its files hold (a layer that they lack is made anew):
        such weights are loaded once in a process with limits, before they are loaded here.

        Raises:
            UserError: If this server has no room for it; nothing is loaded.
        """
        size = size_in_memory(folder)
        self._loaded.check(weights.strip() or folder.name, size)
        if repository(weights.strip()) and weights.strip() not in plugin.starters and not ZERO_GPU:
            size = max(size, self._try_out(plugin, kind, folder))
        return size

    def _try_out(self, plugin: Plugin, kind: Kind, folder: Path) -> int:
        """Load weights in a process that may take no more than models may here; returns the bytes that it took."""
        if folder not in self._tried and (self._worker.is_warm or self.runs.settings.is_shared):
            call = {"plugin": plugin.name, "kind": kind.name, "weights": str(folder)}
            most = self.runs.settings.max_models_mb
            self._tried[folder] = int(self._answer("load", TRIAL_SECONDS, call, most)["bytes"])
        return self._tried.get(folder, 0)

    def _located(
        self, caller: Caller, plugin: Plugin, weights: str, endpoints: type[Endpoints] | Callable[..., Any] | None
    ) -> tuple[Path | str, Kind]:
        """The folder of weights, or the name of a hosted model, and the kind that uses it.

        Raises:
            UserError: As `load`.
        """
        name = weights.strip() or plugin.default_weights(endpoints)
        kinds = plugin.answering(endpoints)
        if name.startswith(HOSTED):
            return name, next((kind for kind in kinds if kind.hosted), kinds[0])
        if not name:
            wanted = ", ".join(f"{kind.title!r}" for kind in kinds)
            raise UserError(f"weights: no starter is for {wanted}. Give the id of a run, or owner/repo of the Hub.")
        folder = self._folder(plugin, name, kinds, caller)
        return folder, self._recognise(plugin, folder, name, kinds)[1]

    def _folder(self, plugin: Plugin, name: str, kinds: Sequence[Kind], caller: Caller) -> Path:
        """The folder of weights that this caller may use.

        A repository of another kind is refused before its weights are fetched. What a visitor pulled was shown to their
        token, and a commit does not change: the Hub is not asked again, unless its files were deleted.
        """

        def accept(folder: Path, names: Sequence[str]) -> None:
            self._recognise(plugin, folder, name, kinds)

        if RUN_ID.fullmatch(name):
            return self.runs.get(name, caller.visitor).weights()
        pulled = self._pulled.get(caller.visitor, {}).get(name)
        if pulled and pulled[-1].is_dir():
            return pulled[-1]
        if name not in plugin.starters and repository(name):
            return pull(name, caller.token, accept).folder
        with _loading:  # a starter of adapters is merged at its first use
            return resolve_weights(name, plugin.starters, self.runs.store)

    def _recognise(self, plugin: Plugin, folder: Path, name: str, kinds: Sequence[Kind]) -> tuple[Plugin, Kind]:
        owner, kind = recognise(folder, name, [plugin, *self.plugins.all()])
        if owner.name != plugin.name or kind not in kinds:
            made_by = kind.title if owner.name == plugin.name else f"{owner.title}: {kind.title}"
            wanted = ", ".join(f"{candidate.title!r}" for candidate in kinds)
            raise UserError(f"{name} holds weights of {made_by!r}; this needs weights of {wanted}.")
        return owner, kind

    # -- calls -----------------------------------------------------------------------------------------------------

    def _limited(self, function: F) -> F:
        """Refuse a call of a visitor who calls too often, before anything of it is done."""

        @functools.wraps(function)
        def call(caller: Caller, *rest: Any) -> Any:
            self._rate.take(caller.visitor)
            return function(caller, *rest)

        return call  # type: ignore[return-value]

    def _call(
        self,
        caller: Caller,
        plugin: str,
        endpoints: type[Endpoints] | None,
        function: Function,
        weights: str,
        *arguments: Any,
    ) -> Any:
        """Call an endpoint of the model of that name, or a function on it. On ZeroGPU the arguments are pickled.

        Args:
            endpoints: The interface that the weights have to implement; None where the endpoint itself says it.
        """
        needed = endpoints or (None if isinstance(function, str) else function)
        if not isinstance(function, str) and reads_file(function) and self._worker.is_warm and not ZERO_GPU:
            return self._call_in_worker(caller, self.plugins.get(plugin), needed, function, weights, arguments)
        model = self.load(self.plugins.get(plugin), weights, needed, caller)
        if isinstance(function, str):
            module, _, name = function.partition(":")
            return getattr(self._imported(importlib.import_module, module), name)(model, *arguments)
        return getattr(model, function.__name__)(*arguments)

    def _call_in_worker(
        self,
        caller: Caller,
        plugin: Plugin,
        needed: type[Endpoints] | Callable[..., Any] | None,
        endpoint: Callable[..., Any],
        weights: str,
        arguments: tuple[Any, ...],
    ) -> Any:
        """A call on a visitor's table, which may be anything: it is read in a process with limits."""
        name, kind = self._located(caller, plugin, weights, needed)
        if isinstance(name, Path):
            self._loaded.check(weights.strip() or name.name, size_in_memory(name))
        call = {
            "plugin": plugin.name,
            "kind": kind.name,
            "weights": str(name),
            "endpoint": endpoint.__name__,
            "arguments": [str(value) if isinstance(value, Path) else value for value in arguments],
            "results": tempfile.gettempdir(),
        }
        result = self._answer("call", CALL_SECONDS, call)
        return Path(result["path"]) if "path" in result else result["value"]

    def _answer(self, command: str, seconds: float, call: dict[str, Any], memory_mb: int = 0) -> dict[str, Any]:
        """The result of a command of `training.cli.confined`."""
        answer = self._worker.run([command], seconds, {"call": call}, memory_mb)
        if "defect" in answer:
            raise RuntimeError(answer["defect"])
        if "error" in answer:
            raise UserError(answer["error"])
        return answer["result"]

    def _stream(
        self,
        caller: Caller,
        plugin: str,
        endpoints: type[Endpoints] | None,
        function: Function,
        weights: str,
        *arguments: Any,
    ) -> Iterator[Any]:
        """As `_call`, for what yields; closing the stream closes it."""
        yield from self._call(caller, plugin, endpoints, function, weights, *arguments)

    # -- imports ---------------------------------------------------------------------------------------------------

    def import_soon(self) -> None:
        """Import the models' modules in the background after the start, so that the first prediction is quick."""
        self._importing = threading.Timer(IMPORT_DELAY_SECONDS, self._import_predictors)
        self._importing.start()

    def close(self) -> None:
        """Import nothing any more, if that has not begun."""
        if self._importing:
            self._importing.cancel()

    def _import_predictors(self) -> None:
        for kind in (kind for plugin in self.plugins.all() for kind in plugin.kinds if kind.endpoints):
            with contextlib.suppress(Exception):  # it raises again when it is used
                self._imported(kind.part, "predictor")

    def _imported(self, load: Callable[[str], ModuleType], name: str) -> ModuleType:
        """Import under the lock: transformers imported by two threads at once lacks names in one of them."""
        with _loading:
            return load(name)


def _kind_of(plugin: Plugin, run: Row) -> Kind | None:
    try:
        return plugin.kind(run["trainer"])
    except UserError:  # of a version that had other kinds
        return None
