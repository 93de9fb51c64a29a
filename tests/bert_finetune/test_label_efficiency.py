"""Was the pre-training worth it: the subsets, the arms, the intervals, and an experiment that survives a stop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins._prompted import Prompted, PromptedLabel
from plugins.bert_finetune import PLUGIN
from plugins.bert_finetune.classify.labelled_texts import LabelledTexts
from plugins.bert_finetune.label_efficiency import arms
from plugins.bert_finetune.label_efficiency.settings import LabelEfficiencySettings
from plugins.bert_finetune.label_efficiency.shares import label_counts, parse_shares
from tests import tiny_gpt
from tests.bert_models import build, load
from tests.files import write
from training.artifact import confidence_intervals
from training.cli.main import main
from training.errors import UserError
from training.events import read_events
from training.fit.experiment import read_results, run_experiment
from training.settings import parse_settings

TINY = {"layers": 1, "heads": 2, "hidden_size": 16, "vocabulary_size": 200, "max_length": 16, "batch_size": 8}
SMALL = {"steps": 4, "shares": "10, 100", "seeds": 2, "eval_rows": 20}


def write_reviews(path: Path, rows: int = 80) -> Path:
    words = np.random.default_rng(0).choice(["film", "plot", "scene", "actor", "music"], (rows, 4))
    lines = [
        f"{' '.join(words[row])} {('dull', 'fine')[row % 2]} {row},{('bad', 'good')[row % 2]}" for row in range(rows)
    ]
    return write(path, "text,label\n" + "\n".join(lines) + "\n")


def rows_of(labels: list[str]) -> LabelledTexts:
    return LabelledTexts(
        [str(row) for row in range(len(labels))], None, [(label,) for label in labels], list(range(len(labels)))
    )


# -- subsets ---------------------------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from("abc"), min_size=3, max_size=60), st.integers(0, 5))
def test_subsets_are_nested_and_have_every_class(labels: list[str], seed: int) -> None:
    rows, classes = rows_of(labels), len(set(labels))
    before: set[int] = set()
    for count in range(classes, len(labels) + 1):
        chosen = arms.nested_subset(rows, count, seed)
        assert len(set(chosen)) == count and before <= set(chosen)
        assert {labels[row] for row in chosen} == set(labels)
        before = set(chosen)


def test_other_seeds_draw_other_labels() -> None:
    rows = rows_of(["a", "b"] * 50)
    assert arms.nested_subset(rows, 10, 0) != arms.nested_subset(rows, 10, 1)


@pytest.mark.parametrize("shares", ["", "0", "101", "ten", "-5"])
def test_shares_that_are_none_are_refused(shares: str) -> None:
    with pytest.raises(UserError, match="percentages above 0 and up to 100"):
        parse_shares(shares)


def test_shares_become_numbers_of_labels_with_one_a_class_at_least() -> None:
    assert label_counts(parse_shares("100%, 1, 5"), 200, 4) == [4, 10, 200]


# -- intervals -------------------------------------------------------------------------------------------------------------


def test_intervals_are_students_over_seeds() -> None:
    """Of 0.6, 0.7 and 0.8: mean 0.7, 4.303 times 0.1 over the root of 3."""
    results = [{"arm": "x", "labels": 10, "accuracy": value, "eval_rows": 50} for value in (0.6, 0.7, 0.8)]
    [record] = confidence_intervals.summary(results)
    assert record["mean"] == 0.7 and record["high"] - record["mean"] == pytest.approx(0.2484, abs=1e-3)


def test_of_one_seed_the_interval_is_over_the_rows() -> None:
    [record] = confidence_intervals.summary([{"arm": "x", "labels": 10, "accuracy": 0.5, "eval_rows": 100}])
    assert (record["low"], record["high"]) == pytest.approx((0.4038, 0.5962), abs=1e-3)


def test_gains_are_of_the_same_draw_pair_by_pair() -> None:
    """Draws differ by 0.2, both arms alike; the gain is 0.1, 0.1 and 0.13: its interval knows nothing of the draws."""
    scores = {("base", 0): 0.5, ("base", 1): 0.7, ("base", 2): 0.6, ("new", 0): 0.6, ("new", 1): 0.8, ("new", 2): 0.73}
    results = [{"arm": arm, "labels": 10, "seed": seed, "accuracy": value} for (arm, seed), value in scores.items()]
    [gain] = confidence_intervals.gains(results, "base")
    assert (gain["arm"], gain["seeds"], gain["mean"]) == ("new", 3, 0.11)
    assert gain["low"] == pytest.approx(0.11 - 4.303 * 0.01732 / 3**0.5, abs=1e-3)


def test_one_draw_gives_no_interval_of_the_gain() -> None:
    results = [{"arm": arm, "labels": 10, "seed": 0, "accuracy": 0.5} for arm in ("base", "new")]
    assert confidence_intervals.gains(results, "base") == []


# -- the experiment --------------------------------------------------------------------------------------------------------


def flags(values: dict[str, Any]) -> list[str]:
    return [word for name, value in values.items() for word in (f"--{name.replace('_', '-')}", str(value))]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three arms: scratch, a pre-trained start and TF-IDF."""
    folder = tmp_path_factory.mktemp("efficiency")
    data = write_reviews(folder / "reviews.csv")
    start = folder / "start"
    assert main(["bert_finetune", "classify", "--data", str(data), "--folder", str(start), *flags({**TINY, "steps": 60, "learning_rate": 5e-3})]) == 0  # fmt: skip
    given = {**TINY, **SMALL, "model": start / "artifact"}
    assert main(["bert_finetune", "label_efficiency", "--data", str(data), "--folder", str(folder / "run"), *flags(given)]) == 0  # fmt: skip
    return folder / "run"


