"""Box of "Look inside" about guidance: pictures over scales, of one model or two, and one drawing taken apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from plugins._boxes import PRIVATE
from plugins._contract import Workbench
from plugins.diffusion_cfg import starter
from plugins.diffusion_cfg.sampling.request import CFG_PLUS_PLUS_SAMPLER, GUIDANCES, Recipe
from plugins.diffusion_cfg.sampling.samplers import DEFAULT
from plugins.diffusion_cfg.ui.inspect_denoiser import QUIET, strip_picture

GUIDANCE = (
    "Guidance exaggerates the difference that the caption makes: ε = ε_uncond + w (ε_cond − ε_uncond). Too little and the caption is missed; "
    "too much and the picture burns out: the gauge counts pixels at the ends of their range. On a black ground it starts high; what counts is how it rises."
)
UNTRAINED = "Guidance needs training, not only a formula: a model that never saw a dropped caption (`p_uncond` 0) answers anything without one, and what guidance exaggerates is then partly noise. It stands below, from the same noise."  # fmt: skip
PARTS = "Step by step, what is exaggerated: the picture that is predicted without the caption, with it, their difference (about grey), and what the scale makes of them. The settings above count."  # fmt: skip
SCALES = "0, 1, 2, 4, 8, 16"
PLUS_SCALES = "0, 0.2, 0.4, 0.6, 0.8, 1"  # cfg++ takes no more


def draw_guidance(workbench: Workbench) -> None:
    """Strips over scales, of one model or two; and one drawing taken apart."""
    gr.Markdown(GUIDANCE)
    with gr.Row():  # equal but for the dropped captions
        weights = workbench.weights_picker(starter=starter.FASHION)
        other = workbench.weights_picker("Second weights (optional)", starter=starter.CAPTIONED_ONLY)
    gr.Markdown(UNTRAINED)
    with gr.Row():
        prompt = gr.Textbox(starter.EXAMPLES[starter.FASHION][0], label="Prompt", scale=3)
        scales = gr.Textbox(SCALES, label="Guidance scales", scale=2)
        seed = gr.Number(0, precision=0, minimum=0, label="Seed", scale=1)
    with gr.Row():
        way = gr.Dropdown([(title, key) for key, title in GUIDANCES.items()], value="cfg", label="Guidance", scale=3, min_width=320)  # fmt: skip
        low = gr.Slider(0, 1, 0, step=0.05, label="From this share of the noise …", scale=2)
        high = gr.Slider(0, 1, 1, step=0.05, label="… up to this one", scale=2)
        rescale = gr.Slider(0, 1, 0, step=0.05, label="Rescale", scale=2)
    button = gr.Button("Draw the strip", variant="primary")
    strips, more = strip_picture(), strip_picture(visible=False)
    with gr.Row():
        plots = [gr.Plot(show_label=False, min_width=300, visible=place < 2) for place in range(3)]

    def recipe(words: str, at: float, how: str, a: float, b: float, calm: float, w: float = 5.0) -> Recipe:
        sampler = CFG_PLUS_PLUS_SAMPLER if how == "cfg++" else DEFAULT
        return Recipe(words, guidance_scale=w, sampler=sampler, seed=int(at or 0), guidance=how, interval_low=a, interval_high=b, rescale=calm)  # fmt: skip

    def show(name: str, beside: str, given: str, *asked: Any) -> list[Any]:
        order, wanted = recipe(*asked), _numbers(given)
        found = {each: workbench.call(_strip, each, order, wanted) for each in dict.fromkeys([name, beside]) if each}
        pictures = [one[0] for one in found.values()]
        figures = _scale_figures({each: one[1] for each, one in found.items()})
        both = len(found) > 1
        third = gr.Plot(figures[2] if both else None, visible=both)
        return [pictures[0], gr.Image(pictures[1] if both else None, visible=both), *figures[:2], third]

    asked: list[Any] = [prompt, seed, way, low, high, rescale]
    gr.on([button.click, prompt.submit], show, [weights, other, scales, *asked], [strips, more, *plots], **PRIVATE)
    way.input(lambda how: PLUS_SCALES if how == "cfg++" else SCALES, way, scales, **QUIET)
    _draw_parts(workbench, weights, recipe, asked)


def _draw_parts(workbench: Workbench, weights: Any, recipe: Callable[..., Recipe], asked: list[Any]) -> None:
    """One drawing taken apart, a column a step."""
    gr.Markdown(PARTS)
    with gr.Row():
        scale = gr.Slider(0, 20, 4, step=0.1, label="Guidance scale", scale=3)
        button = gr.Button("Take the steps apart", scale=1)
    parts = strip_picture()

    def show(name: str, w: float, *given: Any) -> Any:
        return workbench.call(_guidance_parts, name, recipe(*given, w))

    button.click(show, [weights, scale, *asked], parts, **PRIVATE)


def _numbers(given: str) -> list[float]:
    try:
        return [float(each) for each in given.replace(";", ",").split(",") if each.strip()]
    except ValueError:
        raise gr.Error(f"Guidance scales: numbers with commas between were expected, not {given[:60]!r}.", print_exception=False) from None  # fmt: skip


# Functions of a module, as `call` wants them; what they need is imported when they run.


def _strip(model: Any, recipe: Recipe, scales: list[float]) -> tuple[Any, ...]:
    from plugins.diffusion_cfg.inspect.views import scale_strip

    return scale_strip(model, recipe, scales)


def _scale_figures(models: dict[str, Any]) -> list[Any]:
    from plugins.diffusion_cfg.inspect.views import scale_figures

    return scale_figures(models)


def _guidance_parts(model: Any, recipe: Recipe) -> Any:
    from plugins.diffusion_cfg.inspect.views import guidance_parts

    return guidance_parts(model, recipe)
