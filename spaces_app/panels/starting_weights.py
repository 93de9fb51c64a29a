"""What training starts from: the starter, own weights, suggestions of the Hub with their facts, or nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import gradio as gr

from plugins._contract import Kind
from plugins._suggestions import Suggestion
from spaces_app.panels.run_choice import in_menu
from spaces_app.panels.settings_form import render_fields
from training.errors import UserError
from training.preflight.limits import Limits
from training.settings import AUTO, TrainSettings

AUTO_LABEL = "Automatic: the starter, where it fits the data"
SCRATCH_LABEL = "From scratch: new weights"


class StartingWeightsFields:
    """The fields that name weights, each with a line about the suggestion that is chosen."""

    def __init__(self, kind: Kind, names: tuple[str, ...], limits: Limits):
        """Render them; suggestions that this server has no room to train are left out."""
        self.settings = kind.trained_by
        self.trains = issubclass(self.settings, TrainSettings)
        self.suggestions = {
            name: [each for each in kind.suggestions if self._fits(each, name, limits)] for name in names
        }
        self.fields = render_fields(self.settings, names)
        for name, offered in self.suggestions.items():
            if offered:
                self._render_about(name, offered)

    def choices(self, name: str, labels: Mapping[str, str]) -> list[tuple[str, str]]:
        """What a field offers.

        Args:
            labels: Starters, own runs and pulled weights -> what a person calls them.
        """
        auto = [(AUTO_LABEL, AUTO)] if self.settings.has_auto(name) else []
        suggested = [(each.label, each.name) for each in self.suggestions.get(name, ()) if each.name not in labels]
        nothing = SCRATCH_LABEL if self.settings.has_auto(name) else "Leave empty"
        return [*auto, *((labels[each], each) for each in in_menu(labels)), *suggested, (nothing, "")]

    def _fits(self, suggestion: Suggestion, field: str, limits: Limits) -> bool:
        if suggestion.field != field:
            return False
        try:
            if self._is_trained(field):
                limits.check_parameters(round(suggestion.parameters * 1e6))
        except UserError:
            return False
        return True

    def _is_trained(self, field: str) -> bool:
        return self.trains and field == "model"

    def _render_about(self, name: str, offered: list[Suggestion]) -> None:
        field: Any = self.fields[name]
        texts = {each.name: each.about(self._is_trained(name)) for each in offered}
        about = gr.HTML("", elem_classes="good-for", padding=False)
        field.change(None, field, about, js=f"(name) => ({json.dumps(texts)})[name] ?? ''", show_progress="hidden")
