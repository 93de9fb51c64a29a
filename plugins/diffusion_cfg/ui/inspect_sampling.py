"""Boxes of "Look inside" about whole drawings: film strips and descent."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._boxes import PRIVATE, mended
from plugins._contract import Workbench
from plugins.diffusion_cfg import starter
from plugins.diffusion_cfg.sampling.request import Recipe
from plugins.diffusion_cfg.sampling.samplers import SAMPLERS
from plugins.diffusion_cfg.ui.inspect_denoiser import QUIET, strip_picture

LABELS = ("both", "upper moon", "lower moon")
REVERSE = "From the same noise, each sampler its own way. Rows: x_t, the noise that is predicted in it (its first latents as colours), and the picture that is predicted to come out. GIF and MP4: x_t above, prediction below."  # fmt: skip
DESCENT = (
    "The denoiser's answer is a gradient on the picture: −ε/σ is the score, ∇ log p(x_t), and points to where noisy pictures are likelier. Sampling is descent on −log p: a step along it, then less noise, "
    "then another. The charts: the ways in the two directions in which they differ most; how long the score is; and two cosines, of each step to the one before (1 is straight on) and of the "
    "predicted x_0 to the picture that came out. Samplers without new noise end close to each other; ddpm goes elsewhere."
)
TOY = (
    "Two moons in the plane (dotted): here the score is known exactly, at every amount of noise (blue is likely). **Click into the picture to drop a point ●**, and see where sampling takes it ★. "
    "Guidance to one moon pulls points over; too much of it overshoots."
)


def draw_reverse(workbench: Workbench) -> None:
    """Film strips below each other, and the same moving."""
    gr.Markdown(REVERSE)
    weights = workbench.weights_picker()
    prompt, scale, steps, seed = _draw_asked(50, 10)
    samplers = gr.CheckboxGroup(
        list(SAMPLERS), value=["dpm++", "euler"], label="Samplers (ddpm draws new noise at every step)"
    )
    button = gr.Button("Show the film", variant="primary")
    strips = strip_picture()
    with gr.Row():
        gif = gr.Image(
            show_label=False,
            type="filepath",
            format="gif",
            interactive=False,
            height=240,
            buttons=["download", "fullscreen"],
        )
        file = gr.File(label="To keep: GIF, MP4", file_count="multiple", interactive=False, height=160)

    def show(name: str, words: str, w: float, n: float, at: float, chosen: list[str]) -> tuple[Any, ...]:
        if not chosen:
            raise gr.Error("Choose a sampler first.", print_exception=False)
        recipe = Recipe(words, guidance_scale=w, steps=int(n), seed=int(at or 0))
        return workbench.call(_films, name, recipe, chosen)

    gr.on(
        [button.click, prompt.submit],
        show,
        [weights, prompt, scale, steps, seed, samplers],
        [strips, gif, file],
        **PRIVATE,
    )


def draw_descent(workbench: Workbench, tab: gr.Tab) -> None:
    """The model's ways, and the toy, which is first drawn when the tab is opened: it needs torch, and the page must not wait for that."""
    gr.Markdown(DESCENT)
    weights = workbench.weights_picker()
    prompt, scale, steps, seed = _draw_asked(100, 20)
    samplers = gr.CheckboxGroup(list(SAMPLERS), value=["ddim", "dpm++", "ddpm"], label="Samplers")
    button = gr.Button("Draw the ways", variant="primary")
    with gr.Row():
        plots = [gr.Plot(show_label=False, min_width=300) for _ in range(3)]
    pull = strip_picture()

    def show(name: str, words: str, w: float, n: float, at: float, chosen: list[str]) -> Any:
        return workbench.call(_ways, name, Recipe(words, guidance_scale=w, steps=int(n), seed=int(at or 0)), chosen)

    gr.on(
        [button.click, prompt.submit], show, [weights, prompt, scale, steps, seed, samplers], [*plots, pull], **PRIVATE
    )
    _draw_toy(tab)


def _draw_asked(most_steps: int, steps: int) -> tuple[Any, Any, Any, Any]:
    """Prompt, guidance scale, steps and seed, in a row."""
    with gr.Row():
        return (
            gr.Textbox(starter.PROMPTS[0], label="Prompt", scale=3),
            gr.Slider(0, 20, 4, step=0.5, label="Guidance scale", scale=2),
            gr.Slider(2, most_steps, steps, step=1, label="Steps", scale=2),
            gr.Number(0, precision=0, minimum=0, label="Seed", scale=1),
        )


def _draw_toy(tab: gr.Tab) -> None:
    gr.Markdown(TOY)
    with gr.Row():
        with gr.Column(scale=4, min_width=280):
            time = gr.Slider(0, 0.99, 0.6, step=0.01, label="Noise: 0 are the moons, 1 is noise alone")
            label = gr.Radio(list(LABELS), value=LABELS[0], label="Guided to")
            scale = gr.Slider(0, 10, 1, step=0.5, label="Guidance scale")
            steps = gr.Slider(1, 60, 25, step=1, label="Steps")
            said = gr.Markdown("No point is dropped yet.")
        with gr.Column(scale=6, min_width=320):
            picture = gr.Image(
                show_label=False,
                elem_id="diffusion-field",
                interactive=False,
                buttons=[],
            )
    point = gr.JSON(visible=False)

    def draw(at: float, to: str, w: float, n: float, place: list[float] | None) -> tuple[Any, str]:
        return _field(at, to, w, place, int(n))

    def drop(at: float, to: str, w: float, n: float, event: gr.SelectData) -> tuple[Any, str, list[float]]:
        place = _to_place(event.index)
        return *_field(at, to, w, place, int(n)), place

    knobs: list[Any] = [time, label, scale, steps]
    picture.select(drop, knobs, [picture, said, point], **QUIET)
    changed = [tab.select, time.release, label.input, scale.release, steps.release]
    gr.on(changed, draw, [*knobs, point], [picture, said], **QUIET)


# Functions of a module, as `call` wants them; what they need is imported when they run.


def _films(model: Any, recipe: Recipe, samplers: list[str]) -> tuple[Any, ...]:
    from plugins.diffusion_cfg.inspect.views import films

    return films(model, recipe, samplers)


def _ways(model: Any, recipe: Recipe, samplers: list[str]) -> Any:
    from plugins.diffusion_cfg.inspect.views import ways

    return ways(model, recipe, samplers)


@mended
def _field(time: float, label: str, scale: float, point: Any, steps: int) -> tuple[Any, str]:
    from plugins.diffusion_cfg.inspect.views import toy_field

    return toy_field(time, label, scale, point, steps)


def _to_place(index: Any) -> list[float]:
    from plugins.diffusion_cfg.inspect.two_moons_plot import to_place

    return list(to_place(index))
