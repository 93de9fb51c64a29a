"""AnswerBuilder: an answer that grows by the pieces of a stream, without reasoning and cut at stop strings."""

from __future__ import annotations

import re

from plugins.gpt_prompting.models.completion import Piece, cut_tokens
from plugins.gpt_prompting.models.interface import Answer, Sampling, Token
from plugins.gpt_prompting.models.reasoning import may_begin_reasoning, split_reasoning

TAG_END = re.compile(r"[>\]▷:]|final")  # what the text must gain for a tag of reasoning to be complete
TAG_CHARACTERS = 64  # of a text so far, which may still become a tag


class AnswerBuilder:
    """Collects pieces. Stop strings are cut here too, since some servers ignore them.

    Attributes:
        text: All that came, with reasoning.
        is_done: Whether the server said that the stream is complete.
        unreadable: Number of chunks that were no JSON.
    """

    def __init__(self, sampling: Sampling):
        self.sampling = sampling
        self.text, self.reasoning, self.refusal, self.reason = "", "", "", ""
        self.is_done, self.calls_tool, self.unreadable = False, False, 0
        self._tokens: list[Token] = []
        self._parts = split_reasoning("")

    def add(self, piece: Piece) -> None:
        start = len(self.text)
        self.text += piece.text
        self._tokens += piece.tokens
        self.reasoning += piece.reasoning
        self.refusal += piece.refusal
        self.reason = self.reason or piece.finished
        self.calls_tool |= piece.tool_call
        tail = self.text[max(0, start - 16) :]
        if start < TAG_CHARACTERS or TAG_END.search(tail) or (not self._parts.spans and not self._parts.is_open):
            self._parts = split_reasoning(self.text)

    @property
    def is_stopped(self) -> bool:
        return self._stop(self._visible()) >= 0

    @property
    def has_reasoning(self) -> bool:
        return bool(self.reasoning) or self._parts.has_reasoning

    def _spans(self) -> tuple[tuple[int, int], ...]:
        """Spans of the answer; the last one goes on to the end of what came."""
        *whole, (start, _) = self._parts.spans or ((len(self.text), 0),)
        return (*whole, (start, len(self.text)))

    def _visible(self) -> str:
        text = "".join(self.text[start:end] for start, end in self._spans())
        return text.lstrip() if self.reasoning else text

    def _stop(self, text: str) -> int:
        """Where the first stop string starts; -1 without any."""
        return min((at for stop in self.sampling.stop if (at := text.find(stop)) >= 0), default=-1)

    def answer(self) -> Answer:
        """The answer so far, without an end that may become a stop string or a tag of reasoning."""
        text = self._visible()
        if may_begin_reasoning(text):
            return Answer("")
        stop = self._stop(text)
        held = max((_overlap(text, stop) for stop in self.sampling.stop), default=0)
        return self._cut(text[:stop] if stop >= 0 else text[: len(text) - held])

    def _cut(self, text: str, finished: str = "", note: str = "") -> Answer:
        spans = self._spans()
        if text == self.text:
            return Answer(text, tuple(self._tokens), finished, note)
        visible = "".join(self.text[start:end] for start, end in spans)
        skipped = len(visible) - len(visible.lstrip()) if self.reasoning else 0
        tokens = cut_tokens(cut_tokens(self._tokens, spans), ((skipped, skipped + len(text)),))
        return Answer(text, tokens, finished, note)

    def final(self, broken: str = "") -> Answer:
        """The whole answer.

        Args:
            broken: What went wrong in the middle.
        """
        text = self._visible()
        if (stop := self._stop(text)) >= 0:
            return self._cut(text[:stop], "stop string", self._note(text))
        if not text and self.refusal:
            return Answer(self.refusal, (Token(self.refusal),), self.reason or "end of text", "The model refused.")
        if broken or not (self.reason or self.is_done):
            broken = broken or "The server ended the stream without a reason; the text so far is kept."
            return self._cut(text, "broken", broken)
        return self._cut(text, self.reason or "end of text", self._note(text))

    def _note(self, text: str) -> str:
        notes = []
        if self.has_reasoning and not text:
            notes.append("The model wrote nothing but its reasoning: raise new_tokens.")
        elif self.has_reasoning:
            notes.append("The model's reasoning is left out.")
        if self.calls_tool and not text:
            notes.append("The model called a tool instead of writing.")
        if self.unreadable:
            notes.append(f"{self.unreadable} chunks of the stream could not be read.")
        if not self.reason and self._stop(text) < 0:
            notes.append("The server gave no reason for the end.")
        return " ".join(notes)


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of a text that begins a stop string."""
    return next((size for size in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:size])), 0)
