"""Stops of the guided tour on diffusion, and its live picture on Home. No torch here: the starters answer."""

from __future__ import annotations

from plugins._drawing import paragraph, picture, pictures, table
from plugins._tour import Call, Link, Range, Stop, Text
from plugins.diffusion_cfg import starter
from plugins.diffusion_cfg.denoiser.endpoints import TextToImage
from plugins.diffusion_cfg.sampling.request import GenerationRequest
from training.data_url import as_url

DIFFUSION = "diffusion_cfg"
LANDSCAPE = "plugins.diffusion_cfg.inspect.tour_views:landscape_pictures"
STEPS, COLUMNS = 20, 8  # of sampling, and how many of them are shown
SCALE, SCORE_SCALE = 5.0, 2.0  # guidance; with more, the path leaves the plane between the two images
SCALES = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)
SEED = 0


def steps(call: Call, prompt: str, seed: float) -> str:
    """The noisy picture and the predicted clean one, step by step."""
    records = call(DIFFUSION, TextToImage.reverse, starter.EMOJI, prompt, "", SCALE, STEPS, "dpm++", int(seed))
    shown = [records[round(at * (len(records) - 1) / (COLUMNS - 1))] for at in range(COLUMNS)]
    noisy = [(each["noisy"], f"t = {each['timestep']:.0f}") for each in shown]
    clean = [(each["clean"], f"t = {each['timestep']:.0f}") for each in shown]
    return pictures("The picture so far, from noise on", noisy, "small") + pictures(
        "What the model takes it for", clean, "small"
    )


def score(call: Call, first: str, second: str) -> str:
    """The landscape between the pictures of two captions, and the way down on the picture."""
    request = GenerationRequest(first, guidance_scale=SCORE_SCALE, steps=STEPS, seed=SEED)
    found = call(DIFFUSION, LANDSCAPE, starter.FASHION, request, second)
    about = f"Landscapes between the pictures of {first!r} and {second!r}: dark is probable, arrows are the score"
    return (
        picture(found["landscape"], about)
        + paragraph("Dark is probable, and the arrows are the score: downhill. Lines lead from noise ● to a picture ★.")
        + picture(found["score"], f"The way down on the picture of {first!r}: above the picture, below the score")
    )


def guidance(call: Call, prompt: str, seed: float) -> str:
    """One caption and one noise at several guidance scales."""
    records = call(DIFFUSION, TextToImage.guidance, starter.EMOJI, prompt, list(SCALES), int(seed))
    shown = [(each["image"], f"scale {each['scale']:g}") for each in records]
    rows = [[f"{each['scale']:g}", f"{each['saturation']:.0%}", f"{each['contrast']:.2f}"] for each in records]
    return pictures(f"“{prompt}”, the same noise each time", shown, "small") + table(
        "What it costs", ["scale", "saturated pixels", "contrast"], rows
    )


def card(call: Call) -> str:
    """For Home: pictures from their names."""
    names = starter.EXAMPLES[starter.EMOJI][:3]
    images = [call(DIFFUSION, TextToImage.generate, starter.EMOJI, name)[0] for name in names]
    return pictures(
        "", [(as_url(image.read_bytes()), name) for image, name in zip(images, names, strict=True)], "small"
    )


STOPS = (
    Stop(
        "steps",
        "From noise to a picture",
        "A network that takes noise out can make pictures: start with pure noise, and take a little of it out, again "
        "and again. It is told the caption and how much noise is left.",
        "Early steps decide what it is and where; late steps draw the edges. What the model takes the noise for is a "
        "blur at first, the mean of all pictures that could still come of it.",
        "Does another noise (seed) give another picture of the same caption?",
        ("sun", 5),
        (Text("Caption", "red heart"), Range("Seed of the noise", 0, 20, 1, 0)),
        steps,
        (DIFFUSION,),
        (Link("More in Diffusion", DIFFUSION), Link("Train on emoji", DIFFUSION, "denoiser", {"sample": "blob"})),
        "Make a picture",
    ),
    Stop(
        "score",
        "The score as a downhill path",
        "Think of a landscape over all pictures, low where a picture is probable. The score points downhill, and "
        "predicting the noise is the same as knowing the score: each step of sampling goes down.",
        "With much noise there is one valley, near the mean of all pictures. With little noise it parts in two, one at "
        "each picture; and given the first caption, the valley of its picture grows.",
        "What if the two captions are nearly the same?",
        ("a running shoe", "a shoe"),
        (Text("Caption", "a dress"), Text("Second caption", "a running shoe")),
        score,
        (DIFFUSION,),
        (Link("Paths of several samplers", DIFFUSION),),
        "Draw the landscape",
    ),
    Stop(
        "guidance",
        "Guidance from 0 to 16",
        "Guidance makes the caption count for more: the model predicts the noise with and without the caption, and "
        "goes further in the direction of the difference. The scale says how far; 1 is the model as it is.",
        "At 0 the caption is not read. With more guidance the picture says more clearly what the caption says; with "
        "too much it is exaggerated, and details are lost. The contrast grows, and so do the saturated pixels (at the "
        "ends of their range), until the white background breaks up as well.",
        "Which scale would you choose for this caption?",
        ("taxi", 3),
        (Text("Caption", "angry face"), Range("Seed of the noise", 0, 20, 1, 0)),
        guidance,
        (DIFFUSION,),
        (Link("Guidance in every step", DIFFUSION), Link("Train your own", DIFFUSION, "denoiser", {"sample": "blob"})),
        "Draw all scales",
    ),
)
