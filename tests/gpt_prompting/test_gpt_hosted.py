"""Models on other machines, asked over real HTTP: what they give, what they do not, and every way in which they fail."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plugins.gpt_prompting.models import hosted_servers, openai_model
from plugins.gpt_prompting.models.label_parsing import first_token_probabilities, parse_label
from plugins.gpt_prompting.models.openai_model import HostedModel
from plugins.gpt_prompting.prompting.predictor import PromptPredictor
from tests import tiny_gpt
from tests.openai_server import KEY, openai_server
from training.errors import UserError

PROMPT = "Text: a warm film and a lovely plot\nLabel:"
LABELS = {"good": "good", "bad": "bad", "very bad": "very bad"}
Server = tuple[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with openai_server() as found:
        yield found


def connect(name: str, key: str = "") -> PromptPredictor:
    return PromptPredictor(HostedModel.connect(name, key))


def tiny(server: Server, how: str = "", key: str = KEY) -> Any:
    return connect(f"hosted:tiny{how}@{server[0]}", key)


def last(stream: Iterator[dict[str, Any]]) -> dict[str, Any]:
    *_, found = stream
    return found


def test_a_hosted_answer_streams_with_the_probabilities_of_its_tokens(server: Server) -> None:
    states = list(tiny(server).generate(PROMPT, new_tokens=8, temperature=0, shown=3))
    [answer] = states[-1]["answers"]
    assert answer["text"].startswith(" good") and answer["finished"] == "length" and len(answer["tokens"]) == 8
    assert 0 < answer["tokens"][0]["probability"] <= 1 and len(answer["tokens"][0]["others"]) == 3


def test_what_the_protocol_lacks_is_said_and_the_rest_is_sent(server: Server) -> None:
    [answer] = last(tiny(server).generate(PROMPT, 2, 0.5, top_k=5, top_p=0.9, stop=["X"], seed=7))["answers"]
    assert "top_k" in answer["note"] and "top_p" not in answer["note"]
    sent = server[1][-1]
    assert (sent["temperature"], sent["top_p"], sent["stop"], sent["seed"]) == (0.5, 0.9, ["X"], 7)


def test_several_alternatives_are_asked_for_one_by_one(server: Server) -> None:
    found = last(tiny(server).generate(PROMPT, 2, seed=0, alternatives=3))
    assert len(found["answers"]) == 3 and [each["seed"] for each in server[1][-3:]] == [0, 1, 2]


def test_a_label_comes_from_the_first_tokens_probabilities(server: Server) -> None:
    found = tiny(server).classify("a dull plot and a slow song", ["good", "bad"])
    assert found["label"] == "bad" and found["scores"] == {}
    assert sum(found["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_a_server_without_probabilities_is_asked_for_words(server: Server) -> None:
    model = tiny(server, "-plain")
    found = model.classify("a dull plot and a slow song", ["good", "bad"])
    assert (found["label"], found["probabilities"]) == ("bad", {}) and found["answer"].startswith(" bad")
    model.classify("a dull plot", ["good", "bad"])
    assert "logprobs" not in server[1][-1], "it asks a second time for what was refused"


def test_a_file_is_measured_by_written_labels(server: Server, tmp_path: Path) -> None:
    found = last(tiny(server, "-plain").evaluate(tiny_gpt.write_reviews(tmp_path / "a.csv", 12)))
    assert found["metrics"]["accuracy"] > 0.9 and found["metrics"]["calibration_error"] is None


def test_a_dialogue_is_sent_as_it_is(server: Server) -> None:
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": PROMPT}]
    assert last(tiny(server).chat(messages, new_tokens=1, temperature=0))["text"] == " good"
    assert server[1][-1]["messages"] == messages


@pytest.mark.parametrize("how", ["-breaks", "-ends"])
def test_a_stream_that_stops_in_the_middle_keeps_what_came_and_says_so(server: Server, how: str) -> None:
    [answer] = last(tiny(server, how).generate(PROMPT, 8, 0))["answers"]
    assert answer["finished"] == "broken" and "is kept" in answer["note"]
    assert answer["text"].startswith(" good") and len(answer["tokens"]) == 3


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("-busy", "asks to slow down"),
        ("-garbage", "not return a chat completion|an empty answer"),
        ("-silent", "returned an empty answer"),
        ("-slow", "took more than"),
    ],
)
def test_a_server_that_fails_is_told_in_words(
    server: Server, how: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_model, "TIMEOUT_SECONDS", 0.4)
    with pytest.raises(UserError, match=words):
        last(tiny(server, how).generate(PROMPT, 4))
    if how not in ("-silent",):
        with pytest.raises(UserError, match=words):
            tiny(server, how).classify("x", ["good", "bad"])


def test_a_busy_server_is_asked_again_after_the_time_it_names(server: Server) -> None:
    assert last(tiny(server, "-busy-twice").generate(PROMPT, 1, 0))["text"] == " good"


def test_a_server_that_is_down_is_told(server: Server) -> None:
    with pytest.raises(UserError, match="cannot be reached"):
        last(connect("hosted:tiny@http://127.0.0.1:9/v1").generate(PROMPT))


def test_an_unknown_model_is_told(server: Server) -> None:
    with pytest.raises(UserError, match="no such model"):
        last(connect(f"hosted:huge@{server[0]}", KEY).generate(PROMPT))


# -- keys ----------------------------------------------------------------------------------------------------------------


def test_a_wrong_key_is_never_echoed(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """The server of the test repeats it in its error, as OpenAI's does in part."""
    caplog.set_level(logging.DEBUG)
    wrong = "sk-secret-wrong-1234"
    model = tiny(server, key=wrong)
    for call in (lambda: last(model.generate(PROMPT)), lambda: model.classify("x", ["a", "b"])):
        with pytest.raises(UserError, match="does not accept the key") as error:
            call()
        assert wrong not in str(error.value) and error.value.__cause__ is None and error.value.__suppress_context__
    assert wrong not in caplog.text and wrong not in repr(model.model)


