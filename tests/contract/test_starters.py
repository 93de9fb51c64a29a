"""The weights that ship with the plugins: small enough for a Space, documented, and good for what they are offered for."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_image

import plugins
from plugins._contract import Plugin
from plugins._discovery import discover
from plugins.bert_finetune import PLUGIN as BERT
from plugins.denoising_ae import PLUGIN as DENOISING
from plugins.denoising_ae.images.metrics import psnr
from plugins.denoising_ae.noise.corruptions import corrupt
from plugins.diffusion_cfg import PLUGIN as DIFFUSION
from plugins.diffusion_cfg.sampling.generate import generate_images
from plugins.diffusion_cfg.sampling.request import GenerationRequest
from plugins.gpt_prompting import PLUGIN as GPT
from plugins.testing import PICKLED
from tests.bert_models import load
from training.artifact import model_card
from training.artifact.store import read_record

MOST_BYTES = 10 * 1000 * 1000  # what the Hub takes in a Space without LFS
SHIPPED = [
    (found.plugin, name)
    for found in discover()
    if found.plugin
    for name, folder in found.plugin.starters.items()
    if folder.is_relative_to(Path(plugins.__file__).parent)  # not those of an optional package
]
NAMES = [f"{plugin.name}/{name}" for plugin, name in SHIPPED]
FOLDERS = sorted(path.parent for path in Path(plugins.__file__).parent.glob("*/starter/*/selfsup.json"))


@pytest.mark.parametrize(("plugin", "name"), SHIPPED, ids=NAMES)
def test_starter_fits_into_a_space_and_says_who_made_it(plugin: Plugin, name: str):
    folder = plugin.starters[name]
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert all(file.stat().st_size < MOST_BYTES and file.suffix not in PICKLED for file in files)
    assert read_record(folder)["plugin"] == plugin.name
    text = "".join(each.read_text(encoding="utf-8") for each in files if each.suffix in (".json", ".md"))
    assert "/work" not in text and "/home/" not in text and "/tmp/" not in text


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_card_of_a_starter_is_of_its_record_and_has_the_time_that_it_took(folder: Path):
    record, card = read_record(folder), (folder / "README.md").read_text(encoding="utf-8")
    assert _body(card) == _body(model_card.render(record))  # the order of its front matter is the library's
    assert f"| time | {record['training']['time']} |" in card


def _body(card: str) -> str:
    return card.split("\n---\n", 1)[1]


@pytest.fixture(scope="module")
def loaded():
    """Starter's name -> what the plugin loads of it, once."""
    return {name: load(BERT.starters[name]) for plugin, name in SHIPPED if plugin is BERT}


def asked(loaded: dict, name: str, *arguments):
    """An endpoint of the plugin on the starter that the API gives it."""
    model = loaded[BERT.default_weights(BERT.endpoints[name])]
    return getattr(model, name)(*arguments)


def test_the_starter_tells_praise_from_blame(loaded):
    said = [
        asked(loaded, "classify", text)["label"] for text in ("a wonderful , moving film", "a dull and pointless mess")
    ]
    assert said[0] != said[1]


def test_the_starter_finds_the_entities_of_a_command(loaded):
    found = asked(loaded, "tag", "play some jazz by Miles Davis")["entities"]
    assert ("Miles Davis", "artist") in [(one["text"], one["label"]) for one in found]


def test_the_starter_knows_words_that_fit(loaded):
    words = asked(loaded, "fill_mask", "The president of the United [MASK] lives in Washington.", 5)["masks"][0]
    assert words[0]["word"] == "states"


def test_the_starter_tells_the_next_sentence_from_one_of_another_text(loaded):
    first = "The planets move around the sun in orbits that are nearly circular."
    follows, strange = (
        "Mercury is the planet that is closest to the sun.",
        "She put the cake into the oven and called the children.",
    )
    assert (
        asked(loaded, "next_sentence", first, follows)["probability"]
        > asked(loaded, "next_sentence", first, strange)["probability"]
    )


def test_the_starter_answers_from_the_context(loaded):
    context = "The bridge was opened in 1932 by the king. It is 503 metres long."
    assert "1932" in str(asked(loaded, "answer", "When was the bridge opened?", context))


REQUESTS = [  # eight for the prompt, then twelve that are asked
    ("play the new song by adele", "music"), ("will it rain tomorrow", "weather"),
    ("put on some jazz", "music"), ("is it sunny in paris", "weather"),
    ("turn the music up", "music"), ("how warm is it going to be on friday", "weather"),
    ("play my favourite album", "music"), ("what is the forecast for the weekend", "weather"),
    ("play a song by the beatles", "music"), ("how cold is it outside", "weather"),
    ("put on the album thriller", "music"), ("will it snow this evening", "weather"),
    ("turn down the music", "music"), ("do i need an umbrella today", "weather"),
    ("play some rock", "music"), ("is it going to be windy tomorrow", "weather"),
    ("i want to hear a song from frozen", "music"), ("what is the temperature in rome", "weather"),
    ("skip this song", "music"), ("is there a storm coming on sunday", "weather"),
]  # fmt: skip


def test_the_starter_learns_what_labels_mean_from_examples_in_the_prompt():
    """Words that mean nothing, and each label for the other: only the examples say which is which."""
    model: Any = GPT.kind("pretrain").load(GPT.starters["tales"])
    for word in ({"music": "zonk", "weather": "flum"}, {"music": "weather", "weather": "music"}):
        asked = [{"text": text, "label": word[label]} for text, label in REQUESTS]
        right = {}
        for count in (0, 8):
            given = [model.classify(row["text"], sorted(word.values()), asked[:count]) for row in asked[8:]]
            right[count] = sum(found["label"] == row["label"] for found, row in zip(given, asked[8:], strict=True))
        assert right[8] >= 8 and right[8] >= right[0] + 4, right


def test_the_starter_draws_what_the_caption_says():
    """Trousers are taller than wide, shoes wider than tall; guided ones beyond doubt."""
    model: Any = DIFFUSION.kind("denoiser").load(DIFFUSION.starters["fashion"])
    for prompt, taller in (("trousers", True), ("a running shoe", False)):
        images = generate_images(model, GenerationRequest(prompt=prompt, steps=10, n_images=4))
        garment = images[:, 0] > -0.5  # the background is black, -1
        heights, widths = garment.any(2).sum(1), garment.any(1).sum(1)
        assert (heights > widths).all() if taller else (heights < widths).all(), prompt


@pytest.mark.parametrize(("level", "gain"), [(15, 5.0), (50, 8.0)])
def test_the_starter_takes_noise_out_of_a_photograph_in_colour(level: float, gain: float):
    """Blind; the photograph is none that it was trained on."""
    photograph = load_sample_image("flower.jpg")[100:292, 200:392]
    noisy = np.rint(255 * np.clip(corrupt(photograph.astype(np.float32) / 255, "gaussian", level, 0), 0, 1)).astype(
        np.uint8
    )
    cleaned = DENOISING.kind("images").load(DENOISING.starters["natural"]).denoiser.denoise(noisy).pixels
    before, after = (psnr(as_picture(each), as_picture(photograph)) for each in (noisy, cleaned))
    assert after > before + gain


def as_picture(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))).float() / 255
