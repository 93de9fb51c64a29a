"""Models on other machines: Hugging Face's providers, and any server that speaks OpenAI's chat completions.

They get messages and give text; some give the probabilities of the tokens they wrote, none those of a prompt or of every
label. The key is the caller's or the environment's; it is sent to its own server, and never kept, logged or told.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from plugins.gpt_prompting.models.interface import (
    Answer,
    LanguageModel,
    Message,
    ParsedLabel,
    Sampling,
    Token,
    replace_surrogates,
)
from plugins.gpt_prompting.models.label_parsing import first_token_probabilities, parse_label
from plugins.gpt_prompting.prompting.prompts import PROMPT_FILE, Prompt, parse_prompt
from training.artifact import store
from training.errors import UserError
from training.settings import HOSTED

HUGGING_FACE = "https://router.huggingface.co/v1"
KEY_VARIABLES = {  # host -> the variable that holds its key
    "api.openai.com": "OPENAI_API_KEY",
    "openrouter.ai": "OPENROUTER_API_KEY",
    "api.mistral.ai": "MISTRAL_API_KEY",
    "api.groq.com": "GROQ_API_KEY",
    "api.together.xyz": "TOGETHER_API_KEY",
    "api.deepseek.com": "DEEPSEEK_API_KEY",
}
OPERATOR_URL, OPERATOR_KEY = "SELFSUP_HOSTED_URL", "SELFSUP_HOSTED_KEY"  # of a server that the operator runs
TIMEOUT_SECONDS = float(os.environ.get("SELFSUP_HOSTED_SECONDS", "60"))
RETRIES, MAX_WAIT_SECONDS = 2, 5.0  # after "too many requests"; seconds
TOP_LOGPROBS = 5
UNSUPPORTED_OPTIONS = {
    "top_k": 0,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
}  # what the protocol lacks, and what turns it off
TRANSIENT_STATUSES = (408, 409, 425, 429, 500, 502, 503, 504, 529)  # refusals that pass
LABEL_INSTRUCTION = "Answer with exactly one of these labels and nothing else: {}."


class ServerError(UserError):
    """A server that did not answer.

    Args:
        status: Of HTTP; 0 where none came.
        wait: Seconds that it asked to wait; 0 where it did not.
        was_reached: Whether it was there at all.
    """

    def __init__(self, words: str, status: int = 0, wait: float = 0.0, was_reached: bool = True):
        super().__init__(words)
        self.status, self.wait, self.was_reached = status, wait, was_reached

    @property
    def passes(self) -> bool:
        """Whether the same question may be answered a little later."""
        return not self.status or self.status in TRANSIENT_STATUSES


def connect(name: str, key: str = "") -> HostedModel:
    """The model of a name: hosted:model, or hosted:model@https://server/v1.

    Raises:
        UserError: If the name has another form, or this server may not ask there.
    """
    model, _, address = (
        name.removeprefix(HOSTED).rpartition("@") if "@" in name else (name.removeprefix(HOSTED), "", "")
    )
    model, address = model.strip(), (address.strip().rstrip("/") or HUGGING_FACE)
    parts = urlsplit(address)
    # Names are kept, and may be told: no place for a key.
    secretive = "@" in parts.netloc or parts.query or parts.fragment
    if not model or parts.scheme not in ("http", "https") or not parts.hostname or secretive:
        raise UserError(
            "A hosted model is named hosted:model@https://server/v1, or hosted:owner/model for Hugging Face."
        )
    _check_host(parts.hostname, parts.scheme, address)
    return HostedModel(model, address, key)


def _check_host(host: str, scheme: str, address: str) -> None:
    """On a server for many visitors only known hosts are asked: no visitor makes it call into its own network."""
    known = (
        host in KEY_VARIABLES
        or host == urlsplit(HUGGING_FACE).hostname
        or address == os.environ.get(OPERATOR_URL, "").rstrip("/")
    )
    if _is_shared() and not (known and (scheme == "https" or address == os.environ.get(OPERATOR_URL, "").rstrip("/"))):
        raise UserError(f"This server asks only: {', '.join([*KEY_VARIABLES, 'Hugging Face'])}. Run the studio yourself to ask {host}.")  # fmt: skip


def _is_shared() -> bool:
    return os.environ.get("SYSTEM") == "spaces"


def _environment_key(address: str) -> str:
    """The key that belongs to this host and no other; on a shared server only that of the operator's own."""
    if address == os.environ.get(OPERATOR_URL, "").rstrip("/"):
        return os.environ.get(OPERATOR_KEY, "")
    if _is_shared():
        return ""
    host = urlsplit(address).hostname or ""
    if address == HUGGING_FACE:
        from huggingface_hub import get_token

        return get_token() or ""
    return (
        os.environ.get(KEY_VARIABLES.get(host, ""), "")
        if host in KEY_VARIABLES and address.startswith("https://")
        else ""
    )


