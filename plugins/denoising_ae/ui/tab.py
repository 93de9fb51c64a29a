"""The tab: "Try" and "Look inside"."""

from __future__ import annotations

import gradio as gr

from plugins._contract import Workbench
from plugins.denoising_ae.ui.add_noise import render_add_noise
from plugins.denoising_ae.ui.inspect_comparison import render_reconstructions, render_results, render_traversal
from plugins.denoising_ae.ui.inspect_conditioning import render_noise_conditioning
from plugins.denoising_ae.ui.try_images import render_denoise_images
from plugins.denoising_ae.ui.try_tables import render_denoise_tables


def render(workbench: Workbench) -> None:
    """Render both tabs."""
    pair, table = (workbench.plugin.default_weights(name) for name in ("comparison", "denoise_table"))
    with gr.Tab("Try"), gr.Tabs():
        with gr.Tab("Images"):
            render_denoise_images(workbench)
        with gr.Tab("Tables"):
            render_denoise_tables(workbench, table)
        with gr.Tab("Add noise"):
            render_add_noise()
    with gr.Tab("Look inside"), gr.Tabs():
        with gr.Tab("Plain vs. denoising"):
            render_reconstructions(workbench, pair)
        with gr.Tab("Latent traversal"):
            render_traversal(workbench, pair)
        with gr.Tab("Results"):
            render_results(workbench, pair)
        with gr.Tab("Noise conditioning"):
            render_noise_conditioning(workbench)
