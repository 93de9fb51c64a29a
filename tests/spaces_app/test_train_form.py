"""The training form: presets, what auto decided, suggested weights, sentences beside fields, copies."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import gradio as gr
import pytest

from plugins._contract import Kind
from plugins._discovery import discover
from plugins._suggestions import Suggestion
from spaces_app.page.shell import build
from spaces_app.panels import copy_as
from spaces_app.panels.field_errors import errors_of_message, errors_of_sheet, marked
from spaces_app.panels.run_length import BALANCED, OWN, RunLength
from spaces_app.panels.starting_weights import StartingWeightsFields
from spaces_app.panels.tables import sheet_html
from spaces_app.panels.train_events import TrainEvents
from spaces_app.panels.train_form import TrainForm
from spaces_app.services.run_request import RunRequest
from spaces_app.settings import Settings
from tests.page import Site, answers, join, served, write_reviews
from training.data.several_tables import read_tables
from training.errors import UserError
from training.preflight.auto import preset_steps, seconds_of
from training.preflight.limits import Limits
from training.preflight.sheet import Finding, Sheet
from training.settings import StartingWeights, TableData, TrainSettings
from training.wording import spell_seconds

ROOMY = Limits(max_steps=0, max_parameters=0, max_memory_mb=1_000_000)


class FormSettings(TrainSettings, StartingWeights, TableData):
    """Of a kind that starts from weights."""


def refusal(work: Any, *args: Any) -> str:
    with pytest.raises(UserError) as refused:
        work(*args)
    return str(refused.value)


# -- how long -------------------------------------------------------------------------------------------------------


def length() -> RunLength:
    with gr.Blocks():
        return RunLength(FormSettings, ("steps", "patience"))


def labels(updates: list[Any]) -> dict[str, str]:
    return {value: label for label, value in updates[0].choices}


def test_presets_say_their_steps_and_once_measured_their_time() -> None:
    known = preset_steps(600, ROOMY)
    assert labels(length().shown(known))["quick"] == "Quick, 180 steps"
    measured = {"quick": {"steps": 180, "seconds": 40.0}, "thorough": {"steps": 1800, "seconds": 364.0}}
    shown = labels(length().shown(known, {"presets": measured, "decided": {}}))
    assert shown["balanced"] == "Balanced, 600 steps, about 2 min"  # 4 s of evaluations and 0.2 s a step
    assert (shown["thorough"], shown[OWN]) == ("Thorough, 1,800 steps, about 6 min", "Own number of steps")


@pytest.mark.parametrize(("steps", "seconds"), [(180, 40.0), (600, 124.0), (0, 4.0)])
def test_time_is_on_the_line_through_what_was_measured(steps: int, seconds: float) -> None:
    measured = {"quick": {"steps": 180, "seconds": 40.0}, "thorough": {"steps": 1800, "seconds": 364.0}}
    assert seconds_of(measured, steps) == pytest.approx(seconds)
    assert seconds_of({}, steps) is None


def test_a_servers_limit_holds_for_presets() -> None:
    assert preset_steps(600, Limits(max_steps=700)) == {"quick": 180, "balanced": 600, "thorough": 700}


def test_a_typed_number_of_steps_wins_over_the_preset() -> None:
    chosen = ("thorough", {"thorough": 1800})
    assert length().preset(chosen, {"steps": 50}) == ""
    assert length().steps("", {"steps": 50}, chosen[1]) == {"steps": 50}
    assert length().steps(length().preset(chosen, {"steps": None}), {}, chosen[1]) == {"steps": 1800}


def test_balanced_leaves_the_steps_to_the_data() -> None:
    for empty in (None, 0):  # what the browser sends before the page is filled in
        assert length().steps(length().preset((BALANCED, {}), {"steps": empty}), {}, {}) == {}


def test_no_run_is_started_with_other_steps_than_were_chosen() -> None:
    for empty in (None, 0):
        assert refusal(length().preset, (OWN, {}), {"steps": empty}).startswith("steps: type a number of steps")
    assert refusal(length().steps, "quick", {}, {}).startswith("steps: those of Quick are not known")


def test_times_as_people_say_them() -> None:
    assert [spell_seconds(each) for each in (0.2, 40, 300, 7200)] == ["1 s", "40 s", "5 min", "2.0 h"]


# -- what auto decided ----------------------------------------------------------------------------------------------


def test_what_was_decided_stands_in_a_table_of_its_own_once() -> None:
    decided = {"learning_rate": {"value": 3e-4, "reason": "<b> 4 million parameters"}}
    rows = (Finding("green", "Learning rate: 0.0003", "<b> 4 million parameters"), Finding("green", "2 classes", ""))
    shown = sheet_html(Sheet(rows, decided=decided).to_dict())
    assert "Decided for you" in shown
    assert shown.count("&lt;b&gt; 4 million parameters") == 1
    assert "<td><span>Learning rate</span></td><td>0.0003</td>" in shown
    assert "2 classes" in shown


# -- start from -----------------------------------------------------------------------------------------------------

SMALL = Suggestion("acme/small", 20, 80, "mit", "English, quick.")
LARGE = Suggestion("acme/large", 900, 1800, "apache-2.0", "English, slow.")


def weights_of(limits: Limits) -> StartingWeightsFields:
    kind = Kind("fit", "Fit", "tests.loud", FormSettings, suggestions=(SMALL, LARGE))
    with gr.Blocks():
        return StartingWeightsFields(kind, ("model",), limits)


def test_weights_are_offered_from_the_starter_over_own_ones_to_the_hub_and_none() -> None:
    offered = weights_of(ROOMY).choices("model", {"run-1": "My run"})
    assert [value for _, value in offered] == ["auto", "run-1", "acme/small", "acme/large", ""]
    assert offered[2][0] == "acme/small (about 80 MB, mit)"


def test_pulled_weights_are_offered_once() -> None:
    offered = weights_of(ROOMY).choices("model", {"acme/small": "pulled"})
    assert [value for _, value in offered].count("acme/small") == 1


def test_weights_that_the_server_cannot_train_are_not_suggested() -> None:
    assert [each.name for each in weights_of(Limits(max_parameters=100)).suggestions["model"]] == ["acme/small"]


def test_a_suggestion_says_what_one_wants_to_know_before_a_download() -> None:
    about = LARGE.about(is_trained=True)
    assert about == (
        "English, slow. 900 million parameters; download about 1.8 GB; to train all weights about 14.4 GB of memory and "
        "what the rows need; licence apache-2.0."
    )
    assert "memory" not in LARGE.about(is_trained=False)


@pytest.mark.parametrize("wrong", [{"name": "no owner"}, {"parameters": 0}, {"good_for": ""}, {"license": ""}])
def test_a_suggestion_without_its_facts_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Suggestion"):
        replace(SMALL, **wrong)


def test_a_suggestion_for_a_field_that_names_no_weights_is_refused() -> None:
    with pytest.raises(ValueError, match="no setting encoder names weights"):
        Kind("fit", "Fit", "tests.loud", FormSettings, suggestions=(replace(SMALL, field="encoder"),))


# -- sentences beside fields ----------------------------------------------------------------------------------------

HELD = {"label_column": "kind", "steps": 5, "learning_rate": 1, "normal_value": "", "text_column": ""}


@pytest.mark.parametrize(
    ("message", "field", "told"),
    [
        ("steps: 5000 were asked for; this server allows 2000.", "steps", "5000 were asked for; this server allows 2000."),
        ("There is a label; say in normal_value which.", "normal_value", "There is a label; say in normal_value which."),
        ("Column 'kind' is not in a.csv.", "label_column", "Column 'kind' is not in a.csv."),
        ("It is broken.\nlearning_rate: '-1' was given.", "learning_rate", "'-1' was given."),
    ],
)  # fmt: skip
def test_a_sentence_stands_beside_the_field_it_concerns(message: str, field: str, told: str) -> None:
    assert errors_of_message(message, HELD) == {field: told}


def test_only_red_rows_stand_beside_fields() -> None:
    rows = (
        Finding("amber", "Few rows", "Raise learning_rate."),
        Finding("red", "The data cannot be used", "Column 'kind' is not in a.csv."),
        Finding("red", "No row has a label", "Choose another label_column."),
        Finding("red", "A setting is wrong", "text_column: no such column."),
    )
    assert errors_of_sheet(Sheet(rows).to_dict(), HELD) == {
        "label_column": "Column 'kind' is not in a.csv.",
        "text_column": "no such column.",
    }


def test_a_field_without_an_error_shows_its_description_again() -> None:
    updates = marked(FormSettings, ["steps", "seed"], {"steps": "[here](https://x.example) is wrong"})
    assert updates["seed"]["info"] == FormSettings.model_fields["seed"].description
    assert (updates["seed"]["elem_classes"], updates["steps"]["elem_classes"]) == ([], ["field-wrong"])
    assert updates["steps"]["info"] == "[here] (https://x.example) is wrong", "no link"


# -- copies ---------------------------------------------------------------------------------------------------------


def test_copies_say_where_an_uploaded_file_belongs(tmp_path: Path) -> None:
    request = RunRequest("bert_finetune", "classify", {"steps": 5}, {"data": tmp_path / "my reviews.csv"})
    *comments, command = copy_as.as_command(request, shared=True).splitlines()
    assert command == "python -m training bert_finetune classify --data 'my reviews.csv' --steps 5"
    assert comments[1] == "# Put my reviews.csv there, or write the path in place of the name."
    assert copy_as.as_python(request).startswith("# Run this in the folder of my reviews.csv")
    assert "# Keep this file, as run.yaml, in the folder of my reviews.csv." in copy_as.as_yaml(request)


def test_copies_of_samples_and_hub_data_need_no_file() -> None:
    command = copy_as.as_command(RunRequest("bert_finetune", "classify", {"data": "sample:emails"}))
    assert command.splitlines()[-1].endswith("--data sample:emails")
    assert "Put" not in command
    dataset = copy_as.as_command(RunRequest("bert_finetune", "classify", {"dataset": "owner/name"}))
    assert dataset.splitlines()[-1].endswith("--dataset owner/name")


def test_a_files_name_cannot_leave_its_comment() -> None:
    request = RunRequest("bert_finetune", "classify", {}, {"data": Path("a\nrm -rf x.csv")})
    for shared in (True, False):
        assert copy_as.as_command(request, shared).startswith("# ")
        assert all(line.startswith("#") for line in copy_as.as_command(request, shared).splitlines()[: 1 + shared])


# -- the form -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("home"), found=discover("bert_finetune,gpt_prompting")) as site:
        yield site


@pytest.fixture(scope="module")
def form(site: Site) -> TrainForm:
    plugin = site.services.plugins.get("bert_finetune")
    with gr.Blocks():
        return TrainForm(site.services, plugin, plugin.kind("classify"))


def values_of(form: TrainForm, length: str = BALANCED, **fields: Any) -> tuple[Any, ...]:
    """What the browser sends: a file, the preset, and the fields."""
    held = {name: getattr(component, "value", None) for name, component in form.fields.items()}
    return ("Your file", None, length, None, *{**held, **fields}.values())


@pytest.mark.timeout(180)
def test_the_same_look_at_the_same_time_reads_the_data_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answer, is_read = list[str](), Event(), Event()

    def sheet(plugin: Any, kind: Any, settings: Any) -> Sheet:
        asked.append(settings.data)
        is_read.set()
        assert answer.wait(60)
        return Sheet((Finding("green", "found"),))

    checks = site.services.checks
    monkeypatch.setattr(checks, "sheet", sheet)
    request = RunRequest("bert_finetune", "classify", {"data": "sample:reviews"})
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(checks.look, request, "ada")
        assert is_read.wait(60)
        second = pool.submit(checks.look, replace(request), "ada")
        with pytest.raises(TimeoutError):
            second.result(0.2)
        answer.set()
        assert first.result(60) is second.result(60) and len(asked) == 1
    assert checks.look(request, "ada")["findings"][0]["title"] == "found" and len(asked) == 2
    with pytest.raises(UserError):
        checks.look(RunRequest("bert_finetune", "classify", {"data": "sample:none"}), "ada")


def test_start_takes_the_presets_steps_for_the_data_as_they_are(site: Site, form: TrainForm, tmp_path: Path) -> None:
    data = str(write_reviews(tmp_path / "reviews.csv"))
    open_request = form.open_request(values_of(form, data=data))
    known = site.services.checks.preset_steps(open_request, "me")
    assert known["thorough"] == 3 * known["balanced"] > 0
    asked, _ = form.events._measurable(values_of(form, "thorough", data=data), "me")
    assert asked.values["steps"] == known["thorough"]


def test_a_start_that_is_refused_names_the_field_and_opens_its_fold(form: TrainForm, tmp_path: Path) -> None:
    data = str(write_reviews(tmp_path / "reviews.csv"))
    message, address, fold, *marks = form.events.start(Asking(), None, *values_of(form, data=data, dropout=7), "")  # type: ignore[arg-type]
    names = [name for name, mark in zip(form.events.marked, marks, strict=True) if mark["elem_classes"]]
    assert (names, address, fold.open) == (["dropout"], "", True)
    assert "dropout" in message


def test_a_start_without_data_is_a_sentence(form: TrainForm) -> None:
    message, address, *_ = form.events.start(Asking(), None, *values_of(form), "")  # type: ignore[arg-type]
    assert ("Choose a file under Data first" in message, address) == (True, "")


def test_a_check_that_waited_while_other_data_were_chosen_is_not_shown(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks, begun, answer, checked = site.services.checks, Event(), Event(), list[str]()

    def check(request: RunRequest, visitor: str) -> dict[str, Any]:
        checked.append(request.values["data"])
        begun.set()
        assert answer.wait(60)
        raise UserError("It was checked.")

    monkeypatch.setattr(checks, "check", check)
    monkeypatch.setattr(checks, "look", lambda *_: (_ for _ in ()).throw(UserError("It was looked at.")))
    number = partial(event_of_form, site, "classify")
    values = [getattr(component, "value", None) for component in site.demo.fns[number("check")].inputs]
    join(site, number("check"), *values, page="another")
    assert begun.wait(60)
    join(site, number("check"), *values, page="one")
    join(site, number("look"), *values, page="one")
    of_page = answers(site, "one")
    assert "It was looked at." in str(next(of_page))
    join(site, number("look"), *values, page="another")
    of_other = answers(site, "another")
    assert "It was looked at." not in str(next(of_other))  # the same data: the check's answer is to come
    answer.set()
    assert "It was checked." in str(next(of_other))
    assert "It was checked." not in str(next(of_page)) and len(checked) == 1


def event_of_form(site: Site, kind: str, name: str) -> int:
    """The number of an event of a kind's training form."""
    for number, event in site.demo.fns.items():
        method = inspect.unwrap(event.fn) if event.fn else None
        events = getattr(method, "__self__", None)
        if (
            isinstance(events, TrainEvents)
            and events.form.kind.name == kind
            and name == getattr(method, "__name__", "")
        ):
            return number
    raise AssertionError(f"{kind} has no event {name}.")


