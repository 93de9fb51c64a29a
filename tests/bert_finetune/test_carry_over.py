"""Does it carry over? A classifier's kept weights scored at the end on rows of related tasks, beside what is not tuned."""

from __future__ import annotations

import contextlib
import json
import os
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertModel

from plugins._prompted import load_prompted
from plugins.bert_finetune import PLUGIN, starter
from plugins.bert_finetune.classify import carry_over, related, untuned
from plugins.bert_finetune.classify.carry_over import CLASSIFIER, DIFFERENCE, TITLE, USUAL, newcombe, verdict
from plugins.bert_finetune.classify.prompted import draw_examples
from plugins.bert_finetune.classify.untuned import NAMES, Share
from plugins.bert_finetune.encode.predictor import load as load_encoder
from plugins.bert_finetune.models import loading
from plugins.bert_finetune.zero_shot.label_names import TEMPLATE
from spaces_app.panels.tables import report_html
from tests import tiny_gpt
from tests.bert_models import WORDS, tiny_encoder
from tests.files import write
from tests.openai_server import KEY, openai_server
from training.artifact.store import read_record
from training.data.progress import reporting
from training.errors import UserError
from training.fit.experiment import run_task
from training.labelling.sampling import wilson
from training.runs.queue import KEY as VARIABLE
from training.runs.registry import Runs
from training.settings import parse_settings

TRAIN, HELD, RELATED = 100, 200, 300  # numbers in the texts of each file
COLOURS = {name: words.split() for name, words in WORDS.items()}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of a size at which words have different vectors."""
    folder = tmp_path_factory.mktemp("encoder")
    model, tokenizer = tiny_encoder(BertModel)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3) if weight.ndim > 1 else None
    loading.save_pretrained(model, tokenizer, folder, half=False)
    (folder / "1_Pooling").mkdir()
    write(folder / "1_Pooling/config.json", json.dumps({"pooling_mode_mean_tokens": True}))
    return folder


@pytest.fixture(autouse=True)
def _names(encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoder of label names is there."""
    monkeypatch.setattr(starter, "MINILM", (encoder,))


def table(path: Path, rows: list[tuple[str, str]], header: str = "text,label") -> Path:
    return write(path, header + "\n" + "".join(f"{text},{label}\n" for text, label in rows))


def rows_of(start: int) -> list[tuple[str, str]]:
    """Pairs of a colour's words, with a number, so that no two files share a text."""
    numbers = range(start, start + 8)
    return [(f"{words[n % 4]} {words[(n + 1) % 4]} {n}", name) for n in numbers for name, words in COLOURS.items()]


def related_rows() -> list[tuple[str, str]]:
    """24 rows of other texts, of which every fourth has a wrong label."""
    wrong = {"red": "green", "green": "blue", "blue": "red"}
    return [(text, wrong[name] if n % 4 == 0 else name) for n, (text, name) in enumerate(rows_of(RELATED))]


def given(folder: Path, encoder: Path, rows: list[tuple[str, str]], header: str = "text,label", **more: Any) -> Any:
    files = {
        "data": str(table(folder / "data.csv", rows_of(TRAIN))),
        "eval_data": str(table(folder / "held.csv", rows_of(HELD))),
        "related_data": str(table(folder / "shop.csv", rows, header)),
    }
    return parse_settings(PLUGIN.kind("classify").trained_by, {"model": str(encoder), "batch_size": 8, **files, **more})


def sheet(settings: Any) -> dict[str, str]:
    """Title -> level and detail of what was found."""
    findings = PLUGIN.kind("classify").read(settings).sheet.findings
    return {finding.title: f"{finding.level} {finding.detail}" for finding in findings}


def trained(folder: Path, settings: Any) -> Path:
    kind = PLUGIN.kind("classify")
    folder.mkdir()
    about = {"plugin": "bert_finetune", "trainer": "classify", "title": "Colours", "card": {}}
    run_task(kind.build(kind.read(settings), settings), settings.with_usual(), folder, about)
    return folder


