"""The shots experiment: accuracy against examples, the proof that nothing was trained, a prompt that can be loaded and called."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from plugins.gpt_prompting import PLUGIN
from plugins.gpt_prompting.models.transformers_model import TransformersModel
from plugins.gpt_prompting.shots import report
from plugins.gpt_prompting.shots.data import parse_counts, read
from plugins.gpt_prompting.shots.finetuning_baseline import describe_crossover, read_finetuning_results
from plugins.gpt_prompting.shots.predictor import load
from plugins.gpt_prompting.shots.report import PROMPT_ARM, RANDOM_LABELS_ARM
from plugins.gpt_prompting.shots.settings import ShotsSettings
from plugins.testing import check_load, check_resume, check_settings
from tests import tiny_gpt
from training.cli.main import main
from training.errors import UserError
from training.fit.experiment import read_results, run_experiment
from training.runs.registry import Runs
from training.settings import RunSettings, parse_settings

SMALL = {"shots": "0, 1, 4", "seeds": 2, "permutations": 2, "eval_rows": 24}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gpt.save(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gpt.write_reviews(tmp_path_factory.mktemp("data") / "reviews.csv", 80)


def build(given: ShotsSettings) -> Any:
    kind = PLUGIN.kind("shots")
    return kind.build(kind.read(given), given)


def settings(weights: Path, file: Path, **more: Any) -> ShotsSettings:
    return parse_settings(ShotsSettings, {"model": str(weights), "data": str(file), **SMALL, **more})


@pytest.fixture(scope="module")
def finished(weights: Path, file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shots") / "run"
    flags = [word for name, value in SMALL.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    command = ["gpt_prompting", "shots", "--model", str(weights), "--data", str(file), "--folder", str(folder)]
    assert main([*command, *flags]) == 0
    return folder


def test_every_number_of_examples_is_measured_over_seeds_and_permutations(finished: Path) -> None:
    results = read_results(finished)
    ours = [one["shots"] for one in results if one["arm"] == PROMPT_ARM]
    assert {shots: ours.count(shots) for shots in ours} == {0: 1, 1: 2, 4: 4}
    assert sum(one["arm"] == RANDOM_LABELS_ARM for one in results) == 4
    assert all(one["accuracy"] > 0.7 for one in results if one["arm"] == PROMPT_ARM and one["shots"] < 4)


def test_no_parameter_changed_and_the_hash_says_so(finished: Path, weights: Path) -> None:
    proof = report.proof(read_results(finished))
    assert proof["unchanged"] == "yes" and proof["sha256_after"] == TransformersModel.load(weights).fingerprint()
    altered = [dict(one) for one in read_results(finished)]
    altered[1]["sha256_after"] = "other"
    assert report.proof(altered)["unchanged"] == "no"


def test_what_was_found_is_in_card_endpoint_report_and_picture(finished: Path) -> None:
    card = (finished / "artifact" / "README.md").read_text()
    assert "## Examples in the prompt" in card and "No parameter was changed" in card and "shots.png" in card
    tables = json.loads((finished / "report.json").read_text())
    for title in ("Accuracy (mean, 95 % interval)", "Expected calibration error (mean, 95 % interval)", "Cost", "Proof that nothing was trained"):  # fmt: skip
        assert title in tables
    assert any(title.startswith("Order sensitivity") for title in tables)
    [confusion] = [table for title, table in tables.items() if title.startswith("Confusion with 4")]
    assert sum(map(sum, (row[1:] for row in confusion["rows"]))) == 4 * 24
    found = load(finished / "artifact").shots()
    assert found["proof"]["unchanged"] == "yes" and {one["shots"] for one in found["records"]} == {0, 1, 4}
    assert (finished / "artifact" / "shots.png").read_bytes().startswith(b"\x89PNG")


def test_the_artifact_is_the_same_weights_with_the_prompt_that_labels(finished: Path, weights: Path) -> None:
    model = load(finished / "artifact")
    assert model.model.fingerprint() == TransformersModel.load(weights).fingerprint()
    found = model.classify("a dull plot and a slow song")
    assert found["label"] == "bad" and set(found["probabilities"]) == {"good", "bad"}
    assert model.classify("a dull plot", ["up", "down"])["label"] in ("up", "down")
    record = (finished / "artifact" / "selfsup.json").read_text()
    assert str(weights) not in record and str(finished) not in record


def test_an_artifact_without_prompt_or_results_is_refused(finished: Path, weights: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no selfsup\.json"):
        load(weights)
    shutil.copytree(finished / "artifact", tmp_path / "artifact")
    (tmp_path / "artifact" / "prompt.json").unlink()
    with pytest.raises(UserError, match="is not complete"):
        load(tmp_path / "artifact")


def test_it_keeps_the_contract(weights: Path, file: Path, tmp_path: Path) -> None:
    kind = PLUGIN.kind("shots")
    small = settings(weights, file, seeds=1, permutations=1, device="cpu")
    check_settings("shots", PLUGIN, kind, small, tmp_path)
    run = check_resume("shots", PLUGIN, kind, small, tmp_path)
    check_load("shots", kind, run.artifact, lambda model: model.classify("a warm film"))


def test_a_stopped_experiment_goes_on_to_the_same_results(weights: Path, file: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    small = settings(weights, file, seeds=1)
    assert run_experiment(build(small), whole, {"card": {}})

    def stop(event: dict) -> None:
        if event["event"] == "eval" and len(read_results(broken)) == 2:
            (broken / "cancel").touch()

    assert not run_experiment(build(small), broken, {"card": {}}, stop)
    assert len(read_results(broken)) == 2
    (broken / "cancel").unlink()
    assert run_experiment(build(small), broken, {"card": {}})

    def timeless(folder: Path) -> list[dict[str, Any]]:
        return [{name: value for name, value in one.items() if name != "seconds"} for one in read_results(folder)]

    assert timeless(broken) == timeless(whole)


def test_nearest_examples_differ_from_row_to_row(weights: Path, file: Path) -> None:
    experiment = build(settings(weights, file, selection="nearest", permutations=3, shots="2"))
    assert len(experiment.parts) == 2 * 2
    shown = experiment._examples(experiment.parts[0].about)
    assert len({tuple(row["text"] for row in rows) for rows in shown}) > 5


# -- data ----------------------------------------------------------------------------------------------------------------


def test_no_row_is_both_an_example_and_measured(weights: Path, file: Path) -> None:
    data = read(settings(weights, file))
    assert not {row["text"] for row in data.pool} & {row["text"] for row in data.rows}
    assert data.chance == 0.5 and 0.5 <= data.majority < 1


def test_few_rows_take_the_usual_numbers_that_they_allow(weights: Path, tmp_path: Path) -> None:
    four = tmp_path / "examples.csv"
    four.write_text("text,label\nplay jazz,music\nwill it rain,weather\na song by adele,music\nis it sunny,weather\n")
    data = read(parse_settings(ShotsSettings, {"model": str(weights), "data": str(four)}))
    assert (data.counts, len(data.pool), len(data.rows)) == ([0, 1, 2], 2, 2)
    (finding,) = [each for each in data.sheet.findings if each.title == "At most 2 examples in a prompt"]
    assert (finding.level, finding.detail.endswith("(4, 8) are left out.")) == ("amber", True)
    with pytest.raises(UserError, match=r"16 examples were asked for; 2 rows are left .*: give numbers up to 2\."):
        read(parse_settings(ShotsSettings, {"model": str(weights), "data": str(four), "shots": "0, 16"}))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"shots": "one"}, "'one' was given; numbers from 0"),
        ({"shots": ""}, "numbers from 0"),
        ({"shots": "200"}, "rows are left to select them from"),
        ({"template": "Text: {text}"}, "no {label}"),
        ({"template": "{title}: {label}"}, "no column title"),
        ({"labels": "good"}, "Give 2 to 200 labels; there is 1"),
        ({"labels": "up, down"}, "fewer than two labels"),
        ({"fine_tuned_run": "bert_finetune-0123456789abcdef"}, "no run bert_finetune-0123456789abcdef"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    weights: Path, file: Path, values: dict[str, Any], words: str, home: Path
) -> None:
    with pytest.raises(UserError, match=words):
        build(settings(weights, file, **values))


def test_counts_are_sorted_and_each_there_once() -> None:
    assert parse_counts("8, 0,2 , 2") == [0, 2, 8]


def test_the_form_has_nothing_that_only_training_needs() -> None:
    from dataclasses import astuple

    from spaces_app.panels.settings_form import sections

    form = [name for names in astuple(sections(ShotsSettings)) for name in names]
    assert "learning_rate" not in form
    assert {"data", "shots", "template", "seed"} <= set(form)
    assert len(form) == len(set(form))


def test_settings_have_nothing_that_only_training_needs() -> None:
    names = {*ShotsSettings.model_fields}
    assert not names & {"learning_rate", "steps", "batch_size", "processes"}
    assert {"data", "shots", "template", "seed"} <= names


# -- beside fine-tuning --------------------------------------------------------------------------------------------------


def label_efficiency_run(home: Path) -> str:
    """A folder as such a run leaves it."""
    run = Runs(home / "runs").create("bert_finetune", "label_efficiency", RunSettings())
    rows = [
        {"part": f"{arm}-{labels}-{seed}", "arm": arm, "labels": labels, "seed": seed, "eval_rows": 50, "accuracy": accuracy + seed / 100}
        for arm, scores in (("from scratch", {10: 0.5, 100: 0.6}), ("pre-trained", {10: 0.6, 100: 0.98}))
        for labels, accuracy in scores.items()
        for seed in (0, 1)
    ]  # fmt: skip
    (run.folder / "results.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    return run.id


def test_a_runs_fine_tuning_stands_beside_it(home: Path, weights: Path, file: Path, tmp_path: Path) -> None:
    found = read_finetuning_results(label_efficiency_run(home), Runs(home / "runs"))
    assert [(one["shots"], one["arm"]) for one in found] == [(10, "fine-tuned: pre-trained"), (100, "fine-tuned: pre-trained")]  # fmt: skip
    prompted = [{"mean": 0.7, "shots": 4}, {"mean": 0.5, "shots": 0}]
    assert describe_crossover(found, prompted).startswith("With 100 labels or more, fine-tuning wins")
    assert "does not reach the best prompt" in describe_crossover(found, [{"mean": 0.999, "shots": 8}])


def test_a_run_of_another_kind_is_refused(home: Path) -> None:
    run = Runs(home / "runs").create("gpt_prompting", "shots", ShotsSettings())
    with pytest.raises(UserError, match="is not a run of label_efficiency"):
        read_finetuning_results(run.id, Runs(home / "runs"))
