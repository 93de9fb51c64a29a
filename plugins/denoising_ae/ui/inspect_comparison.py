"""The boxes of "Look inside": plain against denoising, traversals, what was measured, and the level that a network is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from plugins._boxes import PRIVATE, chosen
from plugins._contract import Workbench
from plugins.denoising_ae import endpoints
from plugins.denoising_ae.ui.sample_image import noisy_photograph


def draw_compare(workbench: Workbench, starter: str) -> None:
    """The same noisy pictures through both autoencoders."""
    gr.Markdown(
        "Two autoencoders of one size, trained on the same pictures for as long; only the *denoising* one had noise on its input. The "
        "plain one may copy what it gets, noise and all. Its nearest training picture shows what each takes for alike. The distance from real pictures is that to the "
        "nearest training picture: it falls when noise is taken away, and also when a picture is merely blurred, so read it beside the error."
    )
    weights = workbench.weights_picker(starter=starter)
    with gr.Row():
        file = gr.File(label="A picture of your own (else held-out ones)", type="filepath", height=140)
        first = gr.Slider(0, 392, 0, step=8, label="Held-out pictures from")
        level = gr.Slider(0, 150, 75, step=1, label="Noise level", info="Gaussian: of 255. Other noises: per cent.")
        seed = gr.Number(0, precision=0, minimum=0, label="Seed")
    button = gr.Button("Compare", variant="primary")
    figure = gr.Plot(show_label=False)
    table = gr.Dataframe(label="Of these eight", interactive=False)

    def compare(name: str, path: str | None, start: float, noise: float, at: float) -> tuple[Any, Any]:
        found = workbench.call(_compare, name, Path(path) if path else None, int(start), noise, int(at or 0))
        return found["figure"], found["table"]

    inputs: list[Any] = [weights, file, first, level, seed]
    gr.on([button.click, first.release, level.release], compare, inputs, [figure, table], **PRIVATE)


def draw_traversal(workbench: Workbench, starter: str) -> None:
    """A representation moved along a principal component."""
    gr.Markdown(
        "A held-out picture's representation is moved along one principal component of the training pictures' representations, and "
        "decoded: 2.5 deviations to either side. In brackets the component's share of the variance."
    )
    weights = workbench.weights_picker(starter=starter)
    with gr.Row():
        file = gr.File(label="A picture of your own (else a held-out one)", type="filepath", height=140)
        first = gr.Slider(0, 399, 0, step=1, label="Held-out picture")
        component = gr.Slider(1, 20, 1, step=1, label="Component")
    button = gr.Button("Traverse", variant="primary")
    figure = gr.Plot(show_label=False)

    def traverse(name: str, path: str | None, start: float, number: float) -> Any:
        return workbench.call(_traverse, name, Path(path) if path else None, int(start), int(number))

    gr.on(
        [button.click, component.release, first.release], traverse, [weights, file, first, component], figure, **PRIVATE
    )


def draw_measured(workbench: Workbench, starter: str) -> None:
    """What the experiment found."""
    gr.Markdown(
        "Errors, what a linear probe and the nearest neighbours read from the two representations, and how both change under noise: "
        "means and 95 % intervals over seeds. Train **Plain against denoising** on pictures of your own to measure there."
    )
    weights = workbench.weights_picker(starter=starter)
    button = gr.Button("Show", variant="primary")
    plot = gr.Plot(show_label=False)
    table = gr.Dataframe(label="Measured", interactive=False, wrap=True)

    def show(name: str) -> tuple[Any, Any]:
        found = workbench.call(_measured, name)
        return found["figure"], found["table"]

    button.click(show, weights, [plot, table], **PRIVATE)


def draw_levels(workbench: Workbench) -> None:
    """What the network does when it is told other levels."""
    gr.Markdown(
        "A network that takes a noise level, told it lies at half, once, and twice what the picture seems to have. Told too little it leaves "
        "noise in, told too much it wipes detail away; *blind* it judges for itself."
    )
    weights = workbench.weights_picker()
    file = gr.File(label="A noisy picture", type="filepath", height=140)
    sample = gr.Button("Take a noisy sample", size="sm")
    button = gr.Button("Show", variant="primary")
    gallery = gr.Gallery(label="Middle of the picture", columns=3, height="auto", interactive=False)

    def show(name: str, path: str | None) -> Any:
        return workbench.call(_levels, name, chosen(path, "a picture"))

    sample.click(lambda: str(noisy_photograph()), None, file, **PRIVATE)
    button.click(show, [weights, file], gallery, **PRIVATE)


# Functions of a module, as `call` wants them; what they need is imported when they run.


def _compare(model: Any, file: Path | None, first: int, level: float, seed: int) -> dict[str, Any]:
    from plugins.denoising_ae.answers import check_pair

    return check_pair(model).compare(file, first, level, seed)


def _traverse(model: Any, file: Path | None, first: int, component: int) -> Any:
    from plugins.denoising_ae.answers import check_pair

    return check_pair(model).traverse(file, first, component)


def _measured(model: Any) -> dict[str, Any]:
    from plugins.denoising_ae.compare.figures import of_records

    study = _study(model)
    return {
        "figure": of_records(endpoints.comparison(model)),
        "table": {"headers": study["columns"], "data": study["rows"]},
    }


def _study(model: Any) -> dict[str, Any]:
    from plugins.denoising_ae.answers import check_pair

    return check_pair(model).studies[0]


def _levels(model: Any, file: Path) -> list[tuple[str, str]]:
    from plugins.denoising_ae.images.report import at_levels

    return at_levels(model, file)
