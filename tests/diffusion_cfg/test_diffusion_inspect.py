"""diffusion_cfg, Look inside: the views show what the model does, and the two moons' score is exact."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from plugins.diffusion_cfg import PLUGIN
from plugins.diffusion_cfg.inspect import score_landscape, two_moons, two_moons_plot, views
from plugins.diffusion_cfg.inspect.cross_attention import attention_maps
from plugins.diffusion_cfg.inspect.forward_process import add_noise_to_image, schedule_curves
from plugins.diffusion_cfg.inspect.guidance_scales import decompose_guidance, generate_over_scales, saturation
from plugins.diffusion_cfg.inspect.score_descent import project_2d, sample_trajectory
from plugins.diffusion_cfg.models.loaded_pipeline import LoadedPipeline
from plugins.diffusion_cfg.sampling.generate import generate_images
from plugins.diffusion_cfg.sampling.request import GenerationRequest
from plugins.diffusion_cfg.starter import ATTENTION_PROMPT
from tests.shapes import shape
from tests.tiny_diffusion import tiny_pipeline
from training.errors import UserError
from training.weights import artifact_name

REQUEST = GenerationRequest("red disc", steps=4, guidance_scale=3.0)
TILE = 96  # pixels per column of a film strip


@pytest.fixture(scope="module")
def model() -> LoadedPipeline:
    return LoadedPipeline(tiny_pipeline(), "micro")


@pytest.fixture
def image_file(tmp_path: Path) -> Path:
    Image.fromarray(shape("red disc", side=24)).save(tmp_path / "mine.png")
    return tmp_path / "mine.png"


def test_noise_grows_with_the_timestep_until_only_noise_is_left(model: LoadedPipeline, image_file: Path) -> None:
    noised = [add_noise_to_image(model, image_file, timestep) for timestep in (0, 300, 600, 999)]
    ratios = [each.snr for each in noised]
    assert ratios == sorted(ratios, reverse=True)
    first, last = noised[0].latents, noised[-1].latents
    assert float(last.std()) == pytest.approx(1, abs=0.15)
    assert torch.corrcoef(torch.stack([first.flatten(), last.flatten()]))[0, 1].abs() < 0.2
    with pytest.raises(UserError, match="timestep: 1000 was given; 0 to 999"):
        add_noise_to_image(model, image_file, 1000)


def test_the_snr_falls_over_all_timesteps(model: LoadedPipeline) -> None:
    curves = schedule_curves(model)
    assert len(curves.alpha_bar) == 1000
    assert np.all(np.diff(curves.snr_db) <= 0)


def test_attention_to_all_words_sums_to_one_and_does_not_change_the_image(model: LoadedPipeline) -> None:
    attention = attention_maps(model, REQUEST)
    assert attention.words == ["(start)", "red", "disc", "(rest)"]
    assert np.allclose(attention.maps.sum(0), 1, atol=1e-3)
    assert torch.allclose(attention.image, generate_images(model, REQUEST)[0], atol=1e-4)
    assert torch.equal(generate_images(model, REQUEST), generate_images(model, REQUEST))  # processors are restored


def test_sub_words_are_joined_to_words(model: LoadedPipeline) -> None:
    assert attention_maps(model, replace(REQUEST, prompt="red zoo")).words == ["(start)", "red", "zoo", "(rest)"]


def test_the_paths_of_all_samplers_start_at_the_same_noise(model: LoadedPipeline) -> None:
    samplers = ("ddim", "dpm++", "euler")
    trajectories = [sample_trajectory(model, replace(REQUEST, sampler=name), name) for name in samplers]
    start = trajectories[0].latents[0]
    assert all(np.allclose(trajectory.latents[0], start, atol=1e-3) for trajectory in trajectories)
    paths, predictions, shares = project_2d(trajectories)
    assert paths[0].shape == (5, 2) and predictions[0].shape == (4, 2)
    assert 0 < shares[1] <= shares[0] <= 1
    assert all(-1.001 <= cosine <= 1.001 for each in trajectories for cosine in each.turns + each.aims)


def test_guidance_scales_are_measured_on_the_images_shown(model: LoadedPipeline) -> None:
    unconditional, conditional, strong = generate_over_scales(model, REQUEST, [0.0, 1.0, 8.0])
    assert not any(conditional.differences) and all(strong.differences)
    assert torch.equal(conditional.image, generate_images(model, replace(REQUEST, guidance_scale=1.0))[0])
    assert not torch.equal(unconditional.image, strong.image)
    assert saturation(torch.tensor([-1.0, 0.0, 1.0, 2.0])) == 0.75


def test_the_views_have_images_figures_and_sentences(model: LoadedPipeline, image_file: Path) -> None:
    images, *figures, sentence = views.forward_view(model, image_file, 500)
    assert [caption for _, caption in images] == ["x_0", "x_t"]  # pixels are this model's latents
    assert max(images[0][0].size) >= 200
    assert len(figures) == 3 and "t = 500" in sentence
    images, sentence = views.denoiser_view(model, None, 500, "")
    assert len(images) == 4 and "mean squared error" in sentence
    heatmaps = views.attention_view(model, REQUEST, 0.5)
    assert [caption.split()[0] for _, caption in heatmaps] == ["generated", "(start)", "red", "disc", "(rest)"]
    assert len(views.descent_view(model, REQUEST, ["ddim"])) == 3
    landscape, score = views.landscape_view(model, REQUEST, "blue disc")
    assert len(landscape.axes) == 3 and score.width == REQUEST.steps * TILE
    with pytest.raises(UserError, match="second caption is empty"):
        views.landscape_view(model, REQUEST, " ")
    strip, results = views.guidance_view(model, REQUEST, [0, 2])
    assert strip.width > 300 and len(views.guidance_figures({"one": results, "other": results})) == 3
    with pytest.raises(UserError, match="17 scales were given"):
        views.guidance_view(model, REQUEST, [1] * 17)


def test_a_trajectory_is_saved_as_gif_and_as_mp4(model: LoadedPipeline) -> None:
    strips, gif, files = views.reverse_view(model, REQUEST, ["ddim", "euler"])
    assert strips.width == REQUEST.steps * TILE
    with Image.open(gif) as animation:
        assert animation.n_frames == 4  # type: ignore[attr-defined]
        first = np.asarray(animation.convert("RGB"), int)
    with av.open(files[1]) as video:
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    assert len(frames) > 4 and np.array_equal(frames[-1], frames[-2])  # the last frame is repeated
    assert np.abs(frames[0].astype(int) - first).mean() < 12  # of 255: GIF has few colours, 4:2:0 halves them
    with pytest.raises(UserError, match="at most 200 are shown"):
        views.reverse_view(model, replace(REQUEST, steps=201), ["ddim"])


def test_the_guided_prediction_combines_the_two_that_are_shown(model: LoadedPipeline) -> None:
    steps = decompose_guidance(model, replace(REQUEST, sampler="ddim"))
    assert len(steps) == REQUEST.steps and all(step.norm > 0 for step in steps)
    for step in steps:  # pixels are this model's latents, and classifier-free guidance is linear
        expected = step.unconditional + REQUEST.guidance_scale * (step.conditional - step.unconditional)
        predictions = torch.stack([step.unconditional, step.conditional, step.guided])
        unclipped = (predictions > -0.99).all(0)  # decoding clips at -1
        assert unclipped.any() and torch.allclose(step.guided[unclipped], expected[unclipped], atol=1e-3)
    assert views.guidance_steps_view(model, REQUEST).width == REQUEST.steps * TILE
    with pytest.raises(UserError, match="At scale 1 there is no guidance"):
        views.guidance_steps_view(model, replace(REQUEST, guidance_scale=1.0))


def test_weights_are_named_so_that_they_can_be_found_again() -> None:
    names = {
        "home/runs/diffusion_cfg-0123456789abcdef/artifact": "diffusion_cfg-0123456789abcdef",
        "hub/models--owner--name/snapshots/0123456789abcdef": "owner/name@0123456789ab",
        "starter/fashion": "fashion",
    }
    assert {path: artifact_name(Path(path)) for path in names} == names


def test_a_field_that_is_a_gradient_is_integrated_to_its_heights() -> None:
    x, y = np.linspace(-1, 2, 13), np.linspace(-2, 1, 9)
    across, up = np.meshgrid(x, y)
    heights = across**2 + across * up + 2 * up
    found = score_landscape.integrate(np.stack([-(2 * across + up), -(across + 2)], -1), x, y)
    assert np.allclose(found, heights - heights.min(), atol=1e-9)  # quadratic: averaged slopes are exact


def test_the_plane_holds_the_images_that_it_is_laid_through(model: LoadedPipeline) -> None:
    generator = torch.Generator().manual_seed(0)
    results, mean = (torch.randn(n, 1, 4, 4, generator=generator) for n in (2, 1))
    plane = score_landscape.plane_through(results, mean)
    images = torch.cat([results, mean])
    places = plane.place(images)
    assert torch.allclose(plane.latents(places), images.flatten(1).double(), atol=1e-5)
    assert places[0] == pytest.approx(-places[1], abs=1e-5)
    descent = score_landscape.measure_descent(model, REQUEST, "blue disc")
    assert [each.caption for each in descent.landscapes] == ["", "", "red disc"]
    assert [len(path) for path in descent.paths] == [REQUEST.steps] * 2
    assert np.allclose([path[-1] for path in descent.paths], descent.places[:2], atol=1e-5)


def test_with_little_noise_the_starter_has_a_valley_at_each_caption_s_image() -> None:
    starter: Any = PLUGIN.kind("denoiser").load(PLUGIN.starters["fashion"])
    request = GenerationRequest("a dress", guidance_scale=2.0, seed=0)
    descent = score_landscape.measure_descent(starter, request, "a running shoe")
    much, little, of_dress = descent.landscapes
    ridges = [_height_between(each, descent.places) for each in (much, little)]
    assert ridges[0] < 0 < ridges[1]  # one valley between the two, then one at each
    left, right = (_height_at(little, place) - _height_at(of_dress, place) for place in descent.places[:2])
    assert left > right  # the caption lowers its own image more


def _height_at(landscape: score_landscape.Landscape, place: np.ndarray) -> float:
    row, column = np.abs(landscape.y - place[1]).argmin(), np.abs(landscape.x - place[0]).argmin()
    return float(landscape.heights[row, column])


def _height_between(landscape: score_landscape.Landscape, places: np.ndarray) -> float:
    """Height midway between two places above the higher one."""
    return _height_at(landscape, places[:2].mean(0)) - max(_height_at(landscape, place) for place in places[:2])


def test_words_share_the_attention_to_words() -> None:
    maps = np.asarray([[[0.2, 0.1]], [[0.1, 0.05]], [[0.3, 0.05]], [[0.4, 0.8]]])
    start, first, second, rest = views.among_words(maps)
    assert np.allclose(first, [[0.25, 0.5]]) and np.allclose(second, [[0.75, 0.5]])
    assert np.array_equal(start, maps[0]) and np.array_equal(rest, maps[3])


def test_the_words_of_the_first_attention_prompt_light_up_different_places() -> None:
    starter: Any = PLUGIN.kind("denoiser").load(PLUGIN.starters["emoji"])
    attention = attention_maps(starter, GenerationRequest(ATTENTION_PROMPT))
    man, _, red, hair = views.among_words(attention.maps)[1:-1]
    assert np.corrcoef(man.ravel(), red.ravel())[0, 1] < 0 and np.corrcoef(man.ravel(), hair.ravel())[0, 1] < 0


# -- two moons ---------------------------------------------------------------------------------------------------------


@given(x=st.floats(-2, 2), y=st.floats(-2, 2), time=st.floats(0.1, 0.95))
@settings(max_examples=40)
def test_the_score_is_the_gradient_of_the_log_density(x: float, y: float, time: float) -> None:
    point, small = np.array([[x, y]]), 1e-4
    offsets = np.array([[small, 0], [0, small]])
    logs = [np.log(two_moons.density(point + sign * offset, time))[0] for offset in offsets for sign in (1, -1)]
    gradient = np.array([logs[0] - logs[1], logs[2] - logs[3]]) / (2 * small)
    assert np.allclose(two_moons.score(point, time)[0], gradient, rtol=1e-2, atol=1e-3)


def test_sampled_points_end_on_a_moon_unless_they_fall_between_the_two() -> None:
    starts = np.random.default_rng(0).normal(size=(60, 2))
    ends = [two_moons.probability_flow_path(start, "both", 1.0, 40)[-1] for start in starts]
    distances = np.array([two_moons.distance_to_data(end) for end in ends])
    assert np.mean(distances < 4) > 0.95


def test_guidance_pulls_a_point_to_its_moon() -> None:
    means, moons = two_moons.component_means()
    for label in (1, 2):
        end = two_moons.probability_flow_path(np.array([0.1, 0.0]), two_moons.LABELS[label], 2.0, 60)[-1]
        assert moons[np.argmin(((means - end) ** 2).sum(1))] == label


def test_a_pixel_of_the_plot_is_its_point() -> None:
    limit, pixels = two_moons.PLOT_LIMIT, two_moons.PLOT_PIXELS
    assert two_moons.pixel_to_point((0, 0)) == (-limit, limit)
    assert two_moons.pixel_to_point((pixels // 2, pixels // 2)) == (0, 0)
    empty, sentence = two_moons_plot.score_field_view(0.6, "both", 1, None, 20)
    plot, path_sentence = two_moons_plot.score_field_view(0.6, "both", 1, [0.5, 0.5], 20)
    assert empty.shape == (pixels, pixels, 3) and "No point" in sentence
    assert not np.array_equal(empty, plot) and "From (0.50, 0.50)" in path_sentence
