"""Models in memory: refused before they are loaded where there is no room, the least recently used dropped first."""

from __future__ import annotations

import gc
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

from plugins._endpoints import Endpoints
from training import machine
from training.errors import UserError
from training.nn.placement import VARIABLE, prediction_dtype

RESERVE_BYTES = 256 * 2**20  # of the machine's, that no model takes: the page itself, and a call's activations


class LoadedModels:
    """The models that were used last.

    Args:
        most_bytes: What all of them may take together.
    """

    def __init__(self, most_bytes: int):
        self.most_bytes = most_bytes
        self._models: OrderedDict[Hashable, tuple[Endpoints, int]] = OrderedDict()  # and its bytes
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._models)

    def get(self, key: Hashable) -> Endpoints | None:
        """A model that is loaded; whoever asks does not wait for one that is being loaded."""
        with self._lock:
            if key not in self._models:
                return None
            self._models.move_to_end(key)
            return self._models[key][0]

    def load(self, key: Hashable, name: str, size: int, load: Callable[[], Endpoints]) -> Endpoints:
        """The model of that key: kept, or loaded once there is room for its `size` bytes. One at a time.

        Raises:
            UserError: As `check`; nothing is loaded.
        """
        if (model := self.get(key)) is None:
            self._make_room(name, size)
            model = load()
            with self._lock:
                self._models[key] = (model, size)
        return model

    def check(self, name: str, size: int) -> None:
        """Refuse a model for which there would be no room even with all others dropped.

        Raises:
            UserError: With its size, and what is allowed or free.
        """
        if size > self.most_bytes:
            raise UserError(
                f"{name} takes about {_mb(size)} MB of memory; all models together may take {_mb(self.most_bytes)} MB "
                f"here. Choose a smaller one. Its operator can raise SELFSUP_MAX_MODELS_MB{_halved()}."
            )
        free, kept = machine.free_memory_bytes(), sum(bytes_ for _, bytes_ in self._models.copy().values())
        if size + RESERVE_BYTES > free + kept:
            raise UserError(
                f"{name} takes about {_mb(size)} MB of memory, and this machine has {_mb(free)} MB free now. Try "
                "again when other work has ended, or choose a smaller one."
            )

    def _make_room(self, name: str, size: int) -> None:
        """Drop models until this one fits into what they may take, and into what the machine has."""
        self.check(name, size)
        with self._lock:
            while self._models and sum(bytes_ for _, bytes_ in self._models.values()) + size > self.most_bytes:
                self._models.popitem(last=False)
        while len(self) and size + RESERVE_BYTES > machine.free_memory_bytes():
            with self._lock:
                self._models.popitem(last=False)
            gc.collect()


def _halved() -> str:
    """A way to need less; empty where it is taken already."""
    return f", or set {VARIABLE}=bf16: weights take half then" if prediction_dtype() == "fp32" else ""


def _mb(count: float) -> str:
    return f"{count / 2**20:,.0f}"
