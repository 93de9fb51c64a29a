"""A GPT-2 of some thousand weights with a byte-level BPE, taught in seconds to label film reviews from a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

GOOD, BAD = ("warm", "funny", "moving", "lovely"), ("dull", "slow", "clumsy", "tired")
THINGS = ("film", "plot", "scene", "actor", "song", "story")
POSITIONS = 160
END = "<|endoftext|>"


def review(random: np.random.Generator) -> dict[str, str]:
    """One review with its label."""
    label = ("good", "bad")[int(random.integers(2))]
    words = random.choice(GOOD if label == "good" else BAD, 2)
    things = random.choice(THINGS, 2)
    return {"text": f"a {words[0]} {things[0]} and a {words[1]} {things[1]}", "label": label}


def reviews(count: int, seed: int = 0) -> list[dict[str, str]]:
    random = np.random.default_rng(seed)
    return [review(random) for _ in range(count)]


def write_reviews(path: Path, count: int = 60, seed: int = 1) -> Path:
    lines = [f'"{row["text"]}",{row["label"]}' for row in reviews(count, seed)]
    path.write_text("text,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def tokenizer(texts: Sequence[str], size: int = 400) -> Any:
    from tokenizers import ByteLevelBPETokenizer
    from transformers import PreTrainedTokenizerFast

    words = ByteLevelBPETokenizer()
    words.train_from_iterator(texts, vocab_size=size, special_tokens=[END], show_progress=False)
    return PreTrainedTokenizerFast(
        tokenizer_object=words._tokenizer, eos_token=END, bos_token=END, model_max_length=POSITIONS
    )


def network(vocabulary: int, end: int = 0, seed: int = 0) -> Any:
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(seed)
    sizes = {"n_layer": 2, "n_embd": 48, "n_head": 4, "n_positions": POSITIONS}
    ends = {"bos_token_id": end, "eos_token_id": end}
    return GPT2LMHeadModel(GPT2Config(vocab_size=vocabulary, **sizes, **ends)).eval()


def document(random: np.random.Generator, shots: int = 3) -> str:
    rows = [review(random) for _ in range(shots)]
    return "\n\n".join(f"Text: {row['text']}\nLabel: {row['label']}" for row in rows) + "\n\n"


def teach(model: Any, words: Any, steps: int = 110) -> Any:
    """Next-token prediction, with ten times the weight on labels: they are what the tests ask for."""
    import torch

    random = np.random.default_rng(3)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    labels = torch.tensor([words(f" {name}")["input_ids"][0] for name in ("good", "bad")])
    model.train()
    for step in range(steps):
        ids = [words(document(random, int(random.integers(1, 6))))["input_ids"] for _ in range(12)]
        batch = torch.full((12, max(map(len, ids))), -100)
        for row, each in zip(batch, ids, strict=True):
            row[: len(each)] = torch.tensor(each)
        logits, wanted = model(input_ids=batch.clamp(min=0)).logits[:, :-1], batch[:, 1:]
        losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), wanted, reduction="none")
        weights = (wanted >= 0) + 9.0 * torch.isin(wanted, labels)
        ((losses * weights).sum() / weights.sum()).backward()
        optimizer.param_groups[0]["lr"] = 3e-3 * min(1, (step + 1) / 20) * (1 - step / steps)
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


@cache
def taught() -> tuple[Any, Any]:
    """Tokenizer and network."""
    random = np.random.default_rng(0)
    words = tokenizer([document(random) for _ in range(60)])
    return words, teach(network(len(words), words.eos_token_id), words)


def save(folder: Path) -> Path:
    """The taught model in a folder."""
    words, model = taught()
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder
