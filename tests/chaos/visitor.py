"""A visitor of a served page who speaks plain HTTP: sends what a client library would refuse to send, and never raises."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass
from typing import Any

import httpx

FILE = {"_type": "gradio.FileData"}


@dataclass(frozen=True)
class Answer:
    """What came back: a result, or the words of an error; `error` is None where there were none."""

    ok: bool
    value: Any = None
    error: str | None = None
    seconds: float = 0.0


class Visitor:
    """One session of a page at `url`, such as http://127.0.0.1:7860."""

    def __init__(self, url: str, patience: float = 120.0):
        self.url, self.session = url, secrets.token_hex(6)
        self.http = httpx.Client(base_url=f"{url}/gradio_api", timeout=patience)
        self.patience = patience

    def renew(self) -> None:
        """Be somebody else from now on."""
        self.session = secrets.token_hex(6)

    def upload(self, name: str, content: bytes) -> dict[str, Any]:
        """Upload a file; returns what stands for it in a call."""
        answer = self.http.post("/upload", files={"files": (name, content)})
        answer.raise_for_status()
        return {"path": answer.json()[0], "orig_name": name, "meta": FILE}

    def call(self, endpoint: str, *values: Any) -> Answer:
        """Call an endpoint with these values, and wait for its answer."""
        return self.post(endpoint, json.dumps({"data": list(values), "session_hash": self.session}))

    def result(self, endpoint: str, *values: Any) -> Any:
        """The result of a call.

        Raises:
            AssertionError: With the words of its error.
        """
        answer = self.call(endpoint, *values)
        assert answer.ok, f"/{endpoint}: {answer.error}"
        return answer.value

    def post(self, endpoint: str, body: str) -> Answer:
        """The same with any body."""
        begin = time.monotonic()
        try:
            ok, value, error = self._exchange(endpoint, body)
        except httpx.HTTPError as problem:
            ok, value, error = False, None, f"CLIENT {type(problem).__name__}: {problem}"
        return Answer(ok, value, error, time.monotonic() - begin)

    def _exchange(self, endpoint: str, body: str) -> tuple[bool, Any, str | None]:
        answer = self.http.post(
            f"/call/{endpoint}", content=body.encode(), headers={"content-type": "application/json"}
        )
        if answer.status_code != 200:
            return False, None, f"HTTP {answer.status_code}: {answer.text[:300]}"
        kind, value = "", None
        with self.http.stream("GET", f"/call/{endpoint}/{answer.json()['event_id']}") as stream:
            for line in stream.iter_lines():
                name, _, text = line.partition(":")
                kind = text.strip() if name == "event" else kind
                value = json.loads(text) if name == "data" else value
        if kind == "complete":
            return True, value[0] if value else None, None
        return False, None, value.get("error") if isinstance(value, dict) else value
