"""The tab: score a file and look at its alerts, ask why one row is odd, and look at the learned features."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins.ae_anomaly import endpoints

SAMPLE = Path(__file__).parent / "starter" / "sample.csv"
SHOWN = 30


def draw(workbench: Workbench) -> None:
    """Draw both tabs."""
    with gr.Tab("Try"):
        _draw_desk(workbench)
    with gr.Tab("Look inside"), gr.Tabs():
        with gr.Tab("Map of rows"):
            _draw_map(workbench)
        with gr.Tab("Categories"):
            _draw_embeddings(workbench)
        with gr.Tab("Drift"):
            _draw_drift(workbench)


def _draw_desk(workbench: Workbench) -> None:
    """A file, a threshold, its alerts; and one of them explained."""
    weights = workbench.weights_picker()
    with gr.Row():
        file = gr.File(
            str(SAMPLE) if SAMPLE.is_file() else None,
            label="Rows to score: CSV, TSV, JSONL or Parquet",
            type="filepath",
            height=140,
        )
        with gr.Column():
            way = gr.Radio(["quantile", "pot", "fdr", "alerts", "score"], value="quantile", label="Threshold by")
            value = gr.Number(
                0.99,
                label="Value",
                info="quantile: share of normal rows below. pot: their share above, by the tail's shape. fdr: share of false alerts allowed. alerts: how many. score: itself.",
            )
            button = gr.Button("Score the file", variant="primary")
    said = gr.Markdown()
    histogram = gr.Plot(label="Scores")
    worst = gr.Dataframe(label="The oddest rows (click one to ask why)", interactive=False, wrap=False)
    scored = gr.File(label="Scored CSV", interactive=False)
    row_number = gr.Number(1, precision=0, minimum=1, label="Row of the file (from 1)")
    why = gr.Button("Why is this row odd?")
    told = gr.Markdown()
    picture = gr.Plot(label="Share of each column")
    cells = gr.Dataframe(label="Actual against expected", interactive=False)

    def score(name: str, path: str | None, kind: str, number: float) -> tuple[Any, ...]:
        found = workbench.call(_desk, name, _chosen(path), f"{number}" if kind == "score" else f"{kind}={number}")
        return found["said"], found["figure"], found["worst"], found["file"]

    def explain(name: str, path: str | None, row: float) -> tuple[Any, ...]:
        found = workbench.call(_why, name, _chosen(path), int(row or 1))
        return found["said"], found["figure"], found["cells"]

    def pick(event: gr.SelectData, table: Any) -> int:
        return int(table.iloc[event.index[0], 0])

    gr.on(
        [button.click], score, [weights, file, way, value], [said, histogram, worst, scored], api_visibility="private"
    )
    why.click(explain, [weights, file, row_number], [told, picture, cells], api_visibility="private")
    picked = worst.select(pick, worst, row_number, api_visibility="private")
    picked.then(explain, [weights, file, row_number], [told, picture, cells], api_visibility="private")
    way.change(
        lambda kind: {"quantile": 0.99, "pot": 0.001, "fdr": 0.1, "alerts": 20, "score": 3}[kind], way, value, api_visibility="private"
    )  # fmt: skip


def _draw_map(workbench: Workbench) -> None:
    gr.Markdown(
        "Each point is a row of the file, its latent features drawn on their first two principal components, coloured by its score."
    )
    weights = workbench.weights_picker()
    file = gr.File(str(SAMPLE) if SAMPLE.is_file() else None, label="Rows", type="filepath", height=120)
    button = gr.Button("Draw the map", variant="primary")
    plot = gr.Plot(label="Rows")
    with gr.Row():
        take = gr.Button("Features as Parquet")
        features = gr.File(label="Latent features", interactive=False)
    button.click(
        lambda name, path: workbench.call(_map, name, _chosen(path)), [weights, file], plot, api_visibility="private"
    )
    take.click(lambda name, path: str(workbench.call(endpoints.encode_file, name, _chosen(path))), [weights, file], features, api_visibility="private")  # fmt: skip


def _draw_embeddings(workbench: Workbench) -> None:
    gr.Markdown(
        "What the network takes for alike: values of a category column with the nearest others, by the cosine of their learned vectors."
    )
    weights = workbench.weights_picker()
    column = gr.Textbox("referral_source", label="Category column")
    button = gr.Button("Show", variant="primary")
    values = gr.Dataframe(headers=["value", "training rows", "nearest"], label="Values", interactive=False)

    def show(name: str, chosen: str) -> list[list[Any]]:
        return [
            [one["value"], one["count"], ", ".join(one["nearest"])]
            for one in workbench.call(endpoints.embeddings, name, chosen)
        ]

    gr.on([button.click, column.submit], show, [weights, column], values, api_visibility="private")


def _draw_drift(workbench: Workbench) -> None:
    gr.Markdown(
        "How far a new file is from the training rows, the worst column first: population stability index (above 0.25 is a large shift), and cells unlike any of training."
    )
    weights = workbench.weights_picker()
    file = gr.File(str(SAMPLE) if SAMPLE.is_file() else None, label="New rows", type="filepath", height=120)
    button = gr.Button("Compare", variant="primary")
    rows = gr.Dataframe(headers=["column", "stability index", "unseen cells"], label="Columns", interactive=False)
    button.click(
        lambda name, path: workbench.call(_drift, name, _chosen(path)), [weights, file], rows, api_visibility="private"
    )


def _chosen(path: str | None) -> Path:
    if not path:
        raise gr.Error("Choose a file first.", print_exception=False)
    return Path(path)


# Functions of a module, as `call` wants them; what they need is imported when they run.


def _desk(model: Any, file: Path, threshold: str) -> dict[str, Any]:
    from plugins.ae_anomaly.desk import desk

    return desk(model, file, threshold)


def _why(model: Any, file: Path, row: int) -> dict[str, Any]:
    from plugins.ae_anomaly.desk import why

    return why(model, file, row)


def _map(model: Any, file: Path) -> Any:
    from plugins.ae_anomaly.desk import latent_map

    return latent_map(model, file)


def _drift(model: Any, file: Path) -> list[list[Any]]:
    from plugins.ae_anomaly.drift import drift

    return drift(model, file)
