"""A server on loopback that answers chat completions as a test tells it to: with any status, body or stream of chunks."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Request = dict[str, Any]
LOGPROBS = {"content": [{"token": "negative", "logprob": -0.1, "top_logprobs": [
    {"token": "negative", "logprob": -0.1}, {"token": "positive", "logprob": -2.4},
]}]}  # fmt: skip


@dataclass
class Reply:
    """What is sent: pieces of bytes, each after `pause` seconds."""

    pieces: Sequence[bytes]
    status: int = 200
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0


def raw(text: str, status: int = 200, kind: str = "text/html", **headers: str) -> Reply:
    return Reply([text.encode()], status, kind, headers)


def body(value: Any, status: int = 200) -> Reply:
    return Reply([json.dumps(value).encode()], status)


def error(status: int, message: str, **about: Any) -> Reply:
    return body(
        {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None, **about}}, status
    )


def completion(content: Any = "negative", reason: str | None = "stop", logprobs: Any = None, **message: Any) -> Reply:
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **message}, "finish_reason": reason}
    choice |= {} if logprobs is None else {"logprobs": logprobs}
    return body({"id": "x", "model": "m", "choices": [choice], "usage": {"prompt_tokens": 5, "completion_tokens": 1}})


def chunk(content: str | None = None, reason: str | None = None, **choice: Any) -> dict[str, Any]:
    delta = {} if content is None else {"content": content}
    return {"id": "x", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": reason, **choice}]}


def stream(*events: Any, prefix: str = "data: ", end: str = "\n\n", pause: float = 0.0) -> Reply:
    """Events of a stream; texts are sent as they are, everything else as JSON."""
    texts = [
        event if isinstance(event, str) else f"{prefix}{json.dumps(event, ensure_ascii=False)}{end}" for event in events
    ]
    return Reply([text.encode() for text in texts], kind="text/event-stream", pause=pause)


def said(*texts: str) -> list[dict[str, Any]]:
    """Chunks of an answer, with its end."""
    return [*map(chunk, texts), chunk(reason="stop")]


@contextmanager
def odd_server(answer: Callable[[Request, int], Reply]) -> Iterator[tuple[str, list[Request]]]:
    """Run the server; yields its address and the bodies of the requests.

    Args:
        answer: Of a request's body and its number, from 1.
    """
    asked: list[Request] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            reply = answer(asked[-1], len(asked))
            time.sleep(reply.pause)
            self.send_response(reply.status)
            for name, value in {"Content-Type": reply.kind, **reply.headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            for piece in reply.pieces:
                self.wfile.write(piece)
                self.wfile.flush()
                time.sleep(reply.pause)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    server.handle_error = lambda *about: None  # type: ignore[method-assign] - a caller that went away
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", asked
    finally:
        server.shutdown()
        server.server_close()
