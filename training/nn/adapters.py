"""Weights that are low-rank adapters of others (LoRA; Hu et al., 2022), in peft's form: merged into them before use.

A folder of adapters holds `adapter_config.json` and `adapter_model.safetensors` (with the head), the configuration of
the whole network, and in the header of the tensors which weights they were trained on. Merged, they are a folder as
any other, kept below the studio's home: whatever reads weights needs to know nothing of adapters.
"""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training import files
from training.errors import UserError
from training.home import home

CONFIG, WEIGHTS, BASE_WEIGHTS = "adapter_config.json", "adapter_model.safetensors", "model.safetensors"
FOLDER = "adapter"  # of an artifact, beside its merged weights
COPIED = ("selfsup.json", "README.md")
USAGE = """
from peft import PeftModel
from transformers import {model}, AutoConfig, AutoTokenizer

base = "{base}"
network = {model}.from_pretrained(base, config=AutoConfig.from_pretrained("{{repo}}"))
model, tokenizer = PeftModel.from_pretrained(network, "{{repo}}"), AutoTokenizer.from_pretrained(base)
"""


@dataclass(frozen=True)
class Base:
    """The weights that adapters were trained on: their name on the Hub, and of their file the bytes and SHA-256."""

    name: str
    size_bytes: int
    sha256: str

    @staticmethod
    def of(folder: Path, name: str) -> Base:
        """Describe the weights of a folder."""
        path = folder / BASE_WEIGHTS
        return Base(name, path.stat().st_size, files.sha256(path))

    @staticmethod
    def named_in(adapters: Path) -> Base:
        """Read what `metadata` wrote."""
        about = files.safetensors_header(adapters / WEIGHTS)["__metadata__"]
        return Base(about["base"], int(about["base_bytes"]), about["base_sha256"])

    def metadata(self) -> dict[str, str]:
        """For the header of the adapters' tensors."""
        return {"base": self.name, "base_bytes": str(self.size_bytes), "base_sha256": self.sha256}


def are_adapters(folder: Path) -> bool:
    """Whether a folder holds adapters, and no weights that work without others."""
    return (folder / CONFIG).is_file() and not (folder / BASE_WEIGHTS).exists()


def fit_to(adapters: Path, base: Path) -> bool:
    """Whether adapters seem to belong to the weights of a folder: by the size of its file, without reading them."""
    try:
        return Base.named_in(adapters).size_bytes == (base / BASE_WEIGHTS).stat().st_size
    except (OSError, ValueError, KeyError):  # not here, or damaged
        return False


def described(record: dict[str, Any], adapters: Path) -> dict[str, Any]:
    """The record of an artifact as that of its adapters alone: what they belong to, and how they are used."""
    base = Base.named_in(adapters)
    architecture = json.loads((adapters / "config.json").read_text(encoding="utf-8"))["architectures"][0]
    usage = USAGE.format(model=f"AutoModelFor{architecture.partition('For')[2]}", base=base.name)
    card = {**record["card"], "library_name": "peft", "usage": usage}
    data = {**record["data"], "base_model": base.name, "base_model_sha256": base.sha256[:16]}
    belongs_to = {"base_model": base.name, "base_model_relation": "adapter", "lineage": [base.name]}
    return {**record, "card": card, "data": data, **belongs_to}


def merged(adapters: Path, base: Path | None) -> Path:
    """The folder of the network with these adapters, in float16: made at the first use, and of the adapters' name.

    Args:
        base: The folder of the weights that the adapters were trained on; None where they are not here.

    Raises:
        UserError: If the base is not here, or is another one than that of the training.
    """
    wanted = Base.named_in(adapters)
    folder = home() / "starters" / _content(adapters, (adapters / WEIGHTS).stat().st_mtime_ns) / adapters.name
    if not (folder / BASE_WEIGHTS).is_file():
        base = _checked(adapters.name, wanted, base)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as new:  # two processes may merge at once
            _merge(adapters, base, Path(new) / folder.name)
            _put(Path(new) / folder.name, folder)
    return folder


@functools.lru_cache
def _content(adapters: Path, _changed: int) -> str:
    """A name for what a folder of adapters holds, which says whose they are, too."""
    parts = [f"{path.name} {files.sha256(path)}" for path in sorted(adapters.iterdir())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _put(new: Path, folder: Path) -> None:
    """Move a complete folder to its place; where another process was first, its own stays."""
    files.sync(new)
    try:
        new.rename(folder)
    except OSError:
        if not (folder / BASE_WEIGHTS).is_file():
            raise


def _checked(name: str, wanted: Base, base: Path | None) -> Path:
    if base is None or not (base / BASE_WEIGHTS).is_file():
        raise UserError(f"{name} are adapters of {wanted.name}, which is not installed here. Install it: make models.")
    if files.sha256(base / BASE_WEIGHTS) != wanted.sha256:
        raise UserError(
            f"{name} are adapters of {wanted.name}, and the weights of that name here are others than those that the "
            "adapters were trained on: the answers would be wrong. Install those again (make models), or choose other "
            "weights."
        )
    return base


def _merge(adapters: Path, base: Path, folder: Path) -> None:
    """Write the network of `base` with adapters and head for `from_pretrained`."""
    import torch
    import transformers
    from peft import PeftModel

    from training.nn.load_pretrained import load_config, load_network, load_tokenizer

    config = load_config(adapters)
    network: Any = load_network(base, getattr(transformers, config.architectures[0]), adapters.name, config=config)
    whole: Any = PeftModel.from_pretrained(network, str(adapters)).merge_and_unload()
    whole.to(torch.float16).save_pretrained(folder, safe_serialization=True)
    load_tokenizer(base).save_pretrained(folder)
    for name in COPIED:
        shutil.copy(adapters / name, folder / name)
