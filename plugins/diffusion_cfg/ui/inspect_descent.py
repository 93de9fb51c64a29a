"""Box "Score descent": the samplers' paths through latent space, and the exact score field of two moons."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins.diffusion_cfg.inspect.two_moons import LABELS, pixel_to_point
from plugins.diffusion_cfg.sampling.samplers import SAMPLERS
from plugins.diffusion_cfg.ui.components import QUIET, plots, sampling_form, sampling_request, strip_image

TEXT = (
    "The predicted noise gives a gradient: −ε/σ is the score, ∇ log p(x_t), and points to where noisy images are "
    "likelier. Sampling is descent on −log p: a step along the score, less noise, "
    "the next step. The charts: the paths in their first two principal components; the length of the score; and two "
    "cosines, of each step to the one before (1 is a straight line) and of the "
    "direction to the predicted x_0 to the direction to the result. Samplers without new noise end close to each "
    "other; ddpm ends elsewhere."
)
TWO_MOONS_TEXT = (
    "Two moons in the plane (dotted), where the score is known exactly at every noise level (blue: high density). "
    "**Click into the plot to place a point ●** and see where sampling takes it ★. "
    "Guidance to one moon pulls points over; too much of it overshoots."
)
VIEW = "plugins.diffusion_cfg.inspect.views:descent_view"


def render_descent(workbench: Workbench, tab: gr.Tab) -> None:
    """The model's paths, and the two moons, which are plotted when the tab is opened."""
    gr.Markdown(TEXT)
    weights = workbench.weights_picker()
    form = sampling_form(max_steps=100, steps=20)
    samplers = gr.CheckboxGroup(list(SAMPLERS), value=["ddim", "dpm++", "ddpm"], label="Samplers")
    button = gr.Button("Plot the paths", variant="primary")
    figures = plots(3)
    score = strip_image()

    def show(name: str, prompt: str, scale: float, steps: float, seed: float | None, chosen: list[str]) -> Any:
        return workbench.call(VIEW, name, sampling_request(prompt, scale, steps, seed), chosen)

    gr.on([button.click, form.prompt.submit], show, [weights, *form, samplers], [*figures, score])
    _render_two_moons(tab)


def _render_two_moons(tab: gr.Tab) -> None:
    gr.Markdown(TWO_MOONS_TEXT)
    with gr.Row():
        with gr.Column(scale=4, min_width=280):
            time = gr.Slider(0, 0.99, 0.6, step=0.01, label="Noise: 0 is the data, 1 is pure noise")
            label = gr.Radio(list(LABELS), value=LABELS[0], label="Guided to")
            scale = gr.Slider(0, 10, 1, step=0.5, label="Guidance scale")
            steps = gr.Slider(1, 60, 25, step=1, label="Steps")
            sentence = gr.Markdown("No point is chosen yet.")
        with gr.Column(scale=6, min_width=320):
            plot = gr.Image(show_label=False, elem_id="diffusion-field", interactive=False, buttons=[])
    point = gr.JSON(visible=False)

    def replot(t: float, to: str, w: float, n: float, chosen: list[float] | None) -> tuple[Any, str]:
        return _score_field(t, to, w, chosen, int(n))

    def choose(t: float, to: str, w: float, n: float, event: gr.SelectData) -> tuple[Any, str, list[float]]:
        chosen = list(pixel_to_point(event.index))  # type: ignore[arg-type] - (column, row) for an image
        return *_score_field(t, to, w, chosen, int(n)), chosen

    inputs: list[Any] = [time, label, scale, steps]
    plot.select(choose, inputs, [plot, sentence, point], **QUIET)
    changes = [tab.select, time.release, label.input, scale.release, steps.release]
    gr.on(changes, replot, [*inputs, point], [plot, sentence], **QUIET)


def _score_field(time: float, label: str, scale: float, point: list[float] | None, steps: int) -> tuple[Any, str]:
    from plugins.diffusion_cfg.inspect.two_moons_plot import score_field_view  # matplotlib: not at the page's start

    return score_field_view(time, label, scale, point, steps)
