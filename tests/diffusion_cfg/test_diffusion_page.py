"""diffusion_cfg on the page and over the API, on random weights that ship with it for the test's time."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from plugins._discovery import Found
from plugins.diffusion_cfg import PLUGIN
from plugins.diffusion_cfg.models import pipeline_io
from plugins.diffusion_cfg.models.loaded_pipeline import LoadedPipeline
from plugins.diffusion_cfg.starter import EMOJI, FASHION, FASHION_NO_CAPTION_DROPOUT
from tests import page as shared_page
from tests.page import Site, served
from tests.running import wait_for
from tests.shapes import shape
from tests.tiny_diffusion import tiny_pipeline

client = shared_page.client  # a fixture


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The page with this plugin alone, its starters random weights of 8 x 8 pixels."""
    home = tmp_path_factory.mktemp("home")
    names = ("micro", FASHION, FASHION_NO_CAPTION_DROPOUT, EMOJI)  # boxes of "Look inside" ask for the last three
    folders = [home / name for name in names]
    for folder in folders:
        pipeline_io.save_pipeline(tiny_pipeline(), folder, half_precision=False)
    kinds = [replace(kind, starters=tuple(folders) if kind.name == "denoiser" else ()) for kind in PLUGIN.kinds]
    plugin = replace(PLUGIN, kinds=tuple(kinds))
    with served(home / "own", found=[Found(PLUGIN.name, "built-in", plugin)], trains=False) as site:
        yield site


@pytest.fixture
def image_file(tmp_path: Path) -> Path:
    Image.fromarray(shape("red disc", side=20)).save(tmp_path / "mine.png")
    return tmp_path / "mine.png"


def ask(client: Client, name: str, **values: Any) -> Any:
    return client.predict(api_name=f"/diffusion_cfg_{name}", **{"weights": "", **values})


def test_images_arrive_as_files_and_the_same_seed_gives_the_same(client: Client) -> None:
    files = ask(client, "generate", prompt="red disc", steps=2, n_images=2, seed=3)
    again = ask(client, "generate", prompt="red disc", steps=2, n_images=2, seed=3)
    assert len(files) == 2
    for first, second in zip(files, again, strict=True):
        assert np.array_equal(np.asarray(Image.open(first)), np.asarray(Image.open(second)))
    assert "red disc" in Image.open(files[0]).text["parameters"]  # type: ignore[attr-defined]


