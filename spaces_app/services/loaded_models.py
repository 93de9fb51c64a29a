"""Models in memory: refused before they are loaded where there is no room, the least recently used dropped first."""

from __future__ import annotations

import gc
import json
import math
import struct
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path

from plugins._endpoints import Endpoints
from training import files, machine
from training.errors import UserError

LOADING = 1.25  # of the tensors' bytes: what loading takes beside them, and the objects around them
RESERVE_BYTES = 256 * 2**20  # of the machine's, that no model takes: the page itself, and a call's activations
MAX_HEADER_BYTES = 100 * 2**20  # as safetensors has it
NUMBER_BYTES = {  # of the types of safetensors; floating point becomes 32-bit in every predictor
    "F64": 8, "I64": 8, "U64": 8, "I32": 4, "U32": 4, "I16": 2, "U16": 2, "I8": 1, "U8": 1, "BOOL": 1,
}  # fmt: skip
FLOAT_BYTES = 4


def size_in_memory(folder: Path) -> int:
    """Bytes that a folder of weights takes once it is loaded, by the headers of its safetensors files."""
    weights = list(folder.rglob("*.safetensors"))
    tensors = sum(_tensor_bytes(path) for path in weights)
    others = files.size_bytes(folder) - sum(path.stat().st_size for path in weights)
    return int(LOADING * tensors) + others


def _tensor_bytes(path: Path) -> int:
    """Bytes of a file's tensors in memory; those of the file where its header cannot be read: loading says why."""
    try:
        with path.open("rb") as file:
            length = struct.unpack("<Q", file.read(8))[0]
            header = json.loads(file.read(min(length, MAX_HEADER_BYTES)))
        tensors = [about for name, about in header.items() if name != "__metadata__"]
        return sum(math.prod(each["shape"]) * NUMBER_BYTES.get(each["dtype"], FLOAT_BYTES) for each in tensors)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error):
        return path.stat().st_size


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
                "here. Choose a smaller one. Its operator can raise SELFSUP_MAX_MODELS_MB."
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


def _mb(count: float) -> str:
    return f"{count / 2**20:,.0f}"