def test_every_arm_is_scored_at_every_number_of_labels(finished: Path) -> None:
    results = read_results(finished)
    assert len(results) == 3 * 2 * 2
    assert {result["arm"] for result in results} == {arms.SCRATCH, arms.BASE, arms.TFIDF}
    assert len({result["eval_rows"] for result in results}) == 1


def test_a_start_that_knows_the_answer_beats_one_from_scratch(finished: Path) -> None:
    """The pre-trained start was trained on the same labels, so with few steps it must win."""
    mean = {
        (record["arm"], record["labels"]): record["mean"]
        for record in confidence_intervals.summary(read_results(finished))
    }
    few = min(labels for _, labels in mean)
    assert mean[arms.BASE, few] > mean[arms.SCRATCH, few]


def test_what_was_found_is_in_card_endpoint_report_and_picture(finished: Path) -> None:
    card = (finished / "artifact" / "README.md").read_text()
    assert "pre-trained over from scratch" in card and "## Fewer labels" in card and "label_efficiency.png" in card
    assert (finished / "artifact" / "label_efficiency.png").read_bytes().startswith(b"\x89PNG")
    assert "Accuracy (mean, 95 % interval)" in json.loads((finished / "report.json").read_text())
    records = load(finished / "artifact").label_efficiency()
    assert records == confidence_intervals.summary(read_results(finished))
    events, _ = read_events(finished / "events.jsonl")
    assert [event["event"] for event in events][-1] == "finished"
    assert sum(event["event"] == "eval" for event in events) == 12 and not (finished / "parts").exists()
    steps = [event["step"] for event in events if "step" in event]
    assert steps == sorted(steps) and steps[-1] == 8 * SMALL["steps"]


def test_weights_of_no_experiment_say_so(finished: Path) -> None:
    with pytest.raises(UserError, match="no results of a label_efficiency experiment"):
        PLUGIN.kind("label_efficiency").load(finished.parent / "start" / "artifact").label_efficiency()


def test_a_stopped_experiment_goes_on_to_the_same_results(tmp_path: Path) -> None:
    data = write_reviews(tmp_path / "reviews.csv")
    settings = parse_settings(LabelEfficiencySettings, {"data": str(data), **TINY, **SMALL, "tfidf": False, "seeds": 1})
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    assert run_experiment(build("label_efficiency", settings), whole, {})

    def stop(event: dict) -> None:
        if event["event"] == "step" and event["step"] >= SMALL["steps"] + 1:  # in the middle of the second part
            (broken / "cancel").touch()

    assert not run_experiment(build("label_efficiency", settings), broken, {}, stop)
    assert 1 <= len(read_results(broken)) < 2 + 1
    (broken / "cancel").unlink()
    with (broken / "results.jsonl").open("a") as file:
        file.write('{"part": "torn')  # as a kill may leave it
    assert run_experiment(build("label_efficiency", settings), broken, {})
    assert read_results(broken) == read_results(whole)


# -- further arms ----------------------------------------------------------------------------------------------------------


def records(folder: Path) -> dict[tuple[str, int], float]:
    return {(each["arm"], each["labels"]): each["accuracy"] for each in read_results(folder)}


