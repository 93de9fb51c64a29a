"""GPT: causal language models (Radford et al., 2019), prompted without training or trained by next-token prediction."""

from plugins._contract import LABELLED_TEXTS, Document, Kind, Plugin
from plugins.gpt_prompting import samples, suggestions
from plugins.gpt_prompting.models import STARTER
from plugins.gpt_prompting.pretrain.card import CARD as PRETRAIN_CARD
from plugins.gpt_prompting.pretrain.settings import PretrainSettings
from plugins.gpt_prompting.prompting import prompt_card
from plugins.gpt_prompting.prompting.endpoints import Prompting
from plugins.gpt_prompting.prompting.prompts import PROMPT_FILE
from plugins.gpt_prompting.shots.card import CARD as SHOTS_CARD
from plugins.gpt_prompting.shots.endpoints import FewShotEvaluation
from plugins.gpt_prompting.shots.settings import ShotsSettings

PLUGIN = Plugin(
    name="gpt_prompting",
    title="GPT",
    summary="Prompt a language model and measure the effect of instruction, examples and their number; or train one "
    "on your own text.",
    kinds=(
        Kind(
            "pretrain",
            "Train on text, dialogues and tasks",
            module="plugins.gpt_prompting.pretrain",
            settings=PretrainSettings,
            endpoints=Prompting,
            architectures=("*LMHeadModel", "*ForCausalLM"),
            starters=(STARTER,),
            card=PRETRAIN_CARD,
            samples=samples.PRETRAIN,
            suggestions=suggestions.PRETRAIN,
            feeds=("shots.model",),
            hosted=True,
        ),
        Kind(
            "shots",
            "Few-shot accuracy by number of examples",
            module="plugins.gpt_prompting.shots",
            settings=ShotsSettings,
            endpoints=FewShotEvaluation,
            card=SHOTS_CARD,
            samples=samples.SHOTS,
            suggestions=suggestions.SHOTS,
            takes=(LABELLED_TEXTS,),
            secret="Your key for a hosted model. It is sent to its server only and not stored, so that Resume needs "
            "it again.",
        ),
    ),
    documents=(Document("prompt", PROMPT_FILE, prompt_card.checked, prompt_card.render),),
    tab="plugins.gpt_prompting.ui.tab:render",
)
