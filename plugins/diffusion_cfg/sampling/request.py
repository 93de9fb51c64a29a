"""Everything that says what a picture will be: with the same weights, the same recipe gives the same picture."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from plugins.diffusion_cfg.sampling.samplers import DEFAULT, check_sampler
from training.errors import UserError

if TYPE_CHECKING:
    from plugins.diffusion_cfg.models.loaded_pipeline import Diffuser

GUIDANCES = {
    "cfg": "Classifier-free guidance (Ho & Salimans, 2022)",
    "apg": "APG: its part that oversaturates is taken out (Sadat et al., 2024)",
    "cfg++": "CFG++: new noise from the unconditional model (Chung et al., 2024); scale 0 to 1, sampler ddim",
}
MOST_SCALE, MOST_IMAGES, MOST_SIDE = 50.0, 64, 2048
CFG_PLUS_PLUS_SAMPLER = "ddim"


@dataclass(frozen=True)
class Recipe:
    """An order for pictures.

    Args:
        guidance_scale: 1 is the conditional model, 0 the unconditional one; with cfg++ a share of 1.
        n_images: Picture k has the seed `seed` + k.
        width, height: 0: what the model was trained on.
        strength: With a picture to start from: share of the steps that are taken; 1 forgets the picture.
        interval_low, interval_high: Guidance only while the timestep lies in these shares of all timesteps (Kynkäänniemi et al., 2024).
        rescale: Share by which guided predictions are brought back to the conditional one's deviation (Lin et al., 2024, §3.4).
    """

    prompt: str
    negative_prompt: str = ""
    guidance_scale: float = 5.0
    steps: int = 20
    sampler: str = DEFAULT
    seed: int = 0
    n_images: int = 1
    width: int = 0
    height: int = 0
    strength: float = 1.0
    guidance: str = "cfg"
    interval_low: float = 0.0
    interval_high: float = 1.0
    rescale: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Recipe:
        """Of what `to_dict` gave, perhaps another version's: what is unknown is left out, what is missing has its default.

        Raises:
            UserError: If a value is of the wrong type.
        """
        kinds: dict[str, type] = {"prompt": str, **{each.name: type(each.default) for each in fields(cls)[1:]}}
        try:
            given: dict[str, Any] = {name: kinds[name](value) for name, value in values.items() if name in kinds}
            return cls(**{"prompt": "", **given})
        except (TypeError, ValueError) as error:
            raise UserError(f"What the picture says of its making cannot be read: {error}.") from None


def checked(model: Diffuser, recipe: Recipe) -> Recipe:
    """The recipe with its size written out, if this model can follow it.

    Raises:
        UserError: One sentence a fault: what was given, what can be.
    """
    if not recipe.prompt.strip() and recipe.guidance_scale != 1:
        raise UserError(
            "The prompt is empty: write what the picture should show (or set guidance_scale 1 to draw whatever comes)."
        )
    check_length(model, recipe.prompt, "prompt")
    check_length(model, recipe.negative_prompt, "negative prompt")
    check_sampler(model, recipe.sampler)
    _within("steps", recipe.steps, 1, model.noise.timesteps)
    _within("guidance_scale", recipe.guidance_scale, 0, MOST_SCALE)
    _within("n_images", recipe.n_images, 1, MOST_IMAGES)
    _within("seed", recipe.seed, 0, 2**63 - 1 - MOST_IMAGES)
    _within("strength", recipe.strength, 0.01, 1)
    _within("rescale", recipe.rescale, 0, 1)
    if not 0 <= recipe.interval_low <= recipe.interval_high <= 1:
        raise UserError(
            f"The guidance interval is {recipe.interval_low:g} to {recipe.interval_high:g}; two shares from 0 to 1, the lower first, were expected."
        )
    _check_guidance(model, recipe)
    return replace(
        recipe, height=_side(model, recipe.height, 0, "height"), width=_side(model, recipe.width, 1, "width")
    )


def check_length(model: Diffuser, text: str, what: str) -> None:
    """Refuse a text that the encoder would cut.

    Raises:
        UserError: With its length, the limit and the words too many.
    """
    from plugins.diffusion_cfg.models.text_encoder import overlong

    excess, lost = overlong(model.tokenizer, text)
    if excess:
        limit = model.tokenizer.model_max_length - 2
        raise UserError(
            f"The {what} has {limit + excess} tokens; this model reads {limit}. Shorten it: {lost[:100]!r} would not be read."
        )


def _check_guidance(model: Diffuser, recipe: Recipe) -> None:
    if recipe.guidance not in GUIDANCES:
        raise UserError(f"There is no guidance {recipe.guidance[:40]!r}; there are: {', '.join(GUIDANCES)}.")
    if model.takes_scale and recipe.guidance != "cfg":
        raise UserError("This model is told its guidance scale: choose guidance cfg.")
    if recipe.guidance != "cfg++":
        return
    if recipe.sampler != CFG_PLUS_PLUS_SAMPLER:
        raise UserError(
            f"cfg++ changes how noise is put back, here of the sampler {CFG_PLUS_PLUS_SAMPLER} alone: choose that one."
        )
    if recipe.guidance_scale > 1:
        raise UserError(f"guidance_scale: {recipe.guidance_scale:g} was given; cfg++ takes 0 to 1 (0.6 is usual).")


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # NaN too
        raise UserError(f"{name}: {value:g} was given; {low:g} to {high:g} can be.")


def _side(model: Diffuser, given: int, axis: int, name: str) -> int:
    if not given:
        return model.size[axis]
    if given % model.multiple or not 0 < given <= MOST_SIDE:
        near = min(max(model.multiple, round(given / model.multiple) * model.multiple), MOST_SIDE)
        raise UserError(
            f"{name}: {given} was given; this model draws multiples of {model.multiple} up to {MOST_SIDE}: {near}, say."
        )
    return given
