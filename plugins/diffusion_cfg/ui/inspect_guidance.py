"""Box "Guidance": images over guidance scales, of one model or two, and the predictions that guidance combines."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.downloads import download_button, offer
from plugins._ui.events import message_area, on_box
from plugins.diffusion_cfg import starter
from plugins.diffusion_cfg.sampling.request import CFG_PLUS_PLUS_SAMPLER, DEFAULT_GUIDANCE_SCALE, GenerationRequest
from plugins.diffusion_cfg.sampling.samplers import DEFAULT_SAMPLER
from plugins.diffusion_cfg.ui.components import QUIET, guidance_method_box, plots, seed_box, strip_image
from training.errors import UserError

TEXT = (
    "Guidance scales the difference that the caption makes: ε = ε_uncond + w (ε_cond − ε_uncond). With too small "
    "a scale the image misses the caption; with too large a scale it saturates: the share of pixels at the ends "
    "of their range. On a black background it starts high; the increase counts. **Notice** the image without "
    "the caption at 0, the caption's object from about 2 on, and how it burns out towards 16, most of all in the "
    "second model."
)
DROPOUT_TEXT = (
    "Guidance needs training, not only a formula: in a model that was trained without caption dropout "
    "(`caption_dropout` 0) the unconditional prediction is arbitrary, "
    "and guidance amplifies noise. Choose such a model as second weights to compare the two from the same noise."
)
STEPS_TEXT = (
    "The predictions at each step: unconditional, conditional, their difference (0 is grey), and guided. "
    "The settings above apply."
)
SCALES = "0, 1, 2, 4, 8, 16"
CFG_PLUS_PLUS_SCALES = "0, 0.2, 0.4, 0.6, 0.8, 1"
VIEWS = "plugins.diffusion_cfg.inspect.views"


def render_guidance(workbench: Workbench) -> None:
    """Images over scales, of one model or two; and the predictions at each step."""
    gr.Markdown(TEXT)
    with gr.Row():  # starters that differ in the caption dropout
        weights = workbench.weights_picker(starter=starter.FASHION)
        second = workbench.weights_picker("Second weights (optional)", starter=starter.FASHION_NO_CAPTION_DROPOUT)
    gr.Markdown(DROPOUT_TEXT)
    with gr.Row():
        prompt = gr.Textbox(starter.EXAMPLES[starter.FASHION][0], label="Prompt", scale=3)
        scales = gr.Textbox(SCALES, label="Guidance scales", scale=2)
        seed = seed_box()
    with gr.Accordion("Guidance method and interval", open=False):
        method = guidance_method_box()
        with gr.Row():
            low = gr.Slider(0, 1, 0, step=0.05, label="Guidance from this timestep fraction …", scale=2)
            high = gr.Slider(0, 1, 1, step=0.05, label="… to this one", scale=2)
            rescale = gr.Slider(0, 1, 0, step=0.05, label="Rescale", scale=2)
    button = gr.Button("Generate over scales", variant="primary")
    message = message_area()
    first_strip, second_strip = strip_image(), strip_image(visible=False)
    figures = plots(3)
    download = download_button()

    def show(name: str, other: str, numbers: str, *settings: Any) -> list[Any]:
        request, wanted = _request(*settings), _parse_scales(numbers)
        names = [each for each in dict.fromkeys([name, other]) if each] or [""]  # the default answers
        views = {each: workbench.call(f"{VIEWS}:guidance_view", each, request, wanted) for each in names}
        strips = [strip for strip, _ in views.values()]
        charts = _figures({each: results for each, (_, results) in views.items()})
        two = len(names) > 1
        third = gr.Plot(charts[2] if two else None, visible=two)
        files = dict(zip((f"images-{n}" for n in range(2)), strips, strict=False))
        files |= {f"chart-{n}": chart for n, chart in enumerate(charts)}
        second_image = gr.Image(strips[1] if two else None, visible=two)
        return [strips[0], second_image, *charts[:2], third, offer("guidance", files)]

    settings: list[Any] = [prompt, seed, method, low, high, rescale]
    outputs: list[Any] = [first_strip, second_strip, *figures, download]
    events = [button.click, prompt.submit, message.play]
    on_box(events, show, [weights, second, scales, *settings], outputs, message)
    method.input(_usual_scales, method, scales, **QUIET)
    _render_steps(workbench, weights, settings)


def _render_steps(workbench: Workbench, weights: Any, settings: list[Any]) -> None:
    """The predictions that guidance combines, one column per step."""
    gr.Markdown(STEPS_TEXT)
    with gr.Row():
        scale = gr.Slider(0, 20, DEFAULT_GUIDANCE_SCALE, step=0.1, label="Guidance scale", scale=3)
        button = gr.Button("Show the predictions", scale=1)
    strip, message = strip_image(), message_area()

    def show(name: str, w: float, *values: Any) -> Any:
        return workbench.call(f"{VIEWS}:guidance_steps_view", name, _request(*values, guidance_scale=w))

    on_box([button.click, message.play], show, [weights, scale, *settings], strip, message)


def _request(
    prompt: str,
    seed: float | None,
    method: str,
    low: float,
    high: float,
    rescale: float,
    guidance_scale: float = DEFAULT_GUIDANCE_SCALE,
) -> GenerationRequest:
    return GenerationRequest(
        prompt,
        guidance_scale=guidance_scale,
        sampler=CFG_PLUS_PLUS_SAMPLER if method == "cfg++" else DEFAULT_SAMPLER,
        seed=int(seed or 0),
        guidance_method=method,
        interval_low=low,
        interval_high=high,
        guidance_rescale=rescale,
    )


def _usual_scales(method: str) -> str:
    return CFG_PLUS_PLUS_SCALES if method == "cfg++" else SCALES


def _parse_scales(text: str) -> list[float]:
    try:
        return [float(number) for number in text.replace(";", ",").split(",") if number.strip()]
    except ValueError:
        raise UserError(f"Guidance scales: write numbers separated by commas, not {text[:60]!r}.") from None


def _figures(models: dict[str, Any]) -> list[Any]:
    from plugins.diffusion_cfg.inspect.views import guidance_figures  # torch: not at the page's start

    return guidance_figures(models)
