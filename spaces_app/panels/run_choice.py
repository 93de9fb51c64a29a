"""A dropdown of the visitor's runs, in words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import gradio as gr

from spaces_app.identity import visitor
from spaces_app.services import Services
from training.home import RUN_ID

SHOWN = 500  # in a menu, the newest; the page is sent all choices of each menu. Others are typed by their id


def in_menu(names: Iterable[str], chosen: str = "") -> list[str]:
    """Of names of weights those that a menu offers: all but runs beyond the newest, of which the chosen one is kept."""
    names = list(names)
    runs = [name for name in names if RUN_ID.fullmatch(name)]
    left_out = {run for run in runs[SHOWN:] if run != chosen}
    return [name for name in names if name not in left_out]


def run_choices(
    services: Services, request: gr.Request, chosen: str | None = None, *, with_weights: bool = False
) -> Any:
    """An update of the dropdown: the newest runs.

    Args:
        chosen: The run to show, where it exists. None leaves what the page shows.
    """
    runs = services.runs.descriptions(visitor(request), with_weights=with_weights)
    shown = [run for place, run in enumerate(runs) if place < SHOWN or run["id"] == chosen]
    choices = [(run_label(services, run), run["id"]) for run in shown]
    if chosen is None:
        return gr.Dropdown(choices)
    return gr.Dropdown(choices, value=chosen if chosen in [run["id"] for run in shown] else None)


def run_label(services: Services, run: dict[str, Any]) -> str:
    """What a person calls a run: its name or kind, when it began, its status and its best score."""
    best = next(iter(run["best"].items()), None)
    score = [f"{best[0]} {best[1]:.3f}"] if best and best[1] is not None else []
    began = [datetime.fromtimestamp(run["created"]).strftime("%d %b %H:%M")] if run["created"] else []
    return " · ".join(
        [run.get("name") or services.plugins.title(run["plugin"], run["trainer"]), *began, run["status"], *score]
    )
