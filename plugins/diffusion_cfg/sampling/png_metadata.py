"""Save images as PNG files whose metadata hold the request, and read the request back."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from PIL.PngImagePlugin import PngInfo

from plugins.diffusion_cfg.images import to_image
from plugins.diffusion_cfg.sampling.request import GenerationRequest
from training.data.images.decode import decode
from training.errors import UserError

if TYPE_CHECKING:  # only annotations: the page imports this module at its start
    from torch import Tensor

    from plugins.diffusion_cfg.models.loaded_pipeline import LoadedPipeline

REQUEST_KEY, FORMAT = "diffusion_cfg", 1  # text chunk that holds the request as JSON
PARAMETERS_KEY = "parameters"  # text chunk that other programs show


@dataclass(frozen=True)
class Provenance:
    """The weights that made an image, and the file name of its initial image; empty where unknown."""

    model: str
    fingerprint: str
    initial_image: str


def save_images(
    model: LoadedPipeline, request: GenerationRequest, images: Tensor, initial_image: Path | None = None
) -> list[Path]:
    """Write one PNG file per image, named by seed; each holds the request that generates it alone.

    Args:
        images: (images, channels, height, width) in [-1, 1].
        initial_image: The file that image to image started from; its name is recorded.
    """
    folder = Path(tempfile.mkdtemp(prefix="selfsup-"))
    files = []
    height, width = images.shape[2:]
    for index, image in enumerate(images):
        own = replace(request, seed=request.seed + index, n_images=1, width=width, height=height)
        record = {"format": FORMAT, "model": model.name, "fingerprint": model.fingerprint, **own.to_dict()}
        record |= {"initial_image": initial_image.name} if initial_image else {}
        chunks = PngInfo()
        chunks.add_text(PARAMETERS_KEY, parameters_text(own, model, from_image=initial_image is not None))
        chunks.add_itxt(REQUEST_KEY, json.dumps(record, ensure_ascii=False))
        files.append(folder / f"seed-{own.seed}.png")
        to_image(image).save(files[-1], pnginfo=chunks)
    return files


def parameters_text(request: GenerationRequest, model: LoadedPipeline, from_image: bool = False) -> str:
    """The request in the text format that other programs show; a strength makes it one of image to image."""
    negative = f"\nNegative prompt: {request.negative_prompt}" if request.negative_prompt else ""
    facts = {
        "Steps": request.steps, "Sampler": request.sampler, "CFG scale": f"{request.guidance_scale:g}",
        "Seed": request.seed, "Size": f"{request.width}x{request.height}", "Model": model.name,
        "Model hash": model.fingerprint, **({"Denoising strength": f"{request.strength:g}"} if from_image else {}),
    }  # fmt: skip
    return f"{request.prompt}{negative}\n" + ", ".join(f"{name}: {value}" for name, value in facts.items())


def read_request(file: Path) -> tuple[GenerationRequest, Provenance]:
    """The request that a PNG file holds, and where the image comes from.

    Raises:
        UserError: If it holds none.
    """
    try:
        text = decode(file).texts.get(REQUEST_KEY, "")
        record = json.loads(text) if text else None
    except (UserError, ValueError) as error:
        raise UserError(f"{file.name} is not a PNG file that was generated here.") from error
    if not isinstance(record, dict):
        raise UserError(
            f"{file.name} holds no generation parameters: only unchanged PNG files that this page wrote do."
        )
    names = ("model", "fingerprint", "initial_image")
    provenance = Provenance(*(str(record.get(name, "")) for name in names))
    return GenerationRequest.from_dict(record), provenance
