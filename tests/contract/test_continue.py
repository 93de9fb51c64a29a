"""What was pulled is recognised, predicts, and trains on; what comes of that is pushed as a new revision."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from playwright.sync_api import Browser, expect
from safetensors.numpy import save

from plugins._discovery import discover
from plugins._recognition import recognise
from tests import loopback
from tests.hub_client.test_card import train
from tests.loopback import Hub
from tests.page import TINY, app_process, free_port, write_reviews, write_table
from training.errors import UserError

url = loopback.url  # a fixture
TEXT = "a warm and funny film"
TOKEN = "hf_alice_write"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    return train(folder / "run", write_reviews(folder / "reviews.csv"))


@pytest.fixture
def hub(url: str, tmp_path: Path) -> Hub:
    return Hub(url, tmp_path / "hf")


def config(folder: Path, name: str = "config.json", **values: object) -> Path:
    (folder / name).write_text(json.dumps(values))
    return folder


PLUGINS = [found.plugin for found in discover("builtin") if found.plugin]


@pytest.mark.parametrize(
    "architecture",
    [
        "BertForSequenceClassification",
        "RobertaForMaskedLM",
        "MPNetModel",
        "BertForQuestionAnswering",
        "MarianMTModel",
        "T5ForConditionalGeneration",
    ],
)
def test_encoder_without_our_record_opens_in_bert(tmp_path: Path, architecture: str):
    assert recognise(config(tmp_path, architectures=[architecture]), "a/b", PLUGINS)[0].name == "bert_finetune"


def test_record_decides_over_the_architecture(tmp_path: Path):
    config(tmp_path, architectures=["BertModel"])
    config(tmp_path, "selfsup.json", format=1, plugin="bert_finetune")
    assert recognise(tmp_path, "a/b", PLUGINS)[0].name == "bert_finetune"
    config(tmp_path, "selfsup.json", format=1, plugin="someone_elses")
    with pytest.raises(UserError, match="was made by the plugin 'someone_elses', which is not here"):
        recognise(tmp_path, "a/b", PLUGINS)


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"architectures": ["WhisperForConditionalGeneration"]}, "an encoder with a decoder, WhisperForConditionalGeneration: no tab here"),
        ({"architectures": ["Unheard"]}, "a/b is Unheard: no tab here can use that"),
        ({}, "does not say what it is"),
        ({"architectures": "no list"}, "does not say what it is"),
    ],
)  # fmt: skip
def test_what_no_tab_can_use_is_named(tmp_path: Path, about: dict, message: str):
    with pytest.raises(UserError, match=message):
        recognise(config(tmp_path, **about), "a/b", PLUGINS)


@pytest.mark.slow
def test_training_goes_on_from_what_was_pulled_and_is_pushed_as_a_new_revision(hub: Hub, weights: Path, tmp_path: Path):
    repo = f"alice/{secrets.token_hex(4)}"
    first = hub.call("push", weights, repo, token=TOKEN)["result"].rsplit("/", 1)[1]
    data = write_table(
        tmp_path / "more.csv",
        [("text", "label"), *[(f"{row} films", ["red", "blue", "green"][row % 3]) for row in range(60)]],
    )
    sizes = [
        text for name, value in TINY.items() if name in ("steps", "batch_size") for text in (f"--{name}", str(value))
    ]
    arguments = ["--data", str(data), "--model", f"{repo}@{first}", "--folder", str(tmp_path / "second"), *sizes]
    hub.command(tmp_path / "home", "bert_finetune", "classify", *arguments)
    record = json.loads((tmp_path / "second/artifact/selfsup.json").read_text())
    assert record["base_model"] == repo
    assert record["lineage"] == [f"{repo} at {first[:12]}, trained on reviews.csv"]
    pushed = hub.command(tmp_path / "home", "push", str(tmp_path / "second"), repo)
    assert len([each for each in hub.commits(repo) if each["title"].startswith(("Add weights", "Weights of"))]) == 2
    for revision, labels in ((first, {"positive", "negative"}), (pushed.rsplit("/", 1)[1], {"red", "blue", "green"})):
        folder = Path(hub.call("pull", f"{repo}@{revision}", token=TOKEN)["result"])
        assert set(json.loads((folder / "config.json").read_text())["label2id"]) == labels


@pytest.fixture(scope="module")
def page_with_hub(
    url: str, weights: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Client, Hub, str]]:
    """The page, signed in as alice, its Hub, and a repository with weights."""
    home = tmp_path_factory.mktemp("home")
    hub = Hub(url, home / "pusher")
    repo = f"alice/sentiment-{secrets.token_hex(4)}"
    hub.call("push", weights, repo, token=TOKEN)
    port = free_port()
    about = {"HF_ENDPOINT": url, "HF_TOKEN": TOKEN, "SELFSUP_PLUGINS": "bert_finetune", "SELFSUP_PREFORK": "0"}
    with app_process(home, port, **about):
        yield Client(f"http://127.0.0.1:{port}", verbose=False), hub, repo


def test_api_finds_pulls_and_predicts(page_with_hub: tuple[Client, Hub, str]):
    client, _, repo = page_with_hub
    found = client.predict("sentiment", "alice", "text-classification", api_name="/hub_search")
    assert repo in [each["name"] for each in found]
    pulled = client.predict(repo, api_name="/hub_pull")
    assert pulled["plugin"] == "bert_finetune" and pulled["weights"].startswith(f"{repo}@")
    label = client.predict(pulled["weights"], TEXT, "", api_name="/bert_finetune_classify")["label"]
    assert label in ("positive", "negative")
    with pytest.raises(AppError, match="Search for words, an author or a task"):
        client.predict(api_name="/hub_search")


def test_decoder_is_named_before_its_weights_are_fetched(page_with_hub: tuple[Client, Hub, str]):
    client, hub, _ = page_with_hub
    about = json.dumps({"architectures": ["WhisperForConditionalGeneration"]}).encode()
    random = save({"weight": np.frombuffer(os.urandom(2**21), dtype=np.float32)})
    repo = hub.make(f"alice/{secrets.token_hex(4)}", {"config.json": about, "model.safetensors": random})
    before = hub.downloaded_bytes()
    with pytest.raises(AppError, match="is an encoder with a decoder, WhisperForConditionalGeneration: no tab"):
        client.predict(repo, api_name="/hub_pull")
    assert hub.downloaded_bytes() - before < 2**20


@pytest.mark.browser
def test_page_searches_pulls_and_offers_the_weights(browser: Browser, page_with_hub: tuple[Client, Hub, str]):
    client, _, repo = page_with_hub
    page = browser.new_page(viewport={"width": 1280, "height": 1200})
    page.goto(f"{client.src}hub")
    page.get_by_label("Author").fill("alice")
    page.get_by_role("button", name="Search", exact=True).click()
    page.get_by_text(repo, exact=True).locator("visible=true").first.click()
    expect(page.get_by_label("Repository").last).to_have_value(repo)
    page.get_by_role("button", name="Pull from the Hub").click()
    page.get_by_role("link", name="Try it").click(timeout=30_000)
    weights = page.get_by_label("Weights").locator("visible=true")
    expect(weights).to_have_value(re.compile(f"^{re.escape(repo)}@[0-9a-f]{{40}} "))
    weights.click()
    expect(page.get_by_role("option", name=f"{repo}@")).to_be_visible()
    page.close()
