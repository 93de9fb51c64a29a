"""What `fit` does beside resuming: pieces, precision, clipping, averages, the schedule, the best weights, the ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim.swa_utils import AveragedModel

from tests.running import events, losses
from tests.toy import make_task, read_network, toy_settings
from training.artifact.store import read_record
from training.errors import UserError
from training.fit.accelerator import PROJECT
from training.fit.batches import BatchSampler, check_whole_batch
from training.fit.checkpoint import Progress, all_checkpoints
from training.fit.loop import NonFiniteLossError, fit
from training.fit.optim import learning_rate, make_average
from training.task import Task


def train(folder: Path, task: Task | None = None, **values: Any) -> Progress:
    settings = toy_settings(**values)
    folder.mkdir(exist_ok=True)
    return fit(task or make_task(settings), settings, folder)


def evaluations(folder: Path) -> list[float]:
    return [event["metrics"]["loss"] for event in events(folder, "eval")]


# -- learning --------------------------------------------------------------------------------------------------------


def test_the_toy_is_learned(tmp_path: Path) -> None:
    progress = train(tmp_path, rows=300, steps=200, learning_rate=0.1, dropout=0.0)
    assert progress.best_metrics["accuracy"] > 0.85  # chance: 0.5


def test_bf16_trains(tmp_path: Path) -> None:
    train(tmp_path, rows=300, steps=200, learning_rate=0.1, precision="bf16")
    assert min(evaluations(tmp_path)) < 0.75 * evaluations(tmp_path)[0]


def test_fp16_on_a_cpu_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="fp16 needs a GPU; on this machine use bf16 or fp32"):
        train(tmp_path, precision="fp16", device="cpu")


@pytest.mark.parametrize("repeats", [1, 4])
def test_accumulation_gives_the_same_curve(tmp_path: Path, repeats: int) -> None:
    common: dict[str, Any] = {"dropout": 0.0, "repeats": repeats, "batch_size": 10}
    train(tmp_path / "whole", **common)
    train(tmp_path / "cut", gradient_accumulation=3, **common)
    whole, cut = losses(tmp_path / "whole"), losses(tmp_path / "cut")
    assert list(cut.values()) == pytest.approx(list(whole.values()), rel=1e-5)


def test_the_loss_is_the_mean_over_items_not_rows(tmp_path: Path) -> None:
    settings = toy_settings(dropout=0.0, repeats=4, batch_size=10, steps=1)
    task = make_task(settings)
    batch = task.collate(
        [task.train_data[row] for row in BatchSampler(40, 10, settings.seed)[0]],
        np.random.default_rng(0),
        training=True,
    )
    with torch.no_grad():
        expected = task.losses(task.model, batch)
    assert len(expected) > 10
    fit(task, settings, tmp_path)
    assert losses(tmp_path)[1] == pytest.approx(float(expected.mean()), rel=1e-6)


def test_gradients_are_clipped_to_the_norm(tmp_path: Path) -> None:
    """AdamW forgets the gradient's scale but not its changes: the curve tells whether it was clipped."""
    for norm in (0.0, 1e6, 0.01):
        train(tmp_path / str(norm), max_grad_norm=norm)
    free, loose, tight = (losses(tmp_path / name) for name in ("0.0", "1000000.0", "0.01"))
    assert free == loose != tight


def test_the_norm_before_clipping_is_in_the_curve(tmp_path: Path) -> None:
    train(tmp_path, max_grad_norm=0.01)
    assert min(event["grad_norm"] for event in events(tmp_path, "step")) > 0.01


