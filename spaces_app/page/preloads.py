"""Links in the head of a page to the scripts and styles that it will load, so that the browser requests all at once.

Gradio's own script learns of them one after another: its parts in three rounds, then those of each component.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import gradio

ASSETS = Path(gradio.__file__).parent / "templates" / "frontend" / "assets"
CONFIG = "window.gradio_config = "
ENTRY = re.compile(r'<script type="module"[^>]*assets/(index-[\w-]+\.js)"')
TABLE = re.compile(r"m\.f=(\[[^\]]*\])")  # of the files that a script may load
IMPORT = re.compile(r"import\(`\./([\w-]+\.js)`\)[^\[]{0,40},__vite__mapDeps\(\[([\d,]*)\]\)")
VARIANT = re.compile(r"(?:(\w+):\{)?(\w+):\(\)=>\w+\(\(\)=>(import\(.{1,80}?__vite__mapDeps\(\[[\d,]*\]\))")


def with_preloads(page: str) -> str:
    """The page, with a link to each file of Gradio that its components need; as it is where they are not known."""
    entry, start = ENTRY.search(page), page.find(CONFIG)
    if entry is None or start < 0:
        return page
    config, _ = json.JSONDecoder().raw_decode(page, start + len(CONFIG))
    links = "".join(map(_link, _files(entry[1], config)))
    theme = f'<link rel="preload" as="style" href="./theme.css?v={config.get("theme_hash")}">' if links else ""
    return page.replace("</head>", f"{theme}{links}</head>", 1)


def _link(name: str) -> str:
    rel = "stylesheet" if name.endswith(".css") else "modulepreload"
    return f'<link rel="{rel}" crossorigin href="./assets/{name}">'


def _files(entry: str, config: Mapping[str, Any]) -> list[str]:
    """Names of the files in the order in which Gradio would load them."""
    try:
        shell, components = _shell(entry), _components(entry)
    except (OSError, LookupError):  # another version of Gradio
        return []
    needed = [files for each in _variants(config["components"]) for files in components.get(each, ())]
    return [name for name in dict.fromkeys([*shell, *needed]) if not name.startswith("index-")]  # it links those itself


def _variants(components: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """(type, variant) of what the page draws; of an example's values there is one of each of its components."""
    for each in components:
        if each["props"].get("visible", True) is False:
            continue
        yield each["type"], "component"
        if each["type"] == "dataset":
            yield from ((shown["name"], "example") for shown in each["props"]["components"])


@functools.cache
def _shell(entry: str) -> tuple[str, ...]:
    """What every page loads: the script that finds the page's configuration, and the one that draws its blocks."""
    first, found = _import_of("Index-", entry)
    _, blocks = _import_of("Blocks-", first)
    return tuple(dict.fromkeys([*found, *blocks]))


@functools.cache
def _components(entry: str) -> dict[tuple[str, str], tuple[str, ...]]:
    """(type, variant) -> the files of it."""
    text, table = _read(_import_of("core-", entry)[0])
    found, kind = {}, ""
    for named, variant, loaded in VARIANT.findall(text):
        kind = named or kind  # {column:{component:…},dataframe:{example:…,component:…}}
        for _, files in _named(loaded, table):
            found[kind, variant] = files
    return found


def _import_of(start: str, script: str) -> tuple[str, tuple[str, ...]]:
    """The script of such a name that another loads when it needs it, and the files that are loaded with it.

    Raises:
        LookupError: If there is none.
    """
    for name, files in _named(*_read(script)):
        if name.startswith(start):
            return name, files
    raise LookupError(start)


def _named(text: str, table: list[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, numbers in IMPORT.findall(text):
        yield name, tuple(table[int(number)] for number in numbers.split(",") if number)


@functools.cache
def _read(script: str) -> tuple[str, list[str]]:
    text = (ASSETS / script).read_text(encoding="utf-8")
    table = TABLE.search(text)
    return text, [name.removeprefix("./") for name in json.loads(table[1])] if table else []
