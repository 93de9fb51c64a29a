"""What one server accepts for one model: requests are built by it, and a refusal changes what it names.

OpenAI-compatible servers differ in roles, in names of parameters and in the values that they allow. None of it can be
asked for beforehand; it is learned from refusals and kept as long as the process lives.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from plugins.gpt_prompting.models.completion import MAX_DEPTH, error_words
from plugins.gpt_prompting.models.interface import MAX_NEW_TOKENS, Message, Sampling, replace_surrogates

MAX_TOP_LOGPROBS = 20  # that the protocol allows; many servers allow 5
MIN_TEMPERATURE = 0.01  # for servers that refuse 0
TOKEN_LIMIT, NEWER_TOKEN_LIMIT = "max_tokens", "max_completion_tokens"
SYSTEM, TURNS = "system role", "turns of one role"  # what a refusal may name beside parameters
EVERYTHING = "all of them"
OPTIONAL = ("logprobs", "seed", "temperature", "stop", "top_p")  # left out one by one if a refusal names nothing
FORBIDDEN = 403  # for a model that may not be asked for `logprobs`; else of the key
REFUSING_STATUSES = frozenset({0, 400, FORBIDDEN, 404, 405, 406, 415, 422, 500, 501})
UNNAMED_STATUSES = frozenset({400, 422, 500, 501, 503})  # after which optional parameters are tried without

REFUSAL = re.compile(
    r"support|unknown|unrecogni|unexpected|extra|forbidden|permitted|allowed|invalid|must|should|only|cannot|can't|"
    r"deprecat|too (?:large|long|many|high|big)|exceed|greater|less|not (?:a )?valid|not implemented|illegal|range|"
    r"disabled|unavailable|required|alternate|max|enabled|below|不支持|不支援|不允许|不合法|非法|有误|无效|サポート|지원",
    re.IGNORECASE,
)
SERVER_REFUSAL = re.compile(
    r"support|implement|unknown|unrecogni|invalid|allowed|permitted|alternate", re.IGNORECASE
)  # of a 5xx
SYSTEM_REFUSED = re.compile(
    r"system[\s_-]*(?:role|message|prompt|instruction)|roles?\W{0,12}system|developer (?:role|instruction|message)|"
    r"['\"`]system['\"`]|only\W+user\W|(?:invalid|unknown|unexpected|unsupported) (?:message )?role|"
    r"first message.{0,30}user|role.{0,40}(?:user|assistant).{0,40}only",
    re.IGNORECASE,
)
TURNS_REFUSED = re.compile(r"alternat|consecutive|same role|successive", re.IGNORECASE)
LARGEST = re.compile(
    r"(?:<=|≤|<|less than(?: or equal to)?|at most|\bmax(?:imum)?\b|up to|no more than|exceed|"
    r"between\s+-?[\d.]+\s*(?:and|to|-)|[\[(]\s*-?[\d.]+\s*,)\D{0,25}?(\d+(?:\.\d+)?)",
    re.IGNORECASE,
)
SMALLEST = re.compile(r"(?:>=|≥|at least|\bmin(?:imum)?\b|greater than or equal to)\D{0,25}?(\d+)", re.IGNORECASE)
ABOVE_ZERO = re.compile(
    r"positive|greater than 0|above 0|>\s*0|\(0(?:\.0*)?\s*,|non-?zero|at least 0?\.\d", re.IGNORECASE
)
CONTEXT = re.compile(r"context (?:length|window|size)|input tokens", re.IGNORECASE)
FEW_TOKENS = 256  # of an answer that fits into any context
SYNONYMS = {
    "max_tokens": r"max_(?:output_|new_)?tokens",
    "max_completion_tokens": r"max_(?:completion_|output_|new_)tokens",
    "top_logprobs": r"top_logprobs(?:_num)?|top_n_tokens",
    "logprobs": r"log[\s_-]?prob\w*",
    "stop": r"stop[\s_](?:sequence|string|word)s?|stop",
    "stream": r"stream(?:ing)?",
}


@dataclass
class Conventions:
    """What a server refused so far, and what it took.

    Attributes:
        token_limit: Name of the parameter that limits the answer's tokens.
        omitted: Parameters that are no longer sent.
        largest: Parameter -> the largest value that is sent; of `stop`, their number.
        refused_roles: `SYSTEM`, if its text is written into the user's message; `TURNS`, if turns of one role are
            merged.
        accepted: Parameters that were part of a request that was answered.
        reasons: Whether the model reasons before it answers, so that its answers need more tokens.
    """

    token_limit: str = TOKEN_LIMIT
    seed: str = "seed"
    omitted: set[str] = field(default_factory=set)
    largest: dict[str, float] = field(default_factory=dict)
    lowest_temperature: float = 0.0
    fewest_tokens: int = 1
    refused_roles: set[str] = field(default_factory=set)
    accepted: set[str] = field(default_factory=set)
    reasons: bool = False

    def request(self, model: str, messages: Sequence[Message], sampling: Sampling, stream: bool) -> dict[str, Any]:
        """Build the body of a request."""
        options: dict[str, Any] = {
            self.token_limit: max(
                min(sampling.new_tokens, int(self.largest.get(self.token_limit, MAX_NEW_TOKENS))), self.fewest_tokens
            ),
            "temperature": max(min(sampling.temperature, self.largest.get("temperature", 10)), self.lowest_temperature),
            self.seed: sampling.seed,
        }
        options |= {"top_p": sampling.top_p} if sampling.top_p < 1 else {}
        options |= {"stop": list(sampling.stop)[: int(self.largest.get("stop", 64))]} if sampling.stop else {}
        options |= {"stream": True} if stream else {}
        if sampling.shown and "logprobs" not in self.omitted:
            shown = min(sampling.shown, int(self.largest.get("top_logprobs", MAX_TOP_LOGPROBS)))
            options |= {"logprobs": True, "top_logprobs": shown}
        kept = {name: value for name, value in options.items() if name not in self.omitted}
        return {"model": model, "messages": self._messages(messages), **kept}

    def _messages(self, messages: Sequence[Message]) -> list[Message]:
        clean = [{**message, "content": replace_surrogates(message["content"])} for message in messages]
        if SYSTEM in self.refused_roles and clean[0]["role"] == "system":
            clean = [{**clean[0], "role": "user"}, *clean[1:]]
            clean = _merge(clean[:2]) + clean[2:]
        return _merge(clean) if TURNS in self.refused_roles else clean

    def accept(self, body: Mapping[str, Any]) -> None:
        """Remember that a request was answered."""
        self.accepted |= named(body)

    def adapt(self, body: Mapping[str, Any], status: int, error: Any) -> bool:
        """Change what a refusal of this request names; returns whether the next request differs.

        Args:
            status: HTTP status of the refusal.
            error: Its body, JSON or text.
        """
        if status not in REFUSING_STATUSES:
            return False
        words = error_words(error)
        refuses = (SERVER_REFUSAL if status >= 500 else REFUSAL).search(words)
        names = _fields(error, named(body)) or (_mentioned(words, named(body)) if refuses else set())
        if status == FORBIDDEN:
            names &= {"logprobs"}
        if "top_logprobs" in names and LARGEST.search(words):
            names -= {"logprobs"}
        if "both" in words and {"temperature", "top_p"} <= names:
            names -= {"temperature"}
        if CONTEXT.search(words) and sampled_tokens(body) <= FEW_TOKENS:
            names -= {TOKEN_LIMIT, NEWER_TOKEN_LIMIT}  # the prompt is too long, not the answer
        changes = [self._change(name, body, words) for name in sorted(names)]
        return any(changes)

    def _change(self, name: str, body: Mapping[str, Any], words: str) -> bool:
        if name in (SYSTEM, TURNS):
            changed = name not in self.refused_roles
            self.refused_roles.add(name)
            return changed
        if name == "temperature" and body[name] == 0 and ABOVE_ZERO.search(words) and not self.lowest_temperature:
            self.lowest_temperature = MIN_TEMPERATURE
            return True
        if self._bound(name, body, words):
            return True
        if name == TOKEN_LIMIT and NEWER_TOKEN_LIMIT not in self.omitted:
            self.token_limit = NEWER_TOKEN_LIMIT
            return True
        if name == NEWER_TOKEN_LIMIT and TOKEN_LIMIT in words:
            self.token_limit = TOKEN_LIMIT
            self.omitted.add(NEWER_TOKEN_LIMIT)
            return True
        if name == "seed" and "random_seed" in words:
            self.seed = "random_seed"
            return True
        self.omitted.add(name)
        return True

    def _bound(self, name: str, body: Mapping[str, Any], words: str) -> bool:
        """Send another value, if it is the value that is refused: a bound that the refusal names, else half of it."""
        value = len(body[name]) if name == "stop" else body[name]
        if name not in (TOKEN_LIMIT, NEWER_TOKEN_LIMIT, "temperature", "top_logprobs", "stop"):
            return False
        lowest = [int(bound) for bound in SMALLEST.findall(words) if int(bound) > value]
        if name in (TOKEN_LIMIT, NEWER_TOKEN_LIMIT) and lowest:
            self.fewest_tokens = min(lowest)
            return True
        bounds = [float(bound) for bound in LARGEST.findall(words)]
        fitting = [bound for bound in bounds if 0 < bound < value]
        if not fitting and not (
            value > 1 and name != "temperature" and (bounds or re.search(r"too (large|high)", words))
        ):
            return name == "top_logprobs" and value > 5 and self._set_largest(name, 5)
        return self._set_largest(name, max(fitting) if fitting else value // 2)

    def _set_largest(self, name: str, value: float) -> bool:
        self.largest[name] = value
        return True

    def unproven(self, body: Mapping[str, Any]) -> list[str]:
        """Optional parts of a request that this server never took, in the order in which to try without them."""
        names = [name for name in (*OPTIONAL, SYSTEM, TOKEN_LIMIT) if name in named(body) - self.accepted]
        return [*names, EVERYTHING] if len(names) > 1 else names

    def without(self, name: str) -> Conventions:
        """Return a copy that leaves out one part of requests."""
        copy = Conventions(**{key: _copy(value) for key, value in vars(self).items()})
        if name == SYSTEM:
            copy.refused_roles.add(SYSTEM)
        elif name == TOKEN_LIMIT:
            copy.token_limit = NEWER_TOKEN_LIMIT
        elif name == EVERYTHING:
            copy.omitted.update(OPTIONAL)
            copy.refused_roles.add(SYSTEM)
        else:
            copy.omitted.add(name)
        return copy

    def adopt(self, other: Conventions) -> None:
        """Take over what another learned."""
        vars(self).update(vars(other))

    def remarks(self) -> Iterator[str]:
        """What the server did not take, for the reader of an answer."""
        if left_out := sorted(self.omitted & {"temperature", "seed", "top_p", "logprobs"}):
            yield f"Not accepted by the server and left out: {', '.join(left_out)}."


@lru_cache(maxsize=512)
def conventions_of(address: str, model: str) -> Conventions:
    """Return what is known of a model at an address: the same object each time, empty at first."""
    return Conventions()


def named(body: Mapping[str, Any]) -> set[str]:
    """The parts of a request that a refusal may name."""
    roles = [message["role"] for message in body["messages"]]
    parts = {SYSTEM} if "system" in roles else set()
    if any(
        first == second
        for first, second in zip(["user" if r == "system" else r for r in roles], roles[1:], strict=False)
    ):
        parts.add(TURNS)
    return parts | (set(body) - {"model", "messages"})


def sampled_tokens(body: Mapping[str, Any]) -> int:
    """The limit of the answer's tokens in a request; 0 without one."""
    return body.get(TOKEN_LIMIT) or body.get(NEWER_TOKEN_LIMIT) or 0


