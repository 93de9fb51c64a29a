"""A prompt goes to the Hub on its own and comes back, over HTTP: from the page's own functions, with no run and no weights."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from plugins.gpt_prompting.prompting.prompt_card import render
from plugins.gpt_prompting.prompting.prompts import make_prompt
from tests import loopback
from tests.loopback import Hub

url, hub = loopback.url, loopback.hub  # fixtures
ROWS = [{"text": "a | warm ``` film", "label": "good"}, {"text": "dull", "label": "bad"}]
PROMPT = make_prompt("Review: {text}\nSentiment: {label}", ["good=great", "bad=awful"], ROWS, "Say how it is.")
# One process answers all calls, a line of JSON each: the client reads HF_ENDPOINT when it is imported, which takes 2 s.
CALLS = """
import json, sys
from plugins.gpt_prompting import PLUGIN
from plugins._discovery import Found
from spaces_app.settings import Settings
from spaces_app.services import Services
from training.errors import UserError
from training.hub.push import PushOptions
services, [document] = Services(Settings(), [Found("gpt_prompting", "a test", PLUGIN)]), PLUGIN.documents
for line in sys.stdin:
    verb, text, repo, token = json.loads(line)
    try:
        if verb == "push":
            answer = services.hub.push_document(PLUGIN, document, text, repo, token, PushOptions())
        else:
            answer = {"text": services.hub.pull_document(document, repo, token).text}
    except UserError as error:
        answer = {"error": str(error)}
    print("answer", json.dumps(answer), flush=True)
"""


@pytest.fixture(scope="module")
def process(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    """A process that pushes and pulls prompts, as the page's services do."""
    home = tmp_path_factory.mktemp("home")
    environment = Hub(url, home / "hf").environment() | {"PYTHONPATH": str(loopback.ROOT), "SELFSUP_HOME": str(home)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, "-c", CALLS], env=environment, text=True, **pipes) as process:
        yield process


def call(
    process: subprocess.Popen[str], verb: str, repo: str, text: str = "", token: str | None = "hf_alice_write"
) -> dict[str, Any]:
    """The answer to a push or pull of a prompt, or its error."""
    assert process.stdin and process.stdout
    process.stdin.write(json.dumps([verb, text, repo, token]) + "\n")
    process.stdin.flush()
    answer = next(line for line in process.stdout if line.startswith("answer "))
    return json.loads(answer.removeprefix("answer "))


def test_a_prompt_goes_to_the_hub_and_comes_back_as_it_was(hub: Hub, process: subprocess.Popen[str]) -> None:
    done = call(process, "push", "alice/wording", PROMPT.to_json())
    assert done["commit"].startswith(hub.url) and hub.files("models/alice/wording") >= {"prompt.json", "README.md"}
    found = call(process, "pull", f"{hub.url}/alice/wording")
    assert found["text"] == PROMPT.to_json()
    assert "no repository" in call(process, "pull", "alice/wording", token=None)["error"], "it is private"


def test_a_prompt_beside_weights_leaves_their_card_alone(hub: Hub, process: subprocess.Popen[str]) -> None:
    hub.make("alice/weights", {"model.safetensors": b"x", "README.md": b"# Weights\n"})
    assert "error" not in call(process, "push", "alice/weights", PROMPT.to_json())
    card = urllib.request.urlopen(f"{hub.url}/alice/weights/resolve/main/README.md").read()
    assert card == b"# Weights\n" and "prompt.json" in hub.files("models/alice/weights")


def test_what_is_no_prompt_is_refused_on_either_way(hub: Hub, process: subprocess.Popen[str]) -> None:
    assert "is not a prompt" in call(process, "push", "alice/none", "{}")["error"]
    assert "not signed in" in call(process, "push", "alice/none", PROMPT.to_json(), None)["error"]
    assert "can only read" in call(process, "push", "alice/none", PROMPT.to_json(), "hf_alice_read")["error"]
    hub.make("alice/bad", {"prompt.json": b'{"schema": "selfsup-prompt/1", "labels": {"a": 1, "b": [2]}}'})
    assert "is not a prompt" in call(process, "pull", "alice/bad")["error"]
    hub.make("alice/empty", {"config.json": b"{}"})
    assert "has no prompt.json" in call(process, "pull", "alice/empty")["error"]


def test_the_card_shows_the_prompt_and_lets_no_text_of_it_out_of_its_box() -> None:
    card = render(PROMPT.to_json(), "alice/wording")
    assert card.startswith("---\n") and 'predict("alice/wording"' in card and "Say how it is." in card
    assert "a \\| warm \\`\\`\\` film" in card
    fences = make_prompt("```\n{text}: {label}", ["a", "b"])
    assert "````text\n```\n" in render(fences.to_json(), "x/y")


def test_the_cards_snippet_is_python() -> None:
    card = render(PROMPT.to_json(), "alice/wording")
    compile(card.split("```python\n")[1].split("```")[0], "card", "exec")


def test_a_prompt_that_cannot_be_sent_is_a_sentence_in_the_fold_and_keeps_the_form() -> None:
    import gradio as gr

    from plugins._discovery import Found
    from plugins.gpt_prompting import PLUGIN
    from plugins.gpt_prompting.ui.prompt_form import from_json, to_json
    from spaces_app.panels import document
    from spaces_app.services import Services
    from spaces_app.settings import Settings

    services = Services(Settings(), [Found("gpt_prompting", "a test", PLUGIN)])
    with gr.Blocks(analytics_enabled=False) as demo:
        form: list[Any] = [gr.Textbox() for _ in range(4)] + [gr.Dataframe()]
        document.render(services, PLUGIN, PLUGIN.documents[0], to_json, form, from_json, form)
    push, pull = (event.fn for event in demo.fns.values() if event.fn)
    state, words = push("owner/name", True, None, "", "{text} {label}", "", "none", [])  # type: ignore[misc]
    assert state is None and words == '<p role="alert">Give 2 to 200 labels; there are 0.</p>'
    state, *kept, words = pull("", None)  # type: ignore[misc]
    assert state is None and kept == [gr.skip()] * 5 and 'role="alert"' in words
