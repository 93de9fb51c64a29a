"""Send the rows that are no anomalies to a training form, as clean data."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from plugins._contract import TABLE, Workbench
from plugins._ui.components import chosen


def render_send_rows(workbench: Workbench, weights: gr.Dropdown, file: gr.File, limit: gr.Slider) -> None:
    """Render the buttons that send the file without the rows at or above the threshold."""
    gr.Markdown("**Without the anomalies**: the file without the rows called an anomaly at this threshold.")

    def ordinary(name: str, path: str | None, score: float) -> Path:
        function = "plugins.ae_anomaly.detector.scored_file:write_ordinary_rows"
        return Path(str(workbench.call(function, name, chosen(path), score)))

    workbench.send_to(TABLE, ordinary, [weights, file, limit])
