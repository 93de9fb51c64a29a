"""denoising_ae through the API and on the page."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import Browser, expect

from plugins.denoising_ae import PLUGIN
from plugins.denoising_ae.images.files import corrupt_file
from plugins.denoising_ae.images.report import denoise_files
from plugins.denoising_ae.images.request import DenoiseRequest
from plugins.denoising_ae.ui.try_tables import SAMPLE, changed_cells
from tests import page
from tests.files import write
from tests.page import Site, ended
from tests.pictures import empty_png, encoded, scene, write_zip
from training.data.images.decode import decode

client, site = page.client, page.site_of("denoising_ae")  # fixtures
TINY = {"steps": 2, "batch_size": 2, "patch_size": 16, "eval_images": 2, "device": "cpu", "model": "scratch"}


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("photo") / "photo.png", encoded(scene(40, 60, 3)))


@pytest.fixture(scope="module")
def trained(client: Client, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run of two steps."""
    path = write_zip(
        tmp_path_factory.mktemp("data") / "x.zip", {f"{n}.png": encoded(scene(30, 30, 1, n)) for n in range(6)}
    )
    run = client.predict("denoising_ae", "images", TINY, handle_file(path), None, api_name="/train")
    assert ended(client, run["id"])["status"] == "finished"
    return run["id"]


def test_noise_is_added_without_weights_and_removed_by_a_run(client: Client, photo: Path, trained: str) -> None:
    noisy = client.predict(handle_file(photo), "gaussian", 25.0, 3, api_name="/denoising_ae_corrupt")
    assert decode(Path(noisy)).pixels.shape == (40, 60, 3)
    cleaned = client.predict(trained, handle_file(noisy), 1.0, api_name="/denoising_ae_denoise")
    assert decode(Path(cleaned)).pixels.shape == (40, 60, 3)
    assert len(client.predict(trained, handle_file(photo), api_name="/denoising_ae_encode")) == 128


def test_user_errors_reach_the_client(client: Client, photo: Path, trained: str, tmp_path: Path) -> None:
    for level, words in ((200.0, "gaussian takes 0 to 150"), (-1.0, "Level -1 was given")):
        with pytest.raises(AppError, match=words):
            client.predict(handle_file(photo), "gaussian", level, 0, api_name="/denoising_ae_corrupt")
    huge = write(tmp_path / "huge.png", empty_png(20_000, 20_000))
    with pytest.raises(AppError, match="400 million pixels"):
        client.predict(trained, handle_file(huge), 1.0, api_name="/denoising_ae_denoise")
    with pytest.raises(AppError, match=r"0 \(nothing\) to 2"):
        client.predict(trained, handle_file(photo), 3.0, api_name="/denoising_ae_denoise")


def test_a_table_is_imputed_by_the_starter(client: Client) -> None:
    imputed = Path(client.predict("", handle_file(SAMPLE), api_name="/denoising_ae_denoise_table"))
    assert "age: 999 -> " in imputed.read_text() and "(missing) -> " in imputed.read_text()


def test_the_sample_table_is_mended_rightly_and_each_changed_cell_has_a_row() -> None:
    predictor: Any = PLUGIN.kind("tables").load(PLUGIN.starters["adult"])
    summary, cells = changed_cells(predictor.denoise_table(SAMPLE))
    assert summary.startswith("**12 cells** in 12 of 40 rows")
    assert ["6", "age", "999", "45"] in cells
    assert ["8", "education_num", "(missing)", "9"] in cells  # of HS-grad
    assert ["22", "native_country", "Untied-States", "United-States"] in cells


def test_cells_with_marks_of_the_list_of_changes_are_told_apart(tmp_path: Path) -> None:
    rows = [["a", "a: b", "changes"], ["x; y", "2", "a: 1 -> 0 -> x; y; a: b: (missing) -> 2"], ["1", "2", ""]]
    with (tmp_path / "x.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    summary, cells = changed_cells(tmp_path / "x.csv")
    assert cells == [["1", "a", "1 -> 0", "x; y"], ["1", "a: b", "(missing)", "2"]]
    assert summary.startswith("**2 cells** in 1 of 2 rows")


def test_scores_are_columns_only_where_there_is_a_clean_reference(photo: Path) -> None:
    predictor: Any = PLUGIN.kind("images").load(PLUGIN.starters["natural"])
    noisy = corrupt_file(photo, "gaussian", 25, 0)
    bare: Any = list(denoise_files(predictor, [noisy], DenoiseRequest()))[-1]
    assert bare["table"]["headers"] == ["image", "size", "noise level"] and len(bare["table"]["data"][0]) == 3
    request = DenoiseRequest(noise="gaussian", level=25)
    scored: Any = list(denoise_files(predictor, [photo], request))[-1]
    assert len(scored["table"]["headers"]) == len(scored["table"]["data"][0]) == 7


@pytest.mark.browser
def test_noise_is_added_and_removed_on_the_page(browser: Browser, site: Site, trained: str) -> None:
    tab, problems = browser.new_page(), []
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.goto(f"{site.url}denoising_ae")
    weights = tab.locator("input[aria-label=Weights]:visible").first
    weights.fill(trained)
    weights.press("Enter")
    tab.get_by_role("button", name="Use a sample photograph").click()
    expect(tab.locator(":text('192.0'):visible").first).to_be_visible()  # the photograph is there, with its size in KB
    tab.get_by_role("button", name="Denoise", exact=True).click()
    expect(tab.get_by_text("Estimated noise level")).to_be_visible(timeout=120_000)
    assert not [each for each in problems if "favicon" not in each]
    tab.close()


@pytest.mark.slow
@pytest.mark.browser
def test_every_box_of_the_tab_answers(browser: Browser, site: Site) -> None:
    tab, problems = browser.new_page(), []
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.goto(f"{site.url}denoising_ae")
    for outer, inner, button, answer in (
        ("Try", "Tables", "Impute and correct", ":text('rows were imputed or corrected')"),
        ("Look inside", "Plain vs. denoising", "Compare", ".matplotlib img"),
        ("Look inside", "Latent traversal", "Traverse", ".matplotlib img"),
        ("Look inside", "Results", "", "td:text('Linear probe')"),
        ("Look inside", "Noise conditioning", "Use a noisy sample photograph", ":text('china-gaussian')"),
        ("Look inside", "Noise conditioning", "Show", ":text('estimated level')"),
        ("Try", "Add noise", "Use a sample photograph", ":text('china')"),
        ("Try", "Add noise", "Add noise", ":text('china-gaussian')"),
    ):
        for name in (outer, inner):
            tab.get_by_role("tab", name=name, exact=True).locator("visible=true").click()
        if button:
            tab.get_by_role("button", name=button, exact=True).locator("visible=true").click()
        expect(tab.locator(f"{answer}:visible").first).to_be_visible(timeout=60_000)
    assert not [each for each in problems if "favicon" not in each]
    tab.close()
