"""GPT: causal language models (Radford et al., 2019), prompted without training or trained by next-token prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plugins._contract import Card, Document, Plugin, Trainer, Workbench
from plugins.gpt_prompting import endpoints
from plugins.gpt_prompting.pretrain.settings import PretrainSettings
from plugins.gpt_prompting.prompting import prompt_card
from plugins.gpt_prompting.prompting.prompts import PROMPT_FILE
from plugins.gpt_prompting.shots.settings import ShotsSettings
from training.fit.experiment import Experiment
from training.preflight.sheet import Sheet
from training.task import Task


def check_pretrain(settings: PretrainSettings) -> Sheet:
    """Read the text, the dialogues and the tasks, and report on them."""
    from plugins.gpt_prompting.pretrain.data import check

    return check(settings)


def build_pretrain(settings: PretrainSettings) -> Task:
    """The task of `pretrain`."""
    from plugins.gpt_prompting.pretrain.task import build

    return build(settings)


def check_shots(settings: ShotsSettings) -> Sheet:
    """Read the rows and report on prompt and labels."""
    from plugins.gpt_prompting.shots.data import check

    return check(settings)


def build_shots(settings: ShotsSettings) -> Experiment:
    """The experiment of `shots`."""
    from plugins.gpt_prompting.shots.experiment import build

    return build(settings)


def load(folder: Path) -> Any:
    """Any causal language model that transformers reads, as what the endpoints ask; or the hosted one that a prompt was measured with."""
    from plugins.gpt_prompting.models.openai_model import of_artifact

    if model := of_artifact(folder):
        return model
    from plugins.gpt_prompting.models.transformers_model import TransformersModel

    return TransformersModel.load(folder)


def connect(name: str) -> Any:
    """A model on another machine: hosted:model@https://server/v1."""
    from plugins.gpt_prompting.models.openai_model import connect as connect_hosted

    return connect_hosted(name)


def tab(workbench: Workbench) -> None:
    """Draw "Try" and "Look inside"."""
    from plugins.gpt_prompting.ui.tab import render

    render(workbench)


SHOTS_CARD = Card(
    "text-classification",
    "transformers",
    paper="Brown et al., 2020 (GPT-3); Zhao et al., 2021; Min et al., 2022",
    tags=("prompt", "few-shot"),
    usage="""
# The prompt is in prompt.json; the weights are those it was evaluated with, unchanged.
from gradio_client import Client

studio = Client("http://127.0.0.1:7860")
print(studio.predict("{repo}", "a text to classify", api_name="/gpt_prompting_classify"))
""",
    summary="A prompt with its examples, evaluated on labelled rows; no parameter was changed.",
    limits=("It was evaluated on the rows named here; accuracy on other texts may differ.",),
)

PLUGIN = Plugin(
    name="gpt_prompting",
    title="GPT",
    summary="Prompt a language model and measure the effect of instruction, examples and their number; or train one on your own text.",
    trainers=(
        Trainer(
            "pretrain",
            "Train on text, dialogues and tasks",
            PretrainSettings,
            build_pretrain,
            check_pretrain,
            preload=("plugins.gpt_prompting.pretrain.task",),
        ),
        Trainer(
            "shots",
            "Few-shot accuracy by number of examples",
            ShotsSettings,
            build_shots,
            check_shots,
            preload=("plugins.gpt_prompting.shots.experiment",),
            card=SHOTS_CARD,
            key="Your key for a hosted model. It is sent to its server only and not stored, so that Resume needs it again.",
        ),
    ),
    load=load,
    connect=connect,
    documents=(Document("prompt", PROMPT_FILE, prompt_card.checked, prompt_card.render),),
    endpoints=(
        endpoints.generate,
        endpoints.chat,
        endpoints.classify,
        endpoints.evaluate,
        endpoints.next_token,
        endpoints.score,
        endpoints.shots,
    ),
    card=Card(
        "text-generation",
        "transformers",
        paper="Radford et al., 2019 (GPT-2)",
        tags=("gpt2",),
        usage="""
from transformers import pipeline

generate = pipeline("text-generation", model="{repo}")
print(generate("Once upon a time", max_new_tokens=40)[0]["generated_text"])
""",
        summary="A decoder trained by next-token prediction.",
        limits=("It generates what is probable given its training texts, true or not.",),
    ),
    tab=tab,
    starters={"tales": Path(__file__).parent / "starter" / "tales"},
    architectures=("*LMHeadModel", "*ForCausalLM"),
)
