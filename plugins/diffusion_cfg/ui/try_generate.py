"""The box of "Generate": words in, pictures out, every step shown while it is drawn, and a picture dropped in draws itself again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from plugins._boxes import PRIVATE, mended, stops
from plugins._contract import Workbench
from plugins.diffusion_cfg import starter
from plugins.diffusion_cfg.sampling.request import GUIDANCES, MOST_IMAGES, Recipe
from plugins.diffusion_cfg.sampling.samplers import DEFAULT, SAMPLERS
from training.runs.run import RUN_ID

NAMES = (
    "prompt", "negative_prompt", "guidance_scale", "steps", "sampler", "seed", "n_images", "width", "height",
    "strength", "guidance", "interval_low", "interval_high", "rescale",
)  # fmt: skip
SAMPLING = "dpm++ and unipc need the fewest steps; ddpm draws new noise at each; lcm is for models distilled for it."


def draw_generate(workbench: Workbench) -> None:
    """The whole box."""
    weights = workbench.weights_picker()
    with gr.Row():
        with gr.Column(scale=4, min_width=330):
            form = _asked(weights)
            with gr.Row():
                button, stop = gr.Button("Draw", variant="primary"), gr.Button("Stop", variant="stop")
            form |= _form()
        with gr.Column(scale=6, min_width=330):
            gallery = gr.Gallery(show_label=False, columns=2, object_fit="contain", format="png", type="filepath", interactive=False, buttons=["download", "fullscreen"], elem_classes="snug")  # fmt: skip
            said = gr.Markdown()
            files = gr.File(label="PNG files; each says how it was made", file_count="multiple", interactive=False, height=150)  # fmt: skip
            dropped = gr.File(label="Drop a PNG that was drawn here, to draw it again", file_types=[".png"], type="filepath", height=150)  # fmt: skip
    start = form.pop("start")
    values = [form[name] for name in NAMES]

    def run(name: str, image: str | None, *given: Any) -> Iterator[tuple[Any, ...]]:
        order = _recipe(given)
        for pictures, words, done in workbench.stream(_drawn, name, order, Path(image) if image else None):
            yield gr.Gallery(pictures, columns=_columns(order.n_images)), words, done

    def again(path: str | None) -> list[Any]:
        if not path:
            return [gr.skip()] * (len(NAMES) + 2)
        recipe, about = mended(_recipe_in)(Path(path))
        told = f"Made by *{_plain(about['weights'])}* ({_plain(about['fingerprint'])}): press Draw, and with the same weights the same picture comes."
        if about["started_from"]:
            told += f" It was started from a picture, {_plain(about['started_from'])}: give that one too."
        known = about["weights"] in starter.FOLDERS or RUN_ID.fullmatch(about["weights"])
        chosen = about["weights"] if known else gr.skip()
        return [chosen, told, *(recipe.to_dict()[name] for name in NAMES)]

    drawing = gr.on([button.click, form["prompt"].submit], run, [weights, start, *values], [gallery, said, files], show_progress="minimal", **PRIVATE)  # fmt: skip
    stops(stop, drawing, said)
    dropped.upload(again, dropped, [weights, said, *values], **PRIVATE)


def _asked(weights: Any) -> dict[str, Any]:
    """The words: what the picture should show, and what not."""
    form: dict[str, Any] = {}
    form["prompt"] = gr.Textbox(
        starter.PROMPTS[0], label="Prompt", lines=2, max_lines=4, placeholder="What the picture should show"
    )
    shown = [[prompt, name] for name, prompts in starter.EXAMPLES.items() for prompt in prompts]
    parts = [gr.Textbox(render=False), gr.Textbox(render=False)]
    examples = gr.Dataset(components=parts, headers=["Prompt", "Weights"], samples=shown, label="Examples")
    examples.click(lambda row: row, examples, [form["prompt"], weights], **PRIVATE)
    form["negative_prompt"] = gr.Textbox("", label="Negative prompt", placeholder="What it should not show")
    return form


def _form() -> dict[str, Any]:
    """A component a field of a recipe but for the words, and `start`, a picture to begin from."""
    form: dict[str, Any] = {}
    with gr.Row():
        form["guidance_scale"] = gr.Slider(0, 20, 4, step=0.5, label="Guidance scale", info="1: not guided")  # fmt: skip
        form["steps"] = gr.Slider(1, 200, 20, step=1, label="Steps")
    with gr.Row():
        form["seed"] = gr.Number(0, precision=0, minimum=0, label="Seed")
        form["n_images"] = gr.Slider(1, MOST_IMAGES, 4, step=1, label="Pictures at once")
    form["sampler"] = gr.Dropdown([(f"{key}: {one.title}", key) for key, one in SAMPLERS.items()], value=DEFAULT, label="Sampler", info=SAMPLING)  # fmt: skip
    with gr.Accordion("Begin from a picture (image to image)", open=False):
        form["start"] = gr.File(label="Picture", type="filepath", height=150)
        form["strength"] = gr.Slider(0.05, 1, 0.6, step=0.05, label="Strength", info="Share of the way that is taken: 1 forgets the picture.")  # fmt: skip
    with gr.Accordion("More: size, and other ways to guide", open=False):
        with gr.Row():
            form["width"] = gr.Number(0, precision=0, minimum=0, label="Width", info="0: as trained")
            form["height"] = gr.Number(0, precision=0, minimum=0, label="Height", info="0: as trained")
        form["guidance"] = gr.Dropdown(
            [(title, key) for key, title in GUIDANCES.items()], value="cfg", label="Guidance"
        )
        with gr.Row():
            form["interval_low"] = gr.Slider(0, 1, 0, step=0.05, label="Guide from this share of the noise …")
            form["interval_high"] = gr.Slider(
                0, 1, 1, step=0.05, label="… up to this one", info="Kynkäänniemi et al. (2024)"
            )
        form["rescale"] = gr.Slider(0, 1, 0, step=0.05, label="Rescale", info="Brings contrast back to the conditional model's (Lin et al., 2024)")  # fmt: skip
    return form


def _columns(pictures: int) -> int:
    """As many as make a square: large where there are few."""
    return max(2, math.ceil(math.sqrt(pictures)))


def _recipe(given: tuple[Any, ...]) -> Recipe:
    values = dict(zip(NAMES, given, strict=True))
    return Recipe.from_dict({name: value if value is not None else 0 for name, value in values.items()})


def _plain(text: str) -> str:
    return "".join(letter for letter in text if letter.isalnum() or letter in " -_./@")[:100]


# Functions of a module, as `call` and `stream` want them; what they need is imported when they run.


def _drawn(model: Any, recipe: Recipe, image: Path | None) -> Iterator[tuple[Any, ...]]:
    from plugins.diffusion_cfg.ui.generation_view import drawn

    yield from drawn(model, recipe, image)


def _recipe_in(path: Path) -> tuple[Recipe, dict[str, Any]]:
    from plugins.diffusion_cfg.sampling.generate import recipe_in

    return recipe_in(path)
