"""HostedModel: a model behind the OpenAI chat completions protocol, of Hugging Face's providers or any other server.

The protocol takes messages and returns text. Some servers return the probabilities of the tokens that they generated;
none returns those of a prompt or of all labels. The key is the caller's or the environment's: it is sent to its own
server only, and never stored, logged or shown.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

from plugins.gpt_prompting.models.hosted_servers import (
    ServerError,
    environment_key,
    explain_error,
    host_of,
    parse_name,
)
from plugins.gpt_prompting.models.interface import (
    Answer,
    AnswerStream,
    LanguageModel,
    Message,
    ParsedLabel,
    Sampling,
    Token,
    replace_surrogates,
)
from plugins.gpt_prompting.models.label_parsing import first_token_probabilities, parse_label
from training.errors import UserError
from training.retry import http_status, retry, retry_after

TIMEOUT_SECONDS = float(os.environ.get("SELFSUP_HOSTED_SECONDS", "60"))
ATTEMPTS, MAX_WAIT_SECONDS = 3, 5.0  # after status 429
LOGPROBS_REFUSED = (400, 404, 422, 500, 501)  # statuses of servers that know no logprobs
MAX_TOP_LOGPROBS = 20  # that the protocol allows
LABEL_TOKENS = 24  # of an answer from which a label is parsed
UNSUPPORTED_OPTIONS = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}  # option -> the value that turns it off
LABEL_INSTRUCTION = "Answer with exactly one of these labels and nothing else: {}."


class HostedModel(LanguageModel):
    """A model at an address."""

    has_probabilities = False
    has_template = True

    def __init__(self, model: str, address: str, key: str = ""):
        self.name, self.address = model, address
        self._key = key.strip()
        self._logprobs = True  # until the server refuses to give them

    @classmethod
    def connect(cls, name: str, key: str = "") -> HostedModel:
        """Make the model of a name: hosted:model, or hosted:model@https://server/v1. Nothing is sent yet.

        Raises:
            UserError: If the name has another form, or requests to this host are not allowed from here.
        """
        return cls(*parse_name(name), key)

    def __repr__(self) -> str:
        return f"HostedModel({self.name!r}, {self.address!r})"

    def with_key(self, key: str) -> HostedModel:
        """Return the same model with a visitor's key."""
        return HostedModel(self.name, self.address, key) if key.strip() else self

    @property
    def host(self) -> str:
        return host_of(self.address)

    def tokens(self, text: str) -> list[str]:
        """The tokenizer is unknown: the text is returned as one token."""
        return [text]

    def count(self, text: str) -> int:
        return 0

    def count_chat(self, messages: Sequence[Message]) -> int:
        return 0

    def next_token(self, prompt: str, shown: int) -> list[tuple[str, float]]:
        for answers in self.stream(prompt, Sampling(new_tokens=1, temperature=0, shown=min(shown, MAX_TOP_LOGPROBS))):
            if answers[0].tokens and answers[0].tokens[0].others:
                return list(answers[0].tokens[0].others)
        raise UserError("This server does not give the probabilities of its tokens.")

    def score_tokens(self, text: str, shown: int) -> list[Token]:
        raise UserError(
            "A hosted model gives no probabilities of a text that it did not generate: choose weights of this machine."
        )

    def score(
        self, contexts: Sequence[str], continuations: Sequence[Sequence[str]]
    ) -> Iterator[tuple[int, list[float]]]:
        raise UserError("A hosted model gives no log-likelihoods: labels are parsed from its answers instead.")

    def stream(self, prompt: str, sampling: Sampling) -> AnswerStream:
        if not prompt:
            raise UserError("The prompt is empty: write something to continue.")
        return self.stream_chat([{"role": "user", "content": prompt}], sampling)

    def stream_chat(self, messages: Sequence[Message], sampling: Sampling) -> AnswerStream:
        """Generate the alternatives one after the other. If a stream breaks, the text so far is kept."""
        unsent = [name for name, off in UNSUPPORTED_OPTIONS.items() if getattr(sampling, name) != off]
        note = f"Not sent, since the protocol does not support it: {', '.join(unsent)}." if unsent else ""
        finished: list[Answer] = []
        for number in range(sampling.alternatives):
            answer = Answer("")
            for answer in self._stream_one(messages, replace(sampling, seed=(sampling.seed + number) % 2**31)):
                yield [*finished, answer]
            finished.append(replace(answer, note=" ".join(filter(None, (answer.note, note)))))
        yield finished

    def _stream_one(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[Answer]:
        text, tokens, reason = "", [], ""
        try:
            for chunk in self._request(messages, sampling, stream=True):
                for choice in chunk.choices[:1]:
                    added = choice.delta.content or ""
                    text += added
                    scored = _tokens(getattr(choice, "logprobs", None), sampling.shown)
                    tokens += scored or ([Token(added)] if added else [])
                    reason = reason or _finish_reason(choice.finish_reason)
                yield Answer(text, tuple(tokens))
        except Exception as error:  # whatever an unknown server makes of the protocol
            if not text:
                self._fail(error)
            note = f"{explain_error(error, self.address, TIMEOUT_SECONDS)} The text so far is kept."
            yield Answer(text, tuple(tokens), "broken", note)
            return
        if not reason and not text:
            raise UserError(f"{self.host} returned an empty answer.")
        note = "" if reason else "The server ended the stream without a reason; the text so far is kept."
        yield Answer(text, tuple(tokens), reason or "broken", note)

    def generate_label(self, prompt: str, labels: Mapping[str, str]) -> ParsedLabel:
        instruction = LABEL_INSTRUCTION.format(", ".join(labels.values()))
        messages = [{"role": "system", "content": instruction}, {"role": "user", "content": prompt}]
        sampling = Sampling(new_tokens=LABEL_TOKENS, temperature=0, shown=MAX_TOP_LOGPROBS)
        try:
            completion = self._request(messages, sampling, stream=False)
            choice = completion.choices[0]
            answer = choice.message.content or ""
            tokens = _tokens(getattr(choice, "logprobs", None), sampling.shown)
        except Exception as error:  # as above
            self._fail(error)
        probabilities = first_token_probabilities(tokens[0].others, labels) if tokens else None
        if probabilities:
            label = max(probabilities, key=lambda name: probabilities[name])
        else:
            label = parse_label(answer, labels)
        return ParsedLabel(label, answer, probabilities, _prompt_tokens(completion), _served_by(completion))

    def _request(self, messages: Sequence[Message], sampling: Sampling, *, stream: bool) -> Any:
        """Send a request, again after status 429."""
        clean = [{**message, "content": replace_surrogates(message["content"])} for message in messages]
        return retry(
            lambda: self._send(clean, sampling, stream),
            is_transient=lambda error: http_status(error) == 429,
            attempts=ATTEMPTS,
            max_pause_seconds=MAX_WAIT_SECONDS,
        )

    def _send(self, messages: Sequence[Message], sampling: Sampling, stream: bool) -> Any:
        """Send a request; without probabilities if the server refuses to give them."""
        asks_logprobs = self._logprobs and sampling.shown > 0
        logprobs = {"logprobs": True, "top_logprobs": min(sampling.shown, MAX_TOP_LOGPROBS)} if asks_logprobs else {}
        try:
            client = self._client()
            answer = client.chat_completion(
                list(messages), model=self.name, stream=stream, **_options(sampling), **logprobs
            )
            return _after_first_chunk(answer, client) if stream else answer
        except Exception as error:  # the HTTP clients' errors share no public base
            if not asks_logprobs or http_status(error) not in LOGPROBS_REFUSED:
                raise
        self._logprobs = False
        return self._send(messages, sampling, stream)

    def _client(self) -> Any:
        from huggingface_hub import InferenceClient  # 0.3 s, and most pages never call a hosted model

        key = self._key or environment_key(self.address) or "none"  # with no key the client would send the Hub token
        return InferenceClient(base_url=self.address, api_key=key, timeout=TIMEOUT_SECONDS)

    def _fail(self, error: Exception) -> NoReturn:
        if isinstance(error, UserError):
            raise error
        message = explain_error(error, self.address, TIMEOUT_SECONDS)
        raise ServerError(message, http_status(error) or 0, retry_after(error) or 0.0) from None


def _options(sampling: Sampling) -> dict[str, Any]:
    options: dict[str, Any] = {
        "max_tokens": sampling.new_tokens,
        "temperature": sampling.temperature,
        "seed": sampling.seed,
    }
    options |= {"top_p": sampling.top_p} if sampling.top_p < 1 else {}
    return options | ({"stop": list(sampling.stop)} if sampling.stop else {})


def _prompt_tokens(completion: Any) -> int:
    """As the server counts them; 0 if it does not say."""
    count = getattr(getattr(completion, "usage", None), "prompt_tokens", 0)
    return count if isinstance(count, int) else 0


def _served_by(completion: Any) -> str:
    """The model's name and the system's fingerprint that the server reports."""
    names = (getattr(completion, name, "") for name in ("model", "system_fingerprint"))
    return " ".join(replace_surrogates(name)[:100] for name in names if isinstance(name, str) and name)


def _after_first_chunk(answer: Any, client: Any) -> Iterator[Any]:
    """Return a stream once its first chunk is there: until then an error is one of the request. The client closes with
    it."""
    chunks = iter(answer)
    first = next(chunks, None)

    def stream() -> Iterator[Any]:
        with client:
            if first is not None:
                yield first
                yield from chunks

    return stream()


def _tokens(logprobs: Any, shown: int) -> list[Token]:
    return [
        Token(
            token.token,
            min(1.0, math.exp(token.logprob)),
            tuple((other.token, min(1.0, math.exp(other.logprob))) for other in (token.top_logprobs or [])[:shown]),
        )
        for token in getattr(logprobs, "content", None) or []
    ]


def _finish_reason(reason: str | None) -> str:
    return {"stop": "end of text", "length": "length", None: ""}.get(reason, str(reason))
