"""Faults: requests that fail as a test asks, by method and by a regular expression searched in "path?query".

| kind | what happens | parameters |
|---|---|---|
| `status` | this status in place of the work | `status`, `headers` |
| `rate_limit` | 429 with the seconds to wait | `retry_after` |
| `delay` | the work begins late | `seconds` |
| `drop` | the answer breaks off, with the end of the connection | `after_bytes` |
| `reset` | the same, with a reset of the connection | `after_bytes` |
| `drop_response` | the work is done, its answer is lost | |
| `drop_upload` | the connection breaks while the client sends | `after_bytes` |
| `truncate` | a shorter body whose length is given as such | `bytes` |
| `corrupt` | one byte of the body is altered | `offset`, negative from the end |
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

from tests.hub.web import Response, as_json

KINDS = ("status", "rate_limit", "delay", "drop", "reset", "drop_response", "drop_upload", "truncate", "corrupt")


@dataclass
class Fault:
    """Fires for `times` requests that match; -1: for all."""

    kind: str
    path: str
    times: int = 1
    method: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, kind: str, path: str, times: int = 1, method: str = "", **parameters: Any) -> Fault:
        if kind not in KINDS:
            raise ValueError(f"{kind} is no kind of fault; there are: {', '.join(KINDS)}")
        return cls(kind, path, times, method, parameters)

    def fires(self, method: str, target: str) -> bool:
        """Whether this request fails; counts it."""
        if self.times == 0 or self.method not in ("", method) or not re.search(self.path, target):
            return False
        self.times -= self.times > 0
        return True

    def refusal(self) -> Response | None:
        """The answer in place of the work, of the kinds that refuse."""
        if self.kind == "rate_limit":
            seconds = str(self.parameters["retry_after"])
            limits = {"RateLimit": f'"api";r=0;t={seconds}', "RateLimit-Policy": '"fixed window";"api";q=5000;w=300'}
            return as_json({"error": "Too many requests"}, 429, **{"Retry-After": seconds, **limits})
        if self.kind == "status":
            return as_json({"error": "A fault"}, self.parameters["status"], **self.parameters.get("headers", {}))
        return None

    def alter(self, response: Response) -> Response:
        """The answer, its body shortened or altered by the kinds that do so."""
        body = response.body
        if self.kind == "truncate":
            return replace(response, body=body[: self.parameters["bytes"]])
        if self.kind == "corrupt" and body:
            altered = bytearray(body)
            altered[self.parameters["offset"]] ^= 0xFF
            return replace(response, body=bytes(altered))
        return response

    def bytes_before_break(self) -> int | None:
        """How much of the answer arrives, of the kinds that break the connection."""
        if self.kind in ("drop", "reset"):
            return self.parameters.get("after_bytes", 0)
        return 0 if self.kind == "drop_response" else None
