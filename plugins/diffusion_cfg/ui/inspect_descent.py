"""Box "Score descent": the samplers' paths through latent space, and the exact score field of two moons."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.downloads import download_button, offer
from plugins._ui.events import LATEST, message_area, on_box
from plugins.diffusion_cfg import starter
from plugins.diffusion_cfg.inspect.two_moons import LABELS, pixel_to_point
from plugins.diffusion_cfg.sampling.samplers import USUAL_SAMPLERS
from plugins.diffusion_cfg.ui.components import (
    QUIET,
    follow_weights,
    plots,
    sampling_form,
    sampling_request,
    strip_image,
)

TEXT = (
    "Sampling goes downhill: height is −log p(x_t), how unlikely an image is, and the score, −ε/σ, points down. "
    "Each map is a plane through three images: one of each caption, and the mean of all. Dark is low; the arrows "
    "are the score; each line ● → ★ is what the model predicts at its steps. **Notice**: with much noise there is "
    "one valley, near the mean; with little noise it parts into two, one at each image; and given the first "
    "caption, the valley of its image grows."
)
STRIP_TEXT = (
    "The same on the picture, from noise to the result: x_t, and below it the direction downhill. Where the score is "
    "bright the next step makes the picture brighter, where it is dark darker, and where it is grey it stays."
)
PATHS_TEXT = (
    "Several samplers from the same noise: their paths in the first two principal components; the length of the score; "
    "and two cosines, of each step to the one before (1 is a straight line), and of the direction to the predicted x_0 "
    "to the direction to the result. Samplers without new noise end close to each other; ddpm ends elsewhere."
)
TWO_MOONS_TEXT = (
    "Two moons in the plane (dotted), where the score is known exactly at every noise level (blue: high density). "
    "**Click into the plot to place a point ●** and see where sampling takes it ★. "
    "Guidance to one moon pulls points over; too much of it overshoots."
)
LANDSCAPE = "plugins.diffusion_cfg.inspect.views:landscape_view"
PATHS = "plugins.diffusion_cfg.inspect.views:descent_view"
TIME, POINT = 0.35, [0.3, 2.0]  # of the two moons: a noise level at which they part, and a point
SCALE = 2.0  # guidance of the landscape's images: with more, the path leaves the plane between them


def render_descent(workbench: Workbench) -> None:
    """The landscape of two images, the paths of several samplers, and two moons, plotted when the tab is opened."""
    gr.Markdown(TEXT)
    weights = workbench.weights_picker()
    form = sampling_form(max_steps=100, steps=20, guidance_scale=SCALE)
    with gr.Row():
        other = gr.Textbox(starter.PROMPTS[1], label="Second caption", scale=3)
        button = gr.Button("Plot the landscape", variant="primary", scale=2)
    message = message_area()
    figure = gr.Plot(show_label=False, elem_classes="strip")
    gr.Markdown(STRIP_TEXT)
    score = strip_image()
    download = download_button()

    def show(
        name: str, prompt: str, scale: float, steps: float, seed: float | None, second: str
    ) -> tuple[Any, Any, gr.DownloadButton]:
        plot, strip = workbench.call(LANDSCAPE, name, sampling_request(prompt, scale, steps, seed), second)
        return plot, strip, offer("score-descent", {"landscape": plot, "score": strip})

    inputs: list[Any] = [weights, *form, other]
    outputs: list[Any] = [figure, score, download]
    events = [button.click, form.prompt.submit, other.submit, weights.change, message.play]
    on_box(events, show, inputs, outputs, message, **LATEST)
    _render_two_moons()
    _render_paths(workbench, [weights, *form])


def _render_paths(workbench: Workbench, inputs: list[Any]) -> None:
    with gr.Accordion("Paths of several samplers", open=False):
        gr.Markdown(PATHS_TEXT)
        samplers = gr.CheckboxGroup(list(USUAL_SAMPLERS), value=["ddim", "dpm++", "ddpm"], label="Samplers")
        button = gr.Button("Plot the paths")
        message = message_area()
        follow_weights(workbench, inputs[0], samplers, message)
        figures = plots(3)

    def show(name: str, prompt: str, scale: float, steps: float, seed: float | None, chosen: list[str]) -> Any:
        return workbench.call(PATHS, name, sampling_request(prompt, scale, steps, seed), chosen)

    on_box(button.click, show, [*inputs, samplers], figures, message)


def _render_two_moons() -> None:
    gr.Markdown(TWO_MOONS_TEXT)
    with gr.Row():
        with gr.Column(scale=4, min_width=280):
            time = gr.Slider(0, 0.99, TIME, step=0.01, label="Noise: 0 is the data, 1 is pure noise")
            label = gr.Radio(list(LABELS), value=LABELS[0], label="Guided to")
            scale = gr.Slider(0, 10, 1, step=0.5, label="Guidance scale")
            steps = gr.Slider(1, 60, 25, step=1, label="Steps")
            message, sentence = message_area(), gr.Markdown()
        with gr.Column(scale=6, min_width=320):
            plot = gr.Image(show_label=False, elem_id="diffusion-field", interactive=False, buttons=[])
    point = gr.JSON(POINT, visible=False)

    def replot(t: float, to: str, w: float, n: float, chosen: list[float] | None) -> tuple[Any, str]:
        return _score_field(t, to, w, chosen, int(n))

    def choose(t: float, to: str, w: float, n: float, event: gr.SelectData) -> tuple[Any, str, list[float]]:
        chosen = list(pixel_to_point(event.index))  # type: ignore[arg-type] - (column, row) for an image
        return *_score_field(t, to, w, chosen, int(n)), chosen

    inputs: list[Any] = [time, label, scale, steps]
    on_box(plot.select, choose, inputs, [plot, sentence, point], message, keep=[point], **{**LATEST, **QUIET})
    changes = [message.play, time.release, label.input, scale.release, steps.release]
    on_box(changes, replot, [*inputs, point], [plot, sentence], message, **{**LATEST, **QUIET})


def _score_field(time: float, label: str, scale: float, point: list[float] | None, steps: int) -> tuple[Any, str]:
    from plugins.diffusion_cfg.inspect.two_moons_plot import score_field_view  # matplotlib: not at the page's start

    return score_field_view(time, label, scale, point, steps)
