"""Several runs side by side: their curves, the settings that differ, their metrics, and the rows they got wrong."""

from __future__ import annotations

import contextlib
import functools
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training import files
from training.runs.metrics import lower_is_better
from training.runs.run import Run
from training.settings import RunSettings
from training.thinned_events import read_thinned

MAX_RUNS = 8  # that a chart can tell apart
MAX_POINTS = 400  # of one curve
MAX_ROWS = 200  # of the predictions
TRAINING_LOSS = "training loss"
Curve = list[tuple[int, float]]  # step, value

NO_ROWS = "The reports of these runs have no table of rows with truth and prediction, so there is nothing to compare."
OTHER_ROWS = (
    "These runs were not evaluated on the same rows ({why}), so their predictions cannot be compared row by row. "
    "Train them with the same evaluation file, or with the same data, seed and eval_share."
)
LISTED = (
    "A run's report keeps the rows that it got most wrong. A blank means that the row is not among them: it was "
    "predicted right, or was less wrong than those kept."
)


def curves(run: Run) -> dict[str, Curve]:
    """Metric -> its curve over steps, of the training loss first; at most `MAX_POINTS` points each.

    Values that a resumed run computed again replace the earlier ones.
    """
    found: dict[str, dict[int, float]] = {}
    for event in read_thinned(run.folder / "events.jsonl")[0]:
        if event["event"] == "step":
            _add(found, TRAINING_LOSS, event, event.get("loss"))
        elif event["event"] == "eval":
            for name, value in event.get("metrics", {}).items():
                _add(found, name, event, value)
    return {name: _thin(sorted(points.items())) for name, points in found.items()}


def _add(found: dict[str, dict[int, float]], name: str, event: Mapping[str, Any], value: float | None) -> None:
    if value is not None and math.isfinite(value) and "step" in event:
        found.setdefault(name, {})[event["step"]] = value


def _thin(points: Curve) -> Curve:
    """The mean of each group of neighbours at the group's last step, so that noise does not alias."""
    group = math.ceil(len(points) / MAX_POINTS)
    if group <= 1:
        return points
    groups = [points[max(0, end - group) : end] for end in range(len(points), 0, -group)]
    return [(each[-1][0], sum(value for _, value in each) / len(each)) for each in reversed(groups)]


def settings_of(run: Run, kind: type[RunSettings] | None) -> dict[str, Any]:
    """Every setting of a run, defaults included; only the changed ones where its kind is not installed."""
    given = run.config()["settings"]
    defaults = {name: field.default for name, field in kind.settable_fields().items()} if kind else {}
    return {**defaults, **{name: Path(str(v)).name if _is_file(kind, name) else v for name, v in given.items()}}


def _is_file(kind: type[RunSettings] | None, name: str) -> bool:
    return kind is not None and name in kind.file_fields()


def differing(settings: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Any]]]:
    """The settings whose values differ, each with one value per run; None where a run has no such setting."""
    names = dict.fromkeys(name for each in settings for name in each)
    rows = [(name, [each.get(name) for each in settings]) for name in names]
    return [(name, values) for name, values in rows if any(value != values[0] for value in values)]


def metric_table(best: Sequence[Mapping[str, float | None]]) -> list[dict[str, Any]]:
    """Each metric with one value per run, and the places of the best values."""
    rows = []
    for name in dict.fromkeys(name for each in best for name in each):
        values = [each.get(name) for each in best]
        present = [value for value in values if value is not None]
        lower = lower_is_better(name)
        top = (min if lower else max)(present) if len(present) > 1 else None
        places = [place for place, value in enumerate(values) if top is not None and value == top]
        best_places = places if len(places) < len(present) else []  # where all are equal, none is best
        rows.append({"name": name, "values": values, "lower_is_better": lower, "best": best_places})
    return rows


def predictions(runs: Sequence[Run], settings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The rows that at least one run got wrong, with each run's prediction.

    Returns:
        `message`, and where the rows can be compared `columns` and `rows`: line, text, truth, a prediction per run.
    """
    tables = [_wrong_rows(run) for run in runs]
    if any(table is None for table in tables):
        return {"message": NO_ROWS}
    wrong = [table for table in tables if table is not None]
    if why := _other_rows(runs, settings, wrong):
        return {"message": OTHER_ROWS.format(why=why)}
    lines = sorted({line for table in wrong for line in table}, key=lambda line: (-sum(line in t for t in wrong), line))
    rows = [_row_of(line, wrong) for line in lines[:MAX_ROWS]]
    counts = [len(table) for table in wrong]
    shared = sum(all(line in table for table in wrong) for line in lines)
    return {
        "message": LISTED,
        "columns": ["line", "text", "truth"],
        "rows": rows,
        "wrong": counts,
        "wrong_in_all": shared,
    }


def _row_of(line: str, wrong: Sequence[Mapping[str, Mapping[str, str]]]) -> list[str]:
    about = next(table[line] for table in wrong if line in table)
    return [line, about["text"], about["truth"], *(table.get(line, {}).get("prediction", "") for table in wrong)]


def _wrong_rows(run: Run) -> dict[str, dict[str, str]] | None:
    """Line of the evaluation data -> text, truth and prediction; None where the report has no such table."""
    report: Any = None
    with contextlib.suppress(OSError, ValueError, RecursionError):
        report = json.loads((run.folder / "report.json").read_text(encoding="utf-8"))
    for table in report.values() if isinstance(report, dict) else ():
        columns = table.get("columns") if isinstance(table, dict) else None
        if isinstance(columns, list) and {"line", "truth"} <= set(columns) and isinstance(table.get("rows"), list):
            guess = next((name for name in ("prediction", "translation", "answer") if name in columns), None)
            text = next((name for name in ("text", "sentence", "source", "question") if name in columns), None)
            if guess and text:
                records = [dict(zip(columns, map(str, row), strict=False)) for row in table["rows"]]
                return {r["line"]: {"text": r[text], "truth": r["truth"], "prediction": r[guess]} for r in records}
    return None


def _other_rows(runs: Sequence[Run], settings: Sequence[Mapping[str, Any]], wrong: Sequence[Mapping]) -> str:
    """Why the runs were not evaluated on the same rows; empty if nothing says so."""
    if len({run.config()["trainer"] for run in runs}) > 1:
        return "they are of different kinds"
    if len({_evaluation_data(run, each) for run, each in zip(runs, settings, strict=True)}) > 1:
        return "the data, the seed or the share that is held out differ"
    for line in {line for table in wrong for line in table}:
        if len({(table[line]["truth"], table[line]["text"]) for table in wrong if line in table}) > 1:
            return f"line {line} differs"
    return ""


def _evaluation_data(run: Run, settings: Mapping[str, Any]) -> tuple[Any, ...]:
    """What decides which rows a run was evaluated on."""
    given = run.config()["settings"]
    if given.get("eval_data"):
        return (_hash_of(run.folder / given["eval_data"]),)
    data = _hash_of(run.folder / given["data"]) if given.get("data") else given.get("dataset")
    names = ("seed", "eval_share", "text_column", "label_column", "max_rows")
    return (data, *(str(settings.get(name)) for name in names))


def _hash_of(path: Path) -> str:
    try:
        about = path.stat()
        return _sha256(path, about.st_size, about.st_mtime_ns)
    except OSError:
        return f"no file {path}"


@functools.lru_cache(maxsize=256)
def _sha256(path: Path, size: int, changed: int) -> str:
    return files.sha256(path)