class HostedModel(LanguageModel):
    """A model behind an address."""

    has_probabilities = False
    has_template = True

    def __init__(self, model: str, address: str, key: str = ""):
        self.name, self.address = model, address
        self._key = key.strip()
        self._logprobs = True  # until the server refuses to give them
        self.prompt: Prompt | None = None  # that was measured with it
        self.record: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"HostedModel({self.name!r}, {self.address!r})"

    def with_key(self, key: str) -> HostedModel:
        """The same model asked with a visitor's key."""
        if not key.strip():
            return self
        model = HostedModel(self.name, self.address, key)
        model.prompt, model.record = self.prompt, self.record
        return model

    @property
    def host(self) -> str:
        return _host(self.address)

    def tokens(self, text: str) -> list[str]:
        """How it splits a text is not told: the text is one piece."""
        return [text]

    def count(self, text: str) -> int:
        return 0

    def count_chat(self, messages: Sequence[Message]) -> int:
        return 0

    def next_token(self, prompt: str, shown: int) -> list[tuple[str, float]]:
        for answers in self.stream(prompt, Sampling(new_tokens=1, temperature=0, shown=min(shown, 20))):
            if answers[0].tokens and answers[0].tokens[0].others:
                return list(answers[0].tokens[0].others)
        raise UserError("This server does not give the probabilities of its tokens.")

    def read(self, text: str, shown: int) -> list[Token]:
        raise UserError(
            "A hosted model gives no probabilities of a text that it did not write: choose weights of this machine."
        )

    def score(
        self, contexts: Sequence[str], continuations: Sequence[Sequence[str]]
    ) -> Iterator[tuple[int, list[float]]]:
        raise UserError("A hosted model gives no log-likelihoods: its written answers are read for a label instead.")

    def stream(self, prompt: str, how: Sampling) -> Iterator[list[Answer]]:
        if not prompt:
            raise UserError("The prompt is empty: write something to continue.")
        return self.stream_chat([{"role": "user", "content": prompt}], how)

    def stream_chat(self, messages: Sequence[Message], how: Sampling) -> Iterator[list[Answer]]:
        """One alternative after the other. A stream that breaks keeps what came."""
        unsent = [name for name, off in UNSUPPORTED_OPTIONS.items() if getattr(how, name) != off]
        note = f"Not sent, as the protocol lacks it: {', '.join(unsent)}." if unsent else ""
        done: list[Answer] = []
        for number in range(how.alternatives):
            last = Answer("")
            for last in self._stream_one(messages, replace(how, seed=(how.seed + number) % 2**31)):
                yield [*done, last]
            done.append(replace(last, note=" ".join(filter(None, (last.note, note)))))
        yield done

    def _stream_one(self, messages: Sequence[Message], how: Sampling) -> Iterator[Answer]:
        text, tokens, why = "", [], ""
        try:
            for chunk in self._ask(messages, how, stream=True):
                for choice in chunk.choices[:1]:
                    piece = choice.delta.content or ""
                    text += piece
                    tokens += _tokens(getattr(choice, "logprobs", None), how.shown) or ([Token(piece)] if piece else [])
                    why = why or _finish_reason(choice.finish_reason)
                yield Answer(text, tuple(tokens))
        except Exception as error:  # whatever a stranger's server makes of the protocol
            if not text:
                self._explain(error)
            yield Answer(
                text,
                tuple(tokens),
                "broken",
                f"{_explain_error(error, self.address)} What had come until then is kept.",
            )
            return
        if not why and not text:
            raise UserError(f"{_host(self.address)} answered nothing.")
        cut = "" if why else "The server ended in the middle of its answer; what had come until then is kept."
        yield Answer(text, tuple(tokens), why or "broken", cut)

    def judge(self, prompt: str, labels: Mapping[str, str]) -> ParsedLabel:
        ask = LABEL_INSTRUCTION.format(", ".join(labels.values()))
        messages = [{"role": "system", "content": ask}, {"role": "user", "content": prompt}]
        how = Sampling(new_tokens=24, temperature=0, shown=20)
        try:
            whole = self._ask(messages, how, stream=False)
            found = whole.choices[0]
            said = found.message.content or ""
            rivals = _tokens(getattr(found, "logprobs", None), how.shown)
        except Exception as error:
            self._explain(error)
        chances = first_token_probabilities(rivals[0].others, labels) if rivals else None
        label = max(chances, key=lambda name: chances[name]) if chances else parse_label(said, labels)
        return ParsedLabel(label, said, chances, _prompt_tokens(whole), _served_by(whole))

    def _ask(self, messages: Sequence[Message], how: Sampling, *, stream: bool) -> Any:
        """Send; without probabilities where the server refuses to give them, and again where it asks to wait."""
        clean = [{"role": each["role"], "content": replace_surrogates(each["content"])} for each in messages]
        given: dict[str, Any] = {
            "max_tokens": how.new_tokens,
            "temperature": how.temperature,
            "seed": how.seed,
            "stream": stream,
        }
        given |= {"top_p": how.top_p} if how.top_p < 1 else {}
        given |= {"stop": list(how.stop)} if how.stop else {}
        for attempt in range(RETRIES + 2):
            more = {"logprobs": True, "top_logprobs": min(how.shown, 20)} if self._logprobs and how.shown else {}
            try:
                client = self._client()
                answer = client.chat_completion(clean, model=self.name, **given, **more)
                return _after_first_chunk(answer, client) if stream else answer
            except Exception as error:
                status = _status(error)
                if more and status in (400, 404, 422, 500, 501):
                    self._logprobs = False
                elif status == 429 and attempt < RETRIES:
                    time.sleep(min(_retry_after(error), MAX_WAIT_SECONDS))
                else:
                    raise
        raise UserError("The server refuses every form of the question.")

    def _client(self) -> Any:
        from huggingface_hub import InferenceClient

        key = (
            self._key or _environment_key(self.address) or "none"
        )  # without any, the client would send the machine's Hub token
        return InferenceClient(base_url=self.address, api_key=key, timeout=TIMEOUT_SECONDS)

    def _explain(self, error: Exception) -> NoReturn:
        if isinstance(error, UserError):
            raise error
        wait = _retry_after(error) if _status(error) else 0.0
        raise ServerError(
            _explain_error(error, self.address), _status(error), wait, "Connect" not in type(error).__name__
        ) from None


