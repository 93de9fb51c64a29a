"""diffusion_cfg, training: the contract, learning, bad input, cached latents."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from plugins.diffusion_cfg import PLUGIN
from plugins.diffusion_cfg.data.resize import ResizedImages, resize_to_square
from plugins.diffusion_cfg.denoiser import latent_cache
from plugins.diffusion_cfg.denoiser.caption_encodings import without_some_words
from plugins.diffusion_cfg.denoiser.settings import DenoiserSettings
from plugins.diffusion_cfg.models import pipeline_io, unet
from plugins.diffusion_cfg.models.loaded_pipeline import LoadedPipeline
from plugins.diffusion_cfg.sampling.generate import generate_images
from plugins.diffusion_cfg.sampling.request import GenerationRequest
from plugins.diffusion_cfg.starter.recipe import data as emoji_data
from plugins.testing import check_plugin
from tests.pictures import encoded, write_zip
from tests.shapes import CAPTIONS, TINY, shape, write_shapes
from training.data.images.kept_pixels import KeptPixels
from training.data.images.read import read_images
from training.errors import UserError
from training.fit.large_network import prepare_network
from training.fit.loop import fit
from training.home import home
from training.settings import parse_settings

MICRO = {**TINY, "image_size": 8, "batch_size": 4, "preview_prompts": "red disc"}
SMALL_AUTOENCODER = {
    "size": "small",
    "downsample_factor": "2",
    "latent_channels": 2,
    "image_size": 16,
    "batch_size": 4,
    "eval_share": 0.1,
}


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cached latents go where the test's files are; and the smallest network is smaller still."""
    monkeypatch.setenv("SELFSUP_HOME", str(tmp_path / "home"))
    monkeypatch.setitem(unet.UNET_SIZES, "tiny", unet.UNetSize((32, 32), 1, 32, 1))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_shapes(tmp_path / "shapes.parquet")


def settings(name: str, **values: Any) -> Any:
    return parse_settings(PLUGIN.kind(name).trained_by, values)


def build(name: str, **values: Any) -> Any:
    """The task of these settings, with their data."""
    kind, parsed = PLUGIN.kind(name), settings(name, **values)
    return kind.build(kind.read(parsed), parsed)


def train(name: str, folder: Path, **values: Any) -> tuple[Any, dict[str, float]]:
    """The weights of a run, loaded, and its metrics."""
    folder.mkdir()
    progress = fit(build(name, **values), settings(name, **values), folder)
    return PLUGIN.kind(name).load(folder / "artifact"), progress.metrics


def test_diffusion_cfg_keeps_the_contract(tmp_path: Path, data: Path) -> None:
    base = tmp_path / "runs" / "base"
    pipeline_io.save_pipeline(build("denoiser", data=str(data), **MICRO).pipeline, base, half_precision=False)
    samples = {
        "denoiser": {"data": str(data), **MICRO, "ema_decay": 0.5},
        "autoencoder": {"data": str(data), **SMALL_AUTOENCODER},
        "lora": {
            "data": str(data),
            "model": str(base),
            "lora_rank": 2,
            "eval_share": 0.1,
            "train_text_encoder": True,
            "preview_steps": 1,
        },
    }
    calls = {name: lambda model: model.reverse("red disc", steps=2) for name in ("denoiser", "lora")}
    check_plugin(PLUGIN, tmp_path / "runs", samples, calls)


@pytest.mark.slow
def test_the_denoiser_learns_what_captions_say(tmp_path: Path) -> None:
    """Untrained, the loss is 1 and the caption gain 0; a random image has the caption's colour half of the time."""
    data = write_shapes(tmp_path / "many.parquet", 120)
    values = {**MICRO, "batch_size": 16, "steps": 100, "learning_rate": 4e-3, "ema_decay": 0.9, "eval_every": 100}
    model, metrics = train("denoiser", tmp_path / "run", data=str(data), **values)
    assert metrics["loss"] < 0.5
    assert metrics["caption_gain"] > 0.1
    for caption in CAPTIONS:
        [file] = model.generate(caption, guidance_scale=2, steps=8)
        red, _, blue = np.asarray(Image.open(file), int)[3:5, 3:5].reshape(-1, 3).mean(0)
        assert (red > blue) == caption.startswith("red"), caption