def test_several_related_files_become_a_zip_and_one_stays_as_it_is(form: TrainForm, tmp_path: Path) -> None:
    paths = [str(write_reviews(tmp_path / name)) for name in ("data.csv", "shop.csv", "films.csv")]
    assert form.fields["related_data"].file_count == "multiple"  # type: ignore[attr-defined]
    assert form.fields["eval_data"].file_count == "single"  # type: ignore[attr-defined]
    values = values_of(form, data=paths[0], related_data=paths[1:])
    packed = form.open_request(values).files["related_data"]
    assert packed and [each.source for each in read_tables(packed)] == ["films.csv", "shop.csv"]
    assert form.open_request(values).files["related_data"] == packed  # each look at the data asks again
    one = form.open_request(values_of(form, data=paths[0], related_data=paths[1:2])).files["related_data"]
    assert one == Path(paths[1])


def test_two_related_files_of_one_name_are_refused(form: TrainForm, tmp_path: Path) -> None:
    paths = [str(write_reviews(tmp_path / name)) for name in ("data.csv", "shop.csv")]
    values = values_of(form, data=paths[0], related_data=[paths[1], paths[1]])
    assert "related_data: two files are called shop.csv" in refusal(form.open_request, values)


def test_weights_to_be_prompted_are_those_of_the_other_plugin(form: TrainForm) -> None:
    offered = form._labels(Asking())  # type: ignore[arg-type]
    assert "tales" in offered["prompted_model"] and "tales" not in offered["model"]
    choices = [value for _, value in form.weights.choices("prompted_model", offered["prompted_model"])]
    assert choices[0] == "tales" and choices[-1] == ""
    assert "prompted_model" in form.folded and "model" not in form.folded


