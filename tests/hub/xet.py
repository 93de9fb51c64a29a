"""Xet: how the clients store large files by default, as chunks that are named by their hash.

A *xorb* is up to 64 MiB of chunks, each behind a header of 8 bytes, compressed by LZ4 or not. A *shard* says of which
ranges of chunks ("terms") a file is made. Uploads bring xorbs, then the shard; a download asks for a file's
reconstruction: its terms, and where the bytes of their xorbs are. Formats: Xet protocol, huggingface.co/docs/xet.
"""

from __future__ import annotations

import hashlib
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pyarrow

from tests.hub.web import HubError, Request, Response, as_json, byte_range, file_response, route

if TYPE_CHECKING:
    from tests.hub.state import HubState

CHUNK_HEADER_BYTES = 8
SHARD_HEADER_BYTES, ENTRY_BYTES = 48, 48
HAS_VERIFICATION, HAS_METADATA = 1 << 31, 1 << 30  # flags of a file in a shard
STORED, LZ4, GROUPED_LZ4 = range(3)  # a chunk's compression
LIFETIME_SECONDS = 900  # of a token of the storage


@dataclass(frozen=True)
class Chunk:
    """Where a chunk lies in its xorb, header included, and how it is compressed."""

    start: int
    end: int
    scheme: int
    size: int  # uncompressed

    def content(self, xorb: bytes) -> bytes:
        packed = xorb[self.start + CHUNK_HEADER_BYTES : self.end]
        if self.scheme == STORED:
            return packed
        unpacked = pyarrow.decompress(packed, decompressed_size=self.size, codec="lz4", asbytes=True)
        return ungroup(unpacked) if self.scheme == GROUPED_LZ4 else unpacked


@dataclass(frozen=True)
class Term:
    """A range of a xorb's chunks, one part of a file."""

    xorb: str
    first: int
    last: int  # exclusive
    size: int  # uncompressed


@dataclass
class XetStore:
    """Xorbs and files by their Xet hash; `hashes` has a file's Xet hash by its SHA-256."""

    xorbs: dict[str, bytes] = field(default_factory=dict)
    files: dict[str, list[Term]] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)

    def assemble(self, terms: list[Term]) -> bytes:
        """A file's content."""
        parts = []
        for term in terms:
            xorb = self.xorbs[term.xorb]
            parts += [chunk.content(xorb) for chunk in chunks(xorb)[term.first : term.last]]
        return b"".join(parts)


# -- formats -----------------------------------------------------------------------------------------------------------


def chunks(xorb: bytes) -> list[Chunk]:
    """The chunks of a xorb, up to its footer, which begins with "XETBLOB"."""
    found, start = [], 0
    while start < len(xorb) and xorb[start] == 0:  # the version of a chunk's header
        packed = int.from_bytes(xorb[start + 1 : start + 4], "little")
        size = int.from_bytes(xorb[start + 5 : start + 8], "little")
        end = start + CHUNK_HEADER_BYTES + packed
        found.append(Chunk(start, end, xorb[start + 4], size))
        start = end
    return found


def ungroup(grouped: bytes) -> bytes:
    """Undo the grouping of bytes by their position in a word of four, which lets floats compress."""
    content, start = bytearray(len(grouped)), 0
    for position in range(4):
        count = len(range(position, len(grouped), 4))
        content[position::4] = grouped[start : start + count]
        start += count
    return bytes(content)


def files_of_shard(shard: bytes) -> Iterator[tuple[str, list[Term]]]:
    """Each file's hash and terms: entries of 48 bytes, up to one of a hash of ones."""
    at = SHARD_HEADER_BYTES
    while shard[at : at + 32] != b"\xff" * 32:
        flags, count = struct.unpack_from("<II", shard, at + 32)
        name, terms = hash_name(shard[at : at + 32]), []
        for _ in range(count):
            at += ENTRY_BYTES
            _, size, first, last = struct.unpack_from("<4I", shard, at + 32)
            terms.append(Term(hash_name(shard[at : at + 32]), first, last, size))
        at += ENTRY_BYTES * (1 + (count if flags & HAS_VERIFICATION else 0) + bool(flags & HAS_METADATA))
        yield name, terms