def of_artifact(folder: Path) -> HostedModel | None:
    """The model that an artifact without weights was measured with, with the prompt; None where it is no such."""
    if not (folder / PROMPT_FILE).is_file() or any(folder.rglob("*.safetensors")):
        return None  # with weights it may be a stranger's, and no name of theirs decides where a visitor's key goes
    record = store.read_record(folder)
    name = str(record.get("settings", {}).get("model", ""))
    if not name.startswith(HOSTED):
        return None
    model = connect(name)
    model.prompt, model.record = parse_prompt((folder / PROMPT_FILE).read_text(encoding="utf-8")), record
    return model


def _prompt_tokens(answer: Any) -> int:
    """As the server counts them; 0 where it does not say."""
    found = getattr(getattr(answer, "usage", None), "prompt_tokens", 0)
    return found if isinstance(found, int) else 0


def _served_by(answer: Any) -> str:
    """What the server says has answered: the model's name and the fingerprint of its system, where it gives one."""
    told = (getattr(answer, name, "") for name in ("model", "system_fingerprint"))
    return " ".join(replace_surrogates(each)[:100] for each in told if isinstance(each, str) and each)


def _after_first_chunk(answer: Any, client: Any) -> Iterator[Any]:
    """The stream, once its first part is there: until then an error is one of the question. The client closes with it."""
    parts = iter(answer)
    first = next(parts, None)

    def again() -> Iterator[Any]:
        with client:
            if first is not None:
                yield first
                yield from parts

    return again()


def _tokens(logprobs: Any, shown: int) -> list[Token]:
    import math

    content = getattr(logprobs, "content", None) or []
    return [
        Token(
            each.token,
            min(1.0, math.exp(each.logprob)),
            tuple((one.token, min(1.0, math.exp(one.logprob))) for one in (each.top_logprobs or [])[:shown]),
        )
        for each in content
    ]


def _finish_reason(finish: str | None) -> str:
    return {"stop": "end of text", "length": "length", None: ""}.get(finish, str(finish))


def _status(error: Exception) -> int:
    return getattr(getattr(error, "response", None), "status_code", 0) or 0


def _retry_after(error: Exception) -> float:
    """Seconds that the server asks for."""
    headers = getattr(getattr(error, "response", None), "headers", {}) or {}
    said = str(headers.get("retry-after", ""))
    return float(said) if said.replace(".", "", 1).isdigit() else 1.0


def _host(address: str) -> str:
    return urlsplit(address).netloc


def _explain_error(error: Exception, address: str) -> str:
    """What went wrong, in words of ours: a server may repeat the key in its own."""
    if isinstance(error, UserError):
        return str(error)
    if type(error).__name__ == "OfflineModeIsEnabled":
        return "HF_HUB_OFFLINE is set where the studio runs, so no hosted model is asked."
    host, status = _host(address), _status(error)
    name = type(error).__name__
    if status in (401, 403):
        return f"{host} does not accept the key: check it, and that it may use this model."
    if status == 404:
        return f"{host} has no such model or address: check the model's name and that the address ends in /v1."
    if status == 429:
        return f"{host} asks to slow down: wait a little, or use another key."
    if status:
        return f"{host} refused the question (HTTP {status})."
    if "Timeout" in name:
        return f"{host} took more than {TIMEOUT_SECONDS:.0f} seconds."
    if "Connect" in name:
        return f"{host} cannot be reached: is the address right, and the server up?"
    if name in ("RemoteProtocolError", "ReadError", "ChunkedEncodingError", "IncompleteRead"):
        return f"{host} closed the connection."
    return f"{host} answered what is no chat completion ({name})."
