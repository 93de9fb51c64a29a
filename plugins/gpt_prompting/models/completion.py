"""Read chat completions, whole or streamed, in the shapes in which OpenAI-compatible servers send them.

All functions take parsed JSON and trust nothing in it: what is missing, null or of another type is skipped.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from plugins.gpt_prompting.models.interface import Token, replace_surrogates

END_REASONS = {
    "stop": "end of text",
    "eos": "end of text",
    "eos_token": "end of text",
    "end_turn": "end of text",
    "stop_sequence": "stop string",
    "null": "",
    "none": "",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
}
LOWEST = -1e4  # log-probability; its exponential is 0
MAX_DEPTH = 20  # of what a server nests
MARKERS = str.maketrans({"Ġ": " ", "▁": " ", "Ċ": "\n"})  # how vocabularies write spaces and line ends
Json = Mapping[str, Any]


@dataclass(frozen=True)
class Piece:
    """What a completion, or a chunk of a stream, adds to the answer.

    Args:
        tokens: Joined, their texts are the text; without probabilities where the server's do not belong to it.
        reasoning: Text in a field of its own.
        refusal: The words in which the model refuses to answer.
        finished: Why the answer ended, as in `Answer`; empty while it goes on.
        tool_call: Whether the model calls a tool instead of writing.
    """

    text: str = ""
    tokens: tuple[Token, ...] = ()
    reasoning: str = ""
    refusal: str = ""
    finished: str = ""
    tool_call: bool = False


def has_choice(body: Any) -> bool:
    return _choice(body) is not None


def read_piece(body: Any, shown: int, is_first: bool = True) -> Piece:
    """Read the first choice of a completion or a chunk; empty if it has none, as chunks of the usage.

    Args:
        shown: Other candidates kept with each token.
        is_first: Whether no text came before. A message that repeats the whole answer at the end of a stream is
            skipped.
    """
    choice = _choice(body)
    if choice is None:
        return Piece()
    delta, message = _mapping(choice.get("delta")), _mapping(choice.get("message"))
    source = delta or (message if is_first else {})
    text = content_text(source.get("content")) or (_string(choice.get("text")) if not source.get("content") else "")
    refusal, tools = _string(source.get("refusal")), source.get("tool_calls") or source.get("function_call")
    reason = choice.get("finish_reason") or choice.get("done_reason") or ""
    return Piece(
        text,
        _aligned(text, read_tokens(choice.get("logprobs"), shown)),
        _reasoning(source),
        refusal,
        END_REASONS.get(str(reason).casefold(), str(reason)),
        bool(tools),
    )


def _choice(body: Any) -> Json | None:
    """The choice of index 0; of Ollama's own protocol, the body itself."""
    body = _mapping(body)
    choices = body.get("choices")
    if isinstance(choices, Sequence) and not isinstance(choices, str):
        return next((each for each in choices if isinstance(each, Mapping) and each.get("index") in (0, None)), None)
    return body if isinstance(body.get("message"), Mapping) else None


def content_text(content: Any, depth: int = 0) -> str:
    """Join the texts of a message's content: a string, or parts of which those with reasoning are left out."""
    if isinstance(content, str):
        return replace_surrogates(content)
    if depth > MAX_DEPTH:
        return ""
    if isinstance(content, Mapping):
        if "thinking" in content or "think" in str(content.get("type", "")) or "reason" in str(content.get("type", "")):
            return ""
        inner = (content.get(name) for name in ("text", "content", "value", "parts"))
        return next((text for value in inner if (text := content_text(value, depth + 1))), "")
    return "".join(content_text(part, depth + 1) for part in content) if isinstance(content, Sequence) else ""


def _reasoning(source: Json) -> str:
    """Reasoning in a field of its own, or in parts of the content."""
    fields = (source.get(name) for name in ("reasoning_content", "reasoning", "thinking", "thought"))
    text = next((value for value in fields if isinstance(value, str) and value), "")
    content = source.get("content")
    parts = content if isinstance(content, Sequence) and not isinstance(content, str) else ()
    has_parts = any(isinstance(part, Mapping) and not content_text(part) for part in parts)
    return text or ("…" if has_parts or source.get("reasoning_details") else "")


def read_tokens(logprobs: Any, shown: int) -> list[Token]:
    """Read tokens with their probabilities: in the shape of chat completions, of older completions, or a plain list."""
    if isinstance(logprobs, Mapping) and isinstance(logprobs.get("tokens"), Sequence):
        return list(_older_tokens(logprobs, shown))
    content = logprobs.get("content") if isinstance(logprobs, Mapping) else logprobs
    entries = content if isinstance(content, Sequence) and not isinstance(content, str) else ()
    return [
        Token(
            _string(entry.get("token")), _probability(entry.get("logprob")), _others(entry.get("top_logprobs"), shown)
        )
        for entry in entries
        if isinstance(entry, Mapping)
    ]