def hash_name(raw: bytes) -> str:
    """A hash as it is written in addresses: four little-endian words."""
    return "".join(f"{word:016x}" for word in struct.unpack("<4Q", raw))


# -- routes ------------------------------------------------------------------------------------------------------------


@route("GET", "/api/{kind}/{repo}/xet-read-token/{revision}")
def read_token(state: HubState, request: Request, kind: str, repo: str, revision: str) -> Response:
    state.downloadable(request, kind, repo)
    return token(state, "read")


@route("GET", "/api/{kind}/{repo}/xet-write-token/{revision}")
def write_token(state: HubState, request: Request, kind: str, repo: str, revision: str) -> Response:
    state.writable(request, kind, repo, pull_request=bool(request.parameter("create_pr")))
    return token(state, "write")


def token(state: HubState, scope: str) -> Response:
    """A token of the storage alone, and its address."""
    expires, url = int(time.time()) + LIFETIME_SECONDS, f"{state.storage_url}/cas"
    headers = {"X-Xet-Cas-Url": url, "X-Xet-Access-Token": f"xet-{scope}", "X-Xet-Token-Expiration": str(expires)}
    return as_json({"casUrl": url, "exp": expires, "accessToken": f"xet-{scope}"}, **headers)


def check_token(request: Request, *scopes: str) -> None:
    if request.token not in [f"xet-{scope}" for scope in scopes]:
        raise HubError(HTTPStatus.UNAUTHORIZED, "Invalid token of the storage")


@route("POST", "/cas/v1/xorbs/default/{name}")
def upload_xorb(state: HubState, request: Request, name: str) -> Response:
    check_token(request, "write")
    inserted = name not in state.xet.xorbs
    state.xet.xorbs[name] = request.body
    return as_json({"was_inserted": inserted})


@route("POST", "/cas/v1/shards")
def upload_shard(state: HubState, request: Request) -> Response:
    """Put the files of a shard together, so that they can be had by LFS too."""
    check_token(request, "write")
    for name, terms in files_of_shard(request.body):
        content = state.xet.assemble(terms)
        sha256 = hashlib.sha256(content).hexdigest()
        state.contents[sha256], state.xet.files[name], state.xet.hashes[sha256] = content, terms, name
    return as_json({"result": 1})


@route("GET", "/cas/v1/reconstructions/{name}")
def reconstruct(state: HubState, request: Request, name: str) -> Response:
    """The terms of a file, or of the bytes that the `Range` header asks for, and where to fetch them."""
    check_token(request, "read", "write")
    terms = state.xet.files.get(name)
    if terms is None:
        raise HubError(HTTPStatus.NOT_FOUND, "Unknown file")
    first, last = byte_range(request, sum(term.size for term in terms))
    wanted, offset, start = [], 0, 0
    for term in terms:
        end = start + term.size
        if start <= last and end > first:
            offset = offset if wanted else first - start
            wanted.append(term)
        start = end
    fetch: dict[str, list[dict[str, Any]]] = {}
    for xorb in {term.xorb for term in wanted}:
        fetch[xorb] = [fetch_info(state, xorb, [term for term in wanted if term.xorb == xorb])]
    described = [
        {"hash": term.xorb, "unpacked_length": term.size, "range": {"start": term.first, "end": term.last}}
        for term in wanted
    ]
    return as_json({"offset_into_first_range": offset, "terms": described, "fetch_info": fetch})


def fetch_info(state: HubState, xorb: str, terms: list[Term]) -> dict[str, Any]:
    """Where the bytes of all these terms of a xorb are; `url_range` includes its end."""
    first, last = min(term.first for term in terms), max(term.last for term in terms)
    layout = chunks(state.xet.xorbs[xorb])
    return {
        "range": {"start": first, "end": last},
        "url": f"{state.storage_url}/xorb-data/{xorb}",
        "url_range": {"start": layout[first].start, "end": layout[last - 1].end - 1},
    }


@route("GET", "/xorb-data/{name}")
def xorb_data(state: HubState, request: Request, name: str) -> Response:
    return file_response(request, state.xet.xorbs[name])
