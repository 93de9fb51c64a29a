"""Tab of the anomaly detector: Try, and Look inside."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.components import chosen
from plugins.ae_anomaly.fit.endpoints import DetectAnomalies
from plugins.ae_anomaly.ui import try_scoring
from plugins.ae_anomaly.ui.try_scoring import SAMPLE

WAYS = ["PCA", "UMAP", "latent 1 and 2"]


def render(workbench: Workbench) -> None:
    """Render both tabs."""
    with gr.Tab("Try"):
        try_scoring.render(workbench)
    with gr.Tab("Look inside"), gr.Tabs():
        with gr.Tab("Map of rows"):
            _render_map(workbench)
        with gr.Tab("Embeddings"):
            _render_embeddings(workbench)
        with gr.Tab("Drift"):
            _render_drift(workbench)


def _render_map(workbench: Workbench) -> None:
    gr.Markdown(
        "Each point is a row of the file: its latent features in two dimensions. Point at one to see its row, score and reasons. "
        "UMAP keeps neighbours together and takes about 20 seconds the first time; weights of `latent_size` 2 need neither."
    )
    weights = workbench.weights_picker()
    with gr.Row():
        file = _sample_file("Rows")
        with gr.Column():
            way = gr.Radio(WAYS, value="PCA", label="Two dimensions by")
            colour = gr.Textbox("score", label="Colour", info="score, label, or the name of a column")
            button = gr.Button("Plot the map", variant="primary")
    plot = gr.ScatterPlot(
        x="x", y="y", color="colour", tooltip="all", height=520, color_title="score or column", label="Rows"
    )
    with gr.Row():
        take = gr.Button("Features as Parquet")
        features = gr.File(label="Latent features", interactive=False, visible=False)

    def show(name: str, path: str | None, kind: str, by: str) -> Any:
        return workbench.call(
            "plugins.ae_anomaly.inspect.projection:project_rows", name, chosen(path), kind, by.strip()
        )

    def encode(name: str, path: str | None) -> gr.File:
        return gr.File(str(workbench.call(DetectAnomalies.encode_file, name, chosen(path))), visible=True)

    gr.on([button.click, colour.submit], show, [weights, file, way, colour], plot)
    take.click(encode, [weights, file], features)


def _render_embeddings(workbench: Workbench) -> None:
    gr.Markdown(
        "What the network takes for alike: values of a category, or percentiles of a number, with the nearest others by the "
        "cosine of their learned vectors. The file has the vectors too."
    )
    weights = workbench.weights_picker()
    column = gr.Textbox("referral_source", label="Column")
    button = gr.Button("Show", variant="primary")
    values = gr.Dataframe(headers=["value", "training rows", "nearest"], label="Values", interactive=False)
    vectors = gr.File(label="Vectors (CSV)", interactive=False, visible=False)

    def show(name: str, wanted: str) -> tuple[list[list[Any]], gr.File]:
        found = workbench.call(DetectAnomalies.embeddings, name, wanted.strip())
        rows = [[one["value"], one["count"] or "", ", ".join(one["nearest"])] for one in found]
        return rows, gr.File(
            str(workbench.call("plugins.ae_anomaly.detector.embeddings:write_vectors", name, wanted.strip())),
            visible=True,
        )

    gr.on([button.click, column.submit], show, [weights, column], [values, vectors])


def _render_drift(workbench: Workbench) -> None:
    gr.Markdown(
        "How far a new file is from the training rows, the worst column first. A stability index above 0.25 is a large shift; the "
        "largest gap is that between the distribution functions; unseen cells are unlike any of training."
    )
    weights = workbench.weights_picker()
    file = _sample_file("New rows")
    button = gr.Button("Compare", variant="primary")
    said = gr.Markdown()
    rows = gr.Dataframe(label="Columns", interactive=False, visible=False)

    def compare(name: str, path: str | None) -> tuple[str, gr.Dataframe]:
        found = workbench.call("plugins.ae_anomaly.inspect.drift:measure_drift", name, chosen(path))
        return found["said"], gr.Dataframe(found["data"], headers=found["headers"], visible=True)

    button.click(compare, [weights, file], [said, rows])


def _sample_file(label: str) -> gr.File:
    return gr.File(str(SAMPLE) if SAMPLE.is_file() else None, label=label, type="filepath", height=120)
