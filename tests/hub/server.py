"""The server: two origins on the loopback interface, a record of every request, and faults on the way.

Small files and the API come from the Hub's origin; the contents of large files come from a second one, which refuses
any request that carries a token of the Hub, so that a token sent to the wrong host is seen.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from tests.hub import downloads, jobs, repositories, uploads, xet  # noqa: F401  their routes
from tests.hub.faults import Fault
from tests.hub.state import TOKENS, HubState
from tests.hub.web import HubError, Request, Response, as_json, dispatch


class LoopbackHub:
    """A Hub that serves from threads of this process until it is closed."""

    def __init__(self, *, run_jobs: bool = False):
        self._servers = [Server(("127.0.0.1", 0), Connection) for _ in range(2)]
        self.url, storage_url = (f"http://127.0.0.1:{server.server_port}" for server in self._servers)
        self.state = HubState(self.url, storage_url, run_jobs)
        for server in self._servers:
            server.state = self.state
            threading.Thread(target=server.serve_forever, daemon=True).start()

    def __enter__(self) -> LoopbackHub:
        return self

    def __exit__(self, *_: object) -> None:
        for job in self.state.jobs.values():
            job.cancel()
        for server in self._servers:
            server.shutdown()
            server.server_close()


class Server(ThreadingHTTPServer):
    state: HubState
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


class Connection(BaseHTTPRequestHandler):
    """One client's connection; `handle_one` answers each of its requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def handle_one(self) -> None:
        path, _, query = self.path.partition("?")
        if path.startswith("/__hub__/"):
            return self._send(control(self.server.state, self.command, path, self._read()))
        record = self._record(path, query)
        fault = self._fault(record)
        if fault and fault.kind == "drop_upload":
            self.rfile.read(fault.parameters.get("after_bytes", 0))
            return self._break(reset=True)
        body = self._read()
        record["received"] = len(body)
        if fault and fault.kind == "delay":
            time.sleep(fault.parameters["seconds"])
        response = fault.refusal() if fault else None
        response = response or self._answer(Request(self.command, path, parse_qs(query), self.headers, body))
        response = fault.alter(response) if fault else response
        record.update(status=int(response.status), sent=len(response.body))
        return self._send(response, fault)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_one  # noqa: N815  as the base class calls them

    def _record(self, path: str, query: str) -> dict[str, Any]:
        state = self.server.state
        origin = "storage" if state.storage_url.endswith(f":{self.server.server_port}") else "hub"
        record = {"method": self.command, "path": path, "query": query, "origin": origin}
        state.requests.append(record | {"status": None, "received": 0, "sent": 0, "fault": None})
        return state.requests[-1]

    def _fault(self, record: dict[str, Any]) -> Fault | None:
        with self.server.state.lock:
            fault = next((each for each in self.server.state.faults if each.fires(self.command, self.path)), None)
        record["fault"] = fault.kind if fault else None
        return fault

    def _read(self) -> bytes:
        """The body, whether its length is given or it comes in chunks."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _answer(self, request: Request) -> Response:
        state = self.server.state
        try:
            if self.server.server_port != int(state.url.rsplit(":", 1)[1]) and request.token in TOKENS:
                raise HubError(HTTPStatus.BAD_REQUEST, "A token of the Hub was sent to its storage")
            with state.lock:
                return dispatch(state, request)
        except HubError as error:
            return error.response()

    def _send(self, response: Response, fault: Fault | None = None) -> None:
        """Write the answer, or as much of it as the fault lets through."""
        limit = fault.bytes_before_break() if fault else None
        if fault is None or fault.kind != "drop_response":
            self.send_response(response.status)
            for name, value in {**response.headers, "Content-Length": str(len(response.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(response.body[:limit])
        if fault and limit is not None:
            self._break(reset=fault.kind == "reset")

    def _break(self, *, reset: bool) -> None:
        """End the connection: with a reset in place of an end where nothing is to arrive any more."""
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            socket.close(self.connection.detach())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: `GET /__hub__/requests` has them."""


def control(state: HubState, method: str, path: str, body: bytes) -> Response:
    """What tests ask of the Hub itself: make a repository, add faults, remove them all, list the requests so far."""
    with state.lock:
        match method, path:
            case "POST", "/__hub__/repositories":
                uploads.make_repository(state, **json.loads(body))
            case "POST", "/__hub__/faults":
                state.faults.append(Fault.parse(**json.loads(body)))
            case "DELETE", "/__hub__/faults":
                state.faults.clear()
            case "GET", "/__hub__/requests":
                return as_json(state.requests)
            case _:
                return Response(HTTPStatus.NOT_FOUND)
        return as_json({})
