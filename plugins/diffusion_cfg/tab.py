"""The tab: Generate, and Look inside."""

from __future__ import annotations

import gradio as gr

from plugins._contract import Workbench
from plugins.diffusion_cfg import guidance_boxes, inside_boxes, sampling_boxes
from plugins.diffusion_cfg.generate_boxes import draw_generate


def draw(workbench: Workbench) -> None:
    """Draw both tabs."""
    with gr.Tab("Generate"):
        draw_generate(workbench)
    with gr.Tab("Look inside"), gr.Tabs():
        with gr.Tab("Forward: into noise"):
            inside_boxes.draw_forward(workbench)
        with gr.Tab("Reverse: out of noise"):
            sampling_boxes.draw_reverse(workbench)
        with gr.Tab("The denoiser"):
            inside_boxes.draw_denoiser(workbench)
        with gr.Tab("Where it looks"):
            inside_boxes.draw_attention(workbench)
        with gr.Tab("Descent") as descent:
            sampling_boxes.draw_descent(workbench, descent)
        with gr.Tab("Guidance"):
            guidance_boxes.draw_guidance(workbench)
