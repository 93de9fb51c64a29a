"""Boxes of "Look inside" about whole drawings: film strips, descent, guidance."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._boxes import PRIVATE, mended
from plugins._contract import Workbench
from plugins.diffusion_cfg import starter
from plugins.diffusion_cfg.sampling.recipe import GUIDANCES, Recipe
from plugins.diffusion_cfg.sampling.samplers import SAMPLERS

QUIET: dict[str, Any] = {**PRIVATE, "show_progress": "hidden"}
LABELS = ("both", "upper moon", "lower moon")
REVERSE = "From the same noise, each sampler its own way. Rows: x_t, the noise that is predicted in it (its first latents as colours), and the picture that is predicted to come out. GIF: x_t above, prediction below."  # fmt: skip
DESCENT = (
    "The denoiser's answer is a gradient: −ε/σ is the score, the direction in which noisy pictures get likelier. Sampling walks down it. "
    "Left: the ways in two dimensions; then how long the score is, and how straight the way is."
)
TOY = "Two moons in the plane: here the score is known exactly. **Click into the picture to drop a point**, and see where sampling takes it. Guidance to one moon pulls points over; too much of it overshoots."  # fmt: skip
GUIDANCE = (
    "Guidance exaggerates the difference that the caption makes: ε = ε_uncond + w (ε_cond − ε_uncond). Too little and the caption is missed; "
    "too much and the picture burns out: the gauge counts pixels at the ends of their range."
)
UNTRAINED = "Guidance needs training, not only a formula: a model that never saw a dropped caption (`p_uncond` 0) answers anything without one. Choose it as the second weights."  # fmt: skip


def draw_reverse(workbench: Workbench) -> None:
    """Film strips, side by side, and a GIF."""
    gr.Markdown(REVERSE)
    weights = workbench.weights_picker()
    prompt, scale, steps, seed = _draw_asked(50, 10)
    samplers = gr.CheckboxGroup(
        list(SAMPLERS), value=["dpm++", "euler"], label="Samplers (ddpm draws new noise at every step)"
    )
    button = gr.Button("Show the film", variant="primary")
    strips = gr.Image(label="Film strips", type="pil", format="png", interactive=False)
    with gr.Row():
        gif = gr.Image(label="GIF", type="filepath", format="gif", interactive=False, height=240)
        file = gr.File(label="GIF to keep", interactive=False, height=110)

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
    plot = gr.Plot(label="Descent")

    def show(name: str, words: str, w: float, n: float, at: float, chosen: list[str]) -> Any:
        return workbench.call(_ways, name, Recipe(words, guidance_scale=w, steps=int(n), seed=int(at or 0)), chosen)

    gr.on([button.click, prompt.submit], show, [weights, prompt, scale, steps, seed, samplers], plot, **PRIVATE)
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
                label="The field (click to drop a point)",
                elem_id="diffusion-field",
                interactive=False,
                height=560,
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


def draw_guidance(workbench: Workbench) -> None:
    """Strips over scales, of one model or two."""
    gr.Markdown(GUIDANCE)
    both = {starter.FASHION, starter.CAPTIONED_ONLY} <= {*starter.FOLDERS}  # equal but for the dropped captions
    with gr.Row():
        weights = workbench.weights_picker(starter=starter.FASHION if both else None)
        other = workbench.weights_picker("Second weights (optional)", starter=starter.CAPTIONED_ONLY if both else "")
    gr.Markdown(UNTRAINED)
    with gr.Row():
        prompt = gr.Textbox(
            (starter.EXAMPLES[starter.FASHION] if both else starter.PROMPTS)[0], label="Prompt", scale=3
        )
        scales = gr.Textbox("0, 1, 2, 4, 8, 16", label="Guidance scales", scale=2)
        seed = gr.Number(0, precision=0, minimum=0, label="Seed", scale=1)
    with gr.Row():
        way = gr.Dropdown(
            [(title, key) for key, title in GUIDANCES.items() if key != "cfg++"], value="cfg", label="Guidance"
        )
        low = gr.Slider(0, 1, 0, step=0.05, label="Guide from this share of the noise …")
        high = gr.Slider(0, 1, 1, step=0.05, label="… up to this one")
        rescale = gr.Slider(0, 1, 0, step=0.05, label="Rescale")
    button = gr.Button("Draw the strip", variant="primary")
    strips = gr.Image(label="One seed over the scales", type="pil", format="png", interactive=False)
    more = gr.Image(label="The second weights", type="pil", format="png", interactive=False, visible=False)
    with gr.Row():
        plot, second = gr.Plot(show_label=False), gr.Plot(show_label=False)

    def show(name: str, beside: str, words: str, given: str, at: float, how: str, a: float, b: float, calm: float) -> tuple[Any, ...]:  # fmt: skip
        try:
            wanted = [float(each) for each in given.replace(";", ",").split(",") if each.strip()]
        except ValueError:
            raise gr.Error(f"Guidance scales: numbers with commas between were expected, not {given[:60]!r}.", print_exception=False) from None  # fmt: skip
        recipe = Recipe(words, seed=int(at or 0), guidance=how, interval_low=a, interval_high=b, rescale=calm)
        first = workbench.call(_strip, name, recipe, wanted)
        if not beside or beside == name:
            return first[0], gr.Image(visible=False), first[1], None
        strip, figure = workbench.call(_strip, beside, recipe, wanted)
        return first[0], gr.Image(strip, visible=True), first[1], figure

    inputs: list[Any] = [weights, other, prompt, scales, seed, way, low, high, rescale]
    gr.on([button.click, prompt.submit], show, inputs, [strips, more, plot, second], **PRIVATE)


# Functions of a module, as `call` wants them; what they need is imported when they run.


def _films(model: Any, recipe: Recipe, samplers: list[str]) -> tuple[Any, ...]:
    from plugins.diffusion_cfg.inside.desk import films

    return films(model, recipe, samplers)


def _ways(model: Any, recipe: Recipe, samplers: list[str]) -> Any:
    from plugins.diffusion_cfg.inside.desk import ways

    return ways(model, recipe, samplers)


def _strip(model: Any, recipe: Recipe, scales: list[float]) -> tuple[Any, ...]:
    from plugins.diffusion_cfg.inside.desk import scale_strip

    return scale_strip(model, recipe, scales)


@mended
def _field(time: float, label: str, scale: float, point: Any, steps: int) -> tuple[Any, str]:
    from plugins.diffusion_cfg.inside.desk import toy_field

    return toy_field(time, label, scale, point, steps)


def _to_place(index: Any) -> list[float]:
    from plugins.diffusion_cfg.inside.figures import to_place

    return list(to_place(index))
