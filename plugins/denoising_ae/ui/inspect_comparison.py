"""The boxes "Plain vs. denoising", "Latent traversal" and "Results": two autoencoders side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from plugins._contract import Workbench

COMPARE = "plugins.denoising_ae.inspect.reconstructions:compare_reconstructions"
RESULTS = "plugins.denoising_ae.inspect.reconstructions:show_results"
TRAVERSE = "plugins.denoising_ae.inspect.latent_traversal:traverse"


def render_reconstructions(workbench: Workbench) -> None:
    """The same noisy images through both autoencoders."""
    gr.Markdown(
        "Two autoencoders of one size, trained on the same images for the same number of steps; only the *denoising* "
        "one had noise on its input. The plain one may copy its input, including the noise. The nearest training image "
        "by representation shows what each considers similar. The distance to real images is that to the nearest "
        "training image: it falls when noise is removed, and also when an image is merely blurred, so read it beside "
        "the error."
    )
    weights = workbench.weights_picker()
    with gr.Row():
        file = gr.File(label="Your own image (else held-out ones)", type="filepath", height=140)
        first = gr.Slider(0, 392, 0, step=8, label="First held-out image")
        level = gr.Slider(0, 150, 75, step=1, label="Noise level", info="Gaussian: of 255. Other noises: per cent.")
        seed = gr.Number(0, precision=0, minimum=0, label="Seed")
    button = gr.Button("Compare", variant="primary")
    figure = gr.Plot(show_label=False)
    table = gr.Dataframe(label="Means over these eight", interactive=False)

    def compare(name: str, path: str | None, first: float, level: float, seed: float | None) -> tuple[Any, Any]:
        return workbench.call(COMPARE, name, _optional(path), int(first), level, int(seed or 0))

    inputs: list[Any] = [weights, file, first, level, seed]
    gr.on([button.click, first.release, level.release], compare, inputs, [figure, table])


def render_traversal(workbench: Workbench) -> None:
    """A representation moved along a principal component."""
    gr.Markdown(
        "The representation of a held-out image is moved along one principal component of the training images' "
        "representations and decoded: up to 2.5 standard deviations to either side. In brackets the component's share "
        "of the variance."
    )
    weights = workbench.weights_picker()
    with gr.Row():
        file = gr.File(label="Your own image (else a held-out one)", type="filepath", height=140)
        first = gr.Slider(0, 399, 0, step=1, label="Held-out image")
        component = gr.Slider(1, 20, 1, step=1, label="Component")
    button = gr.Button("Traverse", variant="primary")
    figure = gr.Plot(show_label=False)

    def traverse(name: str, path: str | None, first: float, component: float) -> Any:
        return workbench.call(TRAVERSE, name, _optional(path), int(first), int(component))

    inputs: list[Any] = [weights, file, first, component]
    gr.on([button.click, component.release, first.release], traverse, inputs, figure)


def render_results(workbench: Workbench) -> None:
    """The metrics of the experiment."""
    gr.Markdown(
        "Errors, accuracies of a linear probe and of nearest neighbours on the two representations, and how both "
        "change under noise: means and 95 % intervals over seeds. Train **Plain vs. denoising autoencoder** on your "
        "own images for their results."
    )
    weights = workbench.weights_picker()
    button = gr.Button("Show", variant="primary")
    figure = gr.Plot(show_label=False)
    table = gr.Dataframe(label="Results", interactive=False, wrap=True)

    def show(name: str) -> tuple[Any, Any]:
        return workbench.call(RESULTS, name)

    button.click(show, weights, [figure, table])


def _optional(path: str | None) -> Path | None:
    return Path(path) if path else None
