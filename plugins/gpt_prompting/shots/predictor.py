"""FewShotPredictor: an evaluated prompt with its model, and the results of its evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plugins.gpt_prompting.models.interface import LanguageModel
from plugins.gpt_prompting.models.openai_model import HostedModel
from plugins.gpt_prompting.models.transformers_model import TransformersModel
from plugins.gpt_prompting.prompting.predictor import PromptPredictor
from plugins.gpt_prompting.prompting.prompts import PROMPT_FILE, Prompt, parse_prompt
from plugins.gpt_prompting.shots.endpoints import FewShotEvaluation
from training.artifact import store
from training.errors import UserError
from training.settings import HOSTED

RESULTS = ("records", "macro_f1", "calibration_error", "order_sensitivity", "fine_tuned", "proof")


class FewShotPredictor(PromptPredictor, FewShotEvaluation):
    """Answers with the evaluated prompt unless a call gives labels of its own."""

    def __init__(self, model: LanguageModel, prompt: Prompt, study: dict[str, Any]):
        super().__init__(model, prompt)
        self.study = study

    def shots(self) -> dict[str, Any]:
        return {name: self.study[name] for name in RESULTS}


def load(folder: Path) -> FewShotPredictor:
    """Load an artifact of the experiment.

    Raises:
        UserError: If a file is missing or damaged.
    """
    record = store.read_record(folder)
    studies = record.get("studies") or [{}]
    if not (folder / PROMPT_FILE).is_file() or not {*RESULTS} <= studies[0].keys():
        raise UserError(f"{folder.name} is not complete: an evaluated prompt has {PROMPT_FILE} and its results.")
    prompt = parse_prompt((folder / PROMPT_FILE).read_text(encoding="utf-8"))
    return FewShotPredictor(_model(folder, record), prompt, studies[0])


def _model(folder: Path, record: dict[str, Any]) -> LanguageModel:
    """The weights, or without any the hosted model that the prompt was evaluated with.

    An artifact with weights may be a stranger's: then its record does not decide where a visitor's key is sent.
    """
    name = str(record.get("settings", {}).get("model", ""))
    if name.startswith(HOSTED) and not any(folder.rglob("*.safetensors")):
        return HostedModel.connect(name)
    return TransformersModel.load(folder)
