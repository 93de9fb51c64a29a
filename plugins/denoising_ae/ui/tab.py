"""The tab: "Try" and "Look inside"."""

from __future__ import annotations

import gradio as gr

from plugins._contract import Workbench
from plugins.denoising_ae.compare.endpoints import CompareAutoencoders
from plugins.denoising_ae.images.endpoints import DenoiseImages
from plugins.denoising_ae.tables.endpoints import DenoiseTables
from plugins.denoising_ae.ui.add_noise import render_add_noise
from plugins.denoising_ae.ui.inspect_comparison import render_reconstructions, render_results, render_traversal
from plugins.denoising_ae.ui.inspect_conditioning import render_noise_conditioning
from plugins.denoising_ae.ui.try_images import render_denoise_images
from plugins.denoising_ae.ui.try_tables import render_denoise_tables


def render(workbench: Workbench) -> None:
    """Render both tabs."""
    images, tables, pair = (workbench.on(each) for each in (DenoiseImages, DenoiseTables, CompareAutoencoders))
    with gr.Tab("Try"), gr.Tabs():
        with gr.Tab("Images"):
            render_denoise_images(images)
        with gr.Tab("Tables"):
            render_denoise_tables(tables)
        with gr.Tab("Add noise"):
            render_add_noise()
    with gr.Tab("Look inside"), gr.Tabs():
        with gr.Tab("Plain vs. denoising"):
            render_reconstructions(pair)
        with gr.Tab("Latent traversal"):
            render_traversal(pair)
        with gr.Tab("Results"):
            render_results(pair)
        with gr.Tab("Noise conditioning"):
            render_noise_conditioning(images)
