"""Convert a checkpoint's pickled files to safetensors, with everything but tensors as JSON in the header, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

SUFFIX = ".safetensors"  # optimizer.bin goes as optimizer.bin.safetensors
PICKLED = (".bin", ".pkl", ".pt")
HEADER = "state"


def pack(source: Path, target: Path) -> None:
    """Convert a file that `torch.save` of this studio wrote; it is memory-mapped, not read.

    Raises:
        TypeError: If it holds anything but tensors, numbers, texts, lists and dictionaries.
    """
    import torch
    from safetensors.torch import save_file

    tensors: dict[str, Tensor] = {}
    state = torch.load(source, map_location="cpu", mmap=True, weights_only=True)
    header = json.dumps(_describe(state, tensors, set()))
    save_file(tensors, target, {HEADER: header})


def unpack(source: Path, target: Path) -> None:
    """Restore the file that `pack` was given. `source` may be of unknown origin: no code in it can run.

    Raises:
        UserError: If it is damaged, or has another form than `pack` writes.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(source, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dictionary
            state = _rebuild(json.loads((file.metadata() or {})[HEADER]), tensors)
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError):
        raise UserError(f"{source.name} of the checkpoint is damaged: nothing of it is loaded.") from None
    torch.save(state, target)


def _describe(value: Any, tensors: dict[str, Tensor], storages: set[int]) -> Any:
    import torch

    if isinstance(value, torch.Tensor):
        name, storage = str(len(tensors)), value.untyped_storage().data_ptr()
        tensors[name] = value.contiguous().clone() if storage in storages else value.contiguous()
        storages.add(storage)
        return {"tensor": name}
    if isinstance(value, dict):
        if not all(type(key) in (str, int) for key in value):
            raise TypeError("A key of a checkpoint is neither a text nor a number.")
        return {"dict": [[key, _describe(item, tensors, storages)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_describe(item, tensors, storages) for item in value]}
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise TypeError(f"A checkpoint holds a {type(value).__name__}.")


def _rebuild(node: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(node, dict):
        if isinstance(node, list):
            raise TypeError("A bare list.")
        return node
    ((kind, content),) = node.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {_key(key): _rebuild(item, tensors) for key, item in content}
    return {"list": list, "tuple": tuple}[kind](_rebuild(item, tensors) for item in content)


def _key(key: Any) -> str | int:
    if type(key) not in (str, int):
        raise TypeError("A key that is neither a text nor a number.")
    return key
