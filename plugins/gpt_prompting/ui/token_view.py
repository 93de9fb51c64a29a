"""TokenView: texts with every token coloured by its probability, and the other candidates in a tooltip.

The value is JSON that `static/tokens.js` renders. Nothing is interpolated into a template, since Gradio evaluates
templates as code.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

STATIC = Path(__file__).parent / "static"


class TokenView(gr.HTML):
    """Sections of text, one below the other."""

    def __init__(self, label: str, empty: str = "", **options: Any):
        options.setdefault("value", token_view_value([], empty))  # further options come from Gradio's updates
        super().__init__(
            label=label,
            show_label=True,
            min_width=220,
            container=True,
            padding=True,
            html_template='<div class="token-view"></div>',
            css_template=(STATIC / "tokens.css").read_text(encoding="utf-8"),
            js_on_load=(STATIC / "tokens.js").read_text(encoding="utf-8"),
            apply_default_css=False,
            **options,
        )

    def get_block_name(self) -> str:
        """The page's own component is HTML's."""
        return "html"


def token_view_value(sections: Sequence[dict[str, Any]], empty: str = "") -> str:
    """Serialise the value of a view.

    Args:
        sections: title, facts (short texts), tokens (token, probability, others) or text, note; each is optional.
        empty: Shown if there is no section.
    """
    return json.dumps({"sections": list(sections), "empty": empty}, ensure_ascii=False)


def answer_sections(state: dict[str, Any]) -> list[dict[str, Any]]:
    """Make a section of each answer of a state of `generate`."""
    has_many = len(state["answers"]) > 1
    return [
        {
            "title": f"Answer {number}" if has_many else "",
            "facts": [_tokens(len(answer["tokens"])), answer["finished"] or "generating …"],
            "tokens": answer["tokens"],
            "text": answer["text"],
            "note": answer["note"],
            "empty": "(empty)",
        }
        for number, answer in enumerate(state["answers"], 1)
    ]


def speed_line(state: dict[str, Any]) -> str:
    """Describe token counts and speed."""
    return " · ".join([*([f"{prompt_size(state)} in the prompt"] if state["prompt_tokens"] else []), speed(state)])


def prompt_size(state: dict[str, Any]) -> str:
    context = f" of {state['context']:,}" if state["context"] else ""
    return f"{state['prompt_tokens']:,}{context} tokens"


def _tokens(count: int) -> str:
    return "1 token" if count == 1 else f"{count:,} tokens"


def speed(state: dict[str, Any]) -> str:
    seed = f" · seed {state['seed']}" if state.get("seed", -1) >= 0 else ""
    first_token = 1000 * state["first_token_seconds"]
    return (
        f"{_tokens(state['new_tokens'])} generated in {state['seconds']:.2f} s · first token after {first_token:.0f} ms"
        f" · {state['tokens_per_second']:.0f} tokens/s{seed}"
    )
