"""A file on a hosted model that stumbles: one odd answer costs that answer; only what can never work ends the run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plugins.gpt_prompting import PLUGIN
from plugins.gpt_prompting.models import openai_model
from plugins.gpt_prompting.prompting.predictor import PromptPredictor
from plugins.gpt_prompting.shots import response_cache
from plugins.gpt_prompting.shots.data import split_labels
from plugins.gpt_prompting.shots.settings import ShotsSettings
from tests.gpt_prompting.odd_server import LOGPROBS, Reply, Request, body, completion, error, odd_server, raw
from training import retry
from training.errors import UserError
from training.fit.experiment import read_results, run_experiment
from training.runs.queue import KEY as VARIABLE
from training.settings import parse_settings

ROWS = 12
NULL = {"content": [{"token": "negative", "logprob": None, "top_logprobs": None}]}
ODD = [
    error(400, "flagged by the content filter"), error(413, "too long"), raw("<html>oops</html>"), body({"choices": []}),
    body({"error": {"message": "upstream", "code": 503}}), completion([{"type": "image"}]), completion(None, refusal="no"),
    completion(logprobs=NULL), error(403, "your input was flagged"), completion("positive or negative"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(response_cache, "RETRY_SECONDS", (0.01,) * 5)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = [f"awful film number {index},{'negative' if index % 4 else 'positive'}" for index in range(2 * ROWS)]
    (tmp_path / "reviews.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    return tmp_path / "reviews.csv"


def right(request: Request) -> Reply:
    """The label by the number of the film in the question."""
    number = int(request["messages"][-1]["content"].rsplit("number ", 1)[1].split("\n")[0])
    return completion("negative" if number % 4 else "positive")


def number_of(request: Request) -> int:
    return int(request["messages"][-1]["content"].rsplit("number ", 1)[1].split("\n")[0])


def evaluate(address: str, file: Path) -> dict[str, Any]:
    predictor = PromptPredictor(openai_model.HostedModel.connect(f"hosted:m@{address}"))
    *_, last = predictor.evaluate(file)
    return last


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_answer_costs_that_answer(odd: Reply, file: Path) -> None:
    def answer(request: Request, number: int) -> Reply:
        return odd if number_of(request) == 6 else right(request)

    with odd_server(answer) as (address, _):
        found = evaluate(address, file)
    assert found["done"] == 2 * ROWS and found["metrics"]["accuracy"] == pytest.approx(1 - found["without_label"] / 24)
    assert found["without_label"] == sum(found["reasons"].values()) <= 1
    assert [row.get("reason", "") != "" for row in found["predictions"]].count(True) == found["without_label"]


def test_an_answer_that_never_comes_costs_that_answer(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_model, "TIMEOUT_SECONDS", 0.2)

    def answer(request: Request, number: int) -> Reply:
        return Reply([b" "], pause=0.4) if number_of(request) == 6 else right(request)

    with odd_server(answer) as (address, _):
        found = evaluate(address, file)
    assert (found["without_label"], found["unanswered"]) == (1, 1) and "took more than" in next(iter(found["reasons"]))


@pytest.mark.parametrize(
    ("never", "words", "most"),
    [
        (error(401, "no"), "does not accept the key", 1),
        (error(404, "no such model"), "no such model", 1),
        (raw("<html>hello</html>"), "did not return a chat completion", 15),
        (error(400, "bad"), "refused the request", 50),
    ],
)
def test_what_can_never_work_ends_early(never: Reply, words: str, most: int, file: Path) -> None:
    with odd_server(lambda request, number: never) as (address, asked), pytest.raises(UserError, match=words):
        evaluate(address, file)
    assert len(asked) <= most


def test_a_key_that_expires_ends_the_run(file: Path) -> None:
    def answer(request: Request, number: int) -> Reply:
        return error(401, "expired") if number > 3 else right(request)

    with odd_server(answer) as (address, asked), pytest.raises(UserError, match="does not accept the key"):
        evaluate(address, file)
    assert len(asked) == 4


# -- the shots experiment ----------------------------------------------------------------------------------------------


@pytest.fixture
def shots(file: Path, tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    def run(address: str, **more: Any) -> Path:
        os.environ[VARIABLE] = "sk-1234567"
        given = {
            "model": f"hosted:m@{address}",
            "data": str(file),
            "shots": "0",
            "eval_rows": ROWS,
            "random_labels": False,
        }
        settings = parse_settings(ShotsSettings, {**given, **more})
        kind, folder = PLUGIN.kind("shots"), tmp_path / "run"
        folder.mkdir(exist_ok=True)
        assert run_experiment(kind.build(kind.read(settings), settings), folder, {"card": {}}, None)
        return folder

    yield run
    os.environ.pop(VARIABLE, None)


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_answer_costs_an_experiment_that_answer(odd: Reply, shots: Callable[..., Path]) -> None:
    broken: list[int] = []

    def answer(request: Request, number: int) -> Reply:
        if number == 4:
            broken.append(number_of(request))
        return odd if number_of(request) in broken else right(request)

    with odd_server(answer) as (address, _):
        [result] = read_results(shots(address))
    assert result["without_label"] == sum(result["reasons"].values()) <= 1
    assert result["accuracy"] == pytest.approx(1 - result["without_label"] / ROWS)


def test_a_passing_error_never_changes_how_an_experiment_reads_its_labels(shots: Callable[..., Path]) -> None:
    def answer(request: Request, number: int) -> Reply:
        return error(500, "Internal server error") if number in (1, 5) else completion(logprobs=LOGPROBS)

    with odd_server(answer) as (address, asked):
        [result] = read_results(shots(address))
    assert result["parsed_from_answer"] == 0 and result["calibration_error"] is not None
    assert all(request["logprobs"] for request in asked if request != asked[1])


def test_a_server_that_is_gone_is_not_asked_on_and_what_came_is_kept(file: Path) -> None:
    with odd_server(lambda request, number: right(request) if number <= 8 else error(503, "busy")) as (address, asked):
        found = evaluate(address, file)
    assert (found["done"], found["unanswered"], len(asked)) == (24, 16, 8 + 5 * openai_model.ATTEMPTS)
    assert "stopped answering" in " ".join(found["reasons"])


def test_a_server_that_is_gone_ends_the_run_and_resume_asks_for_the_rest(
    shots: Callable[..., Path], tmp_path: Path
) -> None:
    gone = [True]

    def answer(request: Request, number: int) -> Reply:
        return error(503, "overloaded") if gone[0] and number > 6 else right(request)

    with odd_server(answer) as (address, asked):
        with pytest.raises(UserError, match="The 6 responses of this part are kept: Resume"):
            shots(address)
        gone[0], before = False, len(asked)
        [result] = read_results(shots(address))
    assert len(asked) - before == ROWS - 6 and (result["accuracy"], result["without_label"]) == (1.0, 0)


def test_reasons_are_part_of_the_report(shots: Callable[..., Path]) -> None:
    def answer(request: Request, number: int) -> Reply:
        return (
            completion("hm")
            if number == 2
            else error(400, "'seed' is unknown")
            if "seed" in request
            else right(request)
        )

    with odd_server(answer) as (address, _):
        report = json.loads((shots(address) / "report.json").read_text())
    rows = dict(map(tuple, report["Origin of the labels"]["rows"]))
    assert rows["the server's parameters"] == "Not accepted by the server and left out: seed."


def test_a_label_with_a_comma_can_be_given(shots: Callable[..., Path], file: Path) -> None:
    file.write_text(file.read_text().replace("negative", '"bad, or worse"'))
    with odd_server(lambda request, number: completion('"bad, or worse"')) as (address, asked):
        [result] = read_results(shots(address, labels='"bad, or worse", positive'))
    assert '"bad, or worse", "positive"' in asked[0]["messages"][0]["content"]
    assert result["accuracy"] == 0.75 and result["without_label"] == 0


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("good=great, bad", ["good=great", "bad"]),
        ('"yes, please", no', ["yes, please", "no"]),
        ("yes, please\nno", ["yes, please", "no"]),
        ("yes, please\\nno", ["yes, please", "no"]),
        ('["yes, please", "no"]', ["yes, please", "no"]),
        ('{"a": "yes, please", "b": "no"}', {"a": "yes, please", "b": "no"}),
        ("", []),
    ],
)
def test_labels_are_split_at_commas_lines_or_as_json(text: str, labels: Any) -> None:
    assert split_labels(text) == labels


def test_labels_that_begin_like_json_and_are_none_are_told() -> None:
    with pytest.raises(UserError, match="a JSON list of texts was expected"):
        split_labels('["a", 3]')