def _fields(error: Any, sent: set[str], depth: int = 0) -> set[str]:
    """Parameters that the error names in fields made for it: `param`, or pydantic's `loc`."""
    if depth > MAX_DEPTH:
        return set()
    if isinstance(error, Mapping):
        values = [error.get("param"), error.get("parameter"), error.get("field"), *_sequence(error.get("loc"))[-1:]]
        names = {
            SYSTEM if value == "role" or value.endswith(".role") else value
            for value in values
            if isinstance(value, str)
        }
        found = names & sent
        return found.union(
            *(_fields(value, sent, depth + 1) for key, value in error.items() if key not in ("input", "ctx"))
        )
    return set().union(*(_fields(value, sent, depth + 1) for value in _sequence(error)))


def _mentioned(words: str, sent: set[str]) -> set[str]:
    """Parameters and roles that the words of a refusal mention; only those in quotes, if any is."""
    parameters = sorted(sent - {SYSTEM, TURNS})
    quoted = {name for name in parameters if re.search(rf"['\"`“‘]{name}['\"`”’]", words)}
    bare = {
        name
        for name in parameters
        if re.search(rf"(?<![A-Za-z0-9_])(?:{SYNONYMS.get(name, name)})(?![A-Za-z0-9_])", words, re.IGNORECASE)
    }
    roles = {SYSTEM} if SYSTEM in sent and (SYSTEM_REFUSED.search(words) or TURNS_REFUSED.search(words)) else set()
    roles |= {TURNS} if TURNS in sent and TURNS_REFUSED.search(words) else set()
    return quoted or roles or bare


def _merge(messages: Sequence[Message]) -> list[Message]:
    """Join neighbouring messages of one role."""
    merged: list[Message] = []
    for message in messages:
        if merged and merged[-1]["role"] == message["role"]:
            merged[-1] = {**message, "content": f"{merged[-1]['content']}\n\n{message['content']}"}
        else:
            merged.append(message)
    return merged


def _copy(value: object) -> Any:
    return value.copy() if isinstance(value, set | dict) else value


def _sequence(value: object) -> Sequence[Any]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()
