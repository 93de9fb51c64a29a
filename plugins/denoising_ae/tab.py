"""The tab: Try, and Look inside."""

from __future__ import annotations

import gradio as gr

from plugins._contract import Workbench
from plugins.denoising_ae.picture_box import draw_corrupt, draw_denoise


def draw(workbench: Workbench) -> None:
    """Draw both tabs."""
    with gr.Tab("Try"), gr.Tabs():
        with gr.Tab("Pictures"):
            draw_denoise(workbench)
        with gr.Tab("Add noise"):
            draw_corrupt()
