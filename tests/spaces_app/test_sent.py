"""Results that are sent on: to the form of the page by a token, and by the API as a file."""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from playwright.sync_api import Browser, expect

from plugins._contract import IMAGES, LABELLED_TEXTS, TABLE, Kind, Plugin
from plugins._discovery import discover
from spaces_app.page.run import next_links
from spaces_app.services import Services
from spaces_app.services.plugins import PluginCatalog
from spaces_app.services.sent import KEPT_PER_VISITOR, SentData
from spaces_app.settings import Settings
from tests.files import write
from tests.page import Site, app_process, ended, fire, free_port, served, upload, write_table
from training.errors import UserError

ENCODER = "bert-6x192"  # BERT's starter without a head


@pytest.fixture
def sent() -> SentData:
    return SentData(Settings())


def test_what_is_sent_is_a_copy(sent: SentData, tmp_path: Path):
    file = write(tmp_path / "rows.csv", "a\n1\n")
    token = sent.keep([file], "me")
    file.unlink()
    assert (sent.open(token, "me").name, sent.open(token, "me").read_text()) == ("rows.csv", "a\n1\n")


def test_several_files_are_sent_as_one_zip_and_none_is_lost(sent: SentData, tmp_path: Path):
    for folder in "ab":
        (tmp_path / folder).mkdir()
    files = [write(tmp_path / folder / "cat.png", folder) for folder in "ab"]
    with zipfile.ZipFile(sent.open(sent.keep(files, "me"), "me")) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"cat.png": b"a", "cat-2.png": b"b"}


def test_on_a_shared_server_a_token_is_of_no_use_to_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("SELFSUP_SHARED", "1")
    sent = SentData(Settings())
    token = sent.keep([write(tmp_path / "rows.csv", "secret")], "guest:a")
    assert sent.open(token, "guest:a").read_text() == "secret"
    for token_of_nothing, name in ((token, "guest:b"), (token, ""), ("../../etc/passwd", "guest:a"), ("", "guest:a")):
        with pytest.raises(UserError, match="What was sent is not here any more: send it again"):
            sent.open(token_of_nothing, name)


def test_only_the_newest_files_are_kept(sent: SentData, tmp_path: Path):
    file = write(tmp_path / "rows.csv", "a")
    tokens = [sent.keep([file], "me") for _ in range(KEPT_PER_VISITOR + 1)]
    first = sent._sent[sent.keep([file], "other")]
    with pytest.raises(UserError):
        sent.open(tokens[0], "me")
    assert all(sent.open(token, "me") for token in tokens[1:])
    assert first.path.is_file()


def test_nothing_and_too_much_are_refused_in_words(tmp_path: Path):
    sent = SentData(Settings(max_upload_mb=1))
    with pytest.raises(UserError, match="nothing to send yet: get a result first"):
        sent.keep([], "me")
    with pytest.raises(UserError, match="larger than the 1 MB"):
        sent.keep([write(tmp_path / "large.csv", "a" * (2**20 + 1))], "me")


# -- what leads where ----------------------------------------------------------------------------------------------


def test_each_sort_of_data_has_a_form_that_takes_it():
    catalog = PluginCatalog(discover("builtin"))
    taking = {what: [f"{p.name}-{k.name}" for p, k in catalog.taking(what)] for what in (TABLE, IMAGES, LABELLED_TEXTS)}
    assert taking == {
        TABLE: ["ae_anomaly-fit", "denoising_ae-tables"],
        IMAGES: ["denoising_ae-images", "diffusion_cfg-autoencoder"],
        LABELLED_TEXTS: ["bert_finetune-classify", "gpt_prompting-shots"],
    }


