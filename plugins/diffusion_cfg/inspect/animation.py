"""Films as files that play anywhere: GIF (256 colours, everywhere) and MP4 (H.264, smaller and in full colour)."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from plugins.diffusion_cfg.images import SMALL, enlarged, grid, to_image

if TYPE_CHECKING:
    from PIL import Image

    from plugins.diffusion_cfg.inspect.reverse_process import Frame

MILLISECONDS, REST = 120, 1500  # a frame, and the last one


def moving(films: list[list[Frame]]) -> list[Image.Image]:
    """Pictures of one size: x_t above the predicted x_0, a column a film; shorter films wait on the way for longer ones."""
    length = max(len(each) for each in films)
    return [_side_by_side([_at(each, place, length) for each in films]) for place in range(length)]


def _at(film: list[Frame], place: int, length: int) -> Frame:
    return film[round(place * (len(film) - 1) / max(1, length - 1))]


def _side_by_side(frames: list[Frame]) -> Image.Image:
    pictures = [*(one.noisy for one in frames), *(one.clean for one in frames)]
    return grid([enlarged(to_image(each), SMALL) for each in pictures], len(frames))


def to_gif(pictures: list[Image.Image], path: Path) -> None:
    """An animated GIF that starts again, and rests on the last picture."""
    from PIL import Image

    frames = [picture.convert("P", palette=Image.Palette.ADAPTIVE) for picture in pictures]
    times = [MILLISECONDS] * (len(frames) - 1) + [REST]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=times, loop=0)


def to_mp4(pictures: list[Image.Image], path: Path) -> None:
    """A film of H.264 in 4:2:0, the form that every player and browser takes; the last picture stays as long as in the GIF."""
    import av

    width, height = (2 * (side // 2) for side in pictures[0].size)  # 4:2:0 halves the colours' sides
    with av.open(str(path), "w", options={"movflags": "faststart"}) as file:
        stream: Any = file.add_stream("libx264", rate=Fraction(1000, MILLISECONDS), options={"crf": "16"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in [*pictures, *[pictures[-1]] * (REST // MILLISECONDS)]:
            pixels = np.asarray(picture.convert("RGB"))[:height, :width]
            file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
        file.mux(stream.encode())
