"""A Google-style docstring, taken apart: what `/gradio_api/info`, MCP and docs/api.md say of an endpoint."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

SECTION = re.compile(r"^(Args|Returns|Raises):$", re.MULTILINE)


@dataclass(frozen=True)
class Description:
    """What a docstring says, each part in one line; of the text, each paragraph."""

    text: str
    parameters: dict[str, str] = field(default_factory=dict)
    returns: str = ""

    def render(self) -> str:
        """A docstring with one line a parameter: Gradio's parser leaves out the lines after a parameter's first."""
        parts = [self.text]
        if self.parameters:
            rows = [f"    {name}: {meaning}" for name, meaning in self.parameters.items()]
            parts.append("\n".join(["Args:", *rows]))
        if self.returns:
            parts.append(f"Returns:\n    {self.returns}")
        return "\n\n".join(parts)


def describe(function: Callable[..., Any]) -> Description:
    """Take the docstring of a function apart."""
    return parse(inspect.getdoc(function) or "")


def parse(text: str) -> Description:
    """Take a docstring apart into its text, its parameters and what it returns; lines are joined."""
    head, *rest = SECTION.split(text)
    sections = dict(zip(rest[::2], rest[1::2], strict=True))
    parameters: dict[str, str] = {}
    for line in sections.get("Args", "").splitlines():
        match = re.match(r" {4}(\w+): (.*)", line)
        if match:
            parameters[match[1]] = match[2]
        elif line.strip() and parameters:
            parameters[list(parameters)[-1]] += f" {line.strip()}"
    paragraphs = [" ".join(paragraph.split()) for paragraph in head.strip().split("\n\n")]
    return Description("\n\n".join(paragraphs), parameters, " ".join(sections.get("Returns", "").split()))
