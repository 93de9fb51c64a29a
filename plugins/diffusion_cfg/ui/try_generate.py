"""Box "Generate": images from a prompt, with previews while they are sampled; a dropped PNG restores its parameters."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.components import stops
from plugins._ui.events import RESTARTED, message_area, on_box
from plugins._ui.examples import render_examples
from plugins.diffusion_cfg import starter
from plugins.diffusion_cfg.sampling.png_metadata import Provenance, read_request
from plugins.diffusion_cfg.sampling.request import DEFAULT_GUIDANCE_SCALE, MAX_IMAGES, GenerationRequest
from plugins.diffusion_cfg.sampling.samplers import DEFAULT_SAMPLER, USUAL_SAMPLERS
from plugins.diffusion_cfg.ui.components import (
    follow_weights,
    gallery,
    guidance_method_box,
    optional_path,
    sampler_choices,
    seed_box,
)
from training.home import RUN_ID

FIELDS = (
    "prompt", "negative_prompt", "guidance_scale", "steps", "sampler", "seed", "n_images", "width", "height",
    "strength", "guidance_method", "interval_low", "interval_high", "guidance_rescale",
)  # fmt: skip
STREAM = "plugins.diffusion_cfg.sampling.streaming:stream_generation"
SAMPLER_TEXT = "dpm++ and unipc need the fewest steps; ddpm adds new noise at every step."
RESCALE_TEXT = "Brings the contrast back to the conditional model's (Lin et al., 2024)"


def render_generate(workbench: Workbench) -> None:
    """The whole box."""
    weights = workbench.weights_picker()
    with gr.Row():
        with gr.Column(scale=4, min_width=330):
            prompt = gr.Textbox(
                starter.PROMPTS[0], label="Prompt", lines=2, max_lines=4, placeholder="What the image should show"
            )
            with gr.Row():
                button, stop = (
                    gr.Button("Generate", variant="primary", min_width=120),
                    gr.Button("Stop", variant="stop", min_width=80),
                )
            message = message_area()
            examples = gr.Column()
        with gr.Column(scale=6, min_width=330):
            images = gallery(2, type="filepath")
            sentence = gr.Markdown()
    with gr.Row():
        with gr.Column(scale=4, min_width=330):
            form = {"prompt": prompt, **_parameter_form()}
        with gr.Column(scale=6, min_width=330):
            files, dropped = _render_files()
    initial_image = form.pop("initial_image")
    fields = [form[name] for name in FIELDS]

    def generate(name: str, image: str | None, *values: Any) -> Iterator[tuple[Any, ...]]:
        request = _to_request(values)
        for shown, text, done in workbench.stream(STREAM, name, request, optional_path(image)):
            yield gr.Gallery(shown, columns=_columns(request.n_images)), text, done

    def restore(path: str | None) -> list[Any]:
        if not path:
            return [gr.skip()] * (len(FIELDS) + 2)
        request, provenance = read_request(Path(path))
        known = provenance.model in starter.EXAMPLES or RUN_ID.fullmatch(provenance.model)
        values = request.to_dict()
        return [provenance.model if known else gr.skip(), _describe(provenance), *(values[name] for name in FIELDS)]

    inputs, outputs = [weights, initial_image, *fields], [images, sentence, files]
    triggers = [button.click, prompt.submit, message.play]
    work = [on_box(triggers, generate, inputs, outputs, message, **RESTARTED)]
    with examples:  # prompts that the starters draw well
        samples = [[text, name] for name, prompts in starter.EXAMPLES.items() for text in prompts]
        work.append(render_examples(samples, [prompt, weights], generate, inputs, outputs, message, **RESTARTED))
    stops(stop, work, sentence)
    follow_weights(workbench, weights, form["sampler"], message)
    on_box(dropped.upload, restore, dropped, [weights, sentence, *fields], message)


def _render_files() -> tuple[gr.File, gr.File]:
    """The generated files, and the place for one that restores its parameters."""
    files = gr.File(
        label="PNG files, with the generation parameters in their metadata",
        file_count="multiple",
        interactive=False,
        height=150,
    )
    dropped = gr.File(
        label="Drop a PNG that was generated here, to restore its parameters",
        file_types=[".png"],
        type="filepath",
        height=150,
    )
    return files, dropped


def _parameter_form() -> dict[str, Any]:
    """One component per field of a request except the prompt, and `initial_image`."""
    form: dict[str, Any] = {"negative_prompt": gr.Textbox("", label="Negative prompt", placeholder="What not to show")}
    with gr.Row():
        form["guidance_scale"] = gr.Slider(
            0, 20, DEFAULT_GUIDANCE_SCALE, step=0.5, label="Guidance scale", info="1: no guidance"
        )
        form["steps"] = gr.Slider(1, 200, 20, step=1, label="Steps")
    with gr.Row():
        form["seed"] = seed_box()
        form["n_images"] = gr.Slider(1, MAX_IMAGES, 4, step=1, label="Images")
    choices = sampler_choices(USUAL_SAMPLERS)
    form["sampler"] = gr.Dropdown(choices, value=DEFAULT_SAMPLER, label="Sampler", info=SAMPLER_TEXT)
    with gr.Accordion("Image to image", open=False):
        form["initial_image"] = gr.File(label="Initial image", type="filepath", height=150)
        form["strength"] = gr.Slider(
            0.05, 1, 0.6, step=0.05, label="Strength", info="Share of the steps that are taken: 1 ignores the image."
        )
    with gr.Accordion("Size and guidance method", open=False):
        form |= _advanced_form()
    return form


def _advanced_form() -> dict[str, Any]:
    form: dict[str, Any] = {}
    with gr.Row():
        form["width"] = gr.Number(0, precision=0, minimum=0, label="Width", info="0: as trained")
        form["height"] = gr.Number(0, precision=0, minimum=0, label="Height", info="0: as trained")
    form["guidance_method"] = guidance_method_box()
    with gr.Row():
        form["interval_low"] = gr.Slider(0, 1, 0, step=0.05, label="Guidance from this timestep fraction …")
        form["interval_high"] = gr.Slider(0, 1, 1, step=0.05, label="… to this one", info="Kynkäänniemi et al. (2024)")
    form["guidance_rescale"] = gr.Slider(0, 1, 0, step=0.05, label="Rescale", info=RESCALE_TEXT)
    return form


def _columns(images: int) -> int:
    """Columns of a square grid, at least two."""
    return max(2, math.ceil(math.sqrt(images)))


def _to_request(values: tuple[Any, ...]) -> GenerationRequest:
    fields = dict(zip(FIELDS, values, strict=True))
    return GenerationRequest.from_dict({name: 0 if value is None else value for name, value in fields.items()})


def _describe(provenance: Provenance) -> str:
    """Where an image comes from, as Markdown."""
    text = (
        f"Made by *{_plain(provenance.model)}* ({_plain(provenance.fingerprint)}): press Generate, and the same "
        "weights give the same image."
    )
    if provenance.initial_image:
        text += f" Its initial image was {_plain(provenance.initial_image)}: choose that one too."
    return text


def _plain(text: str) -> str:
    """Text of a file, without what Markdown would interpret."""
    return "".join(letter for letter in text if letter.isalnum() or letter in " -_./@")[:100]
