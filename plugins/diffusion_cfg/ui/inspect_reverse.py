"""Box "Reverse process": film strips of several samplers from the same noise, and their animation."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.downloads import download_button, offer
from plugins._ui.events import message_area, on_box
from plugins.diffusion_cfg.sampling.samplers import USUAL_SAMPLERS
from plugins.diffusion_cfg.ui.components import BUTTONS, follow_weights, sampling_form, sampling_request, strip_image
from training.errors import UserError

TEXT = (
    "Several samplers from the same noise. Rows: x_t, the predicted noise (its first latents as colours), and the "
    "predicted x_0. **Notice** that the prediction is a blurred mean at first, that its outline is settled after a few "
    "steps, and that both samplers end at nearly the same image. GIF and MP4: x_t above, the prediction below."
)
VIEW = "plugins.diffusion_cfg.inspect.views:reverse_view"


def render_reverse(workbench: Workbench) -> None:
    """Film strips below each other, and the same as an animation."""
    gr.Markdown(TEXT)
    weights = workbench.weights_picker()
    form = sampling_form(max_steps=50, steps=10)
    samplers = gr.CheckboxGroup(
        list(USUAL_SAMPLERS), value=["dpm++", "euler"], label="Samplers (ddpm adds new noise at every step)"
    )
    button = gr.Button("Show the steps", variant="primary")
    message = message_area()
    follow_weights(workbench, weights, samplers, message)
    strips = strip_image()
    with gr.Row():
        gif = gr.Image(show_label=False, type="filepath", format="gif", interactive=False, height=240, buttons=BUTTONS)
        download = download_button("Download (strips PNG, animation GIF and MP4)")

    def show(name: str, prompt: str, scale: float, steps: float, seed: float | None, chosen: list[str]) -> Any:
        if not chosen:
            raise UserError("Choose a sampler first.")
        shown, animation, files = workbench.call(VIEW, name, sampling_request(prompt, scale, steps, seed), chosen)
        kept = {"strips": shown, **{f"sampling-{n}": file for n, file in enumerate(files)}}
        return shown, animation, offer("reverse", kept)

    events = [button.click, form.prompt.submit, message.play]
    on_box(events, show, [weights, *form, samplers], [strips, gif, download], message)
