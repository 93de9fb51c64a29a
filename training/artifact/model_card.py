"""Render the model card from the artifact's record alone, so that no path, token or row of data enters it."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from training.data.streams.sources import split_names

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCardData

UNNAMED = "owner/name"  # placeholder of a repository that does not exist yet
FEW_ROWS = 1000  # below which the card names their number as a limit
MAX_LABELS = 20  # that the introduction names
MADE_WITH = "Made with Selfsup Studio."
HELD_OUT = "held-out rows of the training data"
GENERAL_LIMITS = (
    "The numbers are of rows from the same source as the training data; on data from elsewhere they can be lower.",
    "Whatever is skewed or wrong in the training data, or in the model it started from, is learned too.",
)


def render(record: dict[str, Any], repo: str = UNNAMED, curves: str = "") -> str:
    """Render README.md in the Hub's form: front matter with `model-index`, usage, evaluation, data, training, limits.

    Args:
        record: The content of `selfsup.json`; its `card` holds the plugin's facts (pipeline_tag, library_name, licence,
            …).
        repo: The repository's name, for the usage snippet.
        curves: File name of the learning curves' image; empty if there is none.
    """
    parts = [
        _title(record),
        _usage(record, repo),
        _evaluation(record, curves),
        *map(_study, record.get("studies", [])),
        _data(record),
        _training(record),
        _lineage(record),
        _limits(record),
        _section("Versions", table(("library", "version"), list(record.get("versions", {}).items()))),
        f"Method: {record['card']['paper']}" if record.get("card", {}).get("paper") else "",
    ]
    return f"---\n{_front_matter(record, repo)}\n---\n\n" + "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(record: dict[str, Any], repo: str) -> ModelCardData:
    from huggingface_hub import ModelCardData

    card, dataset = record.get("card", {}), record.get("data", {}).get("dataset")
    licence = record.get("license") or card.get("license") or "other"
    base_model = record.get("base_model")
    metrics = record.get("metrics", {})
    return ModelCardData(
        license=licence,
        license_name="unknown" if licence == "other" else None,
        library_name=card.get("library_name") or None,
        pipeline_tag=card.get("pipeline_tag") or None,
        tags=["selfsup-studio", *([record["plugin"]] if "plugin" in record else []), *card.get("tags", [])],
        base_model=base_model or None,
        base_model_relation=record.get("base_model_relation", "finetune") if base_model else None,
        datasets=[name.split(":")[0] for name in split_names(dataset)] if dataset else None,
        metrics=[name for name in metrics if name != "loss"] if metrics else None,
        model_name=repo.split("/")[-1] if repo != UNNAMED else record.get("title", "model"),
        eval_results=_eval_results(metrics, dataset, card.get("pipeline_tag") or "other") or None,
    )


def _eval_results(metrics: dict[str, Any], dataset: str | None, task: str) -> list[EvalResult]:
    from huggingface_hub import EvalResult

    return [
        EvalResult(
            task_type=task,
            dataset_name=dataset or HELD_OUT,
            dataset_type=dataset or "private",
            dataset_split="validation",
            metric_type=name,
            metric_name=name,
            metric_value=round(float(value), 6),
        )
        for name, value in metrics.items()
    ]


def _title(record: dict[str, Any]) -> str:
    labels = record.get("facts", {}).get("labels") or []
    names = f"{', '.join(map(plain, labels[:MAX_LABELS]))}{', …' if len(labels) > MAX_LABELS else ''}"
    sentences = (record.get("card", {}).get("summary"), f"Its labels: {names}." if labels else "", MADE_WITH)
    return f"# {plain(record.get('title', 'A model'))}\n\n{' '.join(filter(None, sentences))}"


def _usage(record: dict[str, Any], repo: str) -> str:
    snippet = (record.get("facts", {}).get("usage") or record.get("card", {}).get("usage", "")).strip()
    return _section("Use", ["```python", snippet.replace("{repo}", repo), "```"]) if snippet else ""


def _evaluation(record: dict[str, Any], curves: str) -> str:
    metrics, baseline = record.get("metrics", {}), record.get("facts", {}).get("baseline", {})
    lines = _figures(record.get("figures", []))
    usual = "Of the weights in this repository, on rows they were not trained on."
    lines = [record.get("facts", {}).get("evaluated") or usual, "", *lines]
    if baseline:
        rows = [(name, f"{value:.4f}", _number(baseline.get(name))) for name, value in metrics.items()]
        lines += table(("metric", "value", f"baseline: {baseline.get('name', 'none')}"), rows)
    else:
        lines += table(("metric", "value"), [(name, f"{value:.4f}") for name, value in metrics.items()])
    return _section("Evaluation", [*lines, *(["", f"![Learning curves]({curves})"] if curves else [])])


def _figures(figures: list[dict[str, Any]]) -> list[str]:
    """A paragraph for each main figure: its value, what it means, and how it compares with its baselines."""
    lines = []
    for figure in figures:
        lines += [f"**{plain(figure['name'])}: {plain(figure['shown'])}.** {plain(figure['meaning'])}", ""]
        lines += [plain(figure["verdict"]), ""] if figure["verdict"] else []
    return lines


def _study(study: dict[str, Any]) -> str:
    """Render a result of an experiment: a sentence, a table and its figure."""
    image = [f"![{plain(study['title'])}]({study['image']})", ""] if study.get("image") else []
    rows = table(tuple(study["columns"]), [tuple(row) for row in study["rows"]])
    return _section(study["title"], [study.get("text", ""), "", *image, *rows])


def _data(record: dict[str, Any]) -> str:
    facts = {
        name: value
        for name, value in record.get("facts", {}).items()
        if name not in ("baseline", "usage", "evaluated") and value != ""
    }
    return _section("Data", table(("fact", "value"), list({**record.get("data", {}), **facts}.items())))


def _training(record: dict[str, Any]) -> str:
    facts = list(record.get("training", {}).items())
    settings = list(record.get("settings", {}).items())
    changed = ["", "Settings that differ from the defaults:", "", *table(("setting", "value"), settings)]
    chosen = [(name, choice["value"], choice["reason"]) for name, choice in record.get("auto", {}).items()]
    decided = ["", "Of these, decided from the data:", "", *table(("setting", "value", "because of"), chosen)]
    return _section("Training", [*table(("fact", "value"), facts), *changed, *(decided if chosen else [])])


def _lineage(record: dict[str, Any]) -> str:
    steps = [f"{number}. {plain(step)}" for number, step in enumerate(record.get("lineage", []), 1)]
    return _section("Lineage", [*steps, f"{len(steps) + 1}. This model."]) if steps else ""


def _limits(record: dict[str, Any]) -> str:
    rows = record.get("facts", {}).get("rows")
    few = [f"It was trained on {rows} rows only."] if isinstance(rows, int) and rows < FEW_ROWS else []
    limits = [*record.get("card", {}).get("limits", ()), *few, *GENERAL_LIMITS]
    return _section("Limits", [f"- {plain(limit)}" for limit in limits])


def _section(title: str, lines: list[str]) -> str:
    return "\n".join([f"## {title}", "", *lines])


def table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> list[str]:
    """Return the lines of a Markdown table; all cells are escaped."""
    if not rows:
        return ["None."]
    lines = [tuple(plain(cell) for cell in row) for row in (head, *rows)]
    text = [f"| {' | '.join(line)} |" for line in lines]
    return [text[0], "|" + " --- |" * len(head), *text[1:]]


def plain(value: object) -> str:
    """Escape a value for Markdown and HTML: labels, columns and file names are written by users."""
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    escaped = html.escape(" ".join(text.split()), quote=False)
    for sign in "\\|`*_[]":
        escaped = escaped.replace(sign, f"\\{sign}")
    return escaped


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
