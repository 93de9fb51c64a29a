"""Where and in which number format weights are held to predict with, and what they take. Imports no torch by itself."""

from __future__ import annotations

import json
import math
import os
import struct
from pathlib import Path
from typing import Any

from training import files
from training.errors import UserError

VARIABLE = "SELFSUP_PREDICTION_DTYPE"
FLOAT_BYTES = {"fp32": 4, "bf16": 2}
LOADING = 1.25  # of the tensors' bytes: what loading takes beside them, and the objects around them
CARD_SHARE = 0.9  # of a card's free memory that weights may take; the rest is for activations
MAX_HEADER_BYTES = 100 * 2**20  # as safetensors has it
NUMBER_BYTES = {  # of the types of safetensors that stay as they are
    "F64": 8, "I64": 8, "U64": 8, "I32": 4, "U32": 4, "I16": 2, "U16": 2, "I8": 1, "U8": 1, "BOOL": 1,
}  # fmt: skip


def prediction_dtype() -> str:
    """The number format of weights that predict: fp32, or bf16, which takes half of the memory.

    Raises:
        UserError: If SELFSUP_PREDICTION_DTYPE is something else.
    """
    name = os.environ.get(VARIABLE, "") or "fp32"
    if name not in FLOAT_BYTES:
        raise UserError(f"{VARIABLE} is {name[:20]!r}; it may be {' or '.join(FLOAT_BYTES)}.")
    return name


def size_in_memory(folder: Path) -> int:
    """Bytes that a folder of weights takes once it is loaded to predict with, by the headers of its files."""
    weights = list(folder.rglob("*.safetensors"))
    others = files.size_bytes(folder) - sum(path.stat().st_size for path in weights)
    return int(LOADING * sum(_tensor_bytes(path) for path in weights)) + others


def loading_options(folder: Path) -> dict[str, Any]:
    """`dtype` and `device_map` of weights that are loaded to predict with; see `load_pretrained.load_network`."""
    return {"dtype": prediction_dtype(), "device_map": "auto" if _needs_several_gpus(folder) else None}


def _needs_several_gpus(folder: Path) -> bool:
    """Whether there are several GPUs, and the weights are too large for the first."""
    import torch

    if not torch.cuda.is_available() or torch.cuda.device_count() < 2:
        return False
    return size_in_memory(folder) > CARD_SHARE * torch.cuda.mem_get_info(0)[0]


def on_device(model: Any) -> Any:
    """A network on the GPU, if there is one; one that was loaded with a device map stays where it is."""
    import torch

    is_placed = getattr(model, "hf_device_map", None) is not None
    return model if is_placed or not torch.cuda.is_available() else model.to("cuda")


def _tensor_bytes(path: Path) -> int:
    """Bytes of a file's tensors in memory; those of the file where its header cannot be read: loading says why."""
    width = FLOAT_BYTES[prediction_dtype() if _follows(path.parent) else "fp32"]
    try:
        with path.open("rb") as file:
            length = struct.unpack("<Q", file.read(8))[0]
            header = json.loads(file.read(min(length, MAX_HEADER_BYTES)))
        tensors = [about for name, about in header.items() if name != "__metadata__"]
        return sum(math.prod(each["shape"]) * NUMBER_BYTES.get(each["dtype"], width) for each in tensors)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error):
        return path.stat().st_size


def _follows(folder: Path) -> bool:
    """Whether its weights are held in the format of predictions: networks of transformers, and a pipeline's U-Net.

    The studio's own networks, which are small, and the rest of a pipeline stay in fp32.
    """
    if (folder.parent / "model_index.json").is_file():
        return folder.name == "unet"
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and "architectures" in config
