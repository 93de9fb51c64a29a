"""diffusion_cfg, Look inside: what is shown is what the model does, and the toy's field is the true one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from plugins.diffusion_cfg.framework.diffuser import Diffuser, name_of
from plugins.diffusion_cfg.inside import desk, field, toy
from plugins.diffusion_cfg.inside.attention import looks
from plugins.diffusion_cfg.inside.descent import descend, flattened
from plugins.diffusion_cfg.inside.forward import noised, schedule
from plugins.diffusion_cfg.inside.guidance import saturation, strip, taken_apart
from plugins.diffusion_cfg.sampling.drawing import draw
from plugins.diffusion_cfg.sampling.recipe import Recipe
from tests.shapes import shape
from tests.test_diffusion_framework import pipeline
from training.errors import UserError

WORDS = Recipe("red disc", steps=4, guidance_scale=3.0)


@pytest.fixture(scope="module")
def model() -> Diffuser:
    return Diffuser(pipeline(), "micro")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.fromarray(shape("red disc", side=24)).save(tmp_path / "mine.png")
    return tmp_path / "mine.png"


def test_noise_grows_with_the_timestep_until_only_noise_is_left(model: Diffuser, picture: Path) -> None:
    found = [noised(model, picture, timestep) for timestep in (0, 300, 600, 999)]
    assert [one.snr for one in found] == sorted((one.snr for one in found), reverse=True)
    assert float(found[-1].latents.std()) == pytest.approx(1, abs=0.15)
    clean = noised(model, picture, 0).latents
    assert torch.corrcoef(torch.stack([clean.flatten(), found[-1].latents.flatten()]))[0, 1].abs() < 0.2
    with pytest.raises(UserError, match="timestep: 1000 was given; 0 to 999"):
        noised(model, picture, 1000)
    curves = schedule(model)
    assert len(curves["alpha_bar"]) == 1000
    assert np.all(np.diff(curves["snr_db"]) <= 0)


def test_attention_to_all_words_sums_to_one_and_leaves_the_picture_as_it_was(model: Diffuser) -> None:
    found = looks(model, WORDS)
    assert found.words == ["(start)", "red", "disc", "(rest)"]
    assert np.allclose(found.maps.sum(0), 1, atol=1e-3)
    assert torch.allclose(found.picture, draw(model, WORDS)[0], atol=1e-4)
    assert torch.equal(draw(model, WORDS), draw(model, WORDS))  # the watchers are gone again


def test_words_of_several_pieces_are_put_together(model: Diffuser) -> None:
    found = looks(model, replace(WORDS, prompt="red zoo"))
    assert found.words == ["(start)", "red", "zoo", "(rest)"]


def test_the_ways_of_all_samplers_start_at_the_same_noise(model: Diffuser) -> None:
    found = [descend(model, replace(WORDS, sampler=name), name) for name in ("ddim", "dpm++", "euler")]
    assert all(np.allclose(one.places[0], found[0].places[0], atol=1e-3) for one in found)
    places, guesses, shares = flattened(found)
    assert places[0].shape == (5, 2) and guesses[0].shape == (4, 2)
    assert 0 < shares[1] <= shares[0] <= 1
    assert all(-1.001 <= value <= 1.001 for one in found for value in one.turns + one.aims)


def test_the_strip_over_scales_measures_what_it_shows(model: Diffuser) -> None:
    none, plain, strong = strip(model, WORDS, [0.0, 1.0, 8.0])
    assert not any(plain.differences) and all(strong.differences)
    assert torch.equal(plain.picture, draw(model, replace(WORDS, guidance_scale=1.0))[0])
    assert not torch.equal(none.picture, strong.picture)
    assert saturation(torch.tensor([-1.0, 0.0, 1.0, 2.0])) == 0.75


def test_the_desk_shows_every_box(model: Diffuser, picture: Path) -> None:
    shown, *figures, said = desk.forward(model, picture, 500)
    assert [words for _, words in shown] == ["x_0", "x_t"] and max(shown[0][0].size) >= 200  # pixels are its latents
    assert len(figures) == 3 and "t = 500" in said
    pictures, told = desk.looked(model, None, 500, "")
    assert len(pictures) == 4 and "it missed" in told
    looked_at = desk.attention(model, WORDS, 0.5)
    assert [words.split()[0] for _, words in looked_at] == ["drawn", "(start)", "red", "disc", "(rest)"]
    *charts, pull = desk.ways(model, WORDS, ["ddim"])
    assert len(charts) == 3 and pull.width == WORDS.steps * 96  # a column a step
    strip_, found = desk.scale_strip(model, WORDS, [0, 2])
    assert strip_.width > 300 and len(desk.scale_figures({"one": found, "other": found})) == 3
    with pytest.raises(UserError, match="17 scales were given"):
        desk.scale_strip(model, WORDS, [1] * 17)


def test_a_film_is_kept_as_gif_and_as_mp4(model: Diffuser) -> None:
    import av

    strips, gif, files = desk.films(model, WORDS, ["ddim", "euler"])
    assert strips.width == WORDS.steps * 96
    with Image.open(gif) as film:
        assert film.n_frames == 4  # type: ignore[attr-defined]
    with av.open(files[1]) as film:
        pictures = [each.to_ndarray(format="rgb24") for each in film.decode(video=0)]
    assert len(pictures) > 4 and np.array_equal(pictures[-1], pictures[-2])  # it rests on the last one
    with Image.open(gif) as film:
        off = np.abs(pictures[0].astype(int) - np.asarray(film.convert("RGB"), int))
    assert off.mean() < 12  # of 255: both keep few colours


def test_guidance_taken_apart_is_what_the_sampler_follows(model: Diffuser) -> None:
    parts = taken_apart(model, replace(WORDS, sampler="ddim"))
    assert len(parts) == WORDS.steps and all(one.norm > 0 for one in parts)
    for one in parts:  # pixels are this model's latents, and classifier-free guidance is linear
        expected = one.without + WORDS.guidance_scale * (one.with_caption - one.without)
        uncut = (torch.stack([one.without, one.with_caption, one.guided]) > -0.99).all(0)  # decoding cuts at -1
        assert uncut.any() and torch.allclose(one.guided[uncut], expected[uncut], atol=1e-3)
    assert desk.guidance_parts(model, WORDS).width == WORDS.steps * 96
    with pytest.raises(UserError, match="At scale 1 nothing is guided"):
        desk.guidance_parts(model, replace(WORDS, guidance_scale=1.0))


def test_weights_are_called_by_what_finds_them_again() -> None:
    names = {
        "home/runs/diffusion_cfg-0123456789abcdef/artifact": "diffusion_cfg-0123456789abcdef",
        "hub/models--owner--name/snapshots/0123456789abcdef": "owner/name@0123456789ab",
        "starter/fashion": "fashion",
    }
    assert {path: name_of(Path(path)) for path in names} == names


# -- two moons -------------------------------------------------------------------------------------------------------------


@given(x=st.floats(-2, 2), y=st.floats(-2, 2), time=st.floats(0.1, 0.95))
@settings(max_examples=40)
def test_the_toys_score_is_the_gradient_of_its_log_density(x: float, y: float, time: float) -> None:
    place, small = np.array([[x, y]]), 1e-4
    steps = np.array([[small, 0], [0, small]])
    logs = [np.log(toy.density(place + side * step, time))[0] for step in steps for side in (1, -1)]
    slope = np.array([logs[0] - logs[1], logs[2] - logs[3]]) / (2 * small)
    assert np.allclose(toy.score(place, time)[0], slope, rtol=1e-2, atol=1e-3)


def test_dropped_points_end_on_a_moon_unless_they_fall_between_the_two() -> None:
    starts = np.random.default_rng(0).normal(size=(60, 2))
    ends = [toy.nearest(toy.path(start, "both", 1.0, 40)[-1]) for start in starts]
    assert np.mean(np.array(ends) < 4) > 0.95


def test_guidance_pulls_a_point_over_to_its_moon() -> None:
    centres, moons = toy.centres()
    for label in (1, 2):
        end = toy.path(np.array([0.1, 0.0]), toy.LABELS[label], 2.0, 60)[-1]
        assert moons[np.argmin(((centres - end) ** 2).sum(1))] == label


def test_a_click_lands_where_it_was_made() -> None:
    assert field.to_place((0, 0)) == (-toy.REACH, toy.REACH)
    assert field.to_place((field.PIXELS // 2, field.PIXELS // 2)) == (0, 0)
    plain, dropped = desk.toy_field(0.6, "both", 1, None, 20), desk.toy_field(0.6, "both", 1, [0.5, 0.5], 20)
    assert plain[0].shape == (field.PIXELS, field.PIXELS, 3)
    assert not np.array_equal(plain[0], dropped[0]) and "Dropped at (0.50, 0.50)" in dropped[1]
