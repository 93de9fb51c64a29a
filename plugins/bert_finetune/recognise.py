"""Which predictor a folder of weights is for, by the architecture that its configuration names."""

from __future__ import annotations

import json
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path
from typing import Any

from training.errors import UserError

PREDICTORS = {  # pattern of the architecture -> module and class
    "*ForSequenceClassification": ("classify.predictor", "ClassifierPredictor"),
    "*ForTokenClassification": ("tag.predictor", "TaggerPredictor"),
    "*ForQuestionAnswering": ("answer.predictor", "AnswerPredictor"),
    "EncoderDecoderModel": ("translate.predictor", "TranslationPredictor"),
    "*ForConditionalGeneration": ("translate.predictor", "TranslationPredictor"),
    "*MTModel": ("translate.predictor", "TranslationPredictor"),
    "*ForMaskedLM": ("pretrain.predictor", "MaskedLMPredictor"),
    "*ForPreTraining": ("pretrain.predictor", "MaskedLMPredictor"),
    "*Model": (
        "models.encoder_only",
        "EncoderPredictor",
    ),  # no head: its vectors, its attention and its tokenizer can be had
}


def load_as_made(folder: Path) -> Any:
    """The predictor for what is in `folder`.

    Raises:
        UserError: If none of them can use it; or if vocabulary and weights
            do not belong together.
    """
    names = _architectures(folder)
    for pattern, (package, kind) in PREDICTORS.items():
        if any(fnmatch(name, pattern) for name in names):
            loaded = getattr(import_module(f"plugins.bert_finetune.{package}"), kind).load(folder)
            import_module("plugins.bert_finetune.models.loading").check_vocabulary(loaded.tokenizer, loaded.model)
            return loaded
    said = ", ".join(names) or "nothing"
    raise UserError(
        f"{folder.name} names {said} as its architecture, which nothing here uses: choose an encoder, or what was fine-tuned from one."
    )


def _architectures(folder: Path) -> list[str]:
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("architectures")
    except (OSError, ValueError, AttributeError):
        raise UserError(f"{folder.name} has no config.json that can be read.") from None
    return [str(name) for name in found] if isinstance(found, list) else []