def test_the_autoencoder_learns_to_reconstruct_images(tmp_path: Path, data: Path) -> None:
    """The mean colour of each image gives 10.1 dB, the mean of all images 13.3."""
    values = {**SMALL_AUTOENCODER, "size": "medium", "batch_size": 8, "image_size": 8, "steps": 100, "eval_every": 100}
    values |= {"learning_rate": 5e-3, "ema_decay": 0.8, "gradient_loss_weight": 0, "kl_weight": 1e-6}
    predictor, metrics = train("autoencoder", tmp_path / "run", data=str(data), **values)
    assert metrics["psnr"] > 15
    assert 0.05 < predictor.vae.config["scaling_factor"] < 50


def test_a_denoiser_works_in_a_trained_latent_space_and_stock_diffusers_loads_it(tmp_path: Path, data: Path) -> None:
    train("autoencoder", tmp_path / "ae", data=str(data), **SMALL_AUTOENCODER, steps=1)
    latent = {**MICRO, "image_size": 0, "autoencoder": str(tmp_path / "ae" / "artifact")}
    model, _ = train("denoiser", tmp_path / "run", data=str(data), **latent, steps=1)
    assert (model.downsample_factor, model.latent_channels, model.image_size) == (2, 2, (16, 16))
    with pipeline_io.quiet_libraries():
        from diffusers import StableDiffusionPipeline

        stock = StableDiffusionPipeline.from_pretrained(tmp_path / "run" / "artifact", safety_checker=None)
    stock.set_progress_bar_config(disable=True)
    assert stock("red disc", num_inference_steps=1).images[0].size == (16, 16)  # type: ignore[union-attr]
    artifact = str(tmp_path / "run" / "artifact")
    again, _ = train("denoiser", tmp_path / "on", data=str(data), model=artifact, steps=1, eval_share=0.1)
    assert again.image_size == (16, 16)


def test_weights_take_another_autoencoder_of_the_same_latent_space(tmp_path: Path, data: Path) -> None:
    for name, channels in ("first", 2), ("further", 2), ("other", 3):
        values = {**SMALL_AUTOENCODER, "latent_channels": channels, "seed": len(name)}
        train("autoencoder", tmp_path / name, data=str(data), **values, steps=1)
    first, further, other = (str(tmp_path / name / "artifact") for name in ("first", "further", "other"))
    train("denoiser", tmp_path / "run", data=str(data), **MICRO | {"image_size": 16}, autoencoder=first, steps=1)
    given = {"model": str(tmp_path / "run" / "artifact"), "data": str(data)}
    own, exchanged = (build("denoiser", **given, autoencoder=ae).pipeline.vae for ae in ("", further))
    assert equal_weights(own, pipeline_io.read_autoencoder(Path(first)))
    assert equal_weights(exchanged, pipeline_io.read_autoencoder(Path(further)))
    with pytest.raises(UserError, match=r"its latents have 3 channels at 1/2 of .* those of the weights in model 2"):
        build("denoiser", **given, autoencoder=other)


