"""The boxes "Plain vs. denoising", "Latent traversal" and "Results": two autoencoders side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.components import table_html
from plugins._ui.downloads import download_button, offer
from plugins._ui.events import EMPTY_TABLE, LATEST, message_area, on_box

COMPARE = "plugins.denoising_ae.inspect.reconstructions:compare_reconstructions"
RESULTS = "plugins.denoising_ae.inspect.reconstructions:show_results"
TRAVERSE = "plugins.denoising_ae.inspect.latent_traversal:traverse"


def render_reconstructions(workbench: Workbench) -> None:
    """The same noisy images through both autoencoders."""
    gr.Markdown(
        "Two autoencoders of one size, trained on the same images for the same number of steps; only the *denoising* "
        "one had noise on its input. **Notice** that the plain one copies much of the noise, and the denoising one "
        "does not. The nearest training image by representation shows what each considers similar. The distance to "
        "real images is that to the nearest training image: it falls when noise is removed, and also when an image is "
        "merely blurred, so read it beside the error."
    )
    weights = workbench.weights_picker()
    with gr.Row():
        file = gr.File(label="Your own image (else held-out ones)", type="filepath", height=140)
        first = gr.Slider(0, 392, 0, step=8, label="First held-out image")
        level = gr.Slider(0, 150, 75, step=1, label="Noise level", info="Gaussian: of 255. Other noises: per cent.")
        seed = gr.Number(0, precision=0, minimum=0, label="Seed")
    button = gr.Button("Compare", variant="primary")
    message = message_area()
    figure = gr.Plot(show_label=False)
    table = gr.Dataframe(EMPTY_TABLE, label="Means over these eight", interactive=False, wrap=True)
    download = download_button()

    def compare(name: str, path: str | None, first: float, level: float, seed: float | None) -> tuple[Any, ...]:
        images, errors = workbench.call(COMPARE, name, _optional(path), int(first), level, int(seed or 0))
        return images, errors, offer("plain-vs-denoising", {"images": images, "errors": errors})

    inputs: list[Any] = [weights, file, first, level, seed]
    outputs: list[Any] = [figure, table, download]
    events = [button.click, first.release, level.release, weights.change, message.play]
    on_box(events, compare, inputs, outputs, message, **LATEST)


def render_traversal(workbench: Workbench) -> None:
    """A representation moved along a principal component."""
    gr.Markdown(
        "The representation of a held-out image is moved along one principal component of the training images' "
        "representations and decoded: up to 2.5 standard deviations to either side. In brackets the component's share "
        "of the variance. **Notice** that the second component leads from a shoe through a jacket to a dress; the "
        "first one is how bright the image is."
    )
    weights = workbench.weights_picker()
    with gr.Row():
        file = gr.File(label="Your own image (else a held-out one)", type="filepath", height=140)
        first = gr.Slider(0, 399, 0, step=1, label="Held-out image")
        component = gr.Slider(1, 20, 2, step=1, label="Component")
    button = gr.Button("Traverse", variant="primary")
    message = message_area()
    figure = gr.Plot(show_label=False)
    download = download_button("Download (PNG, SVG)")

    def traverse(name: str, path: str | None, first: float, component: float) -> tuple[Any, ...]:
        images = workbench.call(TRAVERSE, name, _optional(path), int(first), int(component))
        return images, offer("latent-traversal", {"images": images})

    inputs: list[Any] = [weights, file, first, component]
    outputs: list[Any] = [figure, download]
    events = [button.click, component.release, first.release, weights.change, message.play]
    on_box(events, traverse, inputs, outputs, message, **LATEST)


def render_results(workbench: Workbench) -> None:
    """The metrics of the experiment."""
    gr.Markdown(
        "Errors, accuracies of a linear probe and of nearest neighbours on the two representations, and how both "
        "change under noise: means and 95 % intervals over seeds. Train **Plain vs. denoising autoencoder** on your "
        "own images for their results. **Notice** that the curve of the denoising one stays flat where the plain "
        "one's rises."
    )
    weights = workbench.weights_picker()
    message = message_area()
    figure = gr.Plot(show_label=False, elem_classes="curves")
    table = gr.HTML(elem_classes="wide-table")
    download = download_button()

    def show(name: str) -> tuple[Any, ...]:
        curves, metrics = workbench.call(RESULTS, name)
        return curves, table_html(metrics), offer("results", {"curves": curves, "metrics": metrics})

    outputs: list[Any] = [figure, table, download]
    on_box([weights.change, message.play], show, weights, outputs, message, **LATEST)


def _optional(path: str | None) -> Path | None:
    return Path(path) if path else None
