"""Tools of the Model Context Protocol: results as JSON text, and files whose content stands in the call."""

from __future__ import annotations

import functools
import json
from typing import Any

from spaces_app.file_content import MAX_MB

FILE_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {
            "type": "object",
            "properties": {
                "name": {"type": "string", "description": "The file's name with its ending, such as reviews.csv."},
                "text": {"type": "string", "description": "The content of a text file."},
                "base64": {"type": "string", "description": "The content of any other file, in base64."},
            },
        },
        {"type": "string", "description": "A data URL, or the address of a file uploaded to this server."},
    ]
}
FILE_NOTE = (
    ' A file stands in the call: {"name": "reviews.csv", "text": "…"}, or "base64" in place of "text", up to '
    f"{MAX_MB} MB."
)


def use_json_tools() -> None:
    """Let Gradio make this kind of MCP server from now on."""
    import gradio.mcp

    gradio.mcp.GradioMCPServer = _server_class()  # type: ignore[misc]


@functools.cache
def _server_class() -> type[Any]:
    from gradio.mcp import GradioMCPServer

    class JsonTools(GradioMCPServer):
        """Gradio's server writes a result as Python does, and takes the content of required files alone."""

        @property
        def _file_data_tool_description(self) -> str:
            return FILE_NOTE

        def simplify_filedata_schema(self, schema: dict[str, Any]) -> tuple[dict[str, Any], list[list[str | int]]]:
            found: list[list[str | int]] = []
            return _with_file_schemas(schema, [], found), found

        def convert_strings_to_filedata(self, value: Any, filedata_positions: list[list[str | int]]) -> Any:
            return value  # the endpoint reads all forms of a file itself

        def postprocess_output_data(self, data: Any, root_url: str) -> list[Any]:
            contents = []
            for value in data:
                if _is_file(value):
                    contents += super().postprocess_output_data([value], root_url)
                elif value and isinstance(value, list) and all(map(_is_file, value)):
                    contents += super().postprocess_output_data(value, root_url)
                else:
                    contents.append(self.types.TextContent(type="text", text=as_text(value)))
            return contents

    return JsonTools


def as_text(value: Any) -> str:
    """A value as JSON; a text as it is."""
    return (
        value
        if isinstance(value, str)
        else json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_listed)
    )


def _listed(value: Any) -> Any:
    """An array or a number of NumPy in JSON's types."""
    return value.tolist()


def _is_file(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("meta"), dict) and "path" in value


def _with_file_schemas(node: Any, path: list[str | int], found: list[list[str | int]]) -> Any:
    """A schema with `FILE_SCHEMA` in place of Gradio's record of a file; `found` takes the paths of those."""
    if isinstance(node, list):
        return [_with_file_schemas(item, [*path, index], found) for index, item in enumerate(node)]
    if not isinstance(node, dict):
        return node
    about = {"description": node["description"]} if isinstance(node.get("description"), str) else {}
    if {"path", "meta"} <= set(node.get("properties") or ()):
        found.append(path)
        return {**FILE_SCHEMA, **about}
    kept = {key: value for key, value in node.items() if key != "additional_description"}
    return {key: _with_file_schemas(value, [*path, key], found) for key, value in kept.items()}
