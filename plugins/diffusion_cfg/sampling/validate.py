"""Check a generation request against a model: lengths, ranges, sampler, guidance method and image size."""

from __future__ import annotations

from dataclasses import replace

from plugins.diffusion_cfg.models.loaded_pipeline import LoadedPipeline
from plugins.diffusion_cfg.models.text_encoder import excess_tokens
from plugins.diffusion_cfg.sampling.request import (
    CFG_PLUS_PLUS_SAMPLER,
    GUIDANCE_METHODS,
    MAX_GUIDANCE_SCALE,
    MAX_IMAGES,
    MAX_SIDE,
    GenerationRequest,
)
from plugins.diffusion_cfg.sampling.schedulers import check_sampler
from training.errors import UserError
from training.home import is_shared

MAX_SHARED_WORK = 2000  # images x steps of a call: all 64 images at 31 steps, or two at 1000


def validated(model: LoadedPipeline, request: GenerationRequest) -> GenerationRequest:
    """The request with its width and height filled in, if this model can follow it.

    Raises:
        UserError: What was given and what is possible.
    """
    if not request.prompt.strip() and request.guidance_scale != 1:
        raise UserError(
            "The prompt is empty: write what the image should show (or set guidance_scale 1 for an unconditional "
            "image)."
        )
    check_length(model, request.prompt, "prompt")
    check_length(model, request.negative_prompt, "negative prompt")
    check_sampler(model, request.sampler)
    _check_range("steps", request.steps, 1, model.noise_schedule.num_timesteps)
    _check_range("guidance_scale", request.guidance_scale, 0, MAX_GUIDANCE_SCALE)
    _check_range("n_images", request.n_images, 1, MAX_IMAGES)
    _check_cost(request)
    _check_range("seed", request.seed, 0, 2**63 - 1 - MAX_IMAGES)
    _check_range("strength", request.strength, 0.01, 1)
    _check_range("guidance_rescale", request.guidance_rescale, 0, 1)
    if not 0 <= request.interval_low <= request.interval_high <= 1:
        raise UserError(
            f"The guidance interval is {request.interval_low:g} to {request.interval_high:g}; two fractions from 0 to "
            "1, the lower first, were expected."
        )
    _check_guidance(model, request)
    height, width = (
        _side(model, getattr(request, name), model.image_size[axis], name)
        for axis, name in enumerate(("height", "width"))
    )
    return replace(request, height=height, width=width)


def _check_cost(request: GenerationRequest) -> None:
    """On a server that many share, one call must not hold up the others for minutes."""
    work = request.n_images * request.steps
    if is_shared() and work > MAX_SHARED_WORK:
        raise UserError(
            f"{request.n_images} images of {request.steps} steps are {work:,} steps; a shared server takes "
            f"{MAX_SHARED_WORK:,} a call. Take fewer images, or fewer steps."
        )


def check_length(model: LoadedPipeline, text: str, name: str) -> None:
    """Refuse a text that the encoder would truncate.

    Raises:
        UserError: With its length, the limit and the words that would be lost.
    """
    excess, lost = excess_tokens(model.tokenizer, text)
    if excess:
        limit = model.tokenizer.model_max_length - 2
        raise UserError(
            f"The {name} has {limit + excess} tokens; this model reads {limit}. Shorten it: {lost[:100]!r} would be "
            f"truncated."
        )


def _check_guidance(model: LoadedPipeline, request: GenerationRequest) -> None:
    method = request.guidance_method
    if method not in GUIDANCE_METHODS:
        raise UserError(f"There is no guidance method {method[:40]!r}; there are: {', '.join(GUIDANCE_METHODS)}.")
    if model.takes_guidance_scale and method != "cfg":
        raise UserError("This model takes the guidance scale as an input: choose guidance method cfg.")
    if method != "cfg++":
        return
    if request.sampler != CFG_PLUS_PLUS_SAMPLER:
        raise UserError(
            f"cfg++ changes the renoising step of the sampler {CFG_PLUS_PLUS_SAMPLER} only: choose that one."
        )
    if request.guidance_scale > 1:
        raise UserError(f"guidance_scale: {request.guidance_scale:g} was given; cfg++ takes 0 to 1 (0.6 is usual).")


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # NaN too
        given, least, most = (
            f"{number}" if isinstance(number, int) else f"{number:g}" for number in (value, low, high)
        )
        raise UserError(f"{name}: {given} was given; {least} to {most} is allowed.")


def _side(model: LoadedPipeline, given: int, default: int, name: str) -> int:
    if not given:
        return default
    multiple = model.size_multiple
    if given % multiple or not 0 < given <= MAX_SIDE:
        nearest = min(max(multiple, round(given / multiple) * multiple), MAX_SIDE)
        raise UserError(
            f"{name}: {given} was given; this model generates multiples of {multiple} up to {MAX_SIDE}, such as "
            f"{nearest}."
        )
    return given
