"""The endpoints as tools of the Model Context Protocol, called by its own client."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client
from mcp import ClientSession, types
from mcp.client.streamable_http import streamable_http_client

from spaces_app.settings import Settings
from tests.loud import loud
from tests.page import Site, endpoints, served


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
    """What a tool answered; Gradio writes it as Python would."""
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
    assert not result.isError and text(result) == "[]"


def test_what_a_user_can_mend_reaches_the_caller(site: Site):
    _, (result,) = session(site, ("run_status", {"run": "../x"}))
    assert result.isError and "'../x' is not a run's id" in text(result)


def test_without_the_setting_there_are_no_tools(tmp_path: Path):
    with served(tmp_path, Settings(), [loud("loud", tmp_path)], trains=False) as site:
        assert httpx.post(f"{site.url}gradio_api/mcp/", json={}).status_code in (404, 405)
