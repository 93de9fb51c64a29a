"""The boxes of "Try" for pictures: denoise one or many, with a slider between before and after; and spoil one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from plugins._boxes import PRIVATE, chosen, mended, stops
from plugins._contract import Workbench
from plugins.denoising_ae import endpoints
from plugins.denoising_ae.noise.noise_types import NOISES
from plugins.denoising_ae.ui.sample_image import NOISE, photograph

NONE = "none"
LEVELS = {"gaussian": 25, "poisson": 30, "salt_and_pepper": 0.1, "masked_blocks": 0.1, "blur": 1.5, "jpeg": 20}
UNITS = " · ".join(f"{noise.name}: {noise.unit}, {noise.range[0]:g} to {noise.range[1]:g}" for noise in NOISES.values())
EACH = 3  # pictures of the gallery that belong together: before, after, removed


def draw_denoise(workbench: Workbench) -> None:
    """Pictures in, clean ones out."""
    weights = workbench.weights_picker()
    with gr.Row():
        with gr.Column(scale=4, min_width=320):
            files = gr.File(
                label="Pictures: any size, 8 or 16 bits", file_count="multiple", type="filepath", height=150
            )
            sample = gr.Button("Take a sample photograph", size="sm")
            strength = gr.Slider(0, 2, 1, step=0.05, label="Strength", info="1 removes what the network sees as noise.")
            ensemble = gr.Checkbox(label="Self-ensemble", info="The mean of the picture's eight turns and reflections: about 0.1 dB better, eight times as long.")  # fmt: skip
            with gr.Accordion("Add noise first, or compare with a clean picture", open=True):
                noise = gr.Dropdown([NONE, *NOISES], value=NONE, label="Noise to add", info="The picture as given is then the clean one.")  # fmt: skip
                with gr.Row():
                    level = gr.Number(25, label="Level")
                    seed = gr.Number(0, precision=0, minimum=0, label="Seed")
                gr.Markdown(f"<small>Level of {UNITS}.</small>")
                clean = gr.File(label="The clean picture, where there is one", type="filepath", height=150)
            with gr.Row():
                button, stop = gr.Button("Denoise", variant="primary"), gr.Button("Stop", variant="stop")
        with gr.Column(scale=7, min_width=320):
            slider = gr.ImageSlider(label="Before | after", type="filepath", interactive=False, height=460)
            said = gr.Markdown()
            gallery = gr.Gallery(label="All: before, after, what was removed (click one to compare)", columns=EACH, height=240, type="filepath", object_fit="contain", interactive=False)  # fmt: skip
            table = gr.Dataframe(label="Measured", interactive=False)
            download = gr.File(label="Clean pictures (PNG)", file_count="multiple", interactive=False)

    def denoise(name: str, paths: list[str] | None, share: float, eight: bool, kind: str, value: float, at: float, truth: str | None) -> Iterator[tuple[Any, ...]]:  # fmt: skip
        given = [chosen(path, "a picture") for path in paths or [None]]
        added = "" if kind == NONE else kind
        asked = name, given, share, eight, added, value, int(at or 0), Path(truth) if truth else None
        for found in workbench.stream(_denoise, *asked):
            if isinstance(found, str):
                yield gr.skip(), found, gr.skip(), gr.skip(), gr.skip()
            else:
                before, after = (found["shown"][place][0] for place in (0, 1))
                yield (before, after), found["said"], found["shown"], found["table"], found["files"]

    def pick(event: gr.SelectData, shown: list[Any]) -> tuple[Any, Any]:
        first = int(event.index) // EACH * EACH
        return shown[first][0], shown[first + 1][0]

    noise.change(lambda kind: LEVELS.get(kind, 25), noise, level, **PRIVATE)
    sample.click(lambda: ([str(photograph())], NOISE), None, [files, noise], **PRIVATE)
    inputs: list[Any] = [weights, files, strength, ensemble, noise, level, seed, clean]
    work = button.click(denoise, inputs, [slider, said, gallery, table, download], show_progress="minimal", **PRIVATE)
    stops(stop, work, said)
    gallery.select(pick, gallery, slider, **PRIVATE)


def draw_corrupt() -> None:
    """One picture, spoiled."""
    gr.Markdown("The same seed gives the same noise. Level: " + UNITS)
    with gr.Row():
        with gr.Column(scale=4, min_width=300):
            file = gr.File(label="Picture", type="filepath", height=140)
            sample = gr.Button("Take a sample photograph", size="sm")
            noise = gr.Dropdown(list(NOISES), value="gaussian", label="Noise")
            with gr.Row():
                level = gr.Number(25, label="Level")
                seed = gr.Number(0, precision=0, minimum=0, label="Seed")
            button = gr.Button("Spoil", variant="primary")
        with gr.Column(scale=7, min_width=320):
            slider = gr.ImageSlider(label="Clean | spoiled", type="filepath", interactive=False, height=420)
            download = gr.File(label="Spoiled picture (PNG)", interactive=False)

    def spoil(path: str | None, kind: str, value: float, at: float) -> tuple[Any, str]:
        clean, spoiled, whole = mended(_corrupt)(chosen(path, "a picture"), kind, value, int(at or 0))
        return (clean, spoiled), whole

    noise.change(lambda kind: LEVELS[kind], noise, level, **PRIVATE)
    sample.click(lambda: str(photograph()), None, file, **PRIVATE)
    button.click(spoil, [file, noise, level, seed], [slider, download], **PRIVATE)


# Functions of a module, as `call` wants them; what they need is imported when they run.


def _denoise(model: Any, files: list[Path], *asked: Any) -> Iterator[Any]:
    from plugins.denoising_ae.images.report import Asked, denoise_files

    yield from denoise_files(model, files, Asked(*asked))


def _corrupt(file: Path, noise: str, level: float, seed: int) -> tuple[str, str, str]:
    from plugins.denoising_ae.images.report import show_file

    spoiled = endpoints.corrupt(file, noise, level, seed)
    return show_file(file), show_file(spoiled), str(spoiled)