def test_the_key_stands_in_the_fold_with_the_name_that_needs_it(form: TrainForm, site: Site) -> None:
    block, around = form.secret.parent, []
    while block is not None:
        around.append(block)
        block = block.parent
    assert form.fold in around and form.secret.type == "password"
    secret = site.services.plugins.secret
    assert secret("bert_finetune", "classify", {}) == ""
    assert "Your key" in secret("bert_finetune", "classify", {"hosted_model": "hosted:m@https://api.openai.com/v1"})


def test_a_start_with_weights_that_cannot_be_is_refused_by_name(form: TrainForm, tmp_path: Path) -> None:
    paths = [str(write_reviews(tmp_path / name)) for name in ("data.csv", "shop.csv")]
    values = values_of(form, data=paths[0], related_data=paths[1:], prompted_model="tale")
    message, *_ = form.events.start(Asking(), None, *values, "")  # type: ignore[arg-type]
    assert "There are no weights &#x27;tale&#x27;. Give a starter (tales)" in message


class Asking:
    """A request of a visitor, without headers."""

    username, session_hash = "me", "session"
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    cookies: dict[str, str] = {}  # noqa: RUF012 - never changed
    request = None
    client = None


def test_every_form_is_built(home: Path) -> None:
    page = build(Settings(), discover("builtin"))
    assert len([address for address, *_ in page.pages if "-" in address]) == 16
