"""The tab: Generate, and Look inside."""

from __future__ import annotations

import gradio as gr

from plugins._contract import Workbench
from plugins.diffusion_cfg.ui import inspect_denoiser, inspect_guidance, inspect_sampling
from plugins.diffusion_cfg.ui.try_generate import draw_generate


def draw(workbench: Workbench) -> None:
    """Draw both tabs."""
    with gr.Tab("Generate"):
        draw_generate(workbench)
    with gr.Tab("Look inside"), gr.Tabs():
        with gr.Tab("Forward: into noise"):
            inspect_denoiser.draw_forward(workbench)
        with gr.Tab("Reverse: out of noise"):
            inspect_sampling.draw_reverse(workbench)
        with gr.Tab("The denoiser"):
            inspect_denoiser.draw_denoiser(workbench)
        with gr.Tab("Where it looks"):
            inspect_denoiser.draw_attention(workbench)
        with gr.Tab("Descent") as descent:
            inspect_sampling.draw_descent(workbench, descent)
        with gr.Tab("Guidance"):
            inspect_guidance.draw_guidance(workbench)