@pytest.fixture(scope="module")
def run(encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, whose head alone was fitted."""
    folder = tmp_path_factory.mktemp("frozen")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(starter, "MINILM", (encoder,))
        return trained(folder / "run", given(folder, encoder, related_rows(), frozen_encoder=True, drop_leaked=False))


def matrix(run: Path) -> dict[str, list[str]]:
    """Row of the table -> its cells."""
    return {name: cells for name, *cells in json.loads((run / "report.json").read_text())[TITLE]["rows"]}


def cell(share: float, rows: int) -> str:
    return "{:.3f} ({:.3f} to {:.3f})".format(share, *wilson(share, rows))


def test_the_table_has_accuracies_of_own_and_related_rows_with_intervals(run: Path, encoder: Path):
    report, rows = json.loads((run / "report.json").read_text()), matrix(run)
    assert read_record(run / "artifact")["metrics"]["accuracy"] == 1.0
    assert report[TITLE]["columns"] == ["", "its own held-out rows (24)", "shop.csv (24)"]
    assert rows[CLASSIFIER] == [cell(1.0, 24), cell(0.75, 24)] and cell(0.75, 24) == "0.750 (0.551 to 0.880)"
    assert rows[DIFFERENCE] == ["", "-0.250 ({:+.3f} to {:+.3f})".format(*newcombe((0.75, 24), (1.0, 24)))]
    assert rows[USUAL] == [cell(1 / 3, 24)] * 2
    names = load_encoder(encoder)
    right = [names.zero_shot(text, list(COLOURS), TEMPLATE)["label"] == label for text, label in related_rows()]
    assert rows[NAMES][1] == cell(sum(right) / 24, 24)
    assert "On shop.csv the accuracy is 0.750, lower by 0.250, beyond chance." in report[TITLE]["text"]
    assert "Set prompted_model" in report[TITLE]["text"]


def test_card_and_record_have_the_table_too(run: Path):
    study = read_record(run / "artifact")["studies"][0]
    assert (study["title"], study["rows"][0]) == (TITLE, [CLASSIFIER, cell(1.0, 24), cell(0.75, 24)])
    card = (run / "artifact/README.md").read_text()
    assert f"## {TITLE}" in card and f"| {CLASSIFIER} | {cell(1.0, 24)} | {cell(0.75, 24)} |" in card
    assert "prompted\\_model" not in card.split(f"## {TITLE}")[1].split("##")[0]  # advice for the owner of the run


def test_the_page_shows_the_table_with_what_it_says(run: Path):
    shown = report_html(json.loads((run / "report.json").read_text()))
    assert shown.startswith(f"<h3>{TITLE}</h3><p>On shop.csv the accuracy is 0.750, lower by 0.250, beyond chance.")
    assert "<td>0.750 (0.551 to 0.880)</td>" in shown


def test_a_run_of_steps_is_scored_once_at_its_end(tmp_path: Path, encoder: Path, monkeypatch: pytest.MonkeyPatch):
    seen: list[Path] = []
    load = carry_over.load
    monkeypatch.setattr(carry_over, "load", lambda folder: seen.append(folder) or load(folder))
    settings = given(tmp_path, encoder, related_rows(), steps=6, eval_every=2, learning_rate=1e-3, contrastive="off")
    run = trained(tmp_path / "run", settings)
    assert seen == [run / "artifact"]
    report, predictor = json.loads((run / "report.json").read_text()), load(run / "artifact")
    right = [predictor.classify(text)["label"] == label for text, label in related_rows()]
    assert matrix(run)[CLASSIFIER][1] == cell(sum(right) / 24, 24)
    assert list(report)[:3] == ["Result", TITLE, "By class"]


def test_a_stopped_run_is_not_scored_yet(tmp_path: Path, encoder: Path):
    settings = given(tmp_path, encoder, related_rows(), steps=6, learning_rate=1e-3, contrastive="off")
    kind, run = PLUGIN.kind("classify"), tmp_path / "run"
    run.mkdir()
    (run / "cancel").touch()
    task = kind.build(kind.read(settings), settings)
    assert not run_task(task, settings.with_usual(), run, {})
    assert TITLE not in json.loads((run / "report.json").read_text())
    (run / "cancel").unlink()
    assert run_task(kind.build(kind.read(settings), settings), settings.with_usual(), run, {})
    assert TITLE in json.loads((run / "report.json").read_text())


# -- while the table is made ---------------------------------------------------------------------------------------------


class KilledError(Exception):
    """Stands for a kill: nothing of the run is written any more."""


def interrupted(folder: Path, settings: Any, monkeypatch: pytest.MonkeyPatch, how: str) -> tuple[list[dict], bool]:
    """A run that is stopped or killed while its rows of related tasks are scored: its events, and whether it is done."""
    kind, heard = PLUGIN.kind("classify"), list[dict]()
    monkeypatch.setattr("training.data.progress.INTERVAL_SECONDS", 0.0)
    monkeypatch.setattr(untuned, "PIECE_ROWS", 8)

    def listen(event: dict) -> None:
        heard.append(event)
        if event["event"] == "finishing" and how == "stop":
            (folder / "cancel").touch()
        elif event["event"] == "finishing":
            raise KilledError

    folder.mkdir(exist_ok=True)
    task = kind.build(kind.read(settings), settings)
    return heard, run_task(task, settings.with_usual(), folder, {"card": {}}, listen)


def resumed(folder: Path, settings: Any) -> list[dict]:
    """The events of the run's second half."""
    kind, heard = PLUGIN.kind("classify"), list[dict]()
    (folder / "cancel").unlink(missing_ok=True)
    assert run_task(
        kind.build(kind.read(settings), settings), settings.with_usual(), folder, {"card": {}}, heard.append
    )
    return heard


KINDS_OF_RUN = [{"frozen_encoder": True}, {"steps": 4, "learning_rate": 1e-3, "contrastive": "off"}]


@pytest.mark.parametrize("more", KINDS_OF_RUN)
def test_a_stop_while_related_rows_are_scored_keeps_weights_and_report_and_says_what_lacks(
    more: dict[str, Any], tmp_path: Path, encoder: Path, monkeypatch: pytest.MonkeyPatch
):
    settings, run = given(tmp_path, encoder, related_rows(), **more), tmp_path / "run"
    heard, is_done = interrupted(run, settings, monkeypatch, "stop")
    told = [event["message"] for event in heard if event["event"] == "finishing"]
    assert is_done and told == ["Does it carry over? Scoring shop.csv: 0%"]
    assert heard[-1]["event"] == "cancelled"
    assert "weights and report are kept. “Does it carry over?” was not measured: resume" in heard[-1]["message"]
    assert "By class" in json.loads((run / "report.json").read_text())
    assert load_encoder(run / "artifact") and "studies" not in read_record(run / "artifact")


@pytest.mark.parametrize("more", KINDS_OF_RUN)
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_after_it_nothing_is_trained_again_and_the_table_is_made(
    how: str, more: dict[str, Any], tmp_path: Path, encoder: Path, monkeypatch: pytest.MonkeyPatch
):
    settings, run = given(tmp_path, encoder, related_rows(), **more), tmp_path / "run"
    with contextlib.suppress(KilledError):
        interrupted(run, settings, monkeypatch, how)
    kept = (run / "artifact/model.safetensors").stat()
    heard = resumed(run, settings)
    assert not {"step", "eval", "checkpoint"} & {event["event"] for event in heard}
    told = [event["message"] for event in heard if event["event"] == "finishing"]
    assert "Does it carry over? Scoring shop.csv: 67%" in told and "Label names alone on shop.csv: 33%" in told
    assert heard[-1]["event"] == "finished" and (run / "artifact/model.safetensors").stat() == kept
    assert matrix(run)[CLASSIFIER][1].count("(") == 1


def test_a_prompted_model_tells_how_far_it_is(
    tmp_path: Path, encoder: Path, gpt: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("training.data.progress.INTERVAL_SECONDS", 0.0)
    told: list[str] = []
    texts = [text for text, _ in related_rows()[:4]]
    with reporting(lambda what, share: told.append(f"{what}: {share:.0%}")):
        load_prompted(gpt).label_texts(texts, {name: name for name in COLOURS})
    assert told == [f"Labels by a prompt: {share}%" for share in (25, 50, 75, 100)]


def test_rows_of_other_labels_are_told_and_left_out_and_capitals_do_not_matter(tmp_path: Path, encoder: Path):
    rows = [("a stone", "grey"), ("a stone 2", "grey"), ("ink sea", "Blue"), ("ruby brick", "red"), ("x", "mauve")]
    settings = given(tmp_path, encoder, rows, header="review,colour")
    data: Any = PLUGIN.kind("classify").read(settings)
    [task] = data.related
    assert (task.rows.texts, task.rows.labels) == (["ink sea", "ruby brick"], [("blue",), ("red",)])
    assert (task.shared, task.set_aside) == (["blue", "red"], {"grey": 2, "mauve": 1})
    found = sheet(settings)
    title = "shop.csv: 3 rows with a label that the run does not have"
    assert found[title] == "amber Left out: grey (2), mauve (1)."
    told = found["shop.csv: 2 rows of a related task to score at the end"]
    assert told == "green Text in column 'review', label in 'colour'. Labels: blue (1), red (1)."


def test_a_run_calls_its_copy_of_the_file_by_its_own_name(tmp_path: Path, encoder: Path):
    copy = table(tmp_path / "related_data-shop.csv", related_rows())
    settings = given(tmp_path, encoder, related_rows()).model_copy(update={"related_data": str(copy)})
    assert "shop.csv: 24 rows of a related task to score at the end" in sheet(settings)


@pytest.mark.parametrize(
    ("rows", "title", "detail"),
    [
        (
            [("ink sea", "1"), ("ruby", "0")],
            "related_data: shop.csv and the training file have no label in common",
            "red It has 0, 1; the run has blue, green, red. Write the same names in both.",
        ),
        (rows_of(TRAIN), "related_data: all texts of shop.csv are also in the training file", "red Choose a file"),
        ([("ink sea", "")], "related_data: no row of shop.csv has a text and a label", "red Choose another file."),
    ],
)
def test_a_file_that_cannot_be_scored_is_refused_before_any_work(
    rows: list[tuple[str, str]], title: str, detail: str, tmp_path: Path, encoder: Path
):
    settings = given(tmp_path, encoder, rows)
    assert sheet(settings)[title].startswith(detail)
    with pytest.raises(UserError, match="related_data"):
        PLUGIN.kind("classify").read(settings).sheet.raise_if_blocked()


def test_a_file_without_a_column_of_these_labels_says_how_to_name_it(tmp_path: Path, encoder: Path):
    settings = given(tmp_path, encoder, [(f"ink sea {n}", f"hue {n}") for n in range(9)], "one,two")
    with pytest.raises(UserError, match=r"related_data: No label column.*Name its columns as in the .*: text, label\."):
        PLUGIN.kind("classify").read(settings)


def test_texts_that_were_trained_on_are_left_out_and_held_out_ones_are_told(tmp_path: Path, encoder: Path):
    settings = given(tmp_path, encoder, [*rows_of(TRAIN)[:3], *rows_of(HELD)[:4], ("lime grass", "green")])
    found = sheet(settings)
    assert found["shop.csv: 3 of 8 texts also in the training file"] == "amber Left out."
    assert "amber" in found["shop.csv: 4 of 5 texts also among the held-out rows"]
    assert "shop.csv: 5 rows of a related task to score at the end" in found


def test_of_many_rows_some_are_drawn_at_random(tmp_path: Path, encoder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(related, "MAX_ROWS", 10)
    settings = given(tmp_path, encoder, related_rows())
    data: Any = PLUGIN.kind("classify").read(settings)
    assert len(data.related[0].rows) == 10
    assert "shop.csv: 10 rows of a related task to score at the end, drawn at random from 24" in sheet(settings)


def test_own_rows_too_many_to_be_named_are_said(tmp_path: Path, encoder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(untuned, "MAX_ROWS", 10)
    run = trained(tmp_path / "run", given(tmp_path, encoder, related_rows()[:9], frozen_encoder=True))
    assert matrix(run)[NAMES][0] == "not measured" != matrix(run)[NAMES][1]
    text = json.loads((run / "report.json").read_text())[TITLE]["text"]
    assert "of more than 10 own rows it is not measured" in text


@pytest.mark.parametrize(("names", "why"), [((), "make models"), (("1", "2", "3"), "without a letter")])
def test_without_label_names_the_column_says_so(
    names: tuple[str, ...], why: str, tmp_path: Path, encoder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(starter, "MINILM", (encoder,) if names else ())
    spelled = dict(zip(COLOURS, names or COLOURS, strict=True))
    table(tmp_path / "numbers.csv", [(text, spelled[name]) for text, name in rows_of(TRAIN)])
    rows = [(text, spelled[name]) for text, name in related_rows()]
    settings = given(tmp_path, encoder, rows, frozen_encoder=True)
    settings = settings.model_copy(update={"data": str(tmp_path / "numbers.csv"), "eval_data": ""})
    report = json.loads((trained(tmp_path / "run", settings) / "report.json").read_text())
    assert matrix(tmp_path / "run")[NAMES] == ["not measured"] * 2
    assert why in report[TITLE]["text"]


def test_the_difference_of_two_shares_has_the_interval_of_the_paper():
    # Newcombe (1998), table II (a): 56 of 70 and 48 of 80, method 10.
    assert newcombe((56 / 70, 70), (48 / 80, 80)) == pytest.approx((0.0524, 0.3339), abs=1e-4)


@pytest.mark.parametrize(
    ("accuracy", "names", "said"),
    [
        (0.8, 0.6, "better than label names alone there (0.600)"),
        (0.62, 0.6, "no better, beyond chance, than label names alone there (0.600)"),
        (0.4, 0.6, "worse than label names alone there (0.600)"),
        (0.8, None, "better than always the most frequent label there (0.500)"),
    ],
)
def test_the_verdict_is_beside_the_best_of_what_is_not_tuned(accuracy: float, names: float | None, said: str):
    others = {USUAL: Share(0.5, 400), NAMES: None if names is None else Share(names, 400)}
    assert verdict(Share(accuracy, 400), others) == f"The classifier is {said}."


def test_of_few_prompted_rows_the_verdict_is_more_careful():
    assert "better than" in verdict(Share(0.7, 400), {"prompted": Share(0.6, 400)})
    assert "no better" in verdict(Share(0.7, 400), {"prompted": Share(0.6, 40)})


def test_it_is_refused_with_several_labels_and_is_no_setting_of_label_efficiency():
    with pytest.raises(UserError, match="related_data is scored by one label a text"):
        parse_settings(PLUGIN.kind("classify").trained_by, {"related_data": "a.csv", "multi_label": True})
    assert "related_data" not in PLUGIN.kind("label_efficiency").trained_by.settable_fields()


def test_without_held_out_rows_the_related_ones_stand_alone(tmp_path: Path, encoder: Path):
    settings = given(tmp_path, encoder, related_rows(), steps=2, learning_rate=1e-3, contrastive="off", eval_share=0)
    run = trained(tmp_path / "run", settings.model_copy(update={"eval_data": ""}))
    report = json.loads((run / "report.json").read_text())[TITLE]
    assert report["columns"] == ["", "shop.csv (24)"] and DIFFERENCE not in matrix(run)
    assert report["text"].startswith("On shop.csv the accuracy is 0.")


# -- several tasks ---------------------------------------------------------------------------------------------------------


def packed(path: Path, tables: dict[str, list[tuple[str, str]]]) -> Path:
    """A zip of tables by their names."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, rows in tables.items():
            archive.writestr(name, "text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    return path


def with_tasks(folder: Path, encoder: Path, tables: dict[str, list[tuple[str, str]]], **more: Any) -> Any:
    settings = given(folder, encoder, related_rows(), frozen_encoder=True, **more)
    return settings.model_copy(update={"related_data": str(packed(folder / "tasks.zip", tables))})


def test_each_table_of_a_zip_is_a_column_and_other_labels_are_set_aside_and_counted(tmp_path: Path, encoder: Path):
    paints = [*rows_of(400)[:12], ("a stone", "grey"), ("a pebble", "grey")]
    tables = {"paints.csv": paints, "shops/shop.csv": related_rows()}
    run = trained(tmp_path / "run", with_tasks(tmp_path, encoder, tables))
    report = json.loads((run / "report.json").read_text())[TITLE]
    assert report["columns"] == ["", "its own held-out rows (24)", "paints.csv (12)", "shops/shop.csv (24)"]
    assert matrix(run)[CLASSIFIER] == [cell(1.0, 24), cell(1.0, 12), cell(0.75, 24)]
    assert [len(cells) for cells in matrix(run).values()] == [3] * 4
    assert "On paints.csv the accuracy is 1.000, +0.000 from its own rows: no more than chance." in report["text"]
    assert "It shares blue, green, red; 2 rows of grey were set aside." in report["text"]


def test_on_the_command_line_a_folder_is_as_good_and_a_run_keeps_it(tmp_path: Path, encoder: Path):
    folder = tmp_path / "tasks"
    folder.mkdir()
    table(folder / "one.csv", related_rows())
    table(folder / "two.csv", rows_of(400))
    settings = given(tmp_path, encoder, related_rows()).model_copy(update={"related_data": str(folder)})
    run = Runs(tmp_path / "runs").create("bert_finetune", "classify", settings)
    kept = run.settings(PLUGIN.kind("classify").trained_by)
    assert Path(kept.value("related_data")).name == "related_data-tasks.zip"
    data: Any = PLUGIN.kind("classify").read(kept)
    assert [(each.source, len(each.rows)) for each in data.related] == [("one.csv", 24), ("two.csv", 24)]


def test_one_table_without_shared_labels_blocks_all_by_name(tmp_path: Path, encoder: Path):
    settings = with_tasks(tmp_path, encoder, {"a.csv": related_rows(), "b.csv": [("ink sea", "1"), ("ruby", "0")]})
    found = sheet(settings)
    assert found["related_data: b.csv and the training file have no label in common"].startswith("red It has 0, 1;")
    with pytest.raises(UserError, match=r"b\.csv"):
        PLUGIN.kind("classify").read(settings).sheet.raise_if_blocked()


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({}, "related_data: tasks.zip has no file in it"),
        ({f"{n}.csv": [] for n in range(21)}, "related_data: tasks.zip has 21 files; at most 20 are read"),
    ],
)
def test_a_zip_of_no_or_many_tables_is_refused(tables: dict[str, Any], message: str, tmp_path: Path, encoder: Path):
    with pytest.raises(UserError, match=message):
        PLUGIN.kind("classify").read(with_tasks(tmp_path, encoder, tables))


def test_an_empty_table_is_refused_by_its_setting(tmp_path: Path, encoder: Path):
    settings = given(tmp_path, encoder, related_rows())
    write(tmp_path / "empty.csv", "")
    with pytest.raises(UserError, match=r"related_data: .*empty"):
        PLUGIN.kind("classify").read(settings.model_copy(update={"related_data": str(tmp_path / "empty.csv")}))


def test_a_label_that_does_not_occur_and_a_single_one_are_told(tmp_path: Path, encoder: Path):
    one = [("ink sea", "blue"), ("sky lake", "blue")]
    found = sheet(with_tasks(tmp_path, encoder, {"one.csv": one, "two.csv": [*one, ("ruby brick", "red")]}))
    assert "amber" in found["one.csv: all rows that can be scored have the label 'blue'"]
    assert found["two.csv: no row has the run's label 'green'"].startswith("amber Where it is predicted there")


# -- prompted models -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gpt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gpt.save(tmp_path_factory.mktemp("gpt"))


def prompted(run: Path) -> dict[str, list[str]]:
    return {name: cells for name, cells in matrix(run).items() if "example" in name}


def test_a_prompted_gpt_is_two_rows_of_the_table_on_as_many_rows_as_were_allowed(
    tmp_path: Path, encoder: Path, gpt: Path
):
    more = {"prompted_model": str(gpt), "prompted_examples": 3, "prompted_rows": 10}
    run = trained(tmp_path / "run", with_tasks(tmp_path, encoder, {"shop.csv": related_rows()}, **more))
    rows = prompted(run)
    assert list(rows) == ["prompted GPT without examples", "prompted GPT with 3 examples"]
    assert all(text.endswith(", 10 rows") for cells in rows.values() for text in cells)
    data: Any = PLUGIN.kind("classify").read(with_tasks(tmp_path, encoder, {"shop.csv": related_rows()}, **more))
    drawn = related.draw_rows(data.related[0].rows, 10, 0)
    examples = draw_examples(data.train, 3, 0)
    guesses = load_prompted(gpt).label_texts(drawn.texts, {name: name for name in COLOURS}, examples)
    right = sum(guess.label == labels[0] for guess, labels in zip(guesses, drawn.labels, strict=True))
    assert rows["prompted GPT with 3 examples"][1] == f"{cell(right / 10, 10)}, 10 rows"
    text = json.loads((run / "report.json").read_text())[TITLE]["text"]
    assert "A prompted model labelled at most 10 rows of a task." in text and "Set prompted_model" not in text


def test_examples_are_even_by_label_and_of_the_training_rows(tmp_path: Path, encoder: Path):
    data: Any = PLUGIN.kind("classify").read(given(tmp_path, encoder, related_rows()))
    examples = draw_examples(data.train, 6, 1)
    assert Counter(label for _, label in examples) == {"red": 2, "green": 2, "blue": 2}
    assert {*examples} <= {*rows_of(TRAIN)} and draw_examples(data.train, 6, 2) != examples


def test_weights_that_cannot_be_prompted_are_refused_before_the_training(tmp_path: Path, encoder: Path, run: Path):
    settings = given(tmp_path, encoder, related_rows(), prompted_model=str(run / "artifact"))
    kind = PLUGIN.kind("classify")
    with pytest.raises(UserError, match="artifact holds weights of 'Classify', which cannot be prompted: choose a GPT"):
        kind.build(kind.read(settings), settings)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"prompted_model": "tales"}, "prompted_model is compared on related_data: give such a file"),
        ({"related_data": "a.csv", "hosted_model": "gpt-4o"}, "hosted_model: 'gpt-4o' was given; hosted:model@https"),
    ],
)
def test_what_cannot_be_prompted_is_refused_with_the_settings(values: dict[str, str], message: str):
    with pytest.raises(UserError, match=message):
        parse_settings(PLUGIN.kind("classify").trained_by, values)


def hosted(folder: Path, encoder: Path, address: str, model: str = "tiny", **more: Any) -> Any:
    more = {"hosted_model": f"hosted:{model}@{address}", "prompted_examples": 2, "prompted_rows": 10, **more}
    return given(folder, encoder, related_rows(), frozen_encoder=True, **more)


def test_a_hosted_model_is_asked_as_often_as_the_sheet_says_and_with_the_key(
    tmp_path: Path, encoder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(VARIABLE, KEY)
    with openai_server() as (address, asked):
        settings = hosted(tmp_path, encoder, address)
        told = sheet(settings)[f"About 40 texts are sent to tiny at {address} at the end"]
        assert told.startswith("amber One a request, half of them with 2 training texts")
        assert not asked
        run = trained(tmp_path / "run", settings)
        assert len(asked) == 40 and {each["key"] for each in asked} == {f"Bearer {KEY}"}
    assert list(prompted(run)) == ["hosted model without examples", "hosted model with 2 examples"]
    assert VARIABLE not in os.environ
    assert not any(KEY in path.read_text(errors="replace") for path in run.rglob("*") if path.is_file())


def test_a_server_that_refuses_the_key_costs_its_rows_and_not_the_classifier(tmp_path: Path, encoder: Path):
    with openai_server() as (address, asked):
        run = trained(tmp_path / "run", hosted(tmp_path, encoder, address))
        assert len(asked) == 2
    report = json.loads((run / "report.json").read_text())[TITLE]
    assert not prompted(run) and matrix(run)[CLASSIFIER] == [cell(1.0, 24), cell(0.75, 24)]
    assert (
        "hosted model without examples: not measured." in report["text"] and "does not accept the key" in report["text"]
    )


def test_without_a_hosted_model_nothing_is_said_or_sent(tmp_path: Path, encoder: Path):
    assert not any("sent to" in title for title in sheet(given(tmp_path, encoder, related_rows())))


def test_labels_without_letters_are_prompted_with_examples_alone(tmp_path: Path, encoder: Path, gpt: Path):
    spelled = dict(zip(COLOURS, ("1", "2", "3"), strict=True))
    table(tmp_path / "numbers.csv", [(text, spelled[name]) for text, name in rows_of(TRAIN)])
    rows = [(text, spelled[name]) for text, name in related_rows()]
    settings = given(
        tmp_path, encoder, rows, frozen_encoder=True, prompted_model=str(gpt), prompted_rows=10, prompted_examples=3
    )
    settings = settings.model_copy(update={"data": str(tmp_path / "numbers.csv"), "eval_data": ""})
    run = trained(tmp_path / "run", settings)
    assert list(prompted(run)) == ["prompted GPT with 3 examples"]
    assert "without examples: not measured" in json.loads((run / "report.json").read_text())[TITLE]["text"]
