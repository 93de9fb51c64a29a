"""The operator's settings: environment variables, read and validated once, as one frozen record."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from spaces_app.gpu import ZERO_GPU
from training.errors import UserError
from training.home import is_space

SPACE_STEPS, SPACE_SECONDS = 2000, 900  # a public demo trains for many visitors
Access = Literal["anyone", "signed-in", "off"]
_PREFIX = "SELFSUP_"


class Settings(BaseSettings):
    """How this server behaves. Every field is the environment variable `SELFSUP_<FIELD>`; the README lists them."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_ignore_empty=True, frozen=True, extra="ignore")

    training: Access = Field(default="anyone", description="Who may train.")
    mcp: bool = Field(default=False, description="Whether the endpoints are MCP tools too.")
    runs_at_once: int = Field(default=1, ge=1, description="Runs that train at the same time; more are queued.")
    max_steps: int = Field(
        default_factory=lambda: SPACE_STEPS if is_space() else 0, ge=0, description="Most steps of a run; 0: no limit."
    )
    max_seconds: int = Field(
        default_factory=lambda: SPACE_SECONDS if is_space() else 0, ge=0, description="Longest run; 0: no limit."
    )
    max_upload_mb: int = Field(default=500, ge=1, description="Largest upload, in MiB.")

    @property
    def on_space(self) -> bool:
        """Whether many visitors share this server, so that each sees only their own runs."""
        return is_space()

    @property
    def zero_gpu(self) -> bool:
        """Whether a GPU is lent to single calls (and none to training)."""
        return ZERO_GPU

    @classmethod
    def from_environment(cls) -> Settings:
        """Read the variables.

        Raises:
            UserError: If one has a value it cannot have; the message names the variable and what it may be.
        """
        try:
            return cls()
        except ValidationError as error:
            raise UserError(_message(error)) from None


def _message(error: ValidationError) -> str:
    first = error.errors()[0]
    name, value = str(first["loc"][0]), first["input"]
    field = Settings.model_fields[name]
    if field.annotation is int:
        least = next(limit.ge for limit in field.metadata if hasattr(limit, "ge"))
        return f"{_PREFIX}{name.upper()} is {value!r}; a whole number from {least} up was expected."
    expected = first["msg"].removeprefix("Input should be ").replace("'", "").replace(" or ", ", ")
    return f"{_PREFIX}{name.upper()} is {value!r}; it may be: {expected}."
