"""Limits of a server: what one run may cost. Its operator sets them by environment variables; they hold for all.

The page's process checks a request by them; the process that computes reads the same variables, checks the run's
configuration again (it may come from a backup, or from a time of other limits) and confines itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from training import machine
from training.errors import UserError
from training.home import is_shared
from training.preflight.memory_limit import limit_memory
from training.settings import RunSettings

SPACE_STEPS, SPACE_SECONDS, SPACE_BATCH, SPACE_TOKENS, SPACE_PARAMETERS = 2000, 900, 1024, 1024, 200
SPACE_DISK_MB = 5000
MEMORY_SHARE = 0.8  # of the machine's, that one run may take
MODELS_SHARE, SPACE_MODELS_SHARE = 0.5, 0.25  # that all models may take that are loaded to predict with
TRAINING_BYTES = 16  # per parameter: a 32-bit weight, its gradient and the two moments of AdamW
START_BYTES = 2**30  # address space that libraries reserve and never touch, over what a run needs
BOUNDED = {  # setting -> limit
    "processes": "max_processes",
    "steps": "max_steps",
    "batch_size": "max_batch_size",
    "max_length": "max_tokens",
}


class Limits(BaseSettings):
    """What a run may cost here. Every field is the environment variable `SELFSUP_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="SELFSUP_", env_ignore_empty=True, frozen=True, extra="ignore")

    max_steps: int = Field(
        default_factory=lambda: SPACE_STEPS if is_shared() else 0, ge=0, description="Most steps of a run; 0: no limit."
    )
    max_seconds: int = Field(
        default_factory=lambda: SPACE_SECONDS if is_shared() else 0, ge=0, description="Longest run; 0: no limit."
    )
    max_processes: int = Field(
        default_factory=lambda: 1 if is_shared() else max(machine.cores(), machine.gpus()),
        ge=1,
        description="Most processes of a run.",
    )
    max_batch_size: int = Field(
        default_factory=lambda: SPACE_BATCH if is_shared() else 0, ge=0, description="Largest batch; 0: no limit."
    )
    max_tokens: int = Field(
        default_factory=lambda: SPACE_TOKENS if is_shared() else 0,
        ge=0,
        description="Most tokens of a sequence in training; 0: no limit.",
    )
    max_parameters: int = Field(
        default_factory=lambda: SPACE_PARAMETERS if is_shared() else 0,
        ge=0,
        description="Most parameters of a model in training, in millions; 0: no limit.",
    )
    max_memory_mb: int = Field(
        default_factory=lambda: int(MEMORY_SHARE * machine.memory_bytes() / 2**20),
        ge=256,
        description="Memory of a run, in MiB.",
    )
    max_models_mb: int = Field(
        default_factory=lambda: int(
            (SPACE_MODELS_SHARE if is_shared() else MODELS_SHARE) * machine.memory_bytes() / 2**20
        ),
        ge=1,
        description="Memory of all models that are loaded to predict with, in MiB.",
    )
    max_disk_mb: int = Field(
        default_factory=lambda: SPACE_DISK_MB if is_shared() else 0,
        ge=0,
        description="Disk space of a run, in MiB; 0: no limit.",
    )

    def check(self, settings: RunSettings) -> RunSettings:
        """The settings, with the time limit that they need here.

        Raises:
            UserError: Naming the setting that asks for more than this server allows, and the variable that says so.
        """
        self.check_values({name: settings.value(name, 0) for name in BOUNDED})
        if self.max_seconds and not 0 < settings.time_limit <= self.max_seconds:
            return settings.model_copy(update={"time_limit": self.max_seconds})
        return settings

    def check_values(self, values: Mapping[str, Any]) -> None:
        """Refuse values that ask for more than this server allows.

        Raises:
            UserError: As `check`.
        """
        for name, limit in BOUNDED.items():
            given, most = values.get(name, 0), getattr(self, limit)
            if most and given > most:
                raise UserError(f"{name}: {given} were asked for; this server allows {most}. {_who(limit)}")

    def check_parameters(self, parameters: int) -> None:
        """Refuse a model that this server has no room to train.

        Raises:
            UserError: With its size, and what would be allowed.
        """
        if self.max_parameters and parameters > self.max_parameters * 1e6:
            raise UserError(
                f"The model has {parameters / 1e6:,.0f} million parameters; this server trains up to "
                f"{self.max_parameters:,}. Choose a smaller one. {_who('max_parameters')}"
            )
        needed = parameters * TRAINING_BYTES / 2**20
        if needed > self.max_memory_mb:
            raise UserError(
                f"The model has {parameters / 1e6:,.0f} million parameters: training them takes {needed:,.0f} MB of "
                f"memory before the first row, and a run may take {self.max_memory_mb:,} here. Choose a smaller one. "
                f"{_who('max_memory_mb')}"
            )

    def confine(self) -> None:
        """Let this process fail in words and alone, where it takes more memory than a run may."""
        limit_memory(self.max_memory_mb * 2**20, START_BYTES)


def _who(limit: str) -> str:
    return f"Its operator can raise SELFSUP_{limit.upper()}."
