"""The tab: Try, and Look inside."""

from __future__ import annotations

import gradio as gr

from plugins._contract import Workbench
from plugins.denoising_ae.ui import inspect_comparison
from plugins.denoising_ae.ui.try_images import draw_corrupt, draw_denoise
from plugins.denoising_ae.ui.try_tables import draw_table


def draw(workbench: Workbench) -> None:
    """Draw both tabs."""
    pair, table = (workbench.plugin.default_weights(name) for name in ("comparison", "denoise_table"))
    with gr.Tab("Try"), gr.Tabs():
        with gr.Tab("Pictures"):
            draw_denoise(workbench)
        with gr.Tab("Tables"):
            draw_table(workbench, table)
        with gr.Tab("Add noise"):
            draw_corrupt()
    with gr.Tab("Look inside"), gr.Tabs():
        with gr.Tab("Plain against denoising"):
            inspect_comparison.draw_compare(workbench, pair)
        with gr.Tab("Traversal"):
            inspect_comparison.draw_traversal(workbench, pair)
        with gr.Tab("Measured"):
            inspect_comparison.draw_measured(workbench, pair)
        with gr.Tab("Told a level"):
            inspect_comparison.draw_levels(workbench)
