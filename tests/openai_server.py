"""A server on loopback that speaks OpenAI's chat completions with a real model behind it, and fails in the ways that such servers do.

The model's name says how: tiny, and tiny-… for slow, busy (429, twice or always), garbage, breaks (in the middle), ends (in the
middle, politely), plain (refuses logprobs), silent, tires (is overloaded from its 9th to its 14th question), picky (refuses
every third question).
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests import tiny_gpt

KEY = "sk-right-4711"


@contextmanager
def openai_server() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The server's address, and what it was asked."""
    asked: list[dict[str, Any]] = []
    counts: Counter[str] = Counter()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 1  # seconds that a kept connection may be idle, since the end waits for all of them

        def log_message(self, *args: Any) -> None:
            pass

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            key = self.headers.get("Authorization", "")
            asked.append({**body, "path": self.path, "key": key})
            counts[body["model"]] += 1
            how = body["model"].partition("-")[2]
            if key != f"Bearer {KEY}":
                self._send(401, {"error": {"message": f"Incorrect API key provided: {key}"}})
            elif not body["model"].startswith("tiny"):
                self._send(404, {"error": {"message": "no such model"}})
            elif how == "busy" or (how == "busy-twice" and counts[body["model"]] <= 2):
                self._send(429, {"error": {"message": "slow down"}}, {"Retry-After": "0.05"})
            elif how == "tires" and 9 <= counts[body["model"]] <= 14:
                self._send(503, {"error": {"message": "overloaded"}})
            elif how == "picky" and not counts[body["model"]] % 3:
                self._send(400, {"error": {"message": "against the rules"}})
            elif how == "plain" and body.get("logprobs"):
                self._send(400, {"error": {"message": "logprobs are not supported"}})
            else:
                self._answer(body, how)

        def _answer(self, body: dict[str, Any], how: str) -> None:
            if how == "slow":
                time.sleep(1.5)
            if how == "garbage":
                self._send(200, "<html>It works!</html>", kind="text/html")
                return
            tokens = [] if how == "silent" else written(body)
            if body.get("stream"):
                self._stream(tokens, how)
                return
            choice = {
                "index": 0,
                "message": {"role": "assistant", "content": "".join(each["token"] for each in tokens)},
            }
            self._send(200, envelope([{**choice, "finish_reason": "stop", **logprobs(tokens, body)}]))

        def _stream(self, tokens: list[dict[str, Any]], how: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for number, token in enumerate(tokens):
                if how in ("breaks", "ends") and number == 3:
                    break
                told = {} if how == "plain" else {"logprobs": {"content": [token]}}
                self._chunk([{"index": 0, "delta": {"role": "assistant", "content": token["token"]}, **told}])
            if how == "breaks":
                self.close_connection = True
                self.connection.close()
                return
            if how not in ("ends", "silent"):
                self._chunk([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": "length"}])
                self._raw("data: [DONE]\n\n")
            self.wfile.write(b"0\r\n\r\n")

        def _chunk(self, choices: list[dict[str, Any]]) -> None:
            self._raw(f"data: {json.dumps(envelope(choices))}\n\n")

        def _raw(self, text: str) -> None:
            data = text.encode()
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()

        def _send(
            self, status: int, body: Any, headers: dict[str, str] | None = None, kind: str = "application/json"
        ) -> None:
            data = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

    tiny_gpt.taught()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False  # waited for at the end: a thread inside torch must not outlive the interpreter
    server.handle_error = lambda *about: None  # type: ignore[method-assign] - a caller that lost its patience
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", asked
    finally:
        server.shutdown()
        server.server_close()


def written(body: dict[str, Any]) -> list[dict[str, Any]]:
    """What the model writes: tokens with their log-probabilities, by transformers."""
    import torch

    words, model = tiny_gpt.taught()
    ids = words(body["messages"][-1]["content"], return_tensors="pt").input_ids
    with torch.no_grad():
        found = model.generate(
            ids, max_new_tokens=body["max_tokens"], do_sample=False, pad_token_id=0, output_scores=True, return_dict_in_generate=True
        )  # fmt: skip
    told = []
    for token, scores in zip(found.sequences[0, ids.shape[1] :].tolist(), found.scores, strict=True):
        best = scores[0].log_softmax(-1).topk(max(1, body.get("top_logprobs") or 1))
        rivals = [{"token": words.decode([each]), "logprob": float(value)} for value, each in zip(*best, strict=True)]
        told.append({"token": words.decode([token]), "logprob": rivals[0]["logprob"], "top_logprobs": rivals})
    return told


def logprobs(tokens: list[dict[str, Any]], body: dict[str, Any]) -> dict[str, Any]:
    return {"logprobs": {"content": tokens}} if body.get("logprobs") else {}


def envelope(choices: list[dict[str, Any]]) -> dict[str, Any]:
    about = {"id": "x", "object": "chat.completion", "created": 0, "model": "tiny", "system_fingerprint": ""}
    return {**about, "choices": choices, "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}