@pytest.mark.parametrize(
    ("plugin", "kind", "addresses"),
    [
        ("bert_finetune", "pretrain", ["./bert_finetune-classify?model=RUN", "./bert_finetune-tag?model=RUN", "./bert_finetune-answer?model=RUN"]),
        ("diffusion_cfg", "autoencoder", ["./diffusion_cfg-denoiser?autoencoder=RUN"]),
        ("bert_finetune", "classify", []),
    ],
)  # fmt: skip
def test_a_finished_run_leads_to_what_its_weights_are_good_for(plugin: str, kind: str, addresses: list[str]):
    services = Services(Settings(), discover("builtin"))
    run = {
        "id": "RUN",
        "plugin": plugin,
        "trainer": kind,
        "has_weights": True,
        "status": "finished",
        "can_resume": False,
    }
    shown = next_links(services, run)
    assert all(f'href="{address}"' in shown for address in addresses)
    assert ("Use the weights in" in shown) == bool(addresses)
    assert "Use the weights in" not in next_links(services, run | {"has_weights": False})


@pytest.mark.parametrize(
    ("status", "has_weights", "can_resume", "first"),
    [
        ("finished", True, False, "Try it"),
        ("running", True, False, None),  # Stop is what there is to press
        ("queued", False, False, None),
        ("cancelled", True, True, None),  # Resume is
    ],
)
def test_one_button_of_a_run_is_the_main_one(status: str, has_weights: bool, can_resume: bool, first: str | None):
    services = Services(Settings(), discover("bert_finetune"))
    run = {"id": "RUN", "plugin": "bert_finetune", "trainer": "classify", "has_weights": has_weights, "status": status}
    shown = next_links(services, run | {"can_resume": can_resume})
    assert re.findall(r'class="primary">([^<]+)', shown) == ([first] if first else [])
    assert "Run again with other settings" in shown


def test_a_kind_that_feeds_nothing_there_is_refused():
    plugin = discover("ae_anomaly")[0].plugin
    assert plugin is not None
    with pytest.raises(ValueError, match=r"Kind 'fit' feeds fit\.weights: no kind has such a field of weights"):
        Plugin("any", "A", "B", (Kind(**{**vars(plugin.kinds[0]), "feeds": ("fit.weights",)}),))
    with pytest.raises(ValueError, match="takes poems; known are table, images, labelled texts"):
        Kind(**{**vars(plugin.kinds[0]), "takes": ("poems",)})


# -- by the API ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """As an installed app: the runs lie outside the temporary folder, from which alone Gradio serves files."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("temporary")))
        with served(tmp_path_factory.mktemp("home"), found=discover("ae_anomaly,bert_finetune")) as site:
            yield site


@pytest.fixture(scope="module")
def client(site: Site) -> Client:
    return Client(site.url, verbose=False)


def fit(client: Client, file: str, **settings: object) -> dict:
    given = {"steps": 2, "batch_size": 8, **settings}
    run = client.predict("ae_anomaly", "fit", given, handle_file(file), None, api_name="/train")
    return ended(client, run["id"])


def test_sentence_vectors_of_a_file_train_an_anomaly_detector(site: Site, client: Client, tmp_path: Path):
    rows = [(f"The train to station {n} leaves at noon and comes back at night .",) for n in range(40)]
    texts = write_table(tmp_path / "texts.csv", [("text",), *rows])
    vectors = client.predict(ENCODER, handle_file(texts), "", api_name="/bert_finetune_embed_file")
    header, first, *_ = Path(vectors).read_text(encoding="utf-8").splitlines()
    width = len(client.predict(ENCODER, rows[0][0], api_name="/bert_finetune_embed"))
    assert header.count('"vector_') == width and first.startswith('"The train to station 0')
    done = fit(client, vectors)
    assert done["status"] == "finished", done["message"]
    record = site.services.runs.store.get(done["id"]).artifact / "selfsup.json"
    assert f'"number_features": {width}' in record.read_text()


