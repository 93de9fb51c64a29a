"""ChatClient: requests to one server's chat completions over HTTP, as parsed JSON.

Why not a client library: see docs/decisions/0015-our-own-chat-client.md.
"""

from __future__ import annotations

import re
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from plugins.gpt_prompting.models.completion import error_of, error_words, read_piece
from plugins.gpt_prompting.models.event_stream import DONE, UNREADABLE, events, parse_json
from plugins.gpt_prompting.models.hosted_servers import (
    Response,
    ServerError,
    SlowError,
    UnreachableError,
    environment_key,
    explain_error,
    host_of,
    refusal,
)
from training.errors import UserError

MAX_ANSWER_BYTES = 64 << 20
PATH = "/chat/completions"


class Patience:
    """Seconds that are waited for an answer, or for the next event of a stream."""

    def __init__(self, seconds: float):
        self.seconds = seconds
        self.restart()

    def restart(self) -> None:
        self._end = time.monotonic() + self.seconds

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self._end


class ChatClient:
    """The chat completions of one address, with one key.

    Args:
        timeout: Seconds that a whole answer may take; of a stream, the next event.
    """

    def __init__(self, address: str, key: str, timeout: float):
        self.address, self.timeout = address, timeout
        self.key = key or environment_key(address)

    def complete(self, body: Mapping[str, Any]) -> Any:
        """Return a completion's JSON.

        Raises:
            ServerError: If there is none.
        """
        with self._post(body) as response:
            return self._whole(response)

    def stream(self, body: Mapping[str, Any]) -> Generator[Any, None, None]:
        """Yield the JSON of each event, `DONE`, or `UNREADABLE` in place of one that is no JSON; of a server that does
        not stream, its whole answer.

        Raises:
            ServerError: If the request is refused, an event is an error, or the connection breaks.
        """
        with self._post(body) as response:
            kind = response.headers.get("content-type", "")
            if "json" in kind and "lines" not in kind and "ndjson" not in kind:
                yield self._whole(response)
                yield DONE
                return
            patience = Patience(self.timeout)
            for value in events(self._chunks(response, patience)):
                if value is not UNREADABLE:
                    self._check(value)
                    patience.restart()
                yield value
                if value == DONE:
                    return

    @contextmanager
    def _post(self, body: Mapping[str, Any]) -> Iterator[Any]:
        from huggingface_hub import get_session  # 0.3 s, and most pages never call a hosted model

        headers = {"Authorization": f"Bearer {self.key or 'none'}", "User-Agent": "selfsup-studio"}
        try:
            # No redirect is followed: it could lead into the server's own network, and the key would go with it.
            with get_session().stream(
                "POST",
                _url(self.address),
                json=body,
                headers=headers,
                timeout=self.timeout,
                follow_redirects=False,
            ) as response:
                if response.status_code >= 300:
                    raise self._refused(response) from None
                yield response
        except UserError:
            raise
        except Exception as error:  # the transport's errors, and whatever an unknown server makes of the protocol
            name = type(error).__name__
            kind = SlowError if "Timeout" in name else UnreachableError if "Connect" in name else ServerError
            raise kind(explain_error(error, self.address, self.timeout)) from None

    def _whole(self, response: Any) -> Any:
        text = b"".join(self._chunks(response, Patience(self.timeout))).decode("utf-8-sig", "replace")
        try:
            value = parse_json(text)
        except ValueError:
            value = self._joined(text)
        self._check(value)
        return value

    def _joined(self, text: str) -> Any:
        """The whole of a stream that was not asked for."""
        values = [value for value in events([text.encode("utf-8", "replace")]) if value not in (UNREADABLE, DONE)]
        if not values:
            raise ServerError(f"{host_of(self.address)} did not return a chat completion (no JSON).")
        for value in values:
            self._check(value)
        pieces = [read_piece(value, 0) for value in values]
        message = {
            "content": "".join(piece.text for piece in pieces),
            "reasoning": "".join(p.reasoning for p in pieces),
        }
        reason = next((piece.finished for piece in pieces if piece.finished), "stop")
        return {**values[0], "choices": [{"index": 0, "message": message, "finish_reason": reason}]}

    def _check(self, value: object) -> None:
        if error := error_of(value):
            status, words = error
            raise refusal(status, value, words, self.address, self.key) from None

    def _refused(self, response: Any) -> ServerError:
        text = b"".join(self._chunks(response, Patience(self.timeout))).decode("utf-8", "replace")
        try:
            body = parse_json(text)
        except ValueError:
            body = "" if "<" in text[:200] else text  # a page for people says nothing to a program
        error = refusal(response.status_code, body, error_words(body), self.address, self.key)
        error.response = Response(dict(response.headers))
        return error

    def _chunks(self, response: Any, patience: Patience) -> Iterable[bytes]:
        """The bytes of a response, as long as its size and time allow: a server may send comments for ever."""
        size = 0
        for chunk in response.iter_bytes():
            size += len(chunk)
            if patience.is_over:
                raise SlowError(f"{host_of(self.address)} took more than {self.timeout:.0f} seconds.")
            if size > MAX_ANSWER_BYTES:
                raise ServerError(f"{host_of(self.address)} sent more than {MAX_ANSWER_BYTES >> 20} MiB.")
            yield chunk


def _url(address: str) -> str:
    """The address may be that of the server, of its API (…/v1), or of the chat completions themselves."""
    if address.endswith(PATH):
        return address
    has_version = re.search(r"/v\d", urlsplit(address).path)
    return f"{address}{'' if has_version else '/v1'}{PATH}"
