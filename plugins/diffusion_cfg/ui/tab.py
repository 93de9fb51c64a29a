"""The tab: Generate, and Look inside."""

from __future__ import annotations

import gradio as gr

from plugins._contract import Workbench
from plugins.diffusion_cfg.denoiser.endpoints import TextToImage
from plugins.diffusion_cfg.ui.inspect_attention import render_attention
from plugins.diffusion_cfg.ui.inspect_denoiser import render_denoiser
from plugins.diffusion_cfg.ui.inspect_descent import render_descent
from plugins.diffusion_cfg.ui.inspect_forward import render_forward
from plugins.diffusion_cfg.ui.inspect_guidance import render_guidance
from plugins.diffusion_cfg.ui.inspect_reverse import render_reverse
from plugins.diffusion_cfg.ui.try_generate import render_generate


def render(workbench: Workbench) -> None:
    """Render both tabs."""
    bench = workbench.on(TextToImage)
    with gr.Tab("Generate"):
        render_generate(bench)
    with gr.Tab("Look inside"), gr.Tabs():
        with gr.Tab("Forward process"):
            render_forward(bench)
        with gr.Tab("Reverse process"):
            render_reverse(bench)
        with gr.Tab("Denoiser"):
            render_denoiser(bench)
        with gr.Tab("Cross-attention"):
            render_attention(bench)
        with gr.Tab("Score descent"):
            render_descent(bench)
        with gr.Tab("Guidance"):
            render_guidance(bench)