def test_a_visitors_key_is_sent_and_not_kept(server: Server) -> None:
    model = connect(f"hosted:tiny@{server[0]}")
    assert last(model.generate(PROMPT, 1, 0, key=KEY))["text"] == " good"
    assert server[1][-1]["key"] == f"Bearer {KEY}"
    with pytest.raises(UserError, match="does not accept the key"):
        last(model.generate(PROMPT, 1, 0))


def test_a_key_of_the_environment_goes_to_its_own_host_only(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "HF_TOKEN"):
        monkeypatch.setenv(name, KEY)
    with pytest.raises(UserError, match="does not accept the key"):
        last(connect(f"hosted:tiny@{server[0]}").generate(PROMPT))
    assert KEY not in server[1][-1]["key"]
    monkeypatch.setenv("SELFSUP_HOSTED_URL", server[0])
    monkeypatch.setenv("SELFSUP_HOSTED_KEY", KEY)
    assert last(connect(f"hosted:tiny@{server[0]}").generate(PROMPT, 1, 0))["text"] == " good"


def test_a_server_for_many_asks_known_hosts_only_and_lends_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYSTEM", "spaces")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    for address in ("http://127.0.0.1:80/v1", "http://169.254.169.254/v1", "https://evil.example/v1", "http://api.openai.com/v1"):  # fmt: skip
        with pytest.raises(UserError, match="This server allows requests only"):
            connect(f"hosted:gpt@{address}")
    assert hosted_servers.environment_key("https://api.openai.com/v1") == ""
    assert connect("hosted:gpt@https://api.openai.com/v1").model.name == "gpt"


@pytest.mark.parametrize("name", ["hosted:", "hosted:@https://a.b/v1", "hosted:x@ftp://a.b", "hosted:x@https://", "hosted:x@https://u:p@a.b/v1"])  # fmt: skip
def test_names_of_another_form_are_refused(name: str) -> None:
    with pytest.raises(UserError, match="is named hosted:"):
        connect(name)


# -- what a hosted model cannot do ------------------------------------------------------------------------------------------


def test_what_it_cannot_give_is_said(server: Server) -> None:
    with pytest.raises(UserError, match="no probabilities of a text that it did not generate"):
        tiny(server).score("a text")
    with pytest.raises(UserError, match="does not give the probabilities"):
        tiny(server, "-plain").next_token("a text")
    assert tiny(server).next_token(PROMPT, 3)[0]["token"] == " good"


# -- labels out of words -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "label"),
    [
        ("Good.", "good"), ("**bad**", "bad"), ("The label is: good", "good"), ("It is very bad indeed", "very bad"),
        ("goodness me", ""), ("", ""), ("neither", ""), ("good, not bad", "good"),
    ],
)  # fmt: skip
def test_a_written_answer_names_a_label(said: str, label: str) -> None:
    assert parse_label(said, LABELS) == label


def test_first_tokens_that_begin_two_labels_say_nothing() -> None:
    assert first_token_probabilities([("be", 0.9)], {"a": "bear", "b": "beer"}) is None
    assert first_token_probabilities([("x", 0.9), ("good", 0.1)], LABELS) is None
    found = first_token_probabilities([(" good", 0.6), ("bad", 0.2), ("x", 0.2)], LABELS)
    assert found == pytest.approx({"good": 0.75, "bad": 0.25, "very bad": 0.0})