def _older_tokens(logprobs: Json, shown: int) -> Iterator[Token]:
    values, others = logprobs.get("token_logprobs") or (), logprobs.get("top_logprobs") or ()
    for index, token in enumerate(logprobs["tokens"]):
        probability = _probability(values[index]) if index < len(values) else None
        yield Token(_string(token), probability, _others(others[index] if index < len(others) else None, shown))


def _others(candidates: Any, shown: int) -> tuple[tuple[str, float], ...]:
    """Other candidates, best first; one without a number is left out."""
    if isinstance(candidates, Mapping):
        pairs = [(token, _probability(value)) for token, value in candidates.items()]
    else:
        entries = candidates if isinstance(candidates, Sequence) and not isinstance(candidates, str) else ()
        mappings = [entry for entry in entries if isinstance(entry, Mapping)]
        pairs = [(_string(entry.get("token")), _probability(entry.get("logprob"))) for entry in mappings]
    known = [(replace_surrogates(token), value) for token, value in pairs if value is not None]
    return tuple(sorted(known, key=lambda pair: -pair[1])[:shown])


def _probability(logprob: Any) -> float | None:
    """Of a log-probability in nats; None for null, NaN and what is no number."""
    if isinstance(logprob, bool) or not isinstance(logprob, int | float) or logprob != logprob:
        return None
    return math.exp(max(LOWEST, min(0.0, logprob)))


def _aligned(text: str, tokens: Sequence[Token]) -> tuple[Token, ...]:
    """Tokens whose texts join to the text, with the server's probabilities where its tokens do."""
    if not tokens:
        return (Token(text),) if text else ()
    if not text:
        return tuple(replace(token, text="") for token in tokens)
    for candidate in (tokens, [replace(token, text=token.text.translate(MARKERS)) for token in tokens]):
        joined = "".join(token.text for token in candidate)
        if joined == text:
            return tuple(candidate)
        if len(tokens) == 1 and joined.strip() == text.strip():
            return (replace(candidate[0], text=text),)
        if joined.lstrip() == text:  # the first token's space, which the server's decoder drops
            return (replace(candidate[0], text=candidate[0].text.lstrip()), *candidate[1:])
        if joined.startswith(text):  # the end-of-text token
            return cut_tokens(candidate, ((0, len(text)),))
    return (Token(text),)


def cut_tokens(tokens: Sequence[Token], spans: Sequence[tuple[int, int]]) -> tuple[Token, ...]:
    """Keep the parts of tokens that are in spans of their joined text; tokens without text stay with what is around."""
    kept, start = [], 0
    for token in tokens:
        end = start + len(token.text)
        inside = "".join(token.text[max(a - start, 0) : max(b - start, 0)] for a, b in spans)
        if inside or (not token.text and any(a < end <= b for a, b in spans)):
            kept.append(replace(token, text=inside))
        start = end
    return tuple(kept)


def error_of(body: Any) -> tuple[int, str] | None:
    """Status (0 if unknown) and words of an error that is sent in place of an answer; None if there is none."""
    body = _mapping(body[0] if isinstance(body, list) and body else body)
    choice = _choice(body) or {}
    error = body.get("error") or body.get("errors") or choice.get("error")
    if not error and "choices" not in body and "message" not in choice:
        is_error = body.get("object") == "error" or body.get("status") in ("error", "failed") or "detail" in body
        has_words = bool(body.get("message") or body.get("msg"))
        error = body if is_error or (has_words and ("code" in body or body.get("success") is False)) else None
    if not error:
        return None
    codes = [str(source.get(name)) for source in (_mapping(error), body) for name in ("status", "code", "status_code")]
    numbers = [int(code) for code in codes if re.fullmatch("[45][0-9][0-9]", code)]
    return (numbers[0] if numbers else 0), error_words(error)


def error_words(error: Any, depth: int = 0) -> str:
    """The message in an error's body, however deep it is."""
    if isinstance(error, str):
        return replace_surrogates(error)
    if depth > MAX_DEPTH:
        return ""
    if isinstance(error, Sequence):
        return "; ".join(filter(None, (error_words(part, depth + 1) for part in error)))
    if isinstance(error, Mapping):
        for name in ("message", "msg", "error", "errors", "detail", "reason", "title", "description"):
            if words := error_words(error.get(name), depth + 1):
                return words
    return ""


def served_by(body: Any) -> str:
    """The model's name and the system's fingerprint that the server reports."""
    names = (_mapping(body).get(name) for name in ("model", "system_fingerprint"))
    return " ".join(replace_surrogates(name)[:100] for name in names if isinstance(name, str) and name)


def prompt_tokens(body: Any) -> int:
    """As the server counts them; 0 if it does not say."""
    count = _mapping(_mapping(body).get("usage")).get("prompt_tokens")
    return count if isinstance(count, int) else 0


def _mapping(value: object) -> Json:
    return value if isinstance(value, Mapping) else {}


def _string(value: object) -> str:
    return replace_surrogates(value) if isinstance(value, str) else ""
