"""The API as its users call it: a served page, `gradio_client`, real runs. `python -m tests.spaces_app.test_api` writes the snapshot."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from plugins._discovery import discover
from spaces_app import api_reference
from spaces_app.page.shell import build
from tests import page
from tests.files import write
from tests.loud import loud
from tests.page import TINY, Site, ended, endpoints, served, write_table
from tests.running import wait_for

client, reviews, site, trained = page.client, page.reviews, page.site, page.trained  # fixtures

SNAPSHOT = Path(__file__).parents[1] / "api_snapshot.json"
pytestmark = pytest.mark.usefixtures("site")


def signatures(endpoints: dict[str, Any]) -> dict[str, Any]:
    """What a caller relies on: names, parameters with type and default, the type of the result."""
    return {
        name: {
            "parameters": {
                each["parameter_name"]: each["python_type"]["type"]
                + (f" = {each['parameter_default']!r}" if each["parameter_has_default"] else "")
                for each in about["parameters"]
            },
            "returns": [each["python_type"]["type"] for each in about["returns"]],
        }
        for name, about in sorted(endpoints.items())
    }


def train(client: Client, table: Path | None, plugin: str = "bert_finetune", **settings: Any) -> dict[str, Any]:
    upload = handle_file(table) if table else None
    return client.predict(plugin, "classify", {**TINY, **settings}, upload, None, api_name="/train")


# -- the list ------------------------------------------------------------------------------------------------------


def test_api_is_exactly_the_snapshot(client: Client):
    assert signatures(endpoints(client)) == json.loads(SNAPSHOT.read_text())


def test_the_reference_is_generated_from_the_endpoints():
    """`python -m spaces_app.api_reference` writes it anew."""
    assert api_reference.PATH.read_text(encoding="utf-8") == api_reference.render()


def test_the_reference_describes_every_endpoint_and_parameter():
    text = api_reference.PATH.read_text(encoding="utf-8")
    assert sorted(re.findall(r"^### `(/\w+)`", text, flags=re.MULTILINE)) == sorted(json.loads(SNAPSHOT.read_text()))
    assert not re.findall(r"^\|.*\|  \|$", text, flags=re.MULTILINE)


def test_every_endpoint_parameter_and_result_is_described(client: Client):
    every = endpoints(client)
    assert not [name for name, about in every.items() if not about["description"]]
    assert not [
        f"{name} {each.get('parameter_name', 'result')}"
        for name, about in every.items()
        for each in [*about["parameters"], *about["returns"]]
        if not each["python_type"]["description"] or not each["type"]["description"]
    ]
    settings = next(each for each in every["/train"]["parameters"] if each["parameter_name"] == "settings")
    assert settings["python_type"]["description"].endswith("one of the samples that /plugins lists.")  # its third line


def test_the_printed_list_says_what_each_endpoint_does(client: Client):
    text = client.view_api(return_format="str", print_info=False)
    assert "Resume a cancelled, failed or lost run from its last checkpoint. Returns: The run" in text
    assert "(A plugin's name, such as bert_finetune.)" in text


def test_plugins_lists_each_with_its_settings_as_a_json_schema(client: Client):
    found = {one["name"]: one for one in client.predict(api_name="/plugins")}
    trainers = {one["name"]: one for one in found["bert_finetune"]["trainers"]}
    assert trainers["classify"]["settings"]["properties"]["batch_size"]["anyOf"][1] == {"const": "auto"}


def test_every_endpoint_that_plugins_lists_is_there(client: Client):
    listed = [name for one in client.predict(api_name="/plugins") for name in one["endpoints"]]
    assert set(listed) <= set(json.loads(SNAPSHOT.read_text()))


# -- errors that a user can mend -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stepz": 5}, "There is no setting 'stepz'. Did you mean 'steps'?"),
        ({"steps": -1}, "steps: '-1' was given; it should be greater than or equal to 0"),
        ({"learning_rate": "fast"}, "learning_rate: 'fast' was given"),
        ({"precision": "fp8"}, "precision: 'fp8' was given"),
        ({"model": "nowhere"}, "There are no weights 'nowhere'"),
        ({"model": "/etc"}, "There are no weights '/etc'"),
        ({"model": "../weights"}, "There are no weights '../weights'"),
        ({"model": "bert_finetune-0123456789abcdef"}, "There is no run bert_finetune-0123456789abcdef"),
        ({"data": "/etc/passwd"}, "data: files are uploaded, not named in the settings"),
        ({"eval_data": "/etc/passwd"}, "eval_data: files are uploaded, not named in the settings"),
        ({"text_column": "words"}, "words"),
    ],
)
def test_wrong_setting_is_named(client: Client, reviews: Path, settings: dict[str, Any], message: str):
    with pytest.raises(AppError, match=re.escape(message)):
        train(client, reviews, **settings)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("text", "label"), *((f"scene {n}", "same") for n in range(9))], "same"),
        ([("text", "label")], "no rows|empty|No rows"),
        ([], "empty|no rows"),
        ([("a", "b"), ("1", "2"), ("3", "4")], "column"),
    ],
    ids=["one class", "header only", "empty file", "no text"],
)
def test_unusable_file_is_refused_with_the_reason(client: Client, tmp_path: Path, rows: list, message: str):
    with pytest.raises(AppError, match=message):
        train(client, write_table(tmp_path / "data.csv", rows))


def test_train_without_a_file_asks_for_one(client: Client):
    with pytest.raises(AppError, match=r"data: no file was given\. Upload one"):
        train(client, None)


def test_unknown_plugin_and_trainer_are_told_with_what_there_is(client: Client):
    with pytest.raises(AppError, match=r"no plugin 'nowhere'; there are: .*bert_finetune"):
        train(client, None, plugin="nowhere")
    with pytest.raises(AppError, match=r"no trainer 'nowhere'; it has: .*classify"):
        client.predict("bert_finetune", "nowhere", {}, None, None, api_name="/train")


@pytest.mark.parametrize(
    "run", ["", "../../etc/passwd", "bert_finetune-xyz", "bert_finetune-0123456789abcdef/../x", "\0"]
)
@pytest.mark.parametrize("endpoint", ["run_status", "run_events", "run_cancel", "run_resume", "run_delete"])
def test_id_of_another_form_is_refused(client: Client, endpoint: str, run: str):
    with pytest.raises(AppError, match="is not a run's id"):
        client.predict(run, api_name=f"/{endpoint}")


@pytest.mark.parametrize("endpoint", ["run_cancel", "run_resume"])
def test_what_cannot_be_done_to_a_finished_run_is_said(client: Client, trained: str, endpoint: str):
    with pytest.raises(AppError, match=f"Run {trained} is finished"):
        client.predict(trained, api_name=f"/{endpoint}")


@pytest.mark.parametrize(("settings", "shown"), [(None, "None"), ('{"steps": 3}', '{"steps": 3}'), ([1], "[1]")])
def test_value_of_another_type_is_told_by_its_parameter(client: Client, settings: Any, shown: str):
    with pytest.raises(AppError, match=re.escape(f"settings: {shown!r} was given; it should be a valid dictionary")):
        client.predict("bert_finetune", "classify", settings, None, None, api_name="/train")


def test_a_caller_learns_which_weights_answer_and_calls_those(client: Client, trained: str):
    named = client.predict("/bert_finetune_classify", api_name="/answering_weights")
    assert named["weights"] == "bert-6x192-sentiment" and named["source"] == "starter"
    assert named["metrics"]["accuracy"] > 0.8 and named["kind"] == "classify"
    text = "a film that stays with you"
    answers = [client.predict(name, text, api_name="/bert_finetune_classify") for name in ("", named["weights"])]
    assert answers[0] == answers[1]
    mine = client.predict("bert_finetune_classify", trained, api_name="/answering_weights")
    assert (mine["weights"], mine["source"], mine["title"]) == (trained, "run", "Classify")
    assert mine["step"] in range(1, TINY["steps"] + 1)
    hosted = client.predict("gpt_prompting_generate", "hosted:gpt@https://server/v1", api_name="/answering_weights")
    assert (hosted["weights"], hosted["source"], hosted["metrics"]) == ("hosted:gpt@https://server/v1", "hosted", {})


@pytest.mark.parametrize(
    ("endpoint", "weights", "message"),
    [
        ("bert_finetune_sing", "", "endpoint: 'bert_finetune_sing' is none that works with weights. /plugins lists"),
        ("", "", "endpoint: '' is none"),
        ("bert_finetune_classify", "bert-6x192-entities", "holds weights of 'Named entities'"),
        ("bert_finetune_classify", "nowhere", "There are no weights 'nowhere'"),
    ],
)
def test_what_would_not_answer_is_said(client: Client, endpoint: str, weights: str, message: str):
    with pytest.raises(AppError, match=re.escape(message)):
        client.predict(endpoint, weights, api_name="/answering_weights")


def test_empty_text_is_an_error_in_words(client: Client, trained: str):
    with pytest.raises(AppError, match="The text is empty"):
        client.predict(trained, " ", api_name="/bert_finetune_classify")


# -- runs ----------------------------------------------------------------------------------------------------------


def test_train_answers_with_an_id_before_the_run_has_ended(client: Client, reviews: Path):
    run = train(client, reviews, steps=10_000)
    assert re.fullmatch(r"bert_finetune-[0-9a-f]{16}", run["id"])
    assert run["status"] in ("queued", "running")
    client.predict(run["id"], api_name="/run_cancel")
    assert ended(client, run["id"])["status"] == "cancelled"


def test_status_of_a_finished_run_has_its_score(client: Client, trained: str):
    status = client.predict(trained, api_name="/run_status")
    assert (status["step"], status["steps"], status["has_weights"]) == (4, 4, True)
    assert 0 <= status["best"]["accuracy"] <= 1


def test_events_go_on_where_the_last_call_ended(client: Client, trained: str):
    every = client.predict(trained, 0, api_name="/run_events")
    assert [event["step"] for event in every["events"] if event["event"] == "step"] == [1, 2, 3, 4]
    assert client.predict(trained, every["offset"], api_name="/run_events")["events"] == []


@pytest.mark.parametrize("offset", [-5, 10**30])
def test_an_offset_outside_the_record_is_no_error(client: Client, trained: str, offset: int):
    end = client.predict(trained, 0, api_name="/run_events")["offset"]
    assert client.predict(trained, offset, api_name="/run_events")["offset"] == end


def test_cancelled_run_resumes_from_where_it_stopped(client: Client, reviews: Path):
    run = train(client, reviews, steps=3000)["id"]
    wait_for(lambda: client.predict(run, api_name="/run_status")["step"] >= 2)
    client.predict(run, api_name="/run_cancel")
    stopped = ended(client, run)
    assert stopped["status"] == "cancelled" and stopped["can_resume"]
    client.predict(run, api_name="/run_resume")
    wait_for(lambda: client.predict(run, api_name="/run_status")["step"] > stopped["step"])
    started = [e for e in client.predict(run, 0, api_name="/run_events")["events"] if e["event"] == "started"]
    assert [event["resumed"] for event in started] == [False, True]
    client.predict(run, api_name="/run_cancel")
    ended(client, run)


def test_deleted_run_is_listed_no_more(client: Client, site: Site, reviews: Path):
    run = site.train(client, reviews)
    assert run in [one["id"] for one in client.predict(api_name="/runs")]
    assert client.predict(run, api_name="/run_delete") == run
    assert run not in [one["id"] for one in client.predict(api_name="/runs")]


def test_further_files_go_by_the_names_of_their_settings(client: Client, tmp_path: Path):
    english, german = (
        write(tmp_path / "a.en", "a dog\na cat\n" * 9),
        write(tmp_path / "a.de", "ein Hund\neine Katze\n" * 9),
    )
    sizes = {name: value for name, value in TINY.items() if name != "vocabulary_size"}
    given = ("bert_finetune", "translate", {**sizes, "beams": 1}, handle_file(english), None)
    run = client.predict(*given, {"target_data": handle_file(german)}, api_name="/train")
    assert ended(client, run["id"])["status"] == "finished"
    with pytest.raises(AppError, match="takes no file probe_data; it takes: data, eval_data, target_data"):
        client.predict(*given, {"probe_data": handle_file(german)}, api_name="/train")
    with pytest.raises(AppError, match="that is no uploaded file"):
        client.predict(*given, {"target_data": {"path": "/etc/passwd"}}, api_name="/train")


def test_evaluation_file_is_evaluated_on(client: Client, reviews: Path):
    files = (handle_file(reviews), handle_file(reviews))
    run = client.predict("bert_finetune", "classify", {**TINY, "drop_leaked": False}, *files, api_name="/train")
    ended(client, run["id"])
    started = next(e for e in client.predict(run["id"], 0, api_name="/run_events")["events"] if e["event"] == "started")
    assert (started["rows"], started["eval_rows"]) == (32, 32)


def test_check_gives_the_sheet_with_measured_steps(client: Client, reviews: Path):
    sheet = client.predict("bert_finetune", "classify", TINY, handle_file(reviews), None, api_name="/check")
    assert sheet["verdict"] in ("green", "amber")
    assert any("parameters on" in finding["title"] for finding in sheet["findings"])
    assert [column["name"] for column in sheet["columns"]] == ["text", "label"]


def test_check_of_bad_data_is_red_and_says_why(client: Client, tmp_path: Path):
    data = write_table(tmp_path / "one.csv", [("text", "label"), *((f"scene {n}", "same") for n in range(9))])
    sheet = client.predict("bert_finetune", "classify", TINY, handle_file(data), None, api_name="/check")
    assert sheet["verdict"] == "red"


# -- predictions -----------------------------------------------------------------------------------------------------


def test_finished_run_labels_a_text(client: Client, trained: str):
    said = client.predict(trained, "a warm film", api_name="/bert_finetune_classify")
    assert sorted(said["probabilities"]) == ["negative", "positive"]
    assert sum(said["probabilities"].values()) == pytest.approx(1, abs=1e-4)


def test_finished_run_labels_a_file(client: Client, trained: str, reviews: Path):
    scored = client.predict(trained, handle_file(reviews), api_name="/bert_finetune_classify_file")
    with Path(scored).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 32
    assert {row["predicted_label"] for row in rows} <= {"negative", "positive"}


def test_run_without_weights_cannot_predict(client: Client, reviews: Path):
    run = train(client, reviews, steps=10_000)["id"]
    with pytest.raises(AppError, match=f"Run {run} has no weights yet"):
        client.predict(run, "a text", api_name="/bert_finetune_classify")
    client.predict(run, api_name="/run_cancel")
    ended(client, run)


# -- errors of ours ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("broken")
    with served(home, found=[loud("broken", home)], trains=False) as site:
        yield site


def test_defect_tells_a_visitor_a_number_only(broken: Site, caplog: pytest.LogCaptureFixture):
    with pytest.raises(AppError) as error:
        Client(broken.url, verbose=False).predict("", api_name="/broken_secret")
    number = re.fullmatch(
        r"Something went wrong on the server \(error (\w{8}); its log says what\)\.", str(error.value)
    )
    assert number and f"Error {number[1]} in broken_secret" in caplog.text
    assert "the secret of /srv/hidden" in caplog.text


if __name__ == "__main__":
    import os
    import tempfile

    os.environ["SELFSUP_HOME"] = tempfile.mkdtemp()
    listed: Any = build(found=discover("builtin")).get_api_info()
    SNAPSHOT.write_text(json.dumps(signatures(listed["named_endpoints"]), indent=2) + "\n")