def equal_weights(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return all(torch.allclose(a, b, atol=1e-3) for a, b in pairs)  # saved in 16 bits


def test_recoloured_copies_keep_the_shape_and_take_the_named_hue() -> None:
    pixels = np.full((16, 16, 3), 255, np.uint8)
    pixels[4:12, 4:12] = 220, 30, 40
    copy = emoji_data.recoloured(encoded(pixels), "green")
    assert copy is not None
    turned = np.asarray(Image.open(io.BytesIO(copy)))
    assert (turned[:4] == 255).all()
    red, green, blue = turned[8, 8].astype(int)
    assert green > 200
    assert max(red, blue) < 60
    pixels[4:12, 8:12] = 30, 40, 220
    assert emoji_data.recoloured(encoded(pixels), "green") is None, "two colours"
    assert emoji_data.recoloured(encoded(np.full((16, 16, 3), 90, np.uint8)), "green") is None, "none"


@pytest.mark.parametrize("name", ["denoiser", "lora"])
def test_weights_in_bf16_are_loaded_so_and_are_those_of_a_network_that_was_cast(
    name: str, tmp_path: Path, data: Path
) -> None:
    """The network was loaded in fp32 first, which takes twice the memory."""
    base = tmp_path / "base"
    pipeline_io.save_pipeline(build("denoiser", data=str(data), **MICRO).pipeline, base, half_precision=False)
    values = {"data": str(data), "model": str(base), "ema_decay": 0.0, "eval_share": 0.1}
    loaded, cast = (build(name, **values, weights_dtype=dtype).model for dtype in ("bf16", "fp32"))
    types = {weight.dtype for part, weight in loaded.unet.named_parameters() if "lora" not in part}
    assert types == {torch.bfloat16}
    for model in (loaded, cast):
        prepare_network(model, settings(name, **values, weights_dtype="bf16"))
    others = dict(cast.named_parameters())
    for part, weight in loaded.named_parameters():
        assert weight.dtype == others[part].dtype and torch.equal(weight, others[part]), part


@pytest.mark.parametrize(("rank", "alpha", "text"), [(4, 32, True), (8, 4, False), (2, 0, False)])
def test_adapters_alone_give_what_the_merged_pipeline_gives(
    rank: int, alpha: float, text: bool, tmp_path: Path, data: Path
) -> None:
    """By stock diffusers, and by hand as webui and ComfyUI do: W + alpha / rank * up @ down."""
    from safetensors.torch import load_file

    base = tmp_path / "base"
    pipeline = build("denoiser", data=str(data), **MICRO).pipeline
    torch.nn.init.normal_(pipeline.unet.conv_out.weight, std=0.1)
    pipeline_io.save_pipeline(pipeline, base, half_precision=False)
    values = {"lora_rank": rank, "lora_alpha": alpha, "train_text_encoder": text, "learning_rate": 0.03}
    values |= {"steps": 2, "half_precision": False, "eval_share": 0.1, "preview_steps": 1}
    merged, _ = train("lora", tmp_path / "run", data=str(data), model=str(base), **values)
    request = GenerationRequest("red disc", steps=2)
    plain = pipeline_io.read_pipeline(base)
    before = generate_images(LoadedPipeline(pipeline_io.read_pipeline(base)), request)
    plain.load_lora_weights(str(tmp_path / "run" / "artifact"))
    after = generate_images(LoadedPipeline(plain), request)
    assert torch.allclose(after, generate_images(merged, request), atol=1e-3)
    assert (after - before).abs().max() > 1e-2

    adapters = load_file(tmp_path / "run" / "artifact" / "pytorch_lora_weights.safetensors")
    by_hand = pipeline_io.read_pipeline(base)
    networks = {"lora_unet": by_hand.unet, "lora_te_text_model": by_hand.text_encoder}
    layers = {
        f"{prefix}_{name.replace('.', '_')}": layer
        for prefix, network in networks.items()
        for name, layer in network.named_modules()
    }
    names = [key.removesuffix(".alpha") for key in adapters if key.endswith(".alpha")]
    assert text == any(name.startswith("lora_te_") for name in names)
    for name in names:
        up, down = adapters[f"{name}.lora_up.weight"], adapters[f"{name}.lora_down.weight"]
        assert (down.shape[0], float(adapters[f"{name}.alpha"])) == (rank, alpha or rank)
        layers[name].weight.data += (alpha or rank) / rank * up @ down
    assert torch.allclose(generate_images(LoadedPipeline(by_hand), request), after, atol=1e-3)


def test_a_run_with_computed_latents_equals_one_that_reads_them(tmp_path: Path, data: Path) -> None:
    train("autoencoder", tmp_path / "ae", data=str(data), **SMALL_AUTOENCODER, steps=1)
    values = {**MICRO, "image_size": 0, "autoencoder": str(tmp_path / "ae" / "artifact"), "steps": 2}
    first, again = (build("denoiser", data=str(data), **values).latents for _ in range(2))
    rows = range(len(first))
    assert torch.equal(first[rows], again[rows]) and first[rows].stride() == again[rows].stride()
    import shutil

    shutil.rmtree(tmp_path / "home")
    runs = [train("denoiser", tmp_path / name, data=str(data), **values)[0] for name in ("computed", "read")]
    computed, read = (run.unet.state_dict() for run in runs)
    assert all(torch.equal(computed[name], read[name]) for name in computed)


def test_latents_are_computed_once_for_the_same_images(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build("denoiser", data=str(data), **MICRO).latents
    monkeypatch.setattr(latent_cache, "encode", lambda *_: pytest.fail("encoded again"))
    again = build("denoiser", data=str(data), **MICRO).latents
    assert torch.equal(first[range(len(first))], again[range(len(again))])
    assert all(isinstance(part, np.memmap) for part in again.parts)


def test_latents_are_in_memory_where_the_disk_has_no_room(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mapped = build("denoiser", data=str(data), **MICRO).latents
    for file in (home() / "latents").glob("*.npy"):
        file.unlink()
    monkeypatch.setattr(latent_cache, "MAX_SHARE_OF_DISK", 0.0)
    held = build("denoiser", data=str(data), **MICRO).latents
    assert not list((home() / "latents").iterdir()) and held.shape == mapped.shape
    assert torch.equal(held[range(len(held))], mapped[range(len(mapped))])


def test_rows_of_latents_are_found_in_both_parts() -> None:
    parts = [np.arange(n * 4, dtype=np.float32).reshape(n, 1, 2, 2) + 100 * n for n in (3, 0, 2)]
    latents = latent_cache.Latents(parts)
    assert latents.shape == (5, 1, 2, 2)
    assert torch.equal(latents[[4, 0, 3]], torch.from_numpy(np.concatenate(parts)[[4, 0, 3]]))


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction", "flow_prediction"])
def test_every_prediction_and_a_frozen_text_encoder_train_a_step(
    prediction_type: str, tmp_path: Path, data: Path
) -> None:
    donor = tmp_path / "donor"
    pipeline_io.save_pipeline(build("denoiser", data=str(data), **MICRO).pipeline, donor, half_precision=False)
    values = {"prediction_type": prediction_type, "zero_terminal_snr": prediction_type != "epsilon", "steps": 1}
    model, metrics = train("denoiser", tmp_path / "run", data=str(data), **MICRO, **values, text_encoder=str(donor))
    assert np.isfinite(metrics["loss"])
    assert model.generate("red disc", steps=2)
    with pytest.raises(UserError, match="word_dropout: the text encoder is not trained"):
        build("denoiser", data=str(data), **MICRO, text_encoder=str(donor), word_dropout=0.2)


# -- findings about the data -------------------------------------------------------------------------------------------


def titles(values: DenoiserSettings) -> dict[str, str]:
    _, sheet = PLUGIN.kind("denoiser").examine(values)
    return {f"{one.level}: {one.title}": one.detail for one in sheet.findings}


def test_images_without_captions_are_listed_and_left_out(tmp_path: Path) -> None:
    files = {f"{row}.png": encoded(shape(CAPTIONS[row % 4], row)) for row in range(6)}
    files |= {f"{row}.txt": CAPTIONS[row % 4].encode() for row in range(4)} | {"lost.txt": b"a caption of nothing"}
    findings = titles(settings("denoiser", data=str(write_zip(tmp_path / "x.zip", files)), **MICRO))
    assert findings["amber: 2 images have no caption and are left out"] == "4.png, 5.png"
    assert findings["amber: 1 captions have no image"] == "lost.txt"


def test_captions_without_images_are_listed(tmp_path: Path) -> None:
    lines = "".join(json.dumps({"file_name": f"{row}.png", "caption": "red disc"}) + "\n" for row in range(5))
    files = {f"{row}.png": encoded(shape("red disc", row)) for row in range(3)} | {"metadata.jsonl": lines.encode()}
    findings = titles(settings("denoiser", data=str(write_zip(tmp_path / "x.zip", files)), **MICRO))
    assert "3.png, 4.png" in findings["amber: 2 rows of metadata.jsonl name images that are not there"]


def test_no_captions_at_all_stop_the_run(tmp_path: Path) -> None:
    data = write_shapes(tmp_path / "bare.zip", captions=False)
    findings = titles(settings("denoiser", data=str(data), **MICRO))
    assert "has images without captions" in findings["red: The data cannot be used"]
    assert "metadata.jsonl" in findings["red: The data cannot be used"]
    PLUGIN.kind("autoencoder").examine(settings("autoencoder", data=str(data)))[1].raise_if_blocked()


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("denoiser", {"caption_column": "words"}, "Column 'words' is not beside the images"),
        ("lora", {}, "no pipeline to adapt was given"),
    ],
)
def test_what_cannot_be_built_says_why(name: str, changes: dict, words: str, data: Path) -> None:
    values = {"data": str(data)} | ({**MICRO} if name == "denoiser" else {}) | changes
    with pytest.raises(UserError, match=words):
        build(name, **values)


def test_a_run_too_short_for_its_ema_is_reported(data: Path) -> None:
    task = build("denoiser", data=str(data), **MICRO, steps=100, caption_dropout=0)
    said = [one.title for one in task.findings()]  # type: ignore[union-attr]
    assert "ema_decay" not in said  # the decay grows from 0.1: after 100 steps nothing of the initial weights is left
    assert "caption_dropout is 0: the unconditional model is not trained" in said


def test_zero_terminal_snr_is_refused_with_epsilon() -> None:
    with pytest.raises(UserError, match="zero_terminal_snr does not work with prediction_type epsilon"):
        settings("denoiser", prediction_type="epsilon")


def test_class_labels_are_captions_too(tmp_path: Path) -> None:
    files = {f"{kind}/{row}.png": encoded(shape(f"red {kind}", row)) for kind in ("square", "disc") for row in range(4)}
    findings = titles(settings("denoiser", data=str(write_zip(tmp_path / "classes.zip", files)), **MICRO))
    assert findings["green: Captions from the column 'label': 2 distinct, 2 words"] == "disc; square"


def test_images_of_any_shape_become_squares() -> None:
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 255
    assert resize_to_square(wide, 8, "crop").shape == (8, 8, 3)
    assert resize_to_square(wide, 8, "crop").mean() > 200  # the middle
    padded = resize_to_square(wide, 60, "pad")
    assert padded.shape == (60, 60, 3)
    assert (padded == 255).all(-1).sum() == 100  # nothing is made larger


def test_resized_images_are_the_same_in_memory_in_a_file_and_decoded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = read_images(write_zip(tmp_path / "x.zip", {f"{n}.png": encoded(shape("red disc", n)) for n in range(3)}))
    held = ResizedImages(images.as_channels(3), 6, "crop")
    monkeypatch.setattr("plugins.diffusion_cfg.data.resize.MAX_CACHED_BYTES", 0)
    filed, again = (ResizedImages(images.as_channels(3), 6, "crop", keep) for keep in (True, False))
    assert isinstance(held.cache, list) and isinstance(filed.cache, KeptPixels) and again.cache is None
    assert all(np.array_equal(held[row], other[row]) for row in range(3) for other in (filed, again))


def test_of_several_captions_one_is_drawn_at_random_and_the_first_is_evaluated(tmp_path: Path) -> None:
    from tests.pictures import encoded, scene, write_parquet

    pictures = [encoded(scene(8, 8, 3, n)) for n in range(40)]
    captions = [[f"the first caption {n}", f"another caption {n}"] for n in range(40)]
    task = build("denoiser", data=str(write_parquet(tmp_path / "x.parquet", pictures, caption=captions)), **MICRO)
    assert "holds several captions" in " ".join(
        one.title
        for one in PLUGIN.kind("denoiser").read(settings("denoiser", data=str(tmp_path / "x.parquet"))).sheet.findings
    )
    rng = np.random.default_rng(0)
    drawn = [task._training_text(row, rng) for row in range(20) for _ in range(5)]
    assert 20 < sum(text.startswith("another") for text in drawn) < 80
    assert all(task.texts[each.row].startswith("the first") for each in task.eval_data)
    assert task.collate([0, 1], rng, True)["text"].shape[0] == 2


def test_words_are_left_out_of_training_captions_alone(data: Path) -> None:
    task: Any = build("denoiser", data=str(data), **MICRO, word_dropout=0.5, caption_dropout=0.0)
    rng = np.random.default_rng(0)
    whole, cut = task.captions([task.texts[0]] * 60), task.collate([0] * 60, rng, True)["text"]
    lengths = (cut != task.pipeline.tokenizer.pad_token_id).sum(1)
    assert cut.shape == whole.shape and len(set(lengths.tolist())) > 1
    assert without_some_words("red heart", 0.9, np.random.default_rng(3)) in ("red", "heart", "red heart")
    assert without_some_words("heart", 0.9, rng) == "heart"  # a caption is never left without a word
    rows = task.eval_data[:2]
    held_out = task.captions([task.texts[row.row] for row in rows])
    assert torch.equal(task.collate(rows, rng, False)["text"], held_out)
