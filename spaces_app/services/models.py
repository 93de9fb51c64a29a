"""Loaded models: weights by name become models kept in memory, and functions of a plugin are called on them."""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from plugins._contract import Plugin
from spaces_app.gpu import lend_gpu
from spaces_app.services.plugins import PluginCatalog
from spaces_app.services.runs import RunService
from training.errors import UserError
from training.settings import HOSTED
from training.weights import resolve_weights

IMPORT_DELAY_SECONDS = 20.0  # after the start: the page comes first, then the process that starts runs
MODELS_IN_MEMORY = 3


class ModelService:
    """The models of all plugins; the last few used stay loaded."""

    def __init__(self, plugins: PluginCatalog, runs: RunService):
        self.plugins, self.runs = plugins, runs
        self._models: OrderedDict[tuple[str, Path, int], Any] = OrderedDict()
        self._pulled: dict[str, dict[str, str]] = {}  # visitor -> name of the weights -> plugin
        self._loading = threading.Lock()
        self.call, self.stream = lend_gpu(self._call), lend_gpu(self._stream)

    def names(self, plugin: Plugin, visitor: str) -> list[str]:
        """Weights to offer: starters, own runs with weights, pulled weights, then runs of hosted models."""
        pulled = [name for name, owner in self._pulled.get(visitor, {}).items() if owner == plugin.name]
        runs = self.runs.own(visitor, plugin, with_weights=True)
        local = [run.id for run in runs if any(run.artifact.rglob("*.safetensors"))]
        hosted = [run.id for run in runs if run.id not in local]  # its artifact is a prompt alone
        return [*plugin.starters, *local, *pulled, *hosted]

    def offer(self, name: str, plugin: Plugin, visitor: str) -> None:
        """Offer pulled weights to this visitor from now on."""
        self._pulled.setdefault(visitor, {})[name] = plugin.name

    def load(self, plugin: Plugin, weights: str) -> Any:
        """The model that `plugin.load` makes of the weights of that name."""
        if weights.startswith(HOSTED):
            if not plugin.connect:
                raise UserError(f"{plugin.title} has no use for hosted models: choose weights.")
            return plugin.connect(weights)
        folder = resolve_weights(weights.strip(), plugin.starters, self.runs.store)
        key = (plugin.name, folder, folder.stat().st_mtime_ns)  # a resumed run replaces its artifact's folder
        with self._loading:
            if key not in self._models:
                self._models[key] = plugin.load(folder)
            self._models.move_to_end(key)
            while len(self._models) > MODELS_IN_MEMORY:
                self._models.popitem(last=False)
            return self._models[key]

    def _call(self, plugin: str, function: Callable[..., Any], weights: str, *arguments: Any) -> Any:
        """Call a function of the plugin on the model of that name. On ZeroGPU its arguments are pickled."""
        owner = self.plugins.get(plugin)
        return function(self.load(owner, weights.strip() or owner.default_weights(function.__name__)), *arguments)

    def _stream(
        self, plugin: str, function: Callable[..., Iterator[Any]], weights: str, *arguments: Any
    ) -> Iterator[Any]:
        """As `_call`, for a generator; closing the stream closes it."""
        yield from self._call(plugin, function, weights, *arguments)

    def import_soon(self) -> None:
        """Import the models' modules in the background after the start, so that the first prediction is quick."""
        threading.Timer(IMPORT_DELAY_SECONDS, self._import_modules).start()

    def _import_modules(self) -> None:
        modules = [name for plugin in self.plugins.all() for trainer in plugin.trainers for name in trainer.preload]
        for name in dict.fromkeys(modules):
            # Under the lock, since transformers imported by two threads at once lacks names in one of them. A module
            # that cannot be imported raises again when it is used.
            with contextlib.suppress(Exception), self._loading:
                importlib.import_module(name)
