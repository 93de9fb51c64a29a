"""Records of annotated texts as annotation tools write them (Label Studio, spaCy, Prodigy, doccano, Dataturks)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.data.column_names import plain_name
from training.data.encoding import find_encoding
from training.data.json_table import json_items
from training.errors import UserError
from training.preflight.sheet import Finding

TEXTS = ("text", "sentence", "content", "raw", "document")  # columns of texts, the likeliest first
CONTAINERS = ("annotations", "examples", "data", "documents", "rows", "train")  # of one object that holds all records
IS_ANNOTATED = "is_annotated"  # of a task of Label Studio; without an annotation nobody says that it has no entity
REJECTED = ("reject", "ignore")  # answers of Prodigy


def read_export(path: Path) -> tuple[list[dict[str, Any]], list[int], list[Finding]]:
    """Read the records of a JSON file, their lines, and what was left out.

    Raises:
        UserError: If it is not JSON, or an item is no record.
    """
    file, findings = find_encoding(path)
    records: list[dict[str, Any]] = []
    lines: list[int] = []
    rejected = several = 0
    for line, item in _items(json_items(file)):
        if isinstance(item, dict) and item.get("answer") in REJECTED:
            rejected += 1
            continue
        several += isinstance(item, dict) and len(_of_annotators(item)) > 1
        for record in _records(item):
            records.append(record)
            lines.append(line)
        if not isinstance(item, dict) and not _is_pair(item):
            raise UserError(f'{path.name}: line {line} is not a record. Expected {{"text": ..., "spans": ...}}.')
    if not records:
        raise UserError(f"{path.name} holds no records. Expected one JSON record per line, or an array of them.")
    if rejected:
        findings.append(Finding("green", f"{rejected:,} rejected or ignored examples are left out"))
    if several:
        title = f"{several:,} texts have more than one annotation"
        findings.append(Finding("amber", title, "The ground truth is read if one is marked, else the first."))
    return records, lines, findings


def _items(items: Iterator[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
    """Unpack one object that holds all records in a list."""
    for line, item in items:
        held = [item[name] for name in CONTAINERS if isinstance(item, dict) and isinstance(item.get(name), list)]
        is_text = isinstance(item, dict) and any(isinstance(item.get(name), str) for name in TEXTS)
        if held and not is_text and not isinstance(item.get("data"), dict):
            yield from ((line, one) for one in held[0] if one is not None)
        else:
            yield line, item


def _is_pair(item: Any) -> bool:
    """Whether an item is spaCy's (text, {"entities": [...]}) or (text, [spans])."""
    return isinstance(item, list) and len(item) >= 2 and isinstance(item[0], str) and isinstance(item[1], dict | list)


def _records(item: Any) -> Iterator[dict[str, Any]]:
    if _is_pair(item):
        spans = item[1].get("entities", []) if isinstance(item[1], dict) else item[1]
        yield {"text": item[0], "spans": spans}
    elif isinstance(item, dict) and isinstance(item.get("paragraphs"), list):  # spaCy 2
        yield from _spacy2(item["paragraphs"])
    elif isinstance(item, dict) and isinstance(item.get("data"), dict) and "data" in item:  # Label Studio
        chosen = _of_annotators(item)
        results = [result for one in chosen[:1] for result in one.get("result") or []]
        spans = [result for result in results if has_region(result)]
        yield {"text": _main_text(item["data"]), "spans": spans, IS_ANNOTATED: bool(chosen)}
    elif isinstance(item, dict):
        yield item


def _of_annotators(item: dict[str, Any]) -> list[dict[str, Any]]:
    """The annotations of a Label Studio task that count, the ground truth first."""
    if not isinstance(item.get("data"), dict):
        return []
    given = item.get("annotations") or item.get("completions") or []
    counted = [one for one in given if isinstance(one, dict) and not one.get("was_cancelled")]
    return sorted(counted, key=lambda one: not one.get("ground_truth"))


def _main_text(data: dict[str, Any]) -> str | None:
    """The text of a task: by its name, else the longest."""
    texts = {plain_name(name): value for name, value in data.items() if isinstance(value, str)}
    named = next((texts[name] for name in TEXTS if name in texts), None)
    return named if named is not None else max(texts.values(), key=len, default=None)


def has_region(result: Any) -> bool:
    """Whether a result of Label Studio marks a piece of text; relations, choices and ratings do not."""
    if not isinstance(result, dict):
        return True
    value = result.get("value")
    return "start" in value if isinstance(value, dict) else result.get("type") != "relation"


def _spacy2(paragraphs: list[Any]) -> Iterator[dict[str, Any]]:
    for paragraph in paragraphs:
        for sentence in paragraph.get("sentences", []):
            tokens = [(token.get("orth", ""), token.get("ner") or "O") for token in sentence.get("tokens", [])]
            yield {"tokens": [word for word, _ in tokens], "tags": [tag for _, tag in tokens]}
