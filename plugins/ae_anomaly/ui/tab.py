"""Tab of the anomaly detector: Try, and Look inside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.components import chosen
from plugins._ui.downloads import download_button, offer
from plugins._ui.events import LATEST, message_area, on_box
from plugins.ae_anomaly.fit.endpoints import DetectAnomalies
from plugins.ae_anomaly.ui import try_scoring, try_verdicts
from plugins.ae_anomaly.ui.try_scoring import SAMPLE

DRIFTED = SAMPLE.with_name("sample-drifted.csv")
LEARNED = "plugins.ae_anomaly.inspect.columns:learned_columns"
FIRST_COLUMN = "referral_source"  # of the starter: of its values two are alike
COLOURS = ["verdict", "score", "label"]
VERDICTS = {"anomaly": "#b45309", "normal": "#0f766e"}
WAYS = ["PCA", "UMAP", "latent 1 and 2"]


def render(workbench: Workbench) -> None:
    """Render both tabs."""
    with gr.Tab("Try"), gr.Tabs():
        with gr.Tab("Score a file"):
            try_scoring.render(workbench)
        with gr.Tab("Judge rows"):
            try_verdicts.render(workbench)
    with gr.Tab("Look inside"), gr.Tabs():
        with gr.Tab("Map of rows"):
            _render_map(workbench)
        with gr.Tab("Embeddings"):
            _render_embeddings(workbench)
        with gr.Tab("Drift"):
            _render_drift(workbench)


def _render_map(workbench: Workbench) -> None:
    gr.Markdown(
        "Each point is a row of the file: its latent features in two dimensions. **Notice** that anomalies "
        "gather at the edge, and that some lie in the crowd: the score is the error of the reconstruction, which the map "
        "does not show. Point at one to see its row, score and reasons. UMAP keeps neighbours together and takes "
        "about 20 seconds the first time; weights of `latent_size` 2 need neither."
    )
    weights = workbench.weights_picker()
    with gr.Row():
        file = _sample_file("Rows")
        with gr.Column():
            way = gr.Radio(WAYS, value="PCA", label="Two dimensions by")
            colour = gr.Dropdown(
                COLOURS, value="verdict", label="Colour", info="Or any column.", allow_custom_value=True
            )
            button = gr.Button("Plot the map", variant="primary")
    message = message_area()
    plot = gr.ScatterPlot(
        x="x", y="y", color="colour", tooltip=["row", "score", "reasons", "colour"], height=480, color_title=COLOURS[0]
    )
    with gr.Row():
        download = download_button("Download the map (CSV)")
        take = gr.Button("Features as Parquet", size="sm")
        features = gr.File(label="Latent features", interactive=False, visible=False)

    def show(name: str, path: str | None, kind: str, by: str) -> tuple[Any, ...]:
        by = (by or COLOURS[0]).strip()
        rows = workbench.call("plugins.ae_anomaly.inspect.projection:project_rows", name, chosen(path), kind, by)
        columns = [*COLOURS, *workbench.call(LEARNED, name)]
        table = {"headers": list(rows.columns), "data": rows.values.tolist()}
        return (
            gr.ScatterPlot(
                rows,
                color_title=by,
                x_title=f"{kind}, first",
                y_title=f"{kind}, second",
                color_map=VERDICTS if by == COLOURS[0] else None,
            ),
            gr.Dropdown(columns),
            offer("map", {"rows": table}),
        )

    def encode(name: str, path: str | None) -> gr.File:
        return gr.File(str(workbench.call(DetectAnomalies.encode_file, name, chosen(path))), visible=True)

    inputs: list[Any] = [weights, file, way, colour]
    outputs: list[Any] = [plot, colour, download]
    events = [button.click, colour.input, way.input, weights.change, message.play]
    on_box(events, show, inputs, outputs, message, **LATEST)
    on_box(take.click, encode, [weights, file], features, message)


def _render_embeddings(workbench: Workbench) -> None:
    gr.Markdown(
        "What the network takes for alike: values of a category, with the nearest others and the cosine of their learned "
        "vectors (1: the same direction, 0: unrelated). **Notice** that of the five referral sources the network learned "
        "two pairs, SVI with SVHC and STMW with SVHD, while the others are unrelated. Percentiles of a number lie on one "
        "line: cosines of 1 or −1. The file has the vectors too."
    )
    weights = workbench.weights_picker()
    with gr.Row():
        column = gr.Dropdown([FIRST_COLUMN], value=FIRST_COLUMN, label="Column", allow_custom_value=True, scale=3)
        button = gr.Button("Show", variant="primary", scale=1)
    message = message_area()
    values = gr.Dataframe(
        headers=["value", "rows", "nearest (cosine)"],
        label="Values, and how many training rows have each",
        interactive=False,
        wrap=True,
        column_widths=["25%", "20%", "55%"],
    )
    download = download_button("Download the vectors (CSV)")

    def show(name: str, wanted: str | None) -> tuple[Any, ...]:
        columns = workbench.call(LEARNED, name)
        wanted = wanted if wanted in columns or wanted != FIRST_COLUMN else columns[0]
        rows = workbench.call("plugins.ae_anomaly.inspect.columns:nearest_values", name, wanted)
        vectors = workbench.call("plugins.ae_anomaly.detector.embeddings:write_vectors", name, wanted)
        return rows, gr.Dropdown(columns, value=wanted), offer("vectors", {f"vectors of {wanted}": vectors})

    outputs: list[Any] = [values, column, download]
    events = [button.click, column.input, weights.change, message.play]
    on_box(events, show, [weights, column], outputs, message, **LATEST)


def _render_drift(workbench: Workbench) -> None:
    gr.Markdown(
        "How far a new file is from the training rows, the worst column first. A stability index above 0.25 is a large "
        "shift; the largest gap is that between the distribution functions; unseen cells are unlike any of training. "
        "**The example** is the sample with three changes: everyone 25 years older, TSH ten times too large, and half of "
        "T3 missing. Notice that those three columns come first."
    )
    weights = workbench.weights_picker()
    file = _sample_file("New rows", DRIFTED)
    button = gr.Button("Compare", variant="primary")
    message, said = message_area(), gr.Markdown()
    rows = gr.Dataframe(label="Columns", interactive=False, visible=False, wrap=True)
    download = download_button("Download the table (CSV)")

    def compare(name: str, path: str | None) -> tuple[Any, ...]:
        found = workbench.call("plugins.ae_anomaly.inspect.drift:measure_drift", name, chosen(path))
        table = {"headers": found["headers"], "data": found["data"]}
        return (
            found["said"],
            gr.Dataframe(table["data"], headers=table["headers"], visible=True),
            offer("drift", {"drift": table}),
        )

    outputs: list[Any] = [said, rows, download]
    on_box([button.click, weights.change, message.play], compare, [weights, file], outputs, message, **LATEST)


def _sample_file(label: str, sample: Path = SAMPLE) -> gr.File:
    return gr.File(str(sample) if sample.is_file() else None, label=label, type="filepath", height=120)
