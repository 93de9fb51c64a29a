"""Assemble, save and load stock Stable Diffusion pipelines, with readable errors."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import diffusers
import psutil
import torch
from safetensors import SafetensorError, safe_open
from transformers import CLIPTextModel, CLIPTokenizer

from plugins.diffusion_cfg.models.library_logging import quiet_libraries
from plugins.diffusion_cfg.models.noise_schedule import NO_CLIPPING
from training.errors import UserError
from training.nn.cpu_copy import cpu_copy
from training.nn.load_pretrained import DTYPES
from training.nn.placement import FLOAT_BYTES

if TYPE_CHECKING:
    from diffusers import AutoencoderKL
    from transformers import PreTrainedTokenizerBase

with quiet_libraries():  # its import warns that torchvision is missing, which nothing here needs
    from diffusers import StableDiffusionPipeline

PIPELINES = (
    "StableDiffusionPipeline",
    "StableDiffusionImg2ImgPipeline",
    "LatentConsistencyModelPipeline",
    "LatentConsistencyModelImg2ImgPipeline",
)
AUTOENCODERS = ("AutoencoderKL", "AutoencoderTiny")
NETWORKS = ("vae", "text_encoder", "unet")
MEMORY_FACTOR = 1.2  # memory in use over the size of the weights: activations come on top
LOAD_ERRORS = (OSError, ValueError, KeyError, RuntimeError, TypeError)  # what from_pretrained raises on damaged files


def assemble_pipeline(
    vae: AutoencoderKL, text_encoder: Any, tokenizer: PreTrainedTokenizerBase, unet: Any, scheduler: Any
) -> StableDiffusionPipeline:
    """Assemble the components as one pipeline, without a safety checker."""
    components: dict[str, Any] = {
        "vae": vae, "text_encoder": text_encoder, "tokenizer": tokenizer, "unet": unet, "scheduler": scheduler,
        "safety_checker": None, "feature_extractor": None, "image_encoder": None,
    }  # fmt: skip
    with quiet_libraries():
        return StableDiffusionPipeline(**components, requires_safety_checker=False)


def read_pipeline(folder: Path, unet_dtype: str = "fp32") -> StableDiffusionPipeline:
    """Load a pipeline on the CPU, its networks in evaluation mode; in fp32, but for the U-Net where bf16 is asked for.

    Raises:
        UserError: If it is of another class, a component is missing or damaged, or it does not fit into memory.
    """
    kind = model_index(folder).get("_class_name")
    if kind not in PIPELINES:
        raise UserError(f"{folder.name} is a {str(kind)[:60]}: text to image here takes a {PIPELINES[0]}.")
    check_memory(folder, unet_dtype)
    with quiet_libraries():
        try:
            pipeline = StableDiffusionPipeline.from_pretrained(
                folder, safety_checker=None, feature_extractor=None, requires_safety_checker=False,
                torch_dtype={"unet": getattr(torch, DTYPES[unet_dtype]), "default": torch.float32},
                use_safetensors=True, local_files_only=True,
            )  # fmt: skip
        except LOAD_ERRORS as error:
            raise UserError(f"The pipeline cannot be read: {_first_line(error)} Fetch it again.") from error
    for name in NETWORKS:
        getattr(pipeline, name).eval().requires_grad_(False)
    return pipeline


def read_autoencoder(folder: Path) -> Any:
    """Load an autoencoder: one on its own, or that of a pipeline.

    Raises:
        UserError: If there is none, or it cannot be read.
    """
    inside = (folder / "vae" / "config.json").is_file()
    source = folder / "vae" if inside else folder
    kind = autoencoder_class(source)
    if kind not in AUTOENCODERS:
        raise UserError(
            f"{folder.name} is no autoencoder ({kind[:60] or None}); {' or '.join(AUTOENCODERS)} was expected: train "
            "one with autoencoder."
        )
    with quiet_libraries():
        try:
            model = getattr(diffusers, kind).from_pretrained(
                source, torch_dtype=torch.float32, use_safetensors=True, local_files_only=True
            )
        except LOAD_ERRORS as error:
            raise UserError(f"The autoencoder cannot be read: {_first_line(error)} Fetch it again.") from error
    return model.eval().requires_grad_(False)


def read_text_encoder(folder: Path) -> tuple[CLIPTextModel, CLIPTokenizer]:
    """Load a CLIP text model and its tokenizer, on their own or from a pipeline.

    Raises:
        UserError: If there is none, or it cannot be read.
    """
    inside = (folder / "text_encoder" / "config.json").is_file()
    encoder_folder, tokenizer_folder = (folder / "text_encoder", folder / "tokenizer") if inside else (folder, folder)
    try:
        encoder = CLIPTextModel.from_pretrained(encoder_folder, use_safetensors=True, local_files_only=True)
        tokenizer = CLIPTokenizer.from_pretrained(tokenizer_folder, local_files_only=True)
    except LOAD_ERRORS as error:
        raise UserError(f"{folder.name} holds no CLIP text model: {_first_line(error)}") from error
    return encoder.float().eval().requires_grad_(False), tokenizer


def save_pipeline(pipeline: StableDiffusionPipeline, folder: Path, half_precision: bool) -> None:
    """Save a pipeline for `StableDiffusionPipeline.from_pretrained`; in 16 bits the files are half as large.

    The text encoder stays in fp32: transformers loads weights in the precision that they were saved in, diffusers in
    fp32, and a stock pipeline that mixes the two fails at its first product.
    """
    scheduler: Any = pipeline.scheduler  # also for whoever makes a DDIMScheduler of its config
    missing = {name: value for name, value in NO_CLIPPING.items() if name not in scheduler.config}
    scheduler.register_to_config(**missing)
    with quiet_libraries():
        if half_precision:
            vae, unet = (cpu_copy(network, torch.float16) for network in (pipeline.vae, pipeline.unet))
            pipeline = assemble_pipeline(vae, pipeline.text_encoder, pipeline.tokenizer, unet, scheduler)
        pipeline.save_pretrained(folder, safe_serialization=True)
    remove_local_paths(folder)


def remove_local_paths(folder: Path) -> None:
    """Remove `_name_or_path` from the configs: diffusers writes the local path of each component into them."""
    for file in (*folder.glob("*.json"), *folder.glob("*/*.json")):
        if "config" in file.name or file.name == "model_index.json":
            content = json.loads(file.read_text(encoding="utf-8"))
            if content.pop("_name_or_path", None):
                file.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def check_memory(folder: Path, unet_dtype: str = "fp32") -> None:
    """Refuse a pipeline that does not fit into memory, before it is loaded.

    Raises:
        UserError: With the memory that it needs and the memory that is free.
    """
    needed = int(MEMORY_FACTOR * parameter_bytes(folder, unet_dtype))
    free = psutil.virtual_memory().available
    if needed > free:
        raise UserError(
            f"{folder.name} needs about {needed / 2**30:.1f} GB of memory; {free / 2**30:.1f} GB are free. "
            "Close other programs, or choose a smaller model."
        )


def parameter_bytes(folder: Path, unet_dtype: str = "fp32") -> int:
    """Size of a pipeline's networks in memory, in bytes, from the headers of the weight files."""
    total = 0
    for name in NETWORKS:
        files = sorted((folder / name).glob("*.safetensors"))
        loaded = [file for file in files if ".fp16." not in file.name and "non_ema" not in file.name] or files
        width = FLOAT_BYTES[unet_dtype if name == "unet" else "fp32"]
        total += width * sum(_parameters_in(file) for file in loaded)
    return total


def _parameters_in(file: Path) -> int:
    try:
        with safe_open(file, "pt") as tensors:
            names = tensors.keys()  # not a dict: it cannot be iterated
            return sum(math.prod(tensors.get_slice(name).get_shape()) for name in names)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{file.parent.name}/{file.name} is damaged ({_first_line(error)}). Fetch it again.") from error


def model_index(folder: Path) -> dict[str, Any]:
    """A pipeline's model_index.json; empty if there is none."""
    return _read_json(folder / "model_index.json")


def autoencoder_class(folder: Path) -> str:
    """The diffusers class that a folder's config.json names; empty if there is none."""
    return str(_read_json(folder / "config.json").get("_class_name") or "")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise UserError(f"{path.name} is not valid JSON: {error}. Fetch it again.") from None
    return content if isinstance(content, dict) else {}


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:200]
