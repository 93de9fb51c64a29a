"""Put the parts together as a stock pipeline, write it, and read one back with what can be wrong said in words."""

from __future__ import annotations

import json
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugins.diffusion_cfg.models.noise_schedule import UNCUT
from training.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from diffusers import StableDiffusionPipeline

PIPELINES = (
    "StableDiffusionPipeline",
    "StableDiffusionImg2ImgPipeline",
    "LatentConsistencyModelPipeline",
    "LatentConsistencyModelImg2ImgPipeline",
)
AUTOENCODERS = ("AutoencoderKL", "AutoencoderTiny")
PARTS = ("vae", "text_encoder", "unet")
SPARE = 1.2  # times the weights: what computing takes on top


def assemble(vae: Any, text_encoder: Any, tokenizer: Any, unet: Any, scheduler: Any) -> StableDiffusionPipeline:
    """The parts as one pipeline, without a safety checker."""
    with quietly():
        from diffusers import StableDiffusionPipeline

        return StableDiffusionPipeline(
            vae=vae, text_encoder=text_encoder, tokenizer=tokenizer, unet=unet, scheduler=scheduler,
            safety_checker=None, feature_extractor=None, image_encoder=None, requires_safety_checker=False,  # type: ignore[arg-type]
        )  # fmt: skip


def read(folder: Path) -> StableDiffusionPipeline:
    """The pipeline of a folder, in 32 bits, on the CPU, its networks in evaluation mode.

    Raises:
        UserError: If it is of another kind, a part is missing or damaged, or it does not fit the memory.
    """
    about = index(folder)
    if about.get("_class_name") not in PIPELINES:
        raise UserError(
            f"{folder.name} is a {str(about.get('_class_name'))[:60]}: text to image here takes a {PIPELINES[0]}."
        )
    check_memory(folder)
    import torch

    with quietly():
        from diffusers import StableDiffusionPipeline

        try:
            pipeline = StableDiffusionPipeline.from_pretrained(
                folder, safety_checker=None, feature_extractor=None, requires_safety_checker=False,
                torch_dtype=torch.float32, use_safetensors=True, local_files_only=True,
            )  # fmt: skip
        except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
            raise UserError(f"The pipeline cannot be read: {_first_line(error)} Fetch it again.") from error
    for part in PARTS:
        getattr(pipeline, part).eval().requires_grad_(False)
    return pipeline


def read_autoencoder(folder: Path) -> Any:
    """The autoencoder of a folder: one of its own, or that of a pipeline.

    Raises:
        UserError: If there is none.
    """
    import torch

    place = folder / "vae" if (folder / "vae" / "config.json").is_file() else folder
    kind = _json(place / "config.json").get("_class_name")
    if kind not in AUTOENCODERS:
        raise UserError(
            f"{folder.name} is no autoencoder ({str(kind)[:60]}); {' or '.join(AUTOENCODERS)} was expected: train one with the trainer autoencoder."
        )
    with quietly():
        import diffusers

        try:
            model = getattr(diffusers, kind).from_pretrained(place, torch_dtype=torch.float32, use_safetensors=True, local_files_only=True)  # fmt: skip
        except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
            raise UserError(f"The autoencoder cannot be read: {_first_line(error)} Fetch it again.") from error
    return model.eval().requires_grad_(False)


def read_text_encoder(folder: Path) -> tuple[Any, Any]:
    """A CLIP text model and its tokenizer: of a pipeline's folder, or of one of its own.

    Raises:
        UserError: If there is none.
    """
    from transformers import CLIPTextModel, CLIPTokenizer

    inside = (folder / "text_encoder" / "config.json").is_file()
    places = (folder / "text_encoder", folder / "tokenizer") if inside else (folder, folder)
    try:
        encoder = CLIPTextModel.from_pretrained(places[0], use_safetensors=True, local_files_only=True)
        tokenizer = CLIPTokenizer.from_pretrained(places[1], local_files_only=True)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        raise UserError(f"{folder.name} holds no CLIP text model: {_first_line(error)}") from error
    return encoder.float().eval().requires_grad_(False), tokenizer


def write(pipeline: StableDiffusionPipeline, folder: Path, half_precision: bool) -> None:
    """Save for `StableDiffusionPipeline.from_pretrained`; in 16 bits the files are half as large.

    The text encoder keeps its 32 bits: transformers loads weights as they were saved, diffusers in 32 bits, and a stock
    pipeline of both would not compute.
    """
    import copy

    import torch

    scheduler = pipeline.scheduler  # for who makes a DDIMScheduler of its config
    scheduler.register_to_config(**{name: value for name, value in UNCUT.items() if name not in scheduler.config})
    with quietly():
        if half_precision:
            small = {name: copy.deepcopy(getattr(pipeline, name)).to(torch.float16) for name in ("vae", "unet")}
            pipeline = assemble(
                small["vae"], pipeline.text_encoder, pipeline.tokenizer, small["unet"], pipeline.scheduler
            )
        pipeline.save_pretrained(folder, safe_serialization=True)
    forget_paths(folder)


def forget_paths(folder: Path) -> None:
    """Take out of the configurations where their parts were read from: diffusers writes the path on this machine into them."""
    for file in (*folder.glob("*.json"), *folder.glob("*/*.json")):
        if "config" in file.name or file.name == "model_index.json":
            content = json.loads(file.read_text(encoding="utf-8"))
            if content.pop("_name_or_path", None):
                file.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def check_memory(folder: Path) -> None:
    """Refuse what does not fit, before it is loaded.

    Raises:
        UserError: With what it needs and what there is.
    """
    import psutil

    need, have = int(SPARE * weights_size(folder)), psutil.virtual_memory().available
    if need > have:
        raise UserError(
            f"{folder.name} needs about {need / 2**30:.1f} GB of memory in 32 bits; {have / 2**30:.1f} GB are free. Close other programs, or choose a smaller model."
        )


def weights_size(folder: Path) -> int:
    """Bytes that a pipeline's networks take in 32 bits, read from the headers of its files."""
    total = 0
    for part in PARTS:
        found = sorted((folder / part).glob("*.safetensors"))
        plain = [file for file in found if ".fp16." not in file.name and "non_ema" not in file.name] or found
        total += sum(_numbers_in(file) for file in plain)
    return 4 * total


def _numbers_in(file: Path) -> int:
    import math

    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "pt") as tensors:
            return sum(math.prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118 - not a dict
    except (OSError, SafetensorError) as error:
        raise UserError(f"{file.parent.name}/{file.name} is damaged ({_first_line(error)}). Fetch it again.") from error


def index(folder: Path) -> dict[str, Any]:
    """A pipeline's model_index.json; empty where there is none."""
    return _json(folder / "model_index.json")


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise UserError(f"{path.name} is not valid JSON: {error}. Fetch it again.") from None
    return found if isinstance(found, dict) else {}


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:200]


@contextmanager
def quietly() -> Iterator[None]:
    """Without progress bars, and without the notices of libraries about parts that are left out on purpose."""
    import logging

    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    loggers = [logging.getLogger(name) for name in ("diffusers", "transformers")]
    before = [each.level for each in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for each in loggers:
            each.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for each, level in zip(loggers, before, strict=True):
                each.setLevel(level)
