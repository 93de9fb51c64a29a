"""Decoders that read from left to right (Radford et al., 2019): prompted without training, and trained by next-token prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plugins._contract import Card, Plugin, Trainer
from plugins.gpt_prompting import endpoints
from plugins.gpt_prompting.settings import PretrainSettings
from training.preflight import Sheet
from training.task import Task


def check_pretrain(settings: PretrainSettings) -> Sheet:
    """Read the text, the dialogues and the tasks, and report on them."""
    from plugins.gpt_prompting.pretrain.sources import check

    return check(settings)


def build_pretrain(settings: PretrainSettings) -> Task:
    """The task of `pretrain`."""
    from plugins.gpt_prompting.pretrain.task import build

    return build(settings)


def load(folder: Path) -> Any:
    """Any causal language model that transformers reads, as what the endpoints ask."""
    from plugins.gpt_prompting.models.local import LocalModel

    return LocalModel.load(folder)


def connect(name: str) -> Any:
    """A model on another machine: hosted:model@https://server/v1."""
    from plugins.gpt_prompting.models.hosted import connect as connect_hosted

    return connect_hosted(name)


PLUGIN = Plugin(
    name="gpt_prompting",
    title="GPT",
    summary="Prompt a language model and measure what the wording, the examples and their number are worth; or train one on your own text.",
    trainers=(
        Trainer(
            "pretrain",
            "Train on text, dialogues and tasks",
            PretrainSettings,
            build_pretrain,
            check_pretrain,
            preload=("plugins.gpt_prompting.pretrain.task",),
        ),
    ),
    load=load,
    connect=connect,
    endpoints=(
        endpoints.generate,
        endpoints.chat,
        endpoints.classify,
        endpoints.evaluate,
        endpoints.next_token,
        endpoints.score,
    ),
    card=Card(
        "text-generation",
        "transformers",
        paper="Radford et al., 2019 (GPT-2)",
        tags=("gpt2",),
        usage="""
from transformers import pipeline

write = pipeline("text-generation", model="{repo}")
print(write("Once upon a time", max_new_tokens=40)[0]["generated_text"])
""",
        summary="A decoder trained by next-token prediction.",
        limits=("It writes what its training texts make likely, true or not.",),
    ),
    architectures=("*LMHeadModel", "*ForCausalLM"),
)
