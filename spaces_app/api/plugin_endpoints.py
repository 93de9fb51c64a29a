"""A plugin's functions as endpoints: `weights` as first parameter, uploads in place of paths, downloads as results."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from plugins._contract import Plugin
from plugins._endpoints import endpoint_types, streams
from spaces_app.arguments import argument, upload
from spaces_app.identity import caller
from spaces_app.services import Services
from training.errors import UserError
from training.settings import HOSTED


def plugin_endpoints(services: Services, plugin: Plugin) -> list[Callable[..., Any]]:
    """All endpoints and tools of a plugin, ready to be published."""
    return [
        *(_on_weights(services, plugin, endpoint) for endpoint in plugin.endpoints.values()),
        *(_without_weights(plugin, tool) for tool in plugin.tools),
    ]


def _on_weights(services: Services, plugin: Plugin, endpoint: Callable[..., Any]) -> Callable[..., Any]:
    types = endpoint_types(endpoint)

    def call(weights: str, *args: Any) -> Any:
        who = caller(services.settings)
        return _download(services.models.call(who, plugin.name, None, endpoint, *given(weights, args)))

    def stream(weights: str, *args: Any) -> Iterator[Any]:
        who = caller(services.settings)
        yield from map(_download, services.models.stream(who, plugin.name, None, endpoint, *given(weights, args)))

    def given(weights: str, args: tuple[Any, ...]) -> list[Any]:
        return [argument("weights", str, weights), *_arguments(types, args)]

    first = inspect.Parameter("weights", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=str)
    function = stream if streams(endpoint) else call
    return _published(function, plugin, endpoint, types, _with_weights_described(endpoint, plugin), [first])


def _without_weights(plugin: Plugin, tool: Callable[..., Any]) -> Callable[..., Any]:
    types = endpoint_types(tool)

    def call(*args: Any) -> Any:
        return _download(tool(*_arguments(types, args)))

    return _published(call, plugin, tool, types, inspect.getdoc(tool) or "", [])


def _arguments(types: dict[str, Any], args: tuple[Any, ...]) -> list[Any]:
    return [
        _file(name, value) if types[name] is Path else argument(name, types[name], value)
        for name, value in zip(list(types)[:-1], args, strict=True)
    ]


def _file(name: str, value: Any) -> Path:
    path = upload(name, value)
    if path is None:
        raise UserError(f"{name}: no file was given. Upload one (gradio_client.handle_file).")
    return path


def _download(result: Any) -> Any:
    """Turn a path, or a list with paths, into Gradio's record of a file to download."""
    if isinstance(result, list):
        return [_download(item) for item in result]
    return gr.FileData(path=str(result), orig_name=result.name).model_dump() if isinstance(result, Path) else result


def _published(
    call: Callable[..., Any],
    plugin: Plugin,
    endpoint: Callable[..., Any],
    types: dict[str, Any],
    description: str,
    first: list[inspect.Parameter],
) -> Callable[..., Any]:
    """Give `call` the endpoint's name, description and signature, with files in place of paths."""
    files: dict[Any, Any] = {Path: gr.FileData, list[Path]: list[gr.FileData]}
    published = {name: files.get(kind, kind) for name, kind in types.items()}
    call.__name__ = call.__qualname__ = f"{plugin.name}_{endpoint.__name__}"
    call.__doc__ = description
    call.__annotations__ = {**{parameter.name: parameter.annotation for parameter in first}, **published}
    parameters = inspect.signature(endpoint).parameters
    rest = [parameters[name].replace(annotation=published[name]) for name in list(types)[:-1]]
    call.__signature__ = inspect.Signature([*first, *rest], return_annotation=published["return"])  # type: ignore[attr-defined]
    return call


def _with_weights_described(endpoint: Callable[..., Any], plugin: Plugin) -> str:
    text = inspect.getdoc(endpoint) or ""
    hosted = f", or {HOSTED}model@https://server/v1" if any(kind.hosted for kind in plugin.answering(endpoint)) else ""
    starter = plugin.default_weights(endpoint)
    first = f"Empty for the starter {starter}, a" if starter else "A"
    weights = f"    weights: {first} run's id, or owner/repo[@revision]{hosted}."
    if "Args:\n" in text:
        return text.replace("Args:\n", f"Args:\n{weights}\n", 1)
    head, _, tail = text.partition("\n\nReturns:")
    return f"{head}\n\nArgs:\n{weights}" + (f"\n\nReturns:{tail}" if tail else "")
