"""Texts whose every token can be pointed at: coloured by its probability, with what else might have been said.

The value is JSON that `static/tokens.js` draws; nothing is ever interpolated into a template, since Gradio evaluates those as code.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

STATIC = Path(__file__).parent / "static"


class TokenView(gr.HTML):
    """Parts of text, one under the other."""

    def __init__(self, label: str, empty: str = ""):
        super().__init__(
            value=token_view_value([], empty),
            label=label,
            show_label=True,
            min_width=220,
            container=True,
            padding=True,
            html_template='<div class="token-view"></div>',
            css_template=(STATIC / "tokens.css").read_text(encoding="utf-8"),
            js_on_load=(STATIC / "tokens.js").read_text(encoding="utf-8"),
            apply_default_css=False,
        )

    def get_block_name(self) -> str:
        """The page's own component is HTML's."""
        return "html"


def token_view_value(parts: Sequence[dict[str, Any]], empty: str = "") -> str:
    """The value of a view.

    Args:
        parts: title, facts (short texts), tokens (token, probability, others) or text, note, each where there is one.
        empty: Said where there is no part.
    """
    return json.dumps({"parts": list(parts), "empty": empty}, ensure_ascii=False)


def answer_parts(state: dict[str, Any]) -> list[dict[str, Any]]:
    """What `generate` gives, as parts."""
    many = len(state["answers"]) > 1
    return [
        {
            "title": f"Answer {number}" if many else "",
            "facts": [f"{len(answer['tokens'])} tokens", answer["finished"] or "writing …"],
            "tokens": answer["tokens"],
            "text": answer["text"],
            "note": answer["note"],
            "empty": "(nothing)",
        }
        for number, answer in enumerate(state["answers"], 1)
    ]


def speed_line(state: dict[str, Any]) -> str:
    """A line on what it took."""
    context = f" of {state['context']:,}" if state["context"] else ""
    prompt = f"{state['prompt_tokens']:,}{context} tokens of prompt · " if state["prompt_tokens"] else ""
    return (
        f"{prompt}{state['new_tokens']:,} written in {state['seconds']:.2f} s · first after {1000 * state['first_token_seconds']:.0f} ms"
        f" · {state['tokens_per_second']:.0f} tokens/s"
    )
