"""Components that several boxes share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.events import on_box
from plugins.diffusion_cfg import starter
from plugins.diffusion_cfg.sampling.request import DEFAULT_GUIDANCE_SCALE, GUIDANCE_METHODS, GenerationRequest
from plugins.diffusion_cfg.sampling.samplers import SAMPLERS

QUIET: dict[str, Any] = {"show_progress": "hidden"}
BUTTONS: list[Any] = ["download", "fullscreen"]


class SamplingForm(NamedTuple):
    """Prompt, guidance scale, steps and seed."""

    prompt: gr.Textbox
    guidance_scale: gr.Slider
    steps: gr.Slider
    seed: gr.Number


def sampling_form(max_steps: int, steps: int, guidance_scale: float = DEFAULT_GUIDANCE_SCALE) -> SamplingForm:
    """Prompt, guidance scale, steps and seed in a row."""
    with gr.Row():
        return SamplingForm(
            gr.Textbox(starter.PROMPTS[0], label="Prompt", scale=3),
            gr.Slider(0, 20, guidance_scale, step=0.5, label="Guidance scale", scale=2),
            gr.Slider(2, max_steps, steps, step=1, label="Steps", scale=2),
            seed_box(),
        )


def sampling_request(prompt: str, guidance_scale: float, steps: float, seed: float | None) -> GenerationRequest:
    """The values of a `SamplingForm` as a request."""
    return GenerationRequest(prompt, guidance_scale=guidance_scale, steps=int(steps), seed=int(seed or 0))


def follow_weights(workbench: Workbench, weights: gr.Dropdown, samplers: gr.Component, message: gr.HTML) -> None:
    """Offer the samplers that the chosen weights can be sampled with, in a dropdown or a group of checkboxes."""

    def usable(name: str, chosen: str | list[str] | None) -> Any:
        names = workbench.call("plugins.diffusion_cfg.sampling.schedulers:usable_samplers", name)
        if isinstance(samplers, gr.Dropdown):
            return gr.Dropdown(sampler_choices(names), value=chosen if chosen in names else names[0])
        return gr.CheckboxGroup(names, value=[each for each in chosen or [] if each in names] or names[:1])

    on_box(weights.change, usable, [weights, samplers], samplers, message, **QUIET)


def sampler_choices(names: Sequence[str]) -> list[tuple[str, str]]:
    """(title, name) of samplers."""
    return [(f"{name}: {SAMPLERS[name].title}", name) for name in names]


def seed_box() -> gr.Number:
    return gr.Number(0, precision=0, minimum=0, label="Seed", scale=1)


def guidance_method_box(**layout: Any) -> gr.Dropdown:
    choices = [(title, name) for name, title in GUIDANCE_METHODS.items()]
    return gr.Dropdown(choices, value="cfg", label="Guidance method", **layout)


def image_file() -> gr.File:
    return gr.File(label="Your image; without one, the model generates one", type="filepath", height=160)


def gallery(columns: int, **options: Any) -> gr.Gallery:
    return gr.Gallery(
        show_label=False,
        columns=columns,
        object_fit="contain",
        format="png",
        interactive=False,
        buttons=BUTTONS,
        elem_classes="snug",
        **options,
    )


def strip_image(visible: bool = True) -> gr.Image:
    """A film strip, without a label: it would cover the captions in the image."""
    return gr.Image(
        show_label=False,
        type="pil",
        format="png",
        interactive=False,
        buttons=BUTTONS,
        elem_classes="strip",
        visible=visible,
    )


def plots(count: int) -> list[gr.Plot]:
    """Plots in a row."""
    with gr.Row():
        return [gr.Plot(show_label=False, elem_classes="curves", min_width=300) for _ in range(count)]


def optional_path(path: str | None) -> Path | None:
    return Path(path) if path else None
