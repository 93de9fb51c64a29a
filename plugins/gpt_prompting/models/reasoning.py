"""Separate the reasoning that a model writes into its answer from the answer itself.

Servers without a reasoning parser leave it in the content, between tags that depend on the model: `<think>` of DeepSeek
and Qwen, `[THINK]` of Magistral, `◁think▷` of Kimi, the channels of gpt-oss, and others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NAMES = r"(?:[\w-]+:)?(?:think(?:ing)?|thoughts?|reason(?:ing)?)"
WORDS = r"(?:thinking|thought|think|reasoning)"
OPENING = rf"""
    <{NAMES}(?:\s[^<>]*)?> | \[THINK\] | ◁think▷ | <\|(?:(?:start|begin)(?:_of)?_)?{WORDS}\|> | <\|channel>thought
    | <unused94>(?:thought\n)? | (?:<\|start\|>assistant)?<\|channel\|>(?:analysis|commentary)[^<]*<\|message\|>
    | \A\s*analysis(?=[\s\S]*assistantfinal) | \A\s*Here(?:'s|\ is)\ my\ thought\ process:
"""
CLOSING = rf"""
    </{NAMES}\s*> | \[/THINK\] | ◁/think▷ | <\|(?:end(?:_of)?_|/){WORDS}\|> | <channel\|> | <unused95>
    | (?:<\|end\|>)?(?:<\|start\|>assistant)?<\|channel\|>final[^<]*<\|message\|> | assistantfinal
    | (?<=\n)Here(?:'s|\ is)\ my\ response:
"""
# A tag in quotes or backticks is one that the answer talks about.
MARKER = re.compile(rf"(?<![`'\"“]) (?: (?P<open>{OPENING}) | (?P<close>{CLOSING}) )", re.VERBOSE | re.IGNORECASE)
MILD = re.compile(
    r"</?(?:[\w-]+:)?(?:thoughts?|reason)", re.IGNORECASE
)  # tags that an answer may have for other reasons
MAYBE_OPENING = re.compile(r"\s*(?:<[^<>\s]{0,24}|\[[A-Z]{0,5}|◁\w{0,5})?\Z")  # a text so far that may become a tag


@dataclass(frozen=True)
class Parts:
    """The parts of a generated text that are its answer.

    Args:
        spans: Start and end of each, in order.
        has_reasoning: Whether anything else was reasoning.
        is_open: Whether the text ends inside the reasoning.
    """

    spans: tuple[tuple[int, int], ...]
    has_reasoning: bool
    is_open: bool

    def of(self, text: str) -> str:
        return "".join(text[start:end] for start, end in self.spans)


def split_reasoning(text: str) -> Parts:
    """Find the answer in a generated text.

    A block between two tags is reasoning wherever it is. So is what precedes a closing tag without an opening one,
    which some chat templates put into the prompt, and what follows an opening tag that begins the answer and is never
    closed.
    Tags with the names thought and reason are read so only at the beginning of the answer.
    """
    spans: list[tuple[int, int]] = []
    position, opened, has_reasoning = 0, -1, False
    for marker in MARKER.finditer(text):
        if opened < 0 and MILD.match(marker[0]) and (marker["close"] or text[: marker.start()].strip()):
            continue
        if marker["open"] is not None:
            opened = marker.start() if opened < 0 else opened
            continue
        spans = [*spans, (position, opened)] if opened >= 0 else []
        position, opened, has_reasoning = marker.end(), -1, True
    begins = opened >= 0 and not any(text[start:end].strip() for start, end in [*spans, (position, opened)])
    spans = [] if begins else [*spans, (position, len(text))]
    if has_reasoning or begins:
        spans = _without_leading_space(text, spans)
    return Parts(tuple(spans), has_reasoning or begins, begins)


def _without_leading_space(text: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Tags are followed by empty lines, which are no part of the answer."""
    for index, (start, end) in enumerate(spans):
        if stripped := text[start:end].lstrip():
            return [(end - len(stripped), end), *spans[index + 1 :]]
    return []


def may_begin_reasoning(text: str) -> bool:
    """Whether a text so far is empty or the beginning of a tag."""
    return bool(MAYBE_OPENING.match(text))
