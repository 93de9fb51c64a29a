"""What a request meets before a function: names of hosts, sessions, and words for values that cannot be read."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
from gradio.state_holder import SessionState
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from plugins._discovery import Found
from spaces_app import page_cache, requests, temporary
from spaces_app.arguments import argument
from spaces_app.page import shell
from spaces_app.sessions import SmallSession
from spaces_app.settings import Settings
from tests.page import Site, served
from tests.toy import PLUGIN
from training.errors import UserError, disk_message


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("home"), found=[Found("toy", "tests", PLUGIN)], trains=False) as site:
        yield site


@pytest.fixture(scope="module")
def client(site: Site) -> Client:
    return Client(site.url, verbose=False)


def call(site: Site, endpoint: str, data: list[Any]) -> dict[str, Any]:
    """A plain POST of these values and its answer, without what gradio_client fills in."""
    answer = httpx.post(f"{site.url}gradio_api/call/{endpoint}", json={"data": data}).json()
    text = httpx.get(f"{site.url}gradio_api/call/{endpoint}/{answer['event_id']}").text
    name, content = (line.partition(": ")[2] for line in text.strip().splitlines()[-2:])
    return {"event": name, "data": json.loads(content)}


def test_the_stream_to_a_page_that_was_left_ends_as_a_stream_does(site: Site):
    """It broke off, and the log showed the crash of an application."""
    answer = httpx.get(f"{site.url}gradio_api/queue/data?session_hash=left")
    assert answer.status_code == 200 and '"session_not_found":true' in answer.text


# -- hosts -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("host", "status"), [("evil.example", 400), ("localhost:7860", 200), ("127.0.0.1", 200)])
def test_a_local_server_answers_to_local_names_only(site: Site, host: str, status: int) -> None:
    """A page of the Internet can have its name point to 127.0.0.1, but the browser sends that name."""
    headers = {"host": host, "origin": f"http://{host}"}
    answer = httpx.post(f"{site.url}gradio_api/run/plugins", json={"data": []}, headers=headers)
    assert answer.status_code == status


def test_the_operator_can_add_names() -> None:
    [hosts, *_] = requests.middleware(Settings(hosts="studio.example, other.example"))
    assert {"localhost", "studio.example", "other.example"} <= set(hosts.kwargs["allowed_hosts"])


@pytest.mark.parametrize("name", ["0.0.0.0", "192.168.1.5", "::", "studio.example"])
def test_a_server_on_the_network_asks_who_comes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_SERVER_NAME", name)
    with pytest.raises(UserError, match="Set SELFSUP_AUTH=name:password"):
        shell.launch_options(Settings())
    assert shell.launch_options(Settings(auth="ada:secret, bob:x"))["auth"] == [("ada", "secret"), ("bob", "x")]
    assert shell.launch_options(Settings(open=True))["auth"] is None
    with pytest.raises(UserError, match="SELFSUP_AUTH is not of the form"):
        shell.launch_options(Settings(auth="ada"))


# -- the page itself ---------------------------------------------------------------------------------------------------


def test_the_page_is_made_once_and_each_visitor_gets_their_own_cookie(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with httpx.Client() as http:
        first = http.get(site.url, headers={"cookie": ""})
        monkeypatch.setattr("gradio.routes.templates.TemplateResponse", None)  # what would make it again
        second = httpx.get(site.url)
    assert first.status_code == second.status_code == 200
    assert first.text == second.text
    assert "Selfsup Studio" in first.text
    assert second.headers["content-encoding"] == "gzip"
    assert first.cookies["selfsup-guest"] != second.cookies["selfsup-guest"]
    plain = httpx.get(f"{site.url}config", headers={"accept-encoding": "identity"})
    assert plain.json() == httpx.get(f"{site.url}config").json()


@pytest.mark.parametrize("header", ["x-gradio-server", "x-forwarded-host"])
def test_a_page_with_the_addresses_of_another_server_is_sent_to_nobody_else(site: Site, header: str) -> None:
    evil = httpx.get(
        site.url, headers={header: "http://evil.example" if header == "x-gradio-server" else "evil.example"}
    )
    assert evil.status_code == 200
    assert "evil.example" not in httpx.get(site.url).text


@pytest.mark.parametrize(
    ("changes", "is_kept"),
    [
        ({}, True),
        ({"path": "/gradio_api/info"}, False),
        ({"query_string": b"deep_link=x"}, False),
        ({"query_string": b"__theme=dark"}, True),
        ({"headers": [(b"cookie", b"access-token-abc=1")]}, False),
        ({"headers": [(b"origin", b"http://other.example")]}, False),
    ],
)
def test_only_what_is_the_same_for_all_is_kept(changes: dict[str, Any], is_kept: bool) -> None:
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [], **changes}
    key = page_cache.PageCache(None).key  # type: ignore[arg-type] - it asks no app for a key
    assert (key(scope) is not None) is is_kept
    other = {**scope, "headers": [*scope["headers"], (b"host", b"other.example")]}
    assert not is_kept or key(scope) != key(other)


def test_files_of_gradio_are_compressed_once_and_kept_by_the_browser(site: Site) -> None:
    name = re.search(r"assets/index-[\w-]+\.js", httpx.get(site.url).text)
    assert name
    first, second = (httpx.get(site.url + name[0]) for _ in range(2))
    plain = httpx.get(site.url + name[0], headers={"accept-encoding": "identity"})
    assert first.content == second.content == plain.content
    assert "immutable" in second.headers["cache-control"]
    assert second.headers["content-encoding"] == "gzip"
    assert int(second.headers["content-length"]) < len(plain.content) / 2
    part = httpx.get(site.url + name[0], headers={"range": "bytes=0-9", "accept-encoding": "identity"})
    assert part.content == plain.content[:10]
    assert httpx.get(site.url + "assets/none-12345678.js").status_code == 404


@pytest.mark.parametrize("cache", [page_cache.FileCache, page_cache.PageCache])
def test_a_visitor_who_leaves_early_leaves_no_half_of_a_file_to_others(cache: type[page_cache.AnswerCache]) -> None:
    async def whole() -> AsyncIterator[bytes]:
        for _ in range(8):
            await asyncio.sleep(0.01)
            yield b"export default 1;"

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await StreamingResponse(whole(), headers={"etag": "a"})(scope, receive, send)

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    async def ask() -> bytes:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        path = "/assets/Example-1.js" if cache is page_cache.FileCache else "/"
        await cached({"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}, gone, send)
        return b"".join(message.get("body", b"") for message in sent)

    cached = cache(app)
    assert [asyncio.run(ask()), asyncio.run(ask())] == [b"export default 1;" * 8] * 2


# -- values ------------------------------------------------------------------------------------------------------------


def test_values_that_are_left_out_have_their_defaults(site: Site) -> None:
    assert call(site, "hub_search", [])["event"] != "error" or "Hub" in str(call(site, "hub_search", []))


def test_a_value_that_is_missing_is_named_and_the_others_are_not_repeated(site: Site) -> None:
    answer = call(site, "train", ["toy", "fit"])
    assert answer["event"] == "error"
    assert answer["data"]["error"] == (
        "settings: no value was given. /train needs plugin, trainer, settings; it may have data, eval_data, more_files, key."
    )


def test_a_value_too_many_is_refused(site: Site) -> None:
    """Gradio leaves it out: whoever sends a value for another parameter would never know."""
    answer = call(site, "run_status", ["toy-0123456789abcdef", 7])
    assert answer["data"]["error"] == "2 values were given; /run_status takes 1: run."


def by_name(site: Site, endpoint: str, values: Any) -> httpx.Response:
    return httpx.post(f"{site.url}gradio_api/call/v2/{endpoint}", json=values)


@pytest.mark.parametrize(
    ("endpoint", "values", "status", "message"),
    [
        ("run_status", {}, 422, "run: no value was given. /run_status needs run."),
        (
            "train",
            {"plugin": "toy"},
            422,
            "trainer, settings: no value was given. /train needs plugin, trainer, settings; ",
        ),
        ("runs", {"tags": "x"}, 422, "/runs has no parameter 'tags'. Did you mean 'tag'?"),
        ("runs", {"zzz": "x"}, 422, "/runs has no parameter 'zzz'. It has: text, tag, plugin,"),
        ("run_statu", {}, 404, "There is no endpoint 'run_statu'. Did you mean 'run_status'?"),
        ("zzzzzzzz", {}, 404, "There is no endpoint 'zzzzzzzz'. /gradio_api/info lists them all."),
        ("run_status", {"run": "x", "oauth_token": "t"}, 200, ""),
        ("runs", {}, 200, ""),
    ],
)
def test_parameters_by_name_are_checked_in_words(
    site: Site, endpoint: str, values: dict[str, Any], status: int, message: str
) -> None:
    answer = by_name(site, endpoint, values)
    assert answer.status_code == status, answer.text
    assert answer.json().get("error", "").startswith(message)


@pytest.mark.parametrize("route", ["call", "run"])
def test_an_unknown_endpoint_is_told_on_every_route(site: Site, route: str) -> None:
    answer = httpx.post(f"{site.url}gradio_api/{route}/run_statu", json={"data": []})
    assert (answer.status_code, answer.json()["error"]) == (
        404,
        "There is no endpoint 'run_statu'. Did you mean 'run_status'?",
    )


def test_defaults_hold_by_name_and_in_order(site: Site) -> None:
    event = by_name(site, "runs", {}).json()["event_id"]
    assert httpx.get(f"{site.url}gradio_api/call/v2/runs/{event}").text.startswith("event: complete\ndata: [[]]")
    assert call(site, "runs", []) == {"event": "complete", "data": [[]]}


@pytest.mark.parametrize(
    ("value", "problem"), [(True, "it should be a number"), (-1, "it should be 0 or more seconds")]
)
def test_seconds_to_wait_are_a_number(site: Site, value: Any, problem: str) -> None:
    """`true` was a wait of one second."""
    answer = call(site, "run_push", ["toy-0123456789abcdef", "a/b", True, False, "", value])
    assert answer["data"]["error"] == f"wait: {value} was given; {problem}."


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (int, True, "n: True was given; it should be a number."),
        (float, False, "n: False was given; it should be a number."),
        (float, float("nan"), "n: 'nan' was given; it should be a finite number."),
        (list[float], [1.0, float("inf")], "n: '[1.0, inf]' was given; it should be a finite number."),
    ],
)
def test_what_is_no_number_is_refused(kind: Any, value: Any, message: str) -> None:
    with pytest.raises(UserError) as error:
        argument("n", kind, value)
    assert str(error.value) == message
    assert (argument("n", int, 3), argument("n", float, 2), argument("n", bool, True)) == (3, 2.0, True)


@pytest.mark.parametrize(
    "value", [{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}, {"path": 7}, {"path": "a\0b"}, "text", [1]]
)
def test_what_is_no_upload_is_said_to_be_none(site: Site, value: Any) -> None:
    answer = call(site, "check", ["toy", "fit", {}, value, None, None])
    assert answer["event"] == "error"
    assert answer["data"]["error"], "an answer without words"
    assert answer["data"]["error"].startswith("data: ")
    assert "went wrong" not in answer["data"]["error"]


@pytest.mark.parametrize("body", ['"\\ud800"', "{", "[]", '{"data": "sk-secret"}'])
def test_a_body_that_is_none_is_refused_without_repeating_it(site: Site, body: str) -> None:
    answer = httpx.post(
        f"{site.url}gradio_api/call/plugins", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422
    [detail] = answer.json()["detail"]
    assert detail["msg"] == 'The body of a request is JSON of the form {"data": [value, ...]}.'
    by_name = httpx.post(
        f"{site.url}gradio_api/call/v2/plugins", content="[]", headers={"content-type": "application/json"}
    )
    assert by_name.json()["detail"][0]["msg"].startswith(
        "The body of a request is a JSON object of the parameters by name"
    )


def test_more_files_of_another_shape_or_twice_are_refused_in_words(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("a\n1\n")
    with pytest.raises(AppError, match="more_files: 'text' was given; it should be a valid dictionary"):
        client.predict("toy", "fit", {}, None, None, "text", api_name="/check")
    with pytest.raises(AppError, match="more_files: data is given twice"):
        client.predict("toy", "fit", {}, handle_file(file), None, {"data": handle_file(file)}, api_name="/check")


@pytest.mark.parametrize("key", ["x" * 70_000, "a\0b", "sk-\ud800", "schlüssel"])
def test_what_is_no_key_is_refused_before_it_is_taken(site: Site, key: str) -> None:
    with pytest.raises(UserError, match="key: that is no API key"):
        site.services.runs.resume("toy-0123456789abcdef", "me", key=key) if False else _check_key(key)


def _check_key(key: str) -> None:
    from spaces_app.services.runs import check_key

    check_key(key)


@pytest.mark.parametrize(
    ("number", "words"),
    [(28, "The disk is full"), (122, "The disk is full"), (30, "SELFSUP_HOME"), (13, "SELFSUP_HOME")],
)
def test_a_disk_that_cannot_be_written_to_is_said_to_be_that(number: int, words: str) -> None:
    assert words in disk_message(OSError(number, os.strerror(number)))
    assert disk_message(OSError(2, "No such file")) == ""


# -- memory and temporary files ----------------------------------------------------------------------------------------


def test_a_session_has_what_gradios_has() -> None:
    with gr.Blocks() as demo:
        gr.Textbox("text")
    assert SessionState is not SmallSession
    theirs, ours = vars(SessionState.__mro__[0](demo)), vars(SmallSession(demo))
    assert set(ours) == set(theirs)
    assert len(ours["config_values"]) == 0 < len(theirs["config_values"])


def test_temporary_results_go_after_an_hour(tmp_path: Path) -> None:
    old, new, uploads = tmp_path / "selfsup-old", tmp_path / "selfsup-new", tmp_path / "gradio"
    for folder in (old, new, uploads):
        folder.mkdir()
        (folder / "a.png").write_bytes(b"1")
    os.utime(old, (0, 0))
    os.utime(uploads, (0, 0))
    assert temporary.sweep(tmp_path) == 1
    assert not old.exists() and new.exists() and uploads.exists()


@pytest.mark.parametrize(("path", "link"), [("Hub", "/hub"), ("toys", "/toy"), ("nothing-like-it<b>", "/")])
def test_a_browser_at_a_wrong_address_gets_a_page_with_links(path: str, link: str, site: Site) -> None:
    answer = httpx.get(site.url + path, headers={"Accept": "text/html,*/*"})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert f'href="{link}"' in answer.text and 'href="/">Go to the home page' in answer.text
    assert "<b>" not in answer.text


def test_a_program_at_a_wrong_address_gets_json(site: Site) -> None:
    answer = httpx.get(site.url + "nothing", headers={"Accept": "*/*"})
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})
