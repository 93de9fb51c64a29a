"""What the operator sets: the environment, read once, as one frozen record."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal, cast, get_args

from spaces_app.gpu import ZERO_GPU
from training.errors import UserError

SPACE_STEPS, SPACE_SECONDS = 2000, 900  # a public demo trains for many
Access = Literal["anyone", "signed-in", "off"]


@dataclass(frozen=True)
class Settings:
    """How this server behaves. Every field is an environment variable; the README lists them."""

    training: Access = "anyone"  # SELFSUP_TRAINING: who may train
    on_space: bool = False  # SYSTEM=spaces, set by Hugging Face: many visitors, each sees their own runs
    mcp: bool = False  # SELFSUP_MCP=1: the endpoints as MCP tools too
    runs_at_once: int = 1  # SELFSUP_RUNS_AT_ONCE
    zero_gpu: bool = False  # SPACES_ZERO_GPU, set by Hugging Face: a GPU for single calls, none for training
    max_steps: int = 0  # SELFSUP_MAX_STEPS: most steps of a run; 0: no limit
    max_seconds: int = 0  # SELFSUP_MAX_SECONDS: longest time of a run; 0: no limit
    max_upload_mb: int = 500  # SELFSUP_MAX_UPLOAD_MB

    @classmethod
    def from_environment(cls) -> Settings:
        """Read the variables.

        Raises:
            UserError: If one has a value it cannot have.
        """
        training = os.environ.get("SELFSUP_TRAINING", "anyone")
        if training not in get_args(Access):
            raise UserError(f"SELFSUP_TRAINING is {training!r}; it may be: {', '.join(get_args(Access))}.")
        on_space = os.environ.get("SYSTEM") == "spaces"
        return cls(
            training=cast(Access, training),
            on_space=on_space,
            zero_gpu=ZERO_GPU,
            mcp=os.environ.get("SELFSUP_MCP", "") == "1",
            runs_at_once=_whole_number("SELFSUP_RUNS_AT_ONCE", 1, least=1),
            max_steps=_whole_number("SELFSUP_MAX_STEPS", SPACE_STEPS if on_space else 0),
            max_seconds=_whole_number("SELFSUP_MAX_SECONDS", SPACE_SECONDS if on_space else 0),
            max_upload_mb=_whole_number("SELFSUP_MAX_UPLOAD_MB", 500, least=1),
        )


def _whole_number(name: str, default: int, least: int = 0) -> int:
    text = os.environ.get(name, "") or str(default)
    if not text.isdecimal() or int(text) < least:
        raise UserError(f"{name} is {text!r}; a whole number from {least} up was expected.")
    return int(text)
