"""The GPT tab in a real browser, and its streaming endpoints through gradio_client, on a tiny taught model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import Browser, Page, expect

from plugins._discovery import Found
from plugins.gpt_prompting import PLUGIN
from plugins.gpt_prompting.pretrain.settings import PretrainSettings
from plugins.gpt_prompting.ui.try_chat import export_dialogue, save_branch
from plugins.gpt_prompting.ui.try_generate import append_answer
from tests import page as shared_page
from tests import tiny_gpt
from tests.openai_server import KEY, openai_server
from tests.page import Site, ended, served
from tests.running import wait_for
from training.errors import UserError
from training.home import home
from training.runs.registry import Runs

client = shared_page.client  # a fixture
HOSTILE = "<img src=x onerror=\"window.hacked='tag'\">${window.hacked='template'}{{value}}"
PROMPT = "Text: a warm film and a lovely plot\nLabel:"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("home")
    with served(home, found=[Found("gpt_prompting", "a test", PLUGIN)], trains=False) as site:
        yield site


@pytest.fixture(scope="module")
def run(site: Site) -> str:
    """A run whose weights are the tiny model."""
    run = Runs().create("gpt_prompting", "pretrain", PretrainSettings())
    run.artifact.mkdir()
    tiny_gpt.save(run.artifact)
    run.write_event("finished", step=1, steps=1, metrics={}, message="")
    return run.id


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gpt.write_reviews(tmp_path_factory.mktemp("data") / "reviews.csv", 60)


# -- endpoints -----------------------------------------------------------------------------------------------------------


def test_generate_streams_and_the_last_value_is_the_whole(client: Client, run: str) -> None:
    job = client.submit(run, PROMPT, 60, 0, api_name="/gpt_prompting_generate")
    last = job.result(timeout=30)
    texts = [state["text"] for state in job.outputs()]
    assert last["answers"][0]["finished"] == "length" and last["new_tokens"] == 60
    assert len(texts) >= 2 and all(last["text"].startswith(text) for text in texts)


def test_a_cancelled_evaluation_keeps_what_it_had(client: Client, run: str, tmp_path: Path) -> None:
    many = tiny_gpt.write_reviews(tmp_path / "many.csv", 10_000)
    job = client.submit(weights=run, file=handle_file(many), api_name="/gpt_prompting_evaluate")
    wait_for(lambda: len(job.outputs()) > 1)
    job.cancel()
    state = job.outputs()[-1]
    assert 0 < state["done"] < state["total"] == 10_000 and state["metrics"]["rows"] == state["done"]


def test_every_endpoint_answers(client: Client, run: str, file: Path) -> None:
    chat = client.predict(run, [{"role": "user", "content": "a warm film"}], 10, api_name="/gpt_prompting_chat")
    assert chat["answers"][0]["tokens"] and chat["context"] == 160
    label = client.predict(run, "a dull plot and a slow song", ["good", "bad"], api_name="/gpt_prompting_classify")
    assert label["label"] == "bad"
    whole = client.predict(weights=run, file=handle_file(file), shots=2, api_name="/gpt_prompting_evaluate")
    assert whole["parameters_sha256"]["unchanged"]
    assert client.predict(run, PROMPT, 3, api_name="/gpt_prompting_next_token")[0]["token"] == " good"
    assert client.predict(run, "Text: a warm film", api_name="/gpt_prompting_score")["bits_per_byte"] > 0


def test_errors_reach_the_client_in_words(client: Client, run: str) -> None:
    for arguments, words in (
        ((run, ""), "empty"),
        ((run, "x" * 3000), "the context is 160"),
        ((run, "x", 0), "new_tokens"),
    ):
        with pytest.raises(AppError, match=words):
            client.predict(*arguments, api_name="/gpt_prompting_generate")
    with pytest.raises(AppError, match="is named hosted:"):
        client.predict("hosted:x@ftp://a", "x", api_name="/gpt_prompting_generate")


def test_a_hosted_model_is_asked_with_the_callers_key(client: Client) -> None:
    with openai_server() as (address, asked):
        found = client.predict(weights=f"hosted:tiny@{address}", prompt=PROMPT, new_tokens=2, key=KEY, api_name="/gpt_prompting_generate")  # fmt: skip
        assert found["text"].startswith(" good") and asked[-1]["key"] == f"Bearer {KEY}"
        with pytest.raises(AppError, match="does not accept the key") as error:
            client.predict(weights=f"hosted:tiny@{address}", prompt=PROMPT, key="sk-wrong", api_name="/gpt_prompting_generate")  # fmt: skip
        assert "sk-wrong" not in str(error.value)


@pytest.mark.slow
def test_a_visitors_key_reaches_a_run_and_no_file(client: Client, site: Site, file: Path) -> None:
    with openai_server() as (address, asked):
        values = {"model": f"hosted:tiny@{address}", "shots": "0, 2", "seeds": 1, "permutations": 1, "eval_rows": 12}
        run = client.predict("gpt_prompting", "shots", values, handle_file(file), key=KEY, api_name="/train")
        assert ended(client, run["id"])["status"] == "finished"
        found = client.predict(run["id"], "a warm film", key=KEY, api_name="/gpt_prompting_classify")
        assert found["label"] == "good" and asked[-1]["key"] == f"Bearer {KEY}"
    assert not [path for path in home().rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_a_seed_is_drawn_unless_it_is_given(client: Client, run: str) -> None:
    def state(**options: Any) -> dict[str, Any]:
        return client.predict(weights=run, prompt=PROMPT, new_tokens=12, temperature=1.5, api_name="/gpt_prompting_generate", **options)  # fmt: skip

    first, second = state(), state()
    assert first["seed"] != second["seed"]
    again = state(seed=first["seed"])
    assert (again["text"], again["seed"]) == (first["text"], first["seed"])


# -- the page ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(f"{site.url}gpt_prompting")
    yield page
    assert not problems
    page.close()


def choose(page: Page, run: str) -> None:
    box = page.get_by_label("Model", exact=True).locator("visible=true").first
    box.fill(run)
    box.press("Enter")


def open_tab(page: Page, *names: str) -> None:
    for name in names:
        page.get_by_role("tab", name=name, exact=True).locator("visible=true").last.click()


@pytest.mark.browser
def test_the_studio_shows_label_scores_and_the_exact_prompt(page: Page, run: str) -> None:
    choose(page, run)
    page.get_by_label("Instruction", exact=True).fill("")
    page.get_by_label("Labels").locator("visible=true").first.fill("good\nbad")
    page.get_by_label("Text to classify").fill("a dull plot and a slow song")
    page.get_by_role("button", name="Classify", exact=True).click()
    expect(page.get_by_role("alert").first).to_contain_text("'music', which is not in the list: good, bad")
    page.get_by_label("Labels").locator("visible=true").first.fill("music=good\nweather=bad")
    page.get_by_role("button", name="Classify", exact=True).click()
    prompt = page.locator(".token-view").nth(1)
    expect(prompt.locator(".fact")).to_contain_text("of 160 tokens")
    shown = prompt.locator(".text").inner_text().replace("⏎", "")
    assert "Text: is it sunny in paris\nLabel: bad" in shown and "a dull plot and a slow song\nLabel:" in shown
    expect(page.get_by_test_id("label-output-value")).to_have_text(re.compile("music|weather"))


@pytest.mark.browser
def test_a_token_shows_what_else_might_have_been_said(page: Page, run: str) -> None:
    open_tab(page, "Generate")
    choose(page, run)
    page.get_by_label("Prompt", exact=True).fill(PROMPT)
    page.get_by_role("button", name="Generate", exact=True).click()
    view = page.locator(".token-view").locator("visible=true").first
    expect(view.locator(".fact").last).not_to_contain_text("generating")
    view.locator(".token").first.hover()
    expect(view.locator(".tip .candidate")).to_have_count(5)


@pytest.mark.browser
def test_chat_answers_retries_into_a_branch_and_undoes(page: Page, run: str) -> None:
    open_tab(page, "Chat")
    choose(page, run)
    box = page.get_by_placeholder("Your message")
    box.fill("a warm film")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text("of 160 tokens")).to_be_visible()
    state = page.locator(".token-view").locator("visible=true").locator(".fact").last
    expect(state).not_to_contain_text("generating")
    page.get_by_label("Retry").last.click()
    expect(page.get_by_label("Branches")).to_be_visible()
    expect(state).not_to_contain_text("generating")
    page.get_by_label("Undo").last.click()
    expect(box).to_have_value("a warm film")


@pytest.mark.browser
def test_a_message_that_fails_leaves_the_dialogue_and_returns_to_its_field(page: Page) -> None:
    open_tab(page, "Chat")
    page.get_by_role("button", name="Send", exact=True).click()
    area = page.get_by_role("alert").locator("visible=true")
    expect(area).to_have_text("Write a message first.")
    page.get_by_text("Use a hosted model").locator("visible=true").click()
    page.get_by_label("Name of the model").locator("visible=true").fill("nobody")
    server = page.get_by_label("Server", exact=True).locator("visible=true")
    server.fill("http://127.0.0.1:9/v1")
    server.press("Enter")
    box = page.get_by_placeholder("Your message")
    box.fill("a warm film")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(area).to_contain_text("127.0.0.1:9 cannot be reached")  # the model that is named is asked, not the weights
    expect(box).to_have_value("a warm film")
    expect(page.locator(".message.user").locator("visible=true")).to_have_count(0)


@pytest.mark.browser
def test_what_a_visitor_writes_never_becomes_markup(page: Page, run: str) -> None:
    choose(page, run)
    page.get_by_label("Instruction", exact=True).fill(HOSTILE)
    page.get_by_label("Text to classify").fill("x")
    page.get_by_role("button", name="Classify", exact=True).click()
    expect(page.locator(".token-view").nth(1).locator(".text")).to_contain_text("onerror")
    assert page.evaluate("window.hacked") is None


@pytest.mark.browser
def test_a_file_is_measured_on_the_page(page: Page, run: str, file: Path) -> None:
    choose(page, run)
    page.get_by_label("Instruction", exact=True).fill("")
    page.get_by_label("Labels").locator("visible=true").first.fill("good=good\nbad=bad\nmusic\nweather")
    page.get_by_text("Evaluate on a file").click()
    page.locator("input[type=file]:not([accept])").first.set_input_files(file)
    page.get_by_label("Examples from the file").fill("2")
    expect(page.locator(".file-preview").locator("visible=true")).to_have_count(1)
    page.get_by_role("button", name="Evaluate", exact=True).click()
    expect(page.get_by_text("Nothing was trained")).to_be_visible()
    expect(page.get_by_text("accuracy (95 % interval")).to_be_visible()


def test_a_prompt_opens_as_it_was_saved() -> None:
    from plugins.gpt_prompting.prompting.prompts import make_prompt
    from plugins.gpt_prompting.ui.prompt_form import form_values, prompt_of

    prompt = make_prompt(
        "Review: {text}\nMood: {label}", ["up=good", "down"], [{"text": "x", "label": "up"}], "Say.", "pmi"
    )
    values = form_values(prompt)
    rows = json.loads(json.dumps(values[4].value["data"]))
    assert prompt_of(*values[:4], rows) == prompt


@pytest.mark.parametrize(
    ("function", "values", "message"),
    [
        (append_answer, ("Once", ""), "There is no answer to continue from: press Generate first."),
        (save_branch, ([], []), "There is no dialogue yet: write a message first."),
        (export_dialogue, (None, "be kind", []), "There is no dialogue yet: write a message first."),
    ],
    ids=["continue", "branch", "export"],
)
def test_buttons_with_nothing_to_work_on_say_what_to_do(function: Any, values: tuple[Any, ...], message: str) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        function(*values)
