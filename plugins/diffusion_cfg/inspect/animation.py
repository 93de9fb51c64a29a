"""Animations of sampling as GIF (256 colours, plays everywhere) and MP4 (H.264, smaller and in full colour)."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from plugins.diffusion_cfg.images import THUMBNAIL_PIXELS, enlarged, grid, to_image
from plugins.diffusion_cfg.inspect.reverse_process import DecodedStep

FRAME_MS, LAST_FRAME_MS = 120, 1500


def animation_frames(trajectories: list[list[DecodedStep]]) -> list[Image.Image]:
    """Frames of x_t above the predicted x_0, one column per trajectory; shorter ones are stretched in time."""
    length = max(len(steps) for steps in trajectories)
    return [_frame([_step_at(steps, index, length) for steps in trajectories]) for index in range(length)]


def _step_at(steps: list[DecodedStep], index: int, length: int) -> DecodedStep:
    return steps[round(index * (len(steps) - 1) / max(1, length - 1))]


def _frame(steps: list[DecodedStep]) -> Image.Image:
    images = [*(step.noisy for step in steps), *(step.clean for step in steps)]
    return grid([enlarged(to_image(image), THUMBNAIL_PIXELS) for image in images], len(steps))


def to_gif(frames: list[Image.Image], path: Path) -> None:
    """Write an animated GIF that loops and pauses on the last frame."""
    indexed = [frame.convert("P", palette=Image.Palette.ADAPTIVE) for frame in frames]
    durations = [FRAME_MS] * (len(indexed) - 1) + [LAST_FRAME_MS]
    indexed[0].save(path, save_all=True, append_images=indexed[1:], duration=durations, loop=0)


def to_mp4(frames: list[Image.Image], path: Path) -> None:
    """Write H.264 in 4:2:0, which every player and browser decodes; the last frame lasts as long as in the GIF."""
    width, height = (2 * (side // 2) for side in frames[0].size)  # 4:2:0 halves the chroma planes
    with av.open(str(path), "w", options={"movflags": "faststart"}) as file:
        stream: Any = file.add_stream("libx264", rate=Fraction(1000, FRAME_MS), options={"crf": "16"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in [*frames, *[frames[-1]] * (LAST_FRAME_MS // FRAME_MS)]:
            pixels = np.asarray(frame.convert("RGB"))[:height, :width]
            file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
        file.mux(stream.encode())
