"""Stops of the guided tour on denoising autoencoders, and their live picture on Home. The starters answer."""

from __future__ import annotations

from plugins._drawing import bars, paragraph, pictures
from plugins._tour import Call, Link, Range, Stop

DAE, PAIR, PHOTOGRAPHS = "denoising_ae", "fashion", "natural"
COPY = "plugins.denoising_ae.inspect.copying:copy_or_clean"
ROUND_TRIP = "plugins.denoising_ae.inspect.noise_round_trip:noise_round_trip"
CREDIT = "Photograph: danielbuechele, CC BY 2.0, a part of china.jpg of scikit-learn."
NAMES = {"clean": "without noise", "input": "input", "plain": "plain autoencoder", "denoising": "denoising autoencoder"}


def copy(call: Call, level: float) -> str:
    """The same noisy images through both autoencoders, and their errors."""
    found = call(DAE, COPY, PAIR, level)
    strips = [
        pictures(NAMES[name], [(url, f"{NAMES[name]} {number}") for number, url in enumerate(urls, 1)], "small bare")
        for name, urls in found["images"].items()
    ]
    worst = max(found["errors"].values()) or 1
    errors = [(NAMES[name], error / worst, f"{error:.4f}") for name, error in found["errors"].items()]
    sizes = (
        f"Both networks turn the {found['pixels']} pixels of an image into {found['latent']:,} numbers, and these back."
    )
    return (
        paragraph(sizes, "answer")
        + f'<div class="drawn-grid">{"".join(f"<div>{strip}</div>" for strip in strips)}</div>'
        + bars("Mean squared error against the image without noise", errors)
    )


def noise(call: Call, level: float) -> str:
    """A photograph, with noise, and with the noise taken out."""
    found = call(DAE, ROUND_TRIP, PHOTOGRAPHS, level)
    noisy, denoised = found["psnr_noisy"], found["psnr_denoised"]
    shown = [
        (found["clean"], "the photograph"),
        (found["noisy"], f"with noise, {_decibels(noisy)}"),
        (found["denoised"], f"denoised, {_decibels(denoised)}"),
    ]
    return pictures("", shown, "photographs") + paragraph(CREDIT, "source")


def _decibels(psnr: float) -> str:
    return "the same" if psnr == float("inf") else f"PSNR {psnr:.1f} dB"


def card(call: Call) -> str:
    """For Home: noise taken out of a photograph."""
    found = call(DAE, ROUND_TRIP, PHOTOGRAPHS, 40.0)
    return pictures("", [(found["noisy"], "with noise"), (found["denoised"], "denoised")], "small") + paragraph(
        "Photograph: danielbuechele, CC BY 2.0", "source"
    )


STOPS = (
    Stop(
        "copy",
        "Why a plain autoencoder only copies",
        "An autoencoder with room enough has no need to learn what its inputs have in common: it copies. A denoising "
        "autoencoder gets a noisy input and has to give the clean one, so that copying does not help.",
        "The plain network passes parts of the noise on, as blotches. The denoising one, which was trained at noise "
        "75, has learned what clothes look like, and puts that in place of the noise.",
        "And without noise? Which of the two is better at 0, and why?",
        (0,),
        (Range("Noise (standard deviation of 255)", 0, 150, 5, 110),),
        copy,
        (DAE,),
        (Link("More of the comparison", DAE), Link("Train both", DAE, "compare", {"sample": "fashion"})),
        "Put them through both",
    ),
    Stop(
        "noise",
        "Noise into a picture and out again",
        "Any clean picture makes an exercise: add noise, and learn to predict the picture without it. The answer is "
        "known, since the noise was added here.",
        "What is taken out is what pictures do not have: grain. Edges and even surfaces stay; at much noise fine "
        "texture goes too, since nobody could tell it from the noise. PSNR counts it: 3 dB more are half the error.",
        "At which level do you no longer trust the details?",
        (100,),
        (Range("Noise (standard deviation of 255)", 0, 120, 5, 40),),
        noise,
        (DAE,),
        (Link("Denoise your own picture", DAE), Link("Train on photographs", DAE, "images", {"sample": "photographs"})),
        "Add noise and take it out",
    ),
)
