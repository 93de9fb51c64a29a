"""The operator's settings: environment variables, read and validated once, as one frozen record."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationError

from spaces_app.gpu import ZERO_GPU
from training.errors import UserError
from training.home import is_shared, is_space
from training.preflight.limits import Limits

Access = Literal["anyone", "signed-in", "off"]
SPACE_CALLS, SPACE_RUNS, SPACE_SWEEP = 120, 2, 8  # a public demo is for many visitors
_PREFIX = "SELFSUP_"


class Settings(Limits):
    """How this server behaves. Every field is the environment variable `SELFSUP_<FIELD>`; docs/server.md lists them."""

    training: Access = Field(default="anyone", description="Who may train.")
    mcp: bool = Field(default=False, description="Whether the endpoints are MCP tools too.")
    runs_at_once: int = Field(default=1, ge=1, description="Runs that train at the same time; more are queued.")
    calls_per_minute: int = Field(
        default_factory=lambda: SPACE_CALLS if is_space() else 0, ge=0, description="Calls of a visitor; 0: no limit."
    )
    runs_per_visitor: int = Field(
        default_factory=lambda: SPACE_RUNS if is_space() else 0,
        ge=0,
        description="Runs of a visitor that wait or train at once; 0: no limit.",
    )
    max_sweep: int = Field(
        default_factory=lambda: SPACE_SWEEP if is_shared() else 100, ge=2, description="Most runs of a sweep."
    )
    owner: str = Field(default="", description="The account that sees the operator's page of a shared server.")
    max_upload_mb: int = Field(default=500, ge=1, description="Largest upload, in MiB.")

    auth: str = Field(default="", description="Who may come in: name:password, several separated by commas.")
    hosts: str = Field(
        default="", description="Further names that a server on this machine answers to, separated by commas."
    )
    open: bool = Field(default=False, description="Whether a server that the network reaches asks nobody who they are.")

    @property
    def on_space(self) -> bool:
        """Whether visitors sign in with their Hugging Face account."""
        return is_space()

    @property
    def is_shared(self) -> bool:
        """Whether many visitors share this server, so that each sees only their own runs."""
        return is_shared()

    @property
    def accounts(self) -> list[tuple[str, str]]:
        """Names and passwords of `auth`.

        Raises:
            UserError: If it is not of that form.
        """
        pairs = [pair.strip().partition(":") for pair in self.auth.split(",") if pair.strip()]
        if not all(name and password for name, _, password in pairs):
            raise UserError("SELFSUP_AUTH is not of the form name:password,name:password.")
        return [(name, password) for name, _, password in pairs]

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
