"""Which evaluation is the best so far, and so which weights are kept."""

from __future__ import annotations

import math

import pytest

from tests.toy import make_task, toy_settings
from training.fit.checkpoint import Progress
from training.fit.evaluation import is_best
from training.task import Task


@pytest.fixture
def task() -> Task:
    task = make_task(toy_settings(rows=8))
    task.metric, task.maximize = "score", True
    return task


def best_steps(task: Task, *scores: float) -> list[bool]:
    """What `is_best` says of evaluations with these scores, one after the other."""
    progress = Progress()
    return [is_best(progress, task, {"score": score}) for score in scores]


def test_higher_is_better_where_the_task_maximises(task: Task) -> None:
    assert best_steps(task, 0.5, 0.4, 0.6) == [True, False, True]


def test_lower_is_better_where_it_does_not(task: Task) -> None:
    task.maximize = False
    assert best_steps(task, 0.5, 0.4, 0.6) == [True, True, False]


@pytest.mark.parametrize("maximize", [True, False])
def test_of_equal_scores_the_one_with_the_lowest_loss_is_kept(task: Task, maximize: bool) -> None:
    task.maximize = maximize
    progress = Progress()
    losses = (3.0, 2.0, 1.0, 1.5, 1.0)
    kept = [is_best(progress, task, {"score": 0.5, "loss": loss}) for loss in losses]
    assert kept == [True, True, True, False, False]
    assert progress.best_metrics == {"score": 0.5, "loss": 1.0}
    assert progress.evaluations_without_improvement == 2


def test_a_better_score_wins_whatever_its_loss(task: Task) -> None:
    progress = Progress()
    scores = [(0.5, 1.0), (0.6, 9.0), (0.5, 0.1), (0.6, 8.0)]
    assert [is_best(progress, task, {"score": a, "loss": b}) for a, b in scores] == [True, True, False, True]


def test_a_loss_beats_none_at_a_tie(task: Task) -> None:
    progress = Progress()
    losses = (math.nan, 2.0, math.nan)
    assert [is_best(progress, task, {"score": 0.0, "loss": loss}) for loss in losses] == [True, True, False]


@pytest.mark.parametrize("maximize", [True, False])
def test_of_equal_scores_without_a_loss_the_last_is_kept(task: Task, maximize: bool) -> None:
    task.maximize = maximize
    assert best_steps(task, 0.5, 0.5, 0.5) == [True, True, True]


def test_a_tie_is_no_improvement(task: Task) -> None:
    progress = Progress()
    for score in (0.5, 0.5, 0.4):
        is_best(progress, task, {"score": score})
    assert progress.evaluations_without_improvement == 2
    is_best(progress, task, {"score": 0.6})
    assert progress.evaluations_without_improvement == 0


def test_any_score_beats_nan(task: Task) -> None:
    assert best_steps(task, math.nan, 0.1, math.nan) == [True, True, False]


def test_weights_that_are_kept_whatever_they_score_are_the_last(task: Task) -> None:
    task.keep_last_weights = True
    progress = Progress(step=1)
    assert is_best(progress, task, {"score": 0.5})
    progress.step = 2
    assert is_best(progress, task, {"score": 0.4})
    assert (progress.best, progress.best_step, progress.best_metrics) == (0.5, 2, {"score": 0.4})
