"""The shots experiment on models of other machines, over real HTTP: what is read, what is kept when they fail, and what is never kept."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plugins.gpt_prompting import PLUGIN
from plugins.gpt_prompting.models import loading
from plugins.gpt_prompting.models.openai_model import HostedModel
from plugins.gpt_prompting.shots import response_cache
from plugins.gpt_prompting.shots.predictor import load
from plugins.gpt_prompting.shots.settings import ShotsSettings
from tests import tiny_gpt
from tests.openai_server import KEY, openai_server
from training.cli.main import main
from training.errors import UserError
from training.events import read_events
from training.fit.experiment import read_results, run_experiment
from training.runs.queue import KEY as VARIABLE
from training.settings import parse_settings

Server = tuple[str, list[dict[str, Any]]]
SMALL = {"shots": "0, 2", "seeds": 1, "permutations": 1, "eval_rows": 12}
REQUESTS = 3 * 12  # without examples, with two, and with two whose labels are random


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with openai_server() as found:
        yield found


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gpt.write_reviews(tmp_path_factory.mktemp("data") / "reviews.csv", 40)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response_cache, "RETRY_SECONDS", (0.01,) * 5)
    monkeypatch.setenv(VARIABLE, KEY)


def settings(server: Server, file: Path, how: str = "", **more: Any) -> ShotsSettings:
    return parse_settings(ShotsSettings, {"model": f"hosted:tiny{how}@{server[0]}", "data": str(file), **SMALL, **more})


def build(given: ShotsSettings) -> Any:
    kind = PLUGIN.kind("shots")
    return kind.build(kind.read(given), given)


def work(given: ShotsSettings, folder: Path, listener: Any = None, key: str = KEY) -> bool:
    folder.mkdir(exist_ok=True)
    os.environ[VARIABLE] = key  # whoever builds takes it away
    return run_experiment(build(given), folder, {"card": {}}, listener)


def report_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "report.json").read_text())


@pytest.fixture(scope="module")
def finished(server: Server, file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shots") / "run"
    flags = [word for name, value in SMALL.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(VARIABLE, KEY)
        command = ["gpt_prompting", "shots", "--model", f"hosted:tiny@{server[0]}", "--data", str(file)]
        assert main([*command, "--folder", str(folder), *flags]) == 0
    return folder


def test_a_hosted_model_is_measured_by_what_it_writes(finished: Path) -> None:
    results = read_results(finished)
    assert len(results) == 3 and all(one["accuracy"] > 0.8 for one in results if one["arm"] == "prompt")
    assert results[0]["prompt_tokens"] == 12, "the server says 1 a question"
    reading = dict(map(tuple, report_of(finished)["Origin of the labels"]["rows"]))
    assert reading["log-likelihoods of the labels"] == "not given by a hosted model"
    assert reading["model that the server reports"] == "tiny"


def test_no_hash_is_claimed_of_parameters_that_are_out_of_reach(finished: Path) -> None:
    report = report_of(finished)
    proof = dict(map(tuple, report["The parameters"]["rows"]))
    assert proof["unchanged"] == "unknown" and "cannot be hashed" in proof["why"]
    assert "Proof that nothing was trained" not in report
    card = (finished / "artifact" / "README.md").read_text()
    assert "No parameter was changed" not in card and "parsed from its answers" in card
    assert "Of the weights" not in card and "chosen on these very rows" in card
    assert load(finished / "artifact").shots()["proof"]["unchanged"] == "unknown"


def test_the_artifact_is_the_prompt_and_asks_the_same_model_again(finished: Path) -> None:
    assert not list((finished / "artifact").rglob("*.safetensors"))
    found = load(finished / "artifact").classify("a dull plot and a slow song", key=KEY)
    assert found["label"] == "bad" and set(found["probabilities"]) == {"good", "bad"}


def test_a_prompt_without_weights_is_nothing_to_train_from(finished: Path) -> None:
    with pytest.raises(UserError, match="holds no weights"):
        loading.load(finished / "artifact")


def test_weights_of_a_stranger_do_not_say_where_a_key_goes(finished: Path, tmp_path: Path) -> None:
    for name in ("prompt.json", "selfsup.json"):
        (tmp_path / name).write_text((finished / "artifact" / name).read_text())
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(UserError):
        load(tmp_path)


def test_the_key_is_in_no_file(finished: Path) -> None:
    assert not [path for path in finished.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_a_server_without_probabilities_leaves_the_calibration_error_unknown(
    server: Server, file: Path, tmp_path: Path
) -> None:
    assert work(settings(server, file, "-plain", calibrate="contextual"), tmp_path / "run")
    report = report_of(tmp_path / "run")
    assert not [title for title in report if title.startswith("Expected calibration error")]
    reading = dict(map(tuple, report["Origin of the labels"]["rows"]))
    assert reading["calibration error"] == "unknown" and "not applied" in reading["calibration: contextual"]


def test_a_server_that_is_overloaded_for_one_question_costs_that_answer(
    server: Server, file: Path, tmp_path: Path
) -> None:
    """It is asked again five times, with pauses that a stop would end."""
    folder, before = tmp_path / "run", len(server[1])
    assert work(settings(server, file, "-tires"), folder)
    waits = [event["message"] for event in read_events(folder / "events.jsonl")[0] if event["event"] == "notice"]
    assert len(waits) == 5 and "Asking again" in waits[0]
    assert len(server[1]) - before == REQUESTS + 5
    assert [one["unanswered"] for one in read_results(folder)] == [1, 0, 0]


def test_a_stop_in_the_middle_of_a_part_keeps_its_answers(server: Server, file: Path, tmp_path: Path) -> None:
    folder, given = tmp_path / "run", settings(server, file, shots="0", random_labels=False)

    def stop(event: dict) -> None:
        if event["event"] == "progress":
            (folder / "cancel").touch()

    assert not work(given, folder, stop)
    assert read_results(folder) == [] and any(title.startswith("Not finished") for title in report_of(folder))
    (folder / "cancel").unlink()
    before = len(server[1])
    assert work(given, folder)
    assert len(server[1]) - before < 12


def test_a_refused_question_counts_as_no_label(server: Server, file: Path, tmp_path: Path) -> None:
    assert work(settings(server, file, "-picky"), tmp_path / "run")
    assert sum(one["without_label"] for one in read_results(tmp_path / "run")) >= 10
    [confusion] = [table for title, table in report_of(tmp_path / "run").items() if title.startswith("Confusion")]
    assert confusion["columns"][-1] == "(none)" and sum(map(sum, (row[1:] for row in confusion["rows"]))) == 12


@pytest.mark.parametrize(
    ("how", "key", "words"),
    [("", "sk-wrong-99", "does not accept the key"), ("-garbage", KEY, "did not return a chat completion"), ("-busy", KEY, "slow down")],
)  # fmt: skip
def test_what_never_answered_fails_in_words(
    server: Server, file: Path, tmp_path: Path, how: str, key: str, words: str
) -> None:
    with pytest.raises(UserError, match=words) as error:
        work(settings(server, file, how), tmp_path / "run", key=key)
    assert key not in str(error.value) and "are kept" not in str(error.value)


def test_a_server_that_is_down_is_told_at_once(file: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be reached"):
        work(settings(("http://127.0.0.1:9/v1", []), file), tmp_path / "run")


def test_the_sheet_counts_the_questions_before_any_is_asked(server: Server, file: Path) -> None:
    before = len(server[1])
    found = build(settings(server, file, selection="nearest", calibrate="pmi")).findings()
    said = " ".join(f"{each.title} {each.detail}" for each in found)
    assert f"{REQUESTS} requests to 127.0.0.1" in said and "cannot be hashed" in said
    assert "pmi is not applied" in said and "replaced by nearest_words" in said and len(server[1]) == before


@pytest.mark.parametrize("name", ["hosted:", "hosted:x@ftp://a", "hosted:x@https://a.b/v1?key=sk-1"])
def test_a_malformed_name_is_refused_with_the_settings(file: Path, name: str) -> None:
    with pytest.raises(UserError, match="model: A hosted model is named hosted:"):
        parse_settings(ShotsSettings, {"model": name, "data": str(file), **SMALL})
    with pytest.raises(UserError, match="is named hosted:"):
        HostedModel.connect(name)