def test_every_endpoint_answers(client: Client, image_file: Path) -> None:
    assert len(ask(client, "vary", image=handle_file(image_file), prompt="blue disc", steps=4, strength=0.5)) == 1
    noised = ask(client, "forward", image=handle_file(image_file), timesteps=[0, 500, 999])
    assert [one["alpha_bar"] > two["alpha_bar"] for one, two in pairwise(noised)] == [True, True]
    frames = ask(client, "reverse", prompt="red disc", steps=3)
    assert [frame["step"] for frame in frames] == [1, 2, 3]
    assert all(frame["clean"].startswith("data:image/png") and frame["difference"] > 0 for frame in frames)
    scales = ask(client, "guidance", prompt="red disc", scales=[0, 1, 8])
    assert [one["scale"] for one in scales] == [0, 1, 8]
    assert not any(scales[1]["differences"])  # at scale 1 nothing is unconditional


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"prompt": ""}, "prompt is empty"),
        ({"prompt": "red", "steps": 0}, "steps: 0 was given"),
        ({"prompt": "red", "guidance_scale": -2}, "guidance_scale: -2 was given"),
        ({"prompt": "red", "sampler": "lcm"}, "distilled for it"),
        ({"prompt": "red", "n_images": 65}, "n_images: 65"),
    ],
)
def test_an_impossible_request_reaches_the_caller_with_the_reason(
    client: Client, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(AppError, match=message):
        ask(client, "generate", **values)


@pytest.fixture
def page(site: Site, browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.set_default_timeout(60_000)
    page.goto(f"{site.url}diffusion_cfg")
    expect(page.get_by_text(re.compile("4 of 8 x 8 in"))).to_be_visible()  # the first example runs by itself
    page.get_by_label("Prompt", exact=True).fill("red disc")
    yield page
    page.close()


@pytest.mark.browser
def test_the_first_example_of_the_box_in_sight_runs_once_with_the_weights_of_the_address(
    site: Site, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    def spy(name: str) -> None:
        plain = getattr(site.services.models, name)

        def spied(who: Any, plugin: str, endpoints: Any, function: Any, weights: str, *args: Any) -> Any:
            asked.append((str(function).rsplit(":", 1)[-1], weights))
            return plain(who, plugin, endpoints, function, weights, *args)

        monkeypatch.setattr(site.services.models, name, spied)

    spy("call")
    spy("stream")
    page = browser.new_page()
    page.goto(f"{site.url}diffusion_cfg?weights={EMOJI}")
    expect(page.get_by_text(re.compile("4 of 8 x 8 in"))).to_be_visible(timeout=60_000)
    assert sorted(asked) == [("stream_generation", EMOJI), ("usable_samplers", EMOJI)]
    page.get_by_role("tab", name="Look inside", exact=True).click()
    expect(page.get_by_text(re.compile("t = 400"))).to_be_visible(timeout=60_000)
    assert [name for name, _ in asked if name.endswith("view")] == ["forward_view"]
    page.close()


@pytest.mark.browser
def test_a_generated_image_dropped_on_the_page_restores_its_parameters(page: Page, tmp_path: Path) -> None:
    page.get_by_label("Seed", exact=True).fill("41")
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.get_by_text(re.compile(r"4 of 8 x 8 in .* seeds from 41 on"))).to_be_visible(timeout=60_000)
    with page.expect_download() as waiting:
        page.get_by_role("link", name=re.compile("Download|KB|B")).first.click()
    waiting.value.save_as(tmp_path / "drawn.png")
    page.get_by_label("Prompt", exact=True).fill("something else")
    page.locator("input[type=file]").last.set_input_files(tmp_path / "drawn.png")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("red disc")
    expect(page.get_by_text("Made by micro")).to_be_visible()


@pytest.mark.browser
def test_a_generation_is_stopped_between_steps(page: Page, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, plain = [], LoadedPipeline.predict

    def counted(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        time.sleep(0.2)  # as slow as a real model, or it is done before anyone could stop it
        return plain(*args, **kwargs)

    monkeypatch.setattr(LoadedPipeline, "predict", counted)
    page.get_by_label("number input for Steps").first.fill("200")
    page.get_by_label("number input for Steps").first.press("Enter")
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.get_by_text(re.compile("Step .*: the predicted image"))).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("Stopped.", exact=True)).to_be_visible()
    assert len(calls) < 200


@pytest.mark.browser
def test_a_point_is_placed_in_the_score_field(page: Page) -> None:
    page.get_by_role("tab", name="Look inside", exact=True).click()
    page.get_by_role("tab", name="Score descent", exact=True).click()
    image = page.locator("#diffusion-field img").first
    image.click(position={"x": 200, "y": 150})
    expect(page.get_by_text(re.compile("From .* after 25 steps at"))).to_be_visible()


@pytest.mark.browser
def test_a_film_strip_is_shown_on_a_phone(site: Site, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{site.url}diffusion_cfg")
    page.get_by_role("tab", name="Look inside", exact=True).click()
    page.get_by_role("tab", name="Reverse process", exact=True).click()
    strip = page.locator(".strip:visible img").first
    strip.scroll_into_view_if_needed(timeout=60_000)
    expect(strip).to_have_js_property("complete", True, timeout=60_000)
    assert strip.evaluate("image => image.naturalWidth > 0 && image.clientWidth >= 700")
    page.close()


@pytest.mark.browser
@pytest.mark.slow
def test_every_box_of_look_inside_answers(page: Page, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answered, plain = list[int](), list[int](), site.demo.process_api

    async def counted(*args: Any, **kwargs: Any) -> Any:
        asked.append(1)
        try:
            return await plain(*args, **kwargs)
        finally:
            answered.append(1)

    monkeypatch.setattr(site.demo, "process_api", counted)
    page.get_by_role("tab", name="Look inside", exact=True).click()
    for tab, button in (
        ("Forward process", "Add noise"),
        ("Reverse process", "Show the steps"),
        ("Denoiser", "Predict"),
        ("Cross-attention", "Show attention"),
        ("Score descent", "Plot the landscape"),
        ("Guidance", "Generate over scales"),
        ("Guidance", "Show the predictions"),
    ):
        page.get_by_role("tab", name=tab, exact=True).click()
        panel = page.get_by_role("tabpanel").filter(has=page.get_by_role("button", name=button, exact=True)).last
        if tab == "Cross-attention":  # its example is too long for the 6 tokens of this network
            expect(panel.get_by_role("alert")).to_contain_text("this model reads 6")
            panel.get_by_label("Prompt").fill("red disc")
        elif button != "Show the predictions":  # the first example of each tab runs by itself
            expect(panel.locator("img:visible").first).to_be_visible(timeout=60_000)
        wait_for(lambda: len(asked) == len(answered))
        before = len(asked)
        panel.get_by_role("button", name=button, exact=True).click()
        wait_for(lambda before=before: before < len(asked) == len(answered))
        expect(panel.locator("img:visible").last).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Error", exact=True)).to_have_count(0)
