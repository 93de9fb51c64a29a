"""fit(): the one training loop, on Hugging Face accelerate. A stopped or killed run resumes to the bit on a CPU."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object, send_to_device, set_seed

from training import artifact, checkpoint, files
from training.batches import Batches, pieces, step_seed
from training.checkpoint import Progress
from training.errors import UserError
from training.events import EventLog
from training.optim import learning_rate, make_average, make_optimizer
from training.settings import TrainSettings
from training.task import Task

FLUSH_SECONDS = 0.5  # between writes of the curve
CHECKPOINT_SECONDS = 30.0  # at least this between checkpoints, and at least 100 times what the last one took


class NonFiniteLossError(UserError):
    """The loss or the gradient became NaN or infinite."""


def fit(
    task: Task,
    settings: TrainSettings,
    folder: Path,
    record: dict[str, Any] | None = None,
    listener: Callable[[dict], None] | None = None,
) -> Progress:
    """Train `task` in `folder` until its steps, its patience, its time or a touched `cancel` file end it.

    Args:
        task: Model, data and loss; the model's weights are changed in place.
        settings: How long and how; `settings.batch_size` rows a step whatever the processes and the accumulation.
        folder: The run: `events.jsonl`, `checkpoint/` and `artifact/` are written there. A checkpoint found is resumed.
        record: What the artifact should say of itself beside settings and metrics: plugin, trainer, data.
        listener: Called with every event, for a progress bar.

    Returns:
        Where it ended: step, metrics, best metrics. `artifact/` holds the best weights by `task.metric`.

    Raises:
        NonFiniteLossError: With the step; the artifact keeps the best weights before it.
        OSError: The disk is full; the last checkpoint and the artifact are whole.
    """
    return _Fit(task, settings, folder, record or {}, listener).run()


class _Fit:
    def __init__(self, task: Task, settings: TrainSettings, folder: Path, record: dict, listener: Callable | None):
        self.task, self.settings, self.folder, self.record = task, settings, folder, record
        self.progress = Progress()
        self.accelerator = _make_accelerator(settings, folder)
        self.rank, self.processes = self.accelerator.process_index, self.accelerator.num_processes
        self.log = EventLog(folder / "events.jsonl", listener) if self.accelerator.is_main_process else None
        self.batches = Batches(len(task.train_data), settings.batch_size, settings.seed, task.lengths(task.train_data))
        self.average = make_average(task.model.to(self.accelerator.device), settings.ema_decay)
        self.model, self.optimizer = self.accelerator.prepare(task.model, make_optimizer(task, settings))
        self.trained = [p for p in self.model.parameters() if p.requires_grad]
        states = [self.progress] if self.average is None else [self.progress, self.average]
        self.accelerator.register_for_checkpointing(*states)
        self.pending: list[tuple[int, float, torch.Tensor, torch.Tensor]] = []  # step, rate, loss, gradient norm
        self.stopping = False
        self.flushed = self.saved = time.monotonic()
        self.save_seconds = 0.0

    def run(self) -> Progress:
        resumed = self._restore()
        self.tell(
            "started",
            step=self.progress.step,
            steps=self.settings.steps,
            rows=len(self.task.train_data),
            eval_rows=len(self.task.eval_data),
            parameters=sum(p.numel() for p in self.model.parameters()),
            device=str(self.accelerator.device),
            processes=self.processes,
            resumed=resumed,
            seconds=self.progress.seconds,
        )
        with _stop_on_signal(self):
            outcome, message = self._train()
        self._finish(outcome)
        self.tell(
            outcome,
            step=self.progress.step,
            metrics=self.progress.metrics,
            best=self.progress.best_metrics,
            message=message,
        )
        self.accelerator.end_training()
        return self.progress

    def _train(self) -> tuple[str, str]:
        self.model.train()
        started, before = time.monotonic(), self.progress.seconds
        while self.progress.step < self.settings.steps:
            self._step()
            self.progress.seconds = before + time.monotonic() - started
            if self._evaluation_is_due():
                self.evaluate()
            stop = self._agree(self._why_stop())
            if stop:
                return _STOPS[stop][0], _STOPS[stop][1].format(**dict(self.settings))
            if self._agree(self._checkpoint_is_due()):
                self.save()
        return "finished", ""

    def _step(self) -> None:
        """One optimiser step: the pieces of the batch forward and backward, then clip and update."""
        step, nominal = self.progress.step, self.settings.batch_size
        set_seed(step_seed(self.settings.seed, step, self.rank))
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(step, self.settings)
        parts = pieces(self.batches[step], self.rank, self.processes, self.settings.gradient_accumulation)
        sums = torch.zeros(2, device=self.accelerator.device)  # losses, items
        for number, rows in enumerate(parts, 1):
            last = number == len(parts)
            with contextlib.nullcontext() if last else self.accelerator.no_sync(self.model):
                losses = self._losses([self.task.train_data[int(row)] for row in rows])
                # Processes average their gradients, so each counts its sum `processes` times over the nominal batch.
                self.accelerator.backward(losses.sum() * (self.processes / nominal))
            sums += torch.stack((losses.detach().sum(), torch.tensor(float(losses.numel()), device=sums.device)))
        if self.processes > 1:
            sums = self.accelerator.reduce(sums, "sum")
        norm = self._update(float(nominal / sums[1].clamp(min=1)))
        self.progress.step += 1
        self._remember(sums[0] / sums[1].clamp(min=1), norm)

    def _losses(self, rows: list) -> torch.Tensor:
        batch = send_to_device(self.task.collate(rows), self.accelerator.device)
        with self.accelerator.autocast():
            return self.task.losses(self.model, batch).float()

    def _update(self, ratio: float) -> torch.Tensor:
        """Apply the gradients. `ratio` turns the sum over a nominal batch into the mean over the items there were."""
        norm = torch.zeros(())
        if ratio != 1.0:
            torch._foreach_mul_([p.grad for p in self.trained if p.grad is not None], ratio)
        if self.settings.max_grad_norm:
            norm = self.accelerator.clip_grad_norm_(self.trained, self.settings.max_grad_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update_parameters(self.accelerator.unwrap_model(self.model))
        return torch.as_tensor(norm).detach()

    def evaluate(self) -> None:
        """Score the held-out rows, keep the weights if they are the best so far, show a preview."""
        self.flush()
        model = self._weights()
        was_training = self.model.training
        model.eval()
        self.accelerator.wait_for_everyone()
        score = self._score(model) if len(self.task.eval_data) else None
        if score is not None and self.log:
            best = self._judge(score.metrics)
            if best:
                self._keep(model, score.tables)
            self.tell("eval", step=self.progress.step, metrics=score.metrics, best=best)
            self.accelerator.log({f"eval/{k}": v for k, v in score.metrics.items()}, step=self.progress.step)
        if self.log:
            with torch.no_grad(), self.accelerator.autocast():
                items = self.task.preview(model)
            if items:
                self.tell("sample", step=self.progress.step, items=items)
        self.model.train(was_training)
        self.flushed = time.monotonic()

    def _score(self, model: torch.nn.Module):
        """Each process predicts its share of the rows; the main one scores them all."""
        data, size = self.task.eval_data, 2 * max(1, self.settings.batch_size // self.settings.gradient_accumulation)
        lengths = self.task.lengths(data)
        order = list(range(len(data))) if lengths is None else sorted(range(len(data)), key=lengths.__getitem__)
        chunks = [order[start : start + size] for start in range(0, len(order), size)][self.rank :: self.processes]
        set_seed(step_seed(self.settings.seed, 2**31, self.rank))  # evaluations that draw noise draw the same each time
        found: list = []
        with torch.no_grad(), self.accelerator.autocast():
            for chunk in chunks:
                batch = send_to_device(self.task.collate([data[row] for row in chunk]), self.accelerator.device)
                found.extend(zip(chunk, self.task.predict(model, batch), strict=True))
        found = gather_object(found) if self.processes > 1 else found
        return self.task.score([output for _, output in sorted(found, key=lambda pair: pair[0])]) if self.log else None

    def _judge(self, metrics: dict[str, float]) -> bool:
        """Whether these metrics are the best so far; counts the evaluations since."""
        state, value = self.progress, metrics[self.task.metric]
        better = state.best is None or (value > state.best if self.task.maximize else value < state.best)
        state.metrics = metrics
        state.evaluations_without_gain = 0 if better else state.evaluations_without_gain + 1
        if better:
            state.best, state.best_step, state.best_metrics = value, state.step, metrics
        return better

    def _keep(self, model: torch.nn.Module, tables: dict) -> None:
        about = {
            **self.record,
            "step": self.progress.step,
            "metrics": self.progress.best_metrics,
            "facts": self.task.facts,
        }
        artifact.save(self.task, model, self.folder / "artifact", self.settings, about)
        files.write_json(self.folder / "report.json", tables)

    def _finish(self, outcome: str) -> None:
        """Leave an artifact whatever happened: the best weights, or the last ones where nothing was ever scored."""
        self.flush()
        if outcome == "finished" and self.progress.metrics and not self._evaluated_here():
            self.evaluate()
        if self.log and not (self.progress.metrics and (self.folder / "artifact").exists()):
            self._keep(self._weights(), {})
        if outcome == "cancelled":
            self.save()
        self.accelerator.wait_for_everyone()

    def save(self) -> None:
        """Write a checkpoint, never of weights whose loss was not finite."""
        self.flush()
        started = time.monotonic()
        path = checkpoint.save(
            self.accelerator, self.folder / "checkpoint", self.progress.step, self.settings.keep_checkpoints
        )
        self.saved, self.save_seconds = time.monotonic(), time.monotonic() - started
        if self.log:
            self.tell(
                "checkpoint",
                step=self.progress.step,
                size_bytes=files.size_bytes(path),
                seconds=round(self.save_seconds, 3),
            )
        self.flushed = time.monotonic()

    def flush(self) -> None:
        """Write the steps since the last time.

        Raises:
            NonFiniteLossError: If one of them was not finite.
        """
        if not self.pending:
            return
        now, scaled = time.time(), self.settings.precision == "fp16"  # fp16 skips steps whose gradient overflowed
        values = torch.stack(
            [torch.stack((loss.cpu(), norm.cpu().float())) for _, _, loss, norm in self.pending]
        ).tolist()
        rows, first = len(values) * self.settings.batch_size, self.flushed
        rate = rows / max(1e-9, time.monotonic() - first)
        events = [
            {
                "event": "step",
                "time": round(now, 3),
                "step": step,
                "loss": loss,
                "learning_rate": rate_then,
                "grad_norm": norm,
                "rate": round(rate, 2),
            }
            for (step, rate_then, _, _), (loss, norm) in zip(self.pending, values, strict=True)
        ]
        self.pending, self.flushed = [], time.monotonic()
        if self.log:
            self.log.write_all(events)
            self.accelerator.log(
                {"train/loss": events[-1]["loss"], "train/learning_rate": events[-1]["learning_rate"]},
                step=events[-1]["step"],
            )
        for event, (loss, norm) in zip(events, values, strict=True):
            if loss - loss != 0 or (norm - norm != 0 and not scaled):
                raise NonFiniteLossError(
                    f"The loss or its gradient was no longer a number at step {event['step']}. Lower learning_rate "
                    f"(it was {self.settings.learning_rate:g}) or set max_grad_norm; the best weights before are kept."
                )

    def _remember(self, loss: torch.Tensor, norm: torch.Tensor) -> None:
        self.pending.append((self.progress.step, learning_rate(self.progress.step - 1, self.settings), loss, norm))
        if time.monotonic() - self.flushed >= FLUSH_SECONDS or self.progress.step <= 1:
            self.flush()

    def _restore(self) -> bool:
        files.recover(self.folder / "artifact")
        found = checkpoint.latest(self.folder / "checkpoint")
        if found is None:
            return False
        self.accelerator.load_state(str(found))
        return True

    def _weights(self) -> torch.nn.Module:
        """The model to evaluate and save: the average where there is one."""
        return self.average.module if self.average is not None else self.accelerator.unwrap_model(self.model)

    def _evaluation_is_due(self) -> bool:
        every = self.settings.evaluate_every or max(1, self.settings.steps // 10)
        return self.progress.step % every == 0 or self.progress.step == self.settings.steps

    def _evaluated_here(self) -> bool:
        return self._evaluation_is_due()

    def _checkpoint_is_due(self) -> int:
        if self.settings.checkpoint_every:
            return int(self.progress.step % self.settings.checkpoint_every == 0)
        return int(time.monotonic() - self.saved > max(CHECKPOINT_SECONDS, 100 * self.save_seconds))

    def _why_stop(self) -> int:
        if self.stopping or (self.folder / "cancel").exists():
            return 1
        if self.settings.patience and self.progress.evaluations_without_gain >= self.settings.patience:
            return 2
        return 3 if self.settings.time_limit and self.progress.seconds >= self.settings.time_limit else 0

    def _agree(self, value: int) -> int:
        """The main process decides, so that all stop or save at the same step."""
        if self.processes == 1:
            return value
        shared = torch.tensor([value], device=self.accelerator.device)
        torch.distributed.broadcast(shared, 0)
        return int(shared.item())

    def tell(self, event: str, **values: Any) -> None:
        if self.log:
            self.log.write(event, **values)


_STOPS = {
    1: ("cancelled", "Stopped on request; the best weights are kept and the run can be resumed."),
    2: ("finished", "Stopped early: {patience} evaluations without a better score."),
    3: ("finished", "Stopped at the time limit of {time_limit:g} seconds."),
}


def _make_accelerator(settings: TrainSettings, folder: Path) -> Accelerator:
    precision = {"fp32": "no"}.get(settings.precision, settings.precision)
    cpu = settings.device == "cpu" or (not torch.cuda.is_available() and not torch.backends.mps.is_available())
    if precision == "fp16" and cpu:
        raise UserError("precision fp16 needs a GPU; on this machine use bf16 or fp32.")
    trackers = None if settings.tracker == "none" else settings.tracker
    accelerator = Accelerator(
        mixed_precision=precision,
        cpu=cpu,
        log_with=trackers,
        project_dir=str(folder / "tracker"),
        step_scheduler_with_optimizer=False,
    )
    if trackers:
        accelerator.init_trackers(
            "selfsup-studio", config={k: v for k, v in settings.changed().items() if not isinstance(v, list)}
        )
    return accelerator


@contextlib.contextmanager
def _stop_on_signal(run: _Fit) -> Iterator[None]:
    """SIGTERM and Ctrl-C mean what a touched `cancel` file means: checkpoint, keep the best, exit."""

    def stop(*_: Any) -> None:
        run.stopping = True

    try:
        old = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    except ValueError:  # not in the main thread: only the file can stop it
        old = {}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
