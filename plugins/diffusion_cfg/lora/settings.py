"""Settings of the LoRA adapters; cheap to import."""

from __future__ import annotations

from pydantic import Field

from plugins.diffusion_cfg.settings import DiffusionSettings
from training.settings import ADVANCED, Lora, StartingWeights


class LoraSettings(
    DiffusionSettings,
    StartingWeights,
    Lora,
    usual={"steps": 500, "batch_size": 4, "learning_rate": 1e-4},
    defaults={"schedule": "constant"},
    descriptions={
        "model": "The pipeline to adapt: a starter, a run, or a Stable Diffusion of the Hub (owner/repo).",
        "lora_alpha": "The adapters are scaled by lora_alpha / lora_rank. 0: as much as the rank.",
    },
):
    """Settings of `lora`."""

    lora_rank: int = Field(
        8, ge=1, le=256, description="Rank of the adapters (Hu et al., 2022)."
    )  # 0 would train nothing
    train_text_encoder: bool = Field(
        False, description="Adapt the attention of the text encoder too.", json_schema_extra=ADVANCED
    )
