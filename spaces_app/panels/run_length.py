"""How long to train: presets, each with its steps and, once measured, its time; or a number of steps of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from spaces_app.panels.settings_form import render_fields
from training.errors import UserError
from training.preflight.auto import PRESETS, USUAL, seconds_of
from training.settings import RunSettings
from training.wording import spell_seconds

STEPS = "steps"
BALANCED, OWN = "balanced", "own"
NAMES = {name: name.capitalize() for name in PRESETS} | {OWN: "Own number of steps"}
ABOUT = "Quick is at most a third of Balanced, Thorough three times."
CLEAR = f"(choice, steps) => choice === '{OWN}' ? steps : null"  # a preset is chosen: no number beside it
CHOOSE = f"(steps) => steps === null || steps === '' ? '{BALANCED}' : '{OWN}'"  # a number is typed: it counts


class RunLength:
    """The choice of a preset, and beside it the number of steps, which counts where there is one."""

    def __init__(self, settings: type[RunSettings], names: tuple[str, ...]):
        """Render it with the fields that say how long to train."""
        self.has_presets = STEPS in names
        self.choice = gr.Radio(
            _choices({}, {}), value=BALANCED, label="Training length", info=ABOUT, visible=self.has_presets
        )
        self.known = gr.JSON(visible=False)  # preset -> steps for the data that were looked at
        self.fields = render_fields(settings, names)
        if self.has_presets:
            steps: Any = self.fields[STEPS]
            self.choice.input(None, [self.choice, steps], steps, js=CLEAR, show_progress="hidden")
            steps.input(None, steps, self.choice, js=CHOOSE, show_progress="hidden")

    @property
    def choices(self) -> list[Component]:
        """What `preset` takes the values of, and the steps of each preset; `shown` gives updates of both."""
        return [self.choice, self.known]

    def preset(self, chosen: tuple[Any, ...], held: Mapping[str, Any]) -> str:
        """The preset that counts; empty where a number of steps does.

        Raises:
            UserError: If a number of one's own is chosen and none is there.
        """
        if not self.has_presets:
            return ""
        if held.get(STEPS):
            return ""  # an empty number is 0 until the page empties it
        if chosen[0] == OWN:
            raise UserError(f"{STEPS}: type a number of steps from 1 up, or choose Balanced.")
        return chosen[0] or BALANCED

    def steps(self, preset: str, held: Mapping[str, Any], known: Mapping[str, int]) -> dict[str, int]:
        """The setting of the steps; none for Balanced, since that is what the data decide.

        Raises:
            UserError: If the preset's steps are not known.
        """
        if not self.has_presets or preset == BALANCED:
            return {}
        if not preset:
            return {STEPS: held[STEPS]}
        if preset not in known:
            raise UserError(
                f"{STEPS}: those of {NAMES[preset]} are not known for these data: choose Balanced, or type a number."
            )
        return {STEPS: int(known[preset])}

    def shown(self, known: Mapping[str, int], sheet: Mapping[str, Any] | None = None) -> list[Any]:
        """Updates: the steps of each preset for the data, and the time that a sheet's measured steps give them."""
        presets, decided = (sheet["presets"], sheet["decided"]) if sheet else ({}, {})
        reason = decided.get(STEPS, {}).get("reason", "")
        info = f"{ABOUT} Balanced is from {reason}." if reason and reason != USUAL else ABOUT
        about: dict[str, Any] = {"info": info} if reason or not sheet else {}  # a check of a preset knows no reason
        seconds = {name: seconds_of(presets, count) for name, count in known.items()}
        return [gr.Radio(_choices(known, seconds), **about), dict(known)]

    def opened(self, values: Mapping[str, Any]) -> Any:
        """An update of the choice, for settings that an address asks for."""
        return gr.Radio(value=OWN if STEPS in values else BALANCED)


def _choices(known: Mapping[str, int], seconds: Mapping[str, float | None]) -> list[tuple[str, str]]:
    return [(_label(title, known.get(name, 0), seconds.get(name)), name) for name, title in NAMES.items()]


def _label(title: str, steps: int, seconds: float | None) -> str:
    counted = [f"{steps:,} steps"] if steps else []
    return ", ".join([title, *counted, *([] if seconds is None else [f"about {spell_seconds(seconds)}"])])
