"""Loaded models: weights by name become models kept in memory, and endpoints are called on them."""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from plugins._contract import Kind, Plugin
from plugins._endpoints import Endpoints
from plugins._recognition import recognise
from spaces_app.gpu import lend_gpu
from spaces_app.services.plugins import PluginCatalog
from spaces_app.services.runs import RunService
from training.errors import UserError
from training.hub.pull import pull, repository
from training.runs.run import Run
from training.settings import HOSTED
from training.weights import resolve_weights

IMPORT_DELAY_SECONDS = 20.0  # after the start: the page comes first, then the process that starts runs
MODELS_IN_MEMORY = 3
Function = Callable[..., Any] | str  # an endpoint of an interface, or "module:name" of a function of the loaded model


class ModelService:
    """The models of all plugins; the last few used stay loaded."""

    def __init__(self, plugins: PluginCatalog, runs: RunService):
        self.plugins, self.runs = plugins, runs
        self._models: OrderedDict[tuple[str, str, Path, int], Endpoints] = OrderedDict()
        self._pulled: dict[str, dict[str, tuple[str, Kind]]] = {}  # visitor -> weights -> plugin and kind
        self._loading = threading.Lock()
        self.call, self.stream = lend_gpu(self._call), lend_gpu(self._stream)

    # -- weights by name -------------------------------------------------------------------------------------------

    def names(self, plugin: Plugin, visitor: str) -> dict[str, Kind]:
        """Weights to offer, with their kind: starters, own runs with weights, pulled ones, runs of hosted models."""
        starters = {folder.name: kind for kind in plugin.kinds for folder in kind.starters}
        runs = self.runs.own(visitor, plugin, with_weights=True)
        kinds = {run.id: kind for run in runs if (kind := _kind_of(plugin, run))}
        local = [run.id for run in runs if any(run.artifact.rglob("*.safetensors"))]
        hosted = [run.id for run in runs if run.id not in local]  # its artifact is a prompt alone
        pulled = {name: kind for name, (owner, kind) in self._pulled.get(visitor, {}).items() if owner == plugin.name}
        trained = [{name: kinds[name] for name in names if name in kinds} for names in (local, hosted)]
        return {**starters, **trained[0], **pulled, **trained[1]}

    def offer(self, name: str, plugin: Plugin, kind: Kind, visitor: str) -> None:
        """Offer pulled weights to this visitor from now on."""
        self._pulled.setdefault(visitor, {})[name] = (plugin.name, kind)

    def load(self, plugin: Plugin, weights: str, endpoints: type[Endpoints] | Callable[..., Any] | None) -> Endpoints:
        """The model of the weights of that name, or of the default starter.

        Args:
            endpoints: The interface, or the one endpoint, that the weights have to implement; None for any.

        Raises:
            UserError: If there are no such weights, or they are of a kind that does not answer this: nothing is loaded.
        """
        name = weights.strip() or plugin.default_weights(endpoints)
        kinds = plugin.answering(endpoints)
        if name.startswith(HOSTED):
            kind = next((kind for kind in kinds if kind.hosted), kinds[0])
            self._imported(kind.part, "predictor")
            return kind.connect(name)
        folder = self._folder(plugin, name, kinds)
        _, kind = self._recognise(plugin, folder, name, kinds)
        key = (
            plugin.name,
            kind.name,
            folder,
            folder.stat().st_mtime_ns,
        )  # a resumed run replaces its artifact's folder
        with self._loading:
            if key not in self._models:
                self._models[key] = kind.load(folder)
            self._models.move_to_end(key)
            while len(self._models) > MODELS_IN_MEMORY:
                self._models.popitem(last=False)
            return self._models[key]

    def _folder(self, plugin: Plugin, name: str, kinds: Sequence[Kind]) -> Path:
        """The folder of weights; a repository of another kind is refused before its weights are fetched."""

        def accept(folder: Path, names: Sequence[str]) -> None:
            self._recognise(plugin, folder, name, kinds)

        if name not in plugin.starters and repository(name):
            return pull(name, None, accept).folder
        return resolve_weights(name, plugin.starters, self.runs.store)

    def _recognise(self, plugin: Plugin, folder: Path, name: str, kinds: Sequence[Kind]) -> tuple[Plugin, Kind]:
        owner, kind = recognise(folder, name, [plugin, *self.plugins.all()])
        if owner.name != plugin.name or kind not in kinds:
            made_by = kind.title if owner.name == plugin.name else f"{owner.title}: {kind.title}"
            wanted = ", ".join(f"{candidate.title!r}" for candidate in kinds)
            raise UserError(f"{name} holds weights of {made_by!r}; this needs weights of {wanted}.")
        return owner, kind

    # -- calls -----------------------------------------------------------------------------------------------------

    def _call(
        self, plugin: str, endpoints: type[Endpoints] | None, function: Function, weights: str, *arguments: Any
    ) -> Any:
        """Call an endpoint of the model of that name, or a function on it. On ZeroGPU the arguments are pickled.

        Args:
            endpoints: The interface that the weights have to implement; None where the endpoint itself says it.
        """
        needed = endpoints or (None if isinstance(function, str) else function)
        model = self.load(self.plugins.get(plugin), weights, needed)
        if isinstance(function, str):
            module, _, name = function.partition(":")
            return getattr(self._imported(importlib.import_module, module), name)(model, *arguments)
        return getattr(model, function.__name__)(*arguments)

    def _stream(
        self, plugin: str, endpoints: type[Endpoints] | None, function: Function, weights: str, *arguments: Any
    ) -> Iterator[Any]:
        """As `_call`, for what yields; closing the stream closes it."""
        yield from self._call(plugin, endpoints, function, weights, *arguments)

    # -- imports ---------------------------------------------------------------------------------------------------

    def import_soon(self) -> None:
        """Import the models' modules in the background after the start, so that the first prediction is quick."""
        threading.Timer(IMPORT_DELAY_SECONDS, self._import_predictors).start()

    def _import_predictors(self) -> None:
        for kind in (kind for plugin in self.plugins.all() for kind in plugin.kinds if kind.endpoints):
            with contextlib.suppress(Exception):  # it raises again when it is used
                self._imported(kind.part, "predictor")

    def _imported(self, load: Callable[[str], ModuleType], name: str) -> ModuleType:
        """Import under the lock: transformers imported by two threads at once lacks names in one of them."""
        with self._loading:
            return load(name)


def _kind_of(plugin: Plugin, run: Run) -> Kind | None:
    try:
        return plugin.kind(run.config()["trainer"])
    except UserError:  # of a version that had other kinds
        return None
