"""The model card of an artifact, made from its record alone: no path, no token and no user's row can enter it."""

from __future__ import annotations

from typing import Any

import yaml


def render(record: dict[str, Any]) -> str:
    """A README.md in the Hub's form: front matter with `model-index`, then what a reader needs.

    `record` is the content of `selfsup.json`; its `card` holds the plugin's facts (pipeline_tag, library_name, licence, …).
    """
    about = record.get("card", {})
    return (
        "---\n"
        + yaml.safe_dump(_front_matter(record), sort_keys=False, allow_unicode=True)
        + "---\n\n"
        + "\n".join(_body(record, about))
        + "\n"
    )


def _front_matter(record: dict[str, Any]) -> dict[str, Any]:
    about = record.get("card", {})
    matter: dict[str, Any] = {key: about[key] for key in ("license", "library_name", "pipeline_tag") if about.get(key)}
    matter["tags"] = ["selfsup-studio", *([record["plugin"]] if "plugin" in record else []), *about.get("tags", [])]
    if record.get("base_model"):
        matter["base_model"] = record["base_model"]
    if record.get("metrics"):
        matter["model-index"] = [_results(record, about)]
    return matter


def _results(record: dict[str, Any], about: dict[str, Any]) -> dict[str, Any]:
    task = about.get("pipeline_tag") or "other"
    metrics = [
        {"type": name, "name": name, "value": round(float(value), 6)} for name, value in record["metrics"].items()
    ]
    data = {"name": "held-out rows of the training data", "type": "private", "split": "validation"}
    return {
        "name": record.get("title", record.get("plugin", "model")),
        "results": [{"task": {"type": task}, "dataset": data, "metrics": metrics}],
    }


def _body(record: dict[str, Any], about: dict[str, Any]) -> list[str]:
    lines = [
        f"# {record.get('title', 'A model')}",
        "",
        "Trained with Selfsup Studio. These numbers are of the weights in this repository, on rows they were not trained on.",
        "",
    ]
    if about.get("usage"):
        lines += ["## Use", "", "```python", about["usage"].strip(), "```", ""]
    lines += [
        "## Evaluation",
        "",
        *_table(("metric", "value"), [(k, f"{v:.4f}") for k, v in record.get("metrics", {}).items()]),
        "",
    ]
    lines += [
        "## Data",
        "",
        *_table(("fact", "value"), list({**record.get("data", {}), **record.get("facts", {})}.items())),
        "",
    ]
    lines += [
        "## Settings",
        "",
        "Those that differ from the defaults.",
        "",
        *_table(("setting", "value"), list(record.get("settings", {}).items())),
        "",
    ]
    lines += ["## Versions", "", *_table(("library", "version"), list(record.get("versions", {}).items()))]
    return lines + (["", f"Method: {about['paper']}"] if about.get("paper") else [])


def _table(head: tuple[str, str], rows: list[tuple[Any, Any]]) -> list[str]:
    if not rows:
        return ["None."]
    cells = [tuple(str(cell).replace("|", "\\|").replace("\n", " ") for cell in row) for row in rows]
    return [f"| {head[0]} | {head[1]} |", "| --- | --- |", *(f"| {a} | {b} |" for a, b in cells)]