@pytest.fixture(scope="module")
def all_arms(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one seed with every arm; the GPT has learned other words, so that it knows nothing."""
    folder = tmp_path_factory.mktemp("arms")
    start, gpt = finished.parent / "start" / "artifact", tiny_gpt.save(folder / "gpt")
    more = {"contrastive": "on", "own_model": start, "prompted_model": gpt, "prompted_examples": 4}
    given = {**TINY, **SMALL, "seeds": 1, "model": start, **more}
    data = finished.parent / "reviews.csv"
    assert main(["bert_finetune", "label_efficiency", "--data", str(data), "--folder", str(folder / "run"), *flags(given)]) == 0  # fmt: skip
    return folder / "run"


def test_every_arm_stands_in_report_and_card(all_arms: Path) -> None:
    every = [arms.TFIDF, arms.SCRATCH, arms.BASE, arms.SECOND, arms.CONTRASTIVE, arms.PROMPTED]
    assert {arm for arm, _ in records(all_arms)} == {*every} and len(records(all_arms)) == 2 * 6
    table = json.loads((all_arms / "report.json").read_text())["Accuracy (mean, 95 % interval)"]
    card = (all_arms / "artifact/README.md").read_text()
    for arm in every:
        assert any(arm in str(entry) for entry in [*table["columns"], *(row[0] for row in table["rows"])])
        assert arm in card
    assert "The prompted GPT is shown at most 4 of the labelled rows." in card


def test_the_contrastive_arm_trains_as_classify_would_with_as_many_labels(all_arms: Path, finished: Path) -> None:
    start = str(finished.parent / "start" / "artifact")
    values = {"data": str(finished.parent / "reviews.csv"), **TINY, **SMALL, "seeds": 1, "model": start}
    experiment: Any = build(
        "label_efficiency", parse_settings(LabelEfficiencySettings, {**values, "contrastive": "on"})
    )
    steps = {part.about["labels"]: part.steps for part in experiment.parts if part.about["arm"] == arms.CONTRASTIVE}
    few, many = sorted(steps)
    assert steps[few] != SMALL["steps"] and steps[few] < steps[many]
    settings = {part.about["arm"]: experiment._settings(part) for part in experiment.parts}
    assert [arm for arm, each in settings.items() if each.contrastive == "on"] == [arms.CONTRASTIVE]


def test_the_prompted_arm_is_shown_only_rows_of_its_subset(finished: Path, tmp_path: Path) -> None:
    asked: list[tuple[list[str], list[tuple[str, str]]]] = []

    class Spy(Prompted):
        def label_texts(self, texts: Any, labels: Any, examples: Any = (), key: str = "") -> list[PromptedLabel]:
            asked.append((list(texts), list(examples)))
            return [PromptedLabel("good", {})] * len(texts)

    values = {"data": str(finished.parent / "reviews.csv"), **TINY, **SMALL, "seeds": 1, "prompted_examples": 6}
    gpt = tiny_gpt.save(tmp_path / "gpt")
    experiment: Any = build("label_efficiency", parse_settings(LabelEfficiencySettings, {**values, "prompted_model": str(gpt)}))  # fmt: skip
    experiment.__dict__["_prompted"] = Spy()
    part = next(part for part in experiment.parts if part.about["arm"] == arms.PROMPTED)
    scores = experiment.run(part, None)
    [(texts, examples)] = asked
    subset = arms.nested_subset(experiment.data.train, part.about["labels"], part.about["seed"])
    own = {(experiment.data.train.texts[row], experiment.data.train.labels[row][0]) for row in subset}
    assert len(examples) == min(6, len(own)) and {*examples} <= own
    assert texts == experiment.data.evaluation.texts
    assert scores["accuracy"] == np.mean([labels[0] == "good" for labels in experiment.data.evaluation.labels])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"contrastive": "on"}, "contrastive: it starts from pre-trained weights"),
        ({"contrastive": "on", "model": "ENCODER", "gradient_accumulation": 2}, "Set gradient_accumulation to 1"),
        ({"prompted_model": "ENCODER"}, "cannot be prompted: choose a GPT"),
    ],
)
def test_arms_that_cannot_be_are_refused_before_any_work(values: dict[str, Any], message: str, finished: Path) -> None:
    start = str(finished.parent / "start" / "artifact")
    given = {"data": str(finished.parent / "reviews.csv"), **TINY, **SMALL, "model": ""}
    given |= {name: start if value == "ENCODER" else value for name, value in values.items()}
    with pytest.raises(UserError, match=message):
        build("label_efficiency", parse_settings(LabelEfficiencySettings, given))


@pytest.mark.parametrize("values", [{"multi_label": True}, {"processes": 2}, {"patience": 3}, {"eval_every": 5}])
def test_what_the_experiment_decides_is_no_setting_of_it(values: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=f"{next(iter(values))}: decided by this experiment"):
        parse_settings(LabelEfficiencySettings, values)
    assert not set(values) & {*LabelEfficiencySettings.settable_fields()}
    assert not set(values) & {*LabelEfficiencySettings.model_json_schema()["properties"]}


def test_at_its_time_limit_it_stops_and_can_be_resumed(tmp_path: Path) -> None:
    data = write_reviews(tmp_path / "reviews.csv")
    settings = parse_settings(LabelEfficiencySettings, {"data": str(data), **TINY, **SMALL, "seeds": 1})
    assert not run_experiment(build("label_efficiency", settings), tmp_path, {}, time_limit=1e-6)
    assert "at the time limit of 1e-06 seconds" in read_events(tmp_path / "events.jsonl")[0][-1]["message"]
    assert run_experiment(build("label_efficiency", settings), tmp_path, {})


def test_it_is_a_trainer_like_any_other() -> None:
    assert PLUGIN.kind("label_efficiency").trained_by.weights_fields() == ["model", "prompted_model", "own_model"]
