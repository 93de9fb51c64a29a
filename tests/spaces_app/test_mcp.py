"""The endpoints as tools of the Model Context Protocol, called by its own client."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client
from mcp import ClientSession, types
from mcp.client.streamable_http import streamable_http_client

from spaces_app.settings import Settings
from tests.files import write
from tests.loud import loud
from tests.page import Site, endpoints, served, upload

FILE = {"file": {"name": "a.txt", "text": "ö ö"}}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("home")
    with served(home, Settings(mcp=True), [loud("loud", home)], trains=False) as site:
        yield site


def session(site: Site, *calls: tuple[str, dict[str, Any]]) -> tuple[dict[str, types.Tool], list[types.CallToolResult]]:
    """Connect, list the tools and make these calls."""

    async def talk() -> tuple[dict[str, types.Tool], list[types.CallToolResult]]:
        async with (
            streamable_http_client(f"{site.url}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as client,
        ):
            await client.initialize()
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            return tools, [await client.call_tool(name, given) for name, given in calls]

    return asyncio.run(talk())


def text(result: types.CallToolResult) -> str:
    """What a tool answered."""
    assert isinstance(result.content[0], types.TextContent)
    return result.content[0].text


def test_tools_are_exactly_the_endpoints(site: Site):
    tools, _ = session(site)
    assert sorted(f"/{name}" for name in tools) == sorted(endpoints(Client(site.url, verbose=False)))


def test_tool_describes_itself_and_its_parameters(site: Site):
    tools, _ = session(site)
    assert "Say it louder." in (tools["loud_shout"].description or "")
    schema = tools["loud_shout"].inputSchema
    assert schema["properties"]["text"]["description"] == "What to say."
    assert schema["required"] == ["weights", "text"]


def test_prediction_is_made_by_a_tool(site: Site):
    _, (result,) = session(site, ("loud_shout", {"weights": "", "text": "so", "times": 3}))
    assert text(result) == "SO SO SO"


def test_default_of_a_parameter_holds(site: Site):
    _, (result,) = session(site, ("loud_shout", {"weights": "here", "text": "so"}))
    assert text(result) == "SO SO"


def test_plugins_are_listed_by_a_tool(site: Site):
    _, (result,) = session(site, ("plugins", {}))
    assert "What loud does." in text(result)


def test_runs_are_listed_by_a_tool(site: Site):
    """A call of a tool comes with a request of another kind than a page's."""
    _, (result,) = session(site, ("runs", {}))
    assert not result.isError and json.loads(text(result)) == []


def test_a_result_is_json(site: Site):
    _, (plugins, counted) = session(site, ("plugins", {}), ("loud_count", {"weights": "", **FILE, "words": ["ö", "b"]}))
    assert json.loads(text(plugins))[0]["name"] == "loud"
    assert text(counted) == '{"ö":2,"b":0}'


@pytest.mark.parametrize(
    "file",
    [
        {"name": "a.txt", "text": "ö ö"},
        {"name": "a.txt", "base64": base64.b64encode("ö ö".encode()).decode()},
        "data:text/plain;name=a.txt;base64," + base64.b64encode("ö ö".encode()).decode(),
        "data:text/plain,%C3%B6%20%C3%B6",
    ],
    ids=["text", "base64", "data URL", "data URL of text"],
)
def test_a_file_is_sent_in_the_call(site: Site, file: Any):
    _, (result,) = session(site, ("loud_count", {"weights": "", "file": file, "words": ["ö"]}))
    assert json.loads(text(result)) == {"ö": 2}


def test_an_uploaded_file_is_named_by_its_address(site: Site, tmp_path: Path):
    path = upload(site, write(tmp_path / "a.txt", "so so"))["path"]
    given = {"weights": "", "file": f"{site.url}gradio_api/file={path}", "words": ["so"]}
    _, (result,) = session(site, ("loud_count", given))
    assert json.loads(text(result)) == {"so": 2}


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ({"name": "a.txt", "base64": "ö"}, "file: the content is no base64."),
        ({"name": 3, "text": "so"}, "3 is not of type 'string'"),
        ("data:text/plain", "this one has no comma"),
        ("http://127.0.0.1/secret", "file: that is no uploaded file"),
        ("/etc/passwd", "file: that is no uploaded file"),
        ("http://127.0.0.1/gradio_api/file=/etc/passwd", "file: that is no uploaded file"),
    ],
)
def test_what_is_no_content_is_told_by_its_parameter(site: Site, file: Any, message: str):
    _, (result,) = session(site, ("loud_count", {"weights": "", "file": file, "words": []}))
    assert result.isError and message in text(result)


def test_an_optional_file_is_described_and_read(site: Site, monkeypatch: pytest.MonkeyPatch):
    """Gradio itself takes the content of a required file alone."""
    given = []
    monkeypatch.setattr(
        site.services.checks, "check", lambda request, *_: given.append(request.files) or {"verdict": "x"}
    )
    files = {"data": {"name": "r.csv", "text": "text,label"}, "more_files": {"target_data": {"name": "t", "text": "b"}}}
    tools, (result,) = session(site, ("check", {"plugin": "loud", "trainer": "speak", "settings": {}, **files}))
    assert text(result) == '{"verdict":"x"}'
    assert {name: (path.name, path.read_text()) for name, path in given[0].items()} == {
        "data": ("r.csv", "text,label"),
        "target_data": ("t", "b"),
    }
    assert "text" in json.dumps(tools["check"].inputSchema["properties"]["data"])


def test_what_a_user_can_mend_reaches_the_caller(site: Site):
    _, (result,) = session(site, ("run_status", {"run": "../x"}))
    assert result.isError and "'../x' is not a run's id" in text(result)


def test_without_the_setting_there_are_no_tools(tmp_path: Path):
    with served(tmp_path, Settings(), [loud("loud", tmp_path)], trains=False) as site:
        assert httpx.post(f"{site.url}gradio_api/mcp/", json={}).status_code in (404, 405)
