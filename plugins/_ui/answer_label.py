"""AnswerLabel: probabilities of labels, with "not sure" as the headline where none is more probable than not."""

from __future__ import annotations

from typing import Any

import gradio as gr

SURE = 0.5  # probability from which the headline names a label
NOT_SURE = "not sure"


class AnswerLabel(gr.Label):
    """As `gr.Label`, which puts the best label in the headline however improbable it is."""

    def get_block_name(self) -> str:
        """The page's own component is Label's."""
        return "label"

    def postprocess(self, value: Any) -> Any:
        """The headline and the bars."""
        data: Any = super().postprocess(value)
        best = (getattr(data, "confidences", None) or [None])[0]
        return data.model_copy(update={"label": NOT_SURE}) if best and best.confidence < SURE else data
