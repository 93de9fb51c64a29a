"""Generation parameters: with the same weights, the same request gives the same image. Cheap to import."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from plugins.diffusion_cfg.sampling.samplers import DEFAULT_SAMPLER
from training.errors import UserError

GUIDANCE_METHODS = {
    "cfg": "Classifier-free guidance (Ho & Salimans, 2022)",
    "apg": "APG: without the component that oversaturates (Sadat et al., 2024)",
    "cfg++": "CFG++: renoises with the unconditional prediction (Chung et al., 2024); scale 0 to 1, sampler ddim",
}
DEFAULT_GUIDANCE_SCALE = 5.0
MAX_GUIDANCE_SCALE, MAX_IMAGES, MAX_SIDE = 50.0, 64, 2048
CFG_PLUS_PLUS_SAMPLER = "ddim"


@dataclass(frozen=True)
class GenerationRequest:
    """What to generate and how.

    Args:
        guidance_scale: 1 is the conditional model, 0 the unconditional one; for cfg++ between 0 and 1.
        n_images: Image k has the seed `seed` + k.
        width, height: In pixels; 0: the size that the model was trained at.
        strength: Image to image: share of the steps that are taken; 1 ignores the initial image.
        guidance_method: cfg, apg or cfg++.
        interval_low, interval_high: Guidance only at timesteps within these fractions of the range (Kynkäänniemi et
            al., 2024).
        guidance_rescale: Share by which guided predictions are rescaled to the conditional one's deviation (Lin et al.,
            2024, §3.4).
    """

    prompt: str
    negative_prompt: str = ""
    guidance_scale: float = DEFAULT_GUIDANCE_SCALE
    steps: int = 20
    sampler: str = DEFAULT_SAMPLER
    seed: int = 0
    n_images: int = 1
    width: int = 0
    height: int = 0
    strength: float = 1.0
    guidance_method: str = "cfg"
    interval_low: float = 0.0
    interval_high: float = 1.0
    guidance_rescale: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> GenerationRequest:
        """The inverse of `to_dict`, also of other versions: unknown keys are ignored, missing ones have their defaults.

        Raises:
            UserError: If a value has the wrong type.
        """
        types: dict[str, type] = {"prompt": str, **{field.name: type(field.default) for field in fields(cls)[1:]}}
        try:
            converted: dict[str, Any] = {name: types[name](value) for name, value in values.items() if name in types}
            return cls(**{"prompt": "", **converted})
        except (TypeError, ValueError) as error:
            raise UserError(f"The image's generation parameters cannot be read: {error}.") from None
