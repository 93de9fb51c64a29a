"""Does it carry over? A classifier's kept weights scored at the end on rows of a related task."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertModel

from plugins.bert_finetune import PLUGIN, starter
from plugins.bert_finetune.classify import carry_over, related
from plugins.bert_finetune.classify.carry_over import NAMES, TITLE, Scored, newcombe
from plugins.bert_finetune.encode.predictor import load as load_encoder
from plugins.bert_finetune.models import loading
from plugins.bert_finetune.zero_shot.label_names import TEMPLATE
from spaces_app.panels.tables import report_html
from tests.bert_models import WORDS, tiny_encoder
from tests.files import write
from training.artifact.store import read_record
from training.errors import UserError
from training.fit.experiment import run_task
from training.labelling.sampling import wilson
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


def test_the_table_has_accuracies_of_own_and_related_rows_with_intervals(run: Path, encoder: Path):
    report = json.loads((run / "report.json").read_text())
    rows = [dict(zip(report[TITLE]["columns"], row, strict=True)) for row in report[TITLE]["rows"]]
    metrics, (own, other) = read_record(run / "artifact")["metrics"], rows
    assert metrics["accuracy"] == 1.0
    assert (own["accuracy"], own["rows"], other["accuracy"], other["rows"]) == ("1.000", 24, "0.750", 24)
    assert other["95 % interval"] == "{:.3f} to {:.3f}".format(*wilson(0.75, 24)) == "0.551 to 0.880"
    assert other["difference"] == "-0.250 ({:+.3f} to {:+.3f})".format(*newcombe((0.75, 24), (1.0, 24)))
    assert own["always the most frequent label"] == other["always the most frequent label"] == "0.333"
    names = load_encoder(encoder)
    right = [names.zero_shot(text, list(COLOURS), TEMPLATE)["label"] == label for text, label in related_rows()]
    assert float(other[NAMES]) == pytest.approx(sum(right) / 24, abs=5e-4)
    assert "On shop.csv the accuracy is lower by 0.250, beyond chance." in report[TITLE]["text"]
    assert "Few-shot accuracy" in report[TITLE]["text"]


def test_card_and_record_have_the_table_too(run: Path):
    study = read_record(run / "artifact")["studies"][0]
    assert (study["title"], study["rows"][1][:3]) == (TITLE, ["shop.csv", 24, "0.750"])
    card = (run / "artifact/README.md").read_text()
    assert f"## {TITLE}" in card and "| shop.csv | 24 | 0.750 | 0.551 to 0.880 |" in card
    assert "eval\\_data" not in card.split(f"## {TITLE}")[1].split("##")[0]  # advice for the owner of the run


def test_the_page_shows_the_table_with_what_it_says(run: Path):
    shown = report_html(json.loads((run / "report.json").read_text()))
    assert shown.startswith(f"<h3>{TITLE}</h3><p>On shop.csv the accuracy is lower by 0.250, beyond chance.")
    assert "<td>0.551 to 0.880</td>" in shown


def test_a_run_of_steps_is_scored_once_at_its_end(tmp_path: Path, encoder: Path, monkeypatch: pytest.MonkeyPatch):
    seen: list[Path] = []
    load = carry_over.load
    monkeypatch.setattr(carry_over, "load", lambda folder: seen.append(folder) or load(folder))
    settings = given(tmp_path, encoder, related_rows(), steps=6, eval_every=2, learning_rate=1e-3, contrastive="off")
    run = trained(tmp_path / "run", settings)
    assert seen == [run / "artifact"]
    report, predictor = json.loads((run / "report.json").read_text()), load(run / "artifact")
    right = [predictor.classify(text)["label"] == label for text, label in related_rows()]
    assert report[TITLE]["rows"][1][2] == f"{sum(right) / 24:.3f}"
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


def test_rows_of_other_labels_are_told_and_left_out_and_capitals_do_not_matter(tmp_path: Path, encoder: Path):
    rows = [("a stone", "grey"), ("a stone 2", "grey"), ("ink sea", "Blue"), ("ruby brick", "red"), ("x", "mauve")]
    settings = given(tmp_path, encoder, rows, header="review,colour")
    data: Any = PLUGIN.kind("classify").read(settings)
    assert (data.related.rows.texts, data.related.rows.labels) == (["ink sea", "ruby brick"], [("blue",), ("red",)])
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
    assert len(data.related.rows) == 10
    assert "shop.csv: 10 rows of a related task to score at the end, drawn at random from 24" in sheet(settings)


def test_own_rows_too_many_to_be_named_are_said(tmp_path: Path, encoder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(carry_over, "MAX_ROWS", 10)
    run = trained(tmp_path / "run", given(tmp_path, encoder, related_rows(), frozen_encoder=True))
    table = json.loads((run / "report.json").read_text())[TITLE]
    assert table["rows"][0][-1] == "not measured" != table["rows"][1][-1]
    assert "of more than 10 own rows it is not measured" in table["text"]


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
    assert [row[-1] for row in report[TITLE]["rows"]] == ["not measured"] * 2
    assert why in report[TITLE]["text"]


def test_the_difference_of_two_shares_has_the_interval_of_the_paper():
    # Newcombe (1998), table II (a): 56 of 70 and 48 of 80, method 10.
    assert newcombe((56 / 70, 70), (48 / 80, 80)) == pytest.approx((0.0524, 0.3339), abs=1e-4)


@pytest.mark.parametrize(
    ("accuracy", "names", "verdict"),
    [
        (0.8, 0.6, "better than label names alone there (0.600)"),
        (0.62, 0.6, "no better, beyond chance, than label names alone there (0.600)"),
        (0.4, 0.6, "worse than label names alone there (0.600)"),
        (0.8, None, "better than always the most frequent label there (0.500)"),
    ],
)
def test_the_verdict_is_beside_the_best_of_what_is_not_tuned(accuracy: float, names: float | None, verdict: str):
    assert Scored("shop.csv", 400, accuracy, 0.5, names).verdict() == f"It is {verdict}."


def test_it_is_refused_with_several_labels_and_is_no_setting_of_label_efficiency():
    with pytest.raises(UserError, match="related_data is scored by one label a text"):
        parse_settings(PLUGIN.kind("classify").trained_by, {"related_data": "a.csv", "multi_label": True})
    assert "related_data" not in PLUGIN.kind("label_efficiency").trained_by.settable_fields()


def test_without_held_out_rows_the_related_ones_stand_alone(tmp_path: Path, encoder: Path):
    settings = given(tmp_path, encoder, related_rows(), steps=2, learning_rate=1e-3, contrastive="off", eval_share=0)
    run = trained(tmp_path / "run", settings.model_copy(update={"eval_data": ""}))
    rows = json.loads((run / "report.json").read_text())[TITLE]["rows"]
    assert [(row[0], row[1], row[4]) for row in rows] == [("shop.csv", 24, "")]
