"""Gradio's state of a session, without the copy of the page that it keeps for deep links, which this page has none of.

That copy takes 3.7 MB of a page with two thousand components, for every visitor and every client of the API.
"""

from __future__ import annotations

from copy import copy
from typing import Any

from gradio import state_holder
from gradio.blocks import Blocks

CLOSED_SECONDS = 3600  # that the state of a closed page is kept
CAPACITY = 1000  # sessions


class SmallSession(state_holder.SessionState):
    """A session that describes a component only when its value changes."""

    def __init__(self, blocks: Blocks):
        self.blocks_config = copy(blocks.default_config)
        self.config_values: dict[int, dict[str, Any]] = {}
        self.state_data: dict[int, Any] = {}
        self._state_ttl: dict[int, Any] = {}
        self.is_closed = False
        self.STATE_TTL_WHEN_CLOSED = CLOSED_SECONDS


def use_small_sessions() -> None:
    """Let Gradio make this kind of session from now on."""
    state_holder.SessionState = SmallSession  # type: ignore[misc]
