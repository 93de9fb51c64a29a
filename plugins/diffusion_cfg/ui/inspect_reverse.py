"""Box "Reverse process": film strips of several samplers from the same noise, and their animation."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins.diffusion_cfg.sampling.samplers import SAMPLERS
from plugins.diffusion_cfg.ui.components import BUTTONS, sampling_form, sampling_request, strip_image

TEXT = (
    "Several samplers from the same noise. Rows: x_t, the predicted noise (its first latents as colours), and the "
    "predicted x_0. GIF and MP4: x_t above, the prediction below."
)
VIEW = "plugins.diffusion_cfg.inspect.views:reverse_view"


def render_reverse(workbench: Workbench) -> None:
    """Film strips below each other, and the same as an animation."""
    gr.Markdown(TEXT)
    weights = workbench.weights_picker()
    form = sampling_form(max_steps=50, steps=10)
    samplers = gr.CheckboxGroup(
        list(SAMPLERS), value=["dpm++", "euler"], label="Samplers (ddpm adds new noise at every step)"
    )
    button = gr.Button("Show the steps", variant="primary")
    strips = strip_image()
    with gr.Row():
        gif = gr.Image(show_label=False, type="filepath", format="gif", interactive=False, height=240, buttons=BUTTONS)
        files = gr.File(label="Animation: GIF, MP4", file_count="multiple", interactive=False, height=160)

    def show(name: str, prompt: str, scale: float, steps: float, seed: float | None, chosen: list[str]) -> Any:
        if not chosen:
            raise gr.Error("Choose a sampler first.", print_exception=False)
        return workbench.call(VIEW, name, sampling_request(prompt, scale, steps, seed), chosen)

    outputs: list[Any] = [strips, gif, files]
    gr.on([button.click, form.prompt.submit], show, [weights, *form, samplers], outputs)