def test_a_scored_file_trains_on_its_ordinary_rows(site: Site, client: Client):
    starter = discover("ae_anomaly")[0].plugin.starters["hypothyroid"]  # type: ignore[union-attr]
    scored = client.predict(
        "hypothyroid", handle_file(starter.parent / "sample.csv"), "quantile=0.9", api_name="/ae_anomaly_score_file"
    )
    lines = Path(scored).read_text(encoding="utf-8").splitlines()
    done = fit(
        client, scored, label_column="is_anomalous", columns="anomaly_score=ignore, p_value=ignore, reasons=ignore"
    )
    assert done["status"] == "finished", done["message"]
    assert {"auroc", "loss"} <= done["best"].keys() and len(lines) > 100


# -- on the page ---------------------------------------------------------------------------------------------------


@pytest.mark.browser
def test_a_token_fills_the_form_and_one_that_is_gone_says_so(site: Site, browser: Browser, tmp_path: Path):
    rows = write_table(tmp_path / "cleaned.csv", [("a", "b"), *((str(n), str(n % 7)) for n in range(60))])
    page = browser.new_page()
    page.goto(f"{site.url}ae_anomaly-fit?data={site.services.sent.keep([rows], '')}")
    expect(page.locator(".file-preview").first).to_contain_text("cleaned")
    expect(page.get_by_label("Your file")).to_be_checked()
    page.goto(f"{site.url}ae_anomaly-fit?data=gone")
    expect(page.get_by_text("What was sent is not here any more: send it again.")).to_be_visible()
    expect(page.get_by_label("Sample data")).to_be_checked()
    page.close()


@pytest.mark.browser
def test_a_box_takes_what_was_sent_and_the_data_of_the_run_that_is_tried(
    site: Site, client: Client, browser: Browser, tmp_path: Path
):
    """The example fits the starter's columns alone: a run of one's own was tried on it, and refused it."""
    rows = write_table(tmp_path / "pressure.csv", [("a", "b"), *((str(n), str(n % 7)) for n in range(60))])
    run, page = fit(client, str(rows)), browser.new_page()
    page.goto(f"{site.url}ae_anomaly?weights={run['id']}")
    expect(page.locator(".file-preview").first).to_contain_text("pressure")
    expect(page.get_by_text(re.compile("alerts? in 60 rows"))).to_be_visible(timeout=60_000)
    page.goto(f"{site.url}ae_anomaly-fit?from={run['id']}")
    expect(page.locator(".file-preview").first).to_contain_text("pressure")
    expect(page.get_by_label("Your file")).to_be_checked()
    page.goto(f"{site.url}ae_anomaly?data={site.services.sent.keep([rows], '')}")
    expect(page.locator(".file-preview").first).to_contain_text("pressure")
    page.goto(f"{site.url}ae_anomaly?data=gone")
    expect(page.get_by_text("What was sent is not here any more: send it again.")).to_be_visible()
    expect(page.locator(".file-preview").first).to_contain_text("sample")
    page.close()


@pytest.mark.browser
def test_a_result_is_sent_on_in_one_click(site: Site, browser: Browser):
    page = browser.new_page()
    page.goto(f"{site.url}ae_anomaly")
    page.get_by_role("button", name="Score the file").click()
    expect(page.get_by_text("alerts in 120 rows")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Anomalies: Learn a table").click()
    expect(page.locator(".file-preview").first).to_contain_text("sample-ordinary", timeout=60_000)
    assert "/ae_anomaly-fit?data=" in page.url
    page.close()


def test_the_app_takes_its_own_results_back(tmp_path: Path):
    """As a browser sends them: a path in the folder of the server that made them."""
    port = free_port()
    with app_process(tmp_path, port, SELFSUP_PLUGINS="denoising_ae", GRADIO_TEMP_DIR=""):
        page = Site(f"http://127.0.0.1:{port}/", None, None)  # type: ignore[arg-type]
        adult = discover("denoising_ae")[0].plugin.kind("tables").samples[0].files["data"]  # type: ignore[union-attr]
        first = fire(page, "denoising_ae_denoise_table", "adult", upload(page, adult))
        assert first["success"], first["output"]
        again = fire(page, "denoising_ae_denoise_table", "adult", first["output"]["data"][0])
        assert again["success"], again["output"]
