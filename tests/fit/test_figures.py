"""The main figures of a report: what is better than a baseline, what is not, and where a run says so."""

from __future__ import annotations

import json
import math

import pytest

from tests.toy import make_task, toy_settings
from training.artifact.store import read_record
from training.figures import Baseline, Figure, figure_table, plain, share, with_start
from training.fit.checkpoint import Progress
from training.fit.loop import fit
from training.task import Score

ACCURACY = Figure("accuracy", "Accuracy", 0.8, "Right labels.", (Baseline("the usual", 0.5),), unit="%")
LOSS = Figure("loss", "Loss", 0.8, "Error.", (Baseline("a guess", 1.0),), higher_is_better=False)


def test_the_strongest_baseline_decides():
    figure = ACCURACY.with_baseline("TF-IDF", 0.9)
    assert figure.strongest() == Baseline("TF-IDF", 0.9)
    assert figure.is_better() is False
    assert figure.verdict().startswith("Worse than TF-IDF (90.0 %) by 10.0 points.")


def test_of_losses_the_lowest_baseline_decides():
    assert LOSS.is_better() is True
    assert LOSS.verdict() == "Better than a guess (1.000) by 0.200."
    assert LOSS.with_baseline("before training", 0.7).is_better() is False


def test_a_difference_that_chance_explains_is_none():
    figure = share("accuracy", "Accuracy", 0.55, "Right labels.", 100, [Baseline("the usual", 0.5)])
    assert figure.is_better() is False
    assert figure.verdict().startswith("About as good as the usual (50.0 %): no difference beyond chance.")
    assert share("accuracy", "Accuracy", 0.55, "Right labels.", 10_000, [Baseline("the usual", 0.5)]).is_better()


def test_where_all_is_right_nobody_is_told_to_train_longer():
    figure = share("accuracy", "Accuracy", 1.0, "Right labels.", 12, [Baseline("TF-IDF", 1.0)])
    assert figure.verdict() == "As good as TF-IDF (100.0 %): on these held-out data nothing is left to gain."


def test_a_difference_that_nobody_sees_is_none():
    assert Figure("loss", "Loss", 0.2679, "Error.", (Baseline("before", 0.2681),), False).is_better() is False


@pytest.mark.parametrize("figure", [ACCURACY, LOSS, plain("loss", 1.0, False)])
def test_a_value_that_is_no_number_is_never_better(figure: Figure):
    wrong = Figure(figure.metric, figure.name, math.nan, figure.meaning, figure.baselines, figure.higher_is_better)
    assert not wrong.is_better()
    assert "Lower the learning rate." in wrong.verdict()


def test_a_figure_of_no_direction_has_its_reading():
    rank = Figure("rank", "Rank", 2.0, "Directions.", (Baseline("before", 9.0),), None, reading="Collapse.")
    assert (rank.is_better(), rank.verdict()) == (None, "Collapse.")


def test_a_baseline_that_is_no_number_does_not_count():
    assert ACCURACY.with_baseline("broken", math.nan).strongest() == Baseline("the usual", 0.5)


def test_the_start_is_a_baseline_of_the_metric_that_was_measured():
    accuracy, loss = with_start([ACCURACY, LOSS], {"loss": 0.9})
    assert accuracy == ACCURACY
    assert loss.strongest() == Baseline("before training", 0.9)


def test_a_run_reports_its_metric_beside_what_it_started_from(tmp_path):
    settings = toy_settings(steps=40, eval_every=20)
    task = make_task(settings)
    task.measures_start = True
    progress = fit(task, settings, tmp_path)
    table = json.loads((tmp_path / "report.json").read_text())["Result"]
    [name, value, baselines, _, verdict] = table["rows"][0]
    start, end = progress.start_metrics["loss"], progress.best_metrics["loss"]
    assert end < start
    assert (name, value, baselines) == ("Loss", f"{end:.3f}", f"before training: {start:.3f}")
    assert (verdict, table["better"]) == (f"Better than before training ({start:.3f}) by {start - end:.3f}.", [True])
    record = read_record(tmp_path / "artifact")["figures"]
    assert [(one["shown"], one["verdict"]) for one in record] == [(value, verdict)]
    assert f"**Loss: {value}.**" in (tmp_path / "artifact" / "README.md").read_text()


def test_measuring_the_start_changes_no_weight(tmp_path):
    settings = toy_settings(steps=6, eval_every=3)
    usual, measured = make_task(settings), make_task(settings)
    measured.measures_start = True
    for name in "ab":
        (tmp_path / name).mkdir()
    assert fit(usual, settings, tmp_path / "a").metrics == fit(measured, settings, tmp_path / "b").metrics


def test_a_resumed_run_remembers_what_it_started_from(tmp_path):
    first, whole = toy_settings(steps=6, eval_every=3, checkpoint_every=3), toy_settings(steps=6, eval_every=3)
    for stop, settings in ((True, first), (False, first)):
        task = make_task(settings)
        task.measures_start = True
        if stop:
            task.after_step = lambda model, step: (tmp_path / "cancel").touch() if step == 3 else None
        else:
            (tmp_path / "cancel").unlink()
        progress = fit(task, settings, tmp_path)
    unbroken = make_task(whole)
    unbroken.measures_start = True
    (tmp_path / "b").mkdir()
    assert progress.step == 6 and progress.start_metrics == fit(unbroken, whole, tmp_path / "b").start_metrics


def test_a_checkpoint_of_an_earlier_version_is_resumed():
    state = Progress(step=3).state_dict()
    del state["start_metrics"]
    progress = Progress()
    progress.load_state_dict(state)
    assert (progress.step, progress.start_metrics) == (3, {})


def test_a_task_names_its_own_figures(tmp_path):
    settings = toy_settings(steps=2, eval_every=2)
    task = make_task(settings)
    scored, tables = task.score, {"Rows": {"columns": ["a"], "rows": [[1]]}}
    task.score = lambda outputs: Score(scored(outputs).metrics, tables, figures=(LOSS,))
    fit(task, settings, tmp_path)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["Result"] == figure_table([LOSS])["Result"]
    assert list(report) == ["Result", "Rows"]