def test_the_average_of_the_weights_is_what_is_evaluated_and_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An average that moves no further stays at the weights after step 1, whatever the steps after it do."""
    with monkeypatch.context() as patch:
        patch.setattr(
            "training.fit.loop.make_average", lambda model, _: AveragedModel(model, multi_avg_fn=lambda *_: None)
        )
        train(tmp_path / "frozen", ema_decay=0.9, eval_every=1, steps=10)
    assert max(evaluations(tmp_path / "frozen")) - min(evaluations(tmp_path / "frozen")) < 1e-4
    train(tmp_path / "plain", eval_every=1, steps=10)
    assert max(evaluations(tmp_path / "plain")) - min(evaluations(tmp_path / "plain")) > 1e-2


# -- schedule ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "middle", "end"), [("constant", 1.0, 1.0), ("linear", 0.5, 1 / 80), ("cosine", 0.5, 0.000385482)]
)
def test_the_rate_warms_up_and_falls(schedule: Any, middle: float, end: float) -> None:
    settings = toy_settings(steps=100, warmup_ratio=0.2, learning_rate=2.0, schedule=schedule)
    rates = [learning_rate(step, settings) / 2.0 for step in range(100)]
    assert rates[0] == pytest.approx(1 / 20)
    assert rates[9] == pytest.approx(1 / 2)
    assert rates[19] == rates[20] == 1.0
    assert rates[60] == pytest.approx(middle)
    assert rates[99] == pytest.approx(end, rel=1e-5)


def test_the_rate_in_the_curve_is_the_one_that_was_used(tmp_path: Path) -> None:
    train(tmp_path, steps=10, schedule="linear")
    used = [event["learning_rate"] for event in events(tmp_path, "step")]
    assert used == [learning_rate(step, toy_settings(steps=10)) for step in range(10)]


def test_the_average_forgets_the_untrained_start_soon_and_then_is_as_long_as_was_asked() -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    average = make_average(model, 0.999)
    assert average
    torch.nn.init.constant_(model.weight, 1.0)
    average.update_parameters(model)
    torch.nn.init.constant_(model.weight, 0.0)
    left = {}
    for update in range(1, 12_001):
        average.update_parameters(model)
        left[update] = average.module.weight.item()
    assert left[100] < 1e-6  # a decay of 0.999 throughout would leave nine tenths
    torch.nn.init.constant_(model.weight, 1.0)
    average.update_parameters(model)
    assert 1 - average.module.weight.item() == pytest.approx(0.999, rel=1e-4)


# -- the best weights ----------------------------------------------------------------------------------------------------

OVERFITS: dict[str, Any] = {
    "rows": 60, "wrong": 0.5, "seed": 1, "ema_decay": 0.8, "schedule": "cosine", "eval_every": 5, "steps": 120
}  # fmt: skip


def test_the_artifact_is_the_best_and_not_the_last(tmp_path: Path) -> None:
    progress = train(tmp_path, **OVERFITS)
    task = make_task(toy_settings(**OVERFITS))
    batch = task.evaluation_batch(list(task.eval_data))
    saved = task.score(task.predict(read_network(tmp_path / "artifact"), batch)).metrics["loss"]
    assert saved == pytest.approx(min(evaluations(tmp_path)), rel=1e-5)
    assert saved < evaluations(tmp_path)[-1]
    assert read_record(tmp_path / "artifact")["step"] == progress.best_step < progress.step


def test_patience_ends_a_run_that_gains_nothing(tmp_path: Path) -> None:
    progress = train(tmp_path, **OVERFITS, patience=3)
    assert progress.step == progress.best_step + 3 * 5 < 120
    assert events(tmp_path, "finished")[0]["message"] == "Stopped early: 3 evaluations without a better score."


def test_a_first_score_that_is_not_a_number_is_beaten_by_the_next(tmp_path: Path) -> None:
    task = make_task(toy_settings(steps=10))
    true_score, first = task.score, [True]

    def score(outputs: list) -> Any:
        found = true_score(outputs)
        if first.pop() if first else False:
            found.metrics["loss"] = float("nan")
        return found

    task.score = score
    progress = train(tmp_path, task, steps=10)
    assert progress.best is not None
    assert progress.best_step > 1


def test_without_held_out_rows_the_last_weights_are_kept(tmp_path: Path) -> None:
    task = make_task(toy_settings(eval_share=0))
    train(tmp_path, task, eval_share=0)
    assert not events(tmp_path, "eval")
    assert read_record(tmp_path / "artifact")["step"] == 40
    for name, value in read_network(tmp_path / "artifact").state_dict().items():
        assert torch.equal(value, task.model.state_dict()[name])


# -- the ends ----------------------------------------------------------------------------------------------------------


def test_the_time_limit_ends_a_run_with_a_score(tmp_path: Path) -> None:
    progress = train(tmp_path, steps=100_000, time_limit=0.2, eval_every=100_000)
    assert progress.step < 100_000
    assert progress.metrics
    assert events(tmp_path, "finished")[0]["message"] == "Stopped at the time limit of 0.2 seconds."


def test_a_cancel_file_stops_at_the_next_step_with_a_checkpoint_and_weights(tmp_path: Path) -> None:
    (tmp_path / "cancel").touch()
    progress = train(tmp_path)
    assert progress.step == 1
    assert [path.name for path in all_checkpoints(tmp_path / "checkpoint")] == ["step-000000001"]
    assert (tmp_path / "artifact" / "model.safetensors").exists()


def test_a_new_run_begins_once_and_its_average_with_it_and_a_resumed_one_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []

    def begin(task: Task, device: torch.device) -> None:
        begun.append(1)
        with torch.no_grad():
            next(task.model.parameters()).fill_(7.0)

    monkeypatch.setattr(Task, "initialise_weights", begin)
    (tmp_path / "cancel").touch()
    train(tmp_path, learning_rate=1e-6, ema_decay=0.9)
    first = next(read_network(tmp_path / "artifact").parameters())
    assert torch.allclose(first, torch.full_like(first, 7.0), atol=1e-3)
    (tmp_path / "cancel").unlink()
    assert train(tmp_path, steps=3, ema_decay=0.9).step == 3 and begun == [1]


@pytest.mark.parametrize("keep", [1, 3])
def test_the_newest_checkpoints_are_kept(tmp_path: Path, keep: int) -> None:
    train(tmp_path, checkpoint_every=5, keep_checkpoints=keep)
    steps = [int(path.name[5:]) for path in all_checkpoints(tmp_path / "checkpoint")]
    assert steps == [30, 35, 40][-keep:]


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_best_weights(tmp_path: Path) -> None:
    settings = toy_settings(eval_every=2, checkpoint_every=1)
    task = make_task(settings)
    drawn = BatchSampler(len(task.train_data), settings.batch_size, settings.seed)
    new = set(drawn[4].tolist()).difference(*(drawn[step].tolist() for step in range(4)))
    task.train_data[new.pop()][0] = float("nan")  # drawn first in the fifth step
    with pytest.raises(NonFiniteLossError, match=r"no longer a number at step 5.*learning_rate"):
        fit(task, settings, tmp_path)
    assert read_record(tmp_path / "artifact")["step"] in (2, 4)
    assert all(bool(value.isfinite().all()) for value in read_network(tmp_path / "artifact").state_dict().values())
    assert int(all_checkpoints(tmp_path / "checkpoint")[-1].name[5:]) == 4


def test_a_loss_that_is_no_number_is_null_in_the_events(tmp_path: Path) -> None:
    task = make_task(toy_settings())
    points: Any = task.train_data
    points[:, 0] = float("nan")
    with pytest.raises(NonFiniteLossError):
        train(tmp_path, task)
    assert events(tmp_path, "step")[0]["loss"] is None


def test_two_fits_in_one_process_choose_their_own_precision(tmp_path: Path) -> None:
    train(tmp_path / "first", steps=2, precision="bf16")
    train(tmp_path / "second", steps=2, precision="fp32")
    train(tmp_path / "third", steps=2, precision="fp32")
    assert losses(tmp_path / "second") == losses(tmp_path / "third") != losses(tmp_path / "first")


def test_batches_that_hold_fewer_rows_than_pieces_are_refused() -> None:
    with pytest.raises(ValueError, match="batch_size 4 is less than the 8 micro-batches"):
        toy_settings(batch_size=4, gradient_accumulation=8)


# -- trackers ------------------------------------------------------------------------------------------------------------


def test_tensorboard_is_sent_the_curves(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(tmp_path, steps=10, tracker="tensorboard")
    board = EventAccumulator(str(tmp_path / "tracker" / PROJECT))
    board.Reload()
    assert {"train/loss", "eval/loss", "eval/accuracy"} <= set(board.Tags()["scalars"])


def test_trackio_is_sent_the_curves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    train(tmp_path, steps=10, tracker="trackio")
    assert any(path.stat().st_size for path in (tmp_path / "trackio").glob("*.db"))


# -- losses over the whole batch -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"gradient_accumulation": 2}, "cutting the batch would change it"),
        ({"processes": 3}, "Give a multiple of 3"),
    ],
)
def test_a_batch_whose_rows_are_compared_is_never_cut(tmp_path: Path, values: dict[str, int], words: str) -> None:
    settings = toy_settings(**values)
    task = make_task(settings)
    task.whole_batch = True
    with pytest.raises(UserError, match=words):
        fit(task, settings, tmp_path)
    task.whole_batch = False
    check_whole_batch(task, settings)


def test_a_hook_after_each_step_sees_the_updated_weights(tmp_path: Path) -> None:
    settings = toy_settings(steps=3)
    task = make_task(settings)
    seen: list[tuple[int, float]] = []
    before = float(task.model[0].weight.detach().sum())  # type: ignore[index]
    task.after_step = lambda model, step: seen.append((step, float(model[0].weight.detach().sum())))  # type: ignore[method-assign]
    fit(task, settings, tmp_path)
    assert [step for step, _ in seen] == [1, 2, 3] and len({before, *(value for _, value in seen)}) == 4
