"""fit(): the one training loop, on Hugging Face accelerate. A stopped or killed run resumes to the bit on a CPU."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from accelerate.utils import gather_object, send_to_device, set_seed

from training import figures, files
from training.artifact import store
from training.errors import UserError
from training.events import EventLog
from training.fit import checkpoint
from training.fit.accelerator import end, make_accelerator
from training.fit.batches import Place, check_whole_batch, step_rows, step_seed
from training.fit.checkpoint import Progress
from training.fit.data_fingerprint import data_fingerprint
from training.fit.evaluation import is_best, score
from training.fit.large_network import prepare_network
from training.fit.metric_log import MetricLog, NonFiniteLossError
from training.fit.optim import learning_rate, make_average, make_optimizer
from training.fit.signals import stop_on_signal
from training.fit.studies import STOPPED, study
from training.fit.thinning import CHECKPOINTS, EVALUATIONS, PREVIEWS, Patience, is_kept
from training.heartbeat import ALONE, COMPUTES, WAITS, Heartbeat
from training.preflight.precision import slow_precision
from training.settings import TrainSettings
from training.task import RowStream, Score, Task

if TYPE_CHECKING:
    from training.fit.sharding import ShardedNetwork

__all__ = ["NonFiniteLossError", "fit"]

CHECKPOINT_SECONDS = 30.0  # at least this between checkpoints, and at least 100 times what the last one took
SECONDS_TO_SAY = 1.0  # for the main process to write why, before a launcher ends all because one has ended
STOPS = {
    1: ("cancelled", "Stopped on request; the best weights are kept and the run can be resumed."),
    2: ("finished", "Stopped early: {patience} evaluations without a better score."),
    3: ("finished", "Stopped at the time limit of {time_limit:g} seconds."),
}


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
        settings = settings.with_usual()  # where nobody decided
        self.task, self.settings, self.folder, self.record = task, settings, folder, record
        check_whole_batch(task, settings)
        self.progress = Progress()
        self.accelerator = make_accelerator(settings, folder)
        self.rank, self.processes = self.accelerator.process_index, self.accelerator.num_processes
        self.heartbeat = Heartbeat(folder, self.rank, self.processes) if self.processes > 1 else None
        self.log = EventLog(folder / "events.jsonl", listener) if self.accelerator.is_main_process else None
        self.is_sharded = settings.value("sharding") == "full" and self.processes > 1
        # Processes that share the weights go forward together, and so have the same number of pieces.
        place = Place(self.rank, self.processes, self.accelerator.device.type, by_length=not self.is_sharded)
        self.rows = step_rows(task, settings, place)
        self.stream = task.train_data if isinstance(task.train_data, RowStream) else None
        self.found = checkpoint.latest(folder / "checkpoint")
        self._make_network()
        self.trained = [p for p in self.model.parameters() if p.requires_grad]
        states = [state for state in (self.progress, self.average, self.stream) if state is not None]
        self.accelerator.register_for_checkpointing(*states)
        self.curve = MetricLog(self.log, self.accelerator, settings)
        self.evaluations = Patience(time.monotonic())
        self.warned: set[str] = set()
        self.stopping = False
        self.saved, self.save_seconds = time.monotonic(), 0.0

    def _make_network(self) -> None:
        """Network, average and optimiser, whole or sharded. A sharded network is never whole on an accelerator."""
        task, settings, device = self.task, self.settings, self.accelerator.device
        place = torch.device("cpu") if self.is_sharded else device
        prepare_network(task.model, settings)
        task.model.to(place)
        if self.found is None:
            in_bf16 = settings.value("weights_dtype") == "bf16"
            with self.accelerator.autocast() if in_bf16 and place == device else contextlib.nullcontext():
                task.initialise_weights(place)
        self.average = make_average(task.model, settings.ema_decay)
        self.shards: dict[str, ShardedNetwork] = {}
        if self.is_sharded:
            from training.fit.sharding import ShardedNetwork

            self.shards = {name: ShardedNetwork(each, device, self.processes) for name, each in self._networks()}
            self.model, self.optimizer = task.model, self.accelerator.prepare(make_optimizer(task, settings))
        else:
            self.model, self.optimizer = self.accelerator.prepare(task.model, make_optimizer(task, settings))

    def _networks(self) -> Iterator[tuple[str, torch.nn.Module]]:
        """The network that is trained, and the average where there is one."""
        yield "model", self.task.model
        if self.average is not None:
            yield "average", self.average.module

    def run(self) -> Progress:
        if self.processes > 1:
            self._check_same_data()
        resumed = self._restore()
        self.tell(
            "started",
            step=self.progress.step,
            steps=self.settings.steps,
            **({} if isinstance(self.task.train_data, RowStream) else {"rows": len(self.task.train_data)}),
            eval_rows=len(self.task.eval_data),
            parameters=sum(p.numel() for p in self.model.parameters()),
            device=str(self.accelerator.device),
            processes=self.processes,
            resumed=resumed,
            seconds=self.progress.seconds,
        )
        for finding in slow_precision(self.settings, self.accelerator.device.type):
            self.tell("notice", step=self.progress.step, message=f"{finding.title}. {finding.detail}")
        if self.task.measures_start and not resumed:
            self._measure_start()
        with stop_on_signal(self.stop):
            outcome, message = self._train()
            self._note(ALONE)
            self._finish(outcome)
            if outcome == "finished" and self.task.study_title and not self._study():
                outcome, message = "cancelled", STOPPED.format(why="on request", title=self.task.study_title)
        state = self.progress
        self.tell(outcome, step=state.step, metrics=state.metrics, best=state.best_metrics, message=message)
        end(self.accelerator)
        return state

    def _check_same_data(self) -> None:
        """Refuse processes that see different shards or rows.

        Raises:
            UserError: In all of them.
        """
        own = data_fingerprint(self.task, self.settings) if self.stream is None else self.stream.fingerprint()
        seen = gather_object([own])
        if others := [str(rank) for rank, each in enumerate(seen) if each != seen[0]]:
            what = "read different data" if self.stream is None else "see different shards"
            raise UserError(
                f"The processes {what}: {', '.join(others)} others than 0. Give all machines the same files, then "
                "resume."
            )

    def _measure_start(self) -> None:
        """Score the weights that training starts from, as a baseline of the run."""
        model = self._weights()
        model.eval()
        found = score(self.task, model, self.accelerator, self.settings, together=self.is_sharded)
        for shards in self.shards.values():
            shards.model.reshard()
        if found is not None:
            self.progress.start_metrics = found.metrics
        model.train()

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
                return STOPS[stop][0], STOPS[stop][1].format(**dict(self.settings))
            if self._agree(self._checkpoint_is_due()):
                self.save()
        return "finished", ""

    def _step(self) -> None:
        """One optimiser step: the pieces of the batch forward and backward, then clip and update."""
        step, nominal = self.progress.step, self.settings.batch_size
        self._note(COMPUTES)
        seed = step_seed(self.settings.seed, step, self.rank)
        set_seed(seed)
        rng = np.random.default_rng(seed)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(step, self.settings) * group.get("lr_scale", 1.0)
        parts = self._pieces(step)
        sums = torch.zeros(2, device=self.accelerator.device)  # losses, items
        for number, rows in enumerate(parts, 1):
            last = number == len(parts)
            with contextlib.nullcontext() if last else self.accelerator.no_sync(self.model):
                losses = self._losses(list(rows), rng)
                if last:
                    self._note(WAITS)
                # Processes average their gradients, so each counts its sum `processes` times over the nominal batch.
                self.accelerator.backward(losses.sum() * (self.processes / nominal))
            sums += torch.stack((losses.detach().sum(), torch.tensor(float(losses.numel()), device=sums.device)))
        if self.processes > 1:
            sums = self.accelerator.reduce(sums, "sum")
        norm = self._update(float(nominal / sums[1].clamp(min=1)))
        self.progress.step += 1
        self.task.after_step(self.accelerator.unwrap_model(self.model), self.progress.step)
        self.curve.add(self.progress.step, learning_rate(step, self.settings), sums[0] / sums[1].clamp(min=1), norm)

    def _pieces(self, step: int) -> Sequence[Sequence]:
        """The rows of a step; where one process cannot read its rows, all end with its message.

        Raises:
            UserError: Naming the shard and the row.
        """
        if self.stream is None or self.processes == 1:
            return self.rows.pieces(step)
        parts, message = (), ""
        try:
            parts = self.rows.pieces(step)
        except UserError as error:
            message = str(error)
        failed = torch.tensor(float(bool(message)), device=self.accelerator.device)
        torch.distributed.all_reduce(failed)
        if failed.item():
            found = [each for each in gather_object([message]) if each]
            if not self.log:
                time.sleep(SECONDS_TO_SAY)
            raise UserError(found[0])
        return parts

    def _losses(self, rows: list, rng: np.random.Generator) -> torch.Tensor:
        batch = send_to_device(self.task.collate(rows, rng, training=True), self.accelerator.device)
        if self.is_sharded:  # layers are gathered in the forward pass
            self._note(WAITS)
        with self.accelerator.autocast():
            return self.task.losses(self.model, batch).float()

    def _update(self, ratio: float) -> torch.Tensor:
        """Apply the gradients. `ratio` turns the sum over a nominal batch into the mean over the items there were."""
        norm = torch.zeros(())
        if ratio != 1.0:
            torch._foreach_mul_([p.grad for p in self.trained if p.grad is not None], ratio)
        if self.settings.max_grad_norm:
            norm = self.accelerator.clip_grad_norm_(self.trained, self.settings.max_grad_norm)
            norm = norm.full_tensor() if self.is_sharded else norm  # type: ignore[union-attr] - a DTensor
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update_parameters(self.accelerator.unwrap_model(self.model))
        return torch.as_tensor(norm).detach()

    def evaluate(self) -> None:
        """Score the held-out rows, keep the weights if they are the best so far, show a preview."""
        self._note(ALONE)
        self.curve.flush()
        model = self._weights()
        model.eval()
        self.accelerator.wait_for_everyone()
        found = score(self.task, model, self.accelerator, self.settings, together=self.is_sharded)
        best = bool(found is not None and is_best(self.progress, self.task, found.metrics))
        if self._agree(int(best)):
            self._keep(found)
        if found is not None:
            self._tell_evaluation(found, best)
            self.accelerator.log({f"eval/{k}": v for k, v in found.metrics.items()}, step=self.progress.step)
        is_last = self.progress.step == self.settings.steps
        if (self.log or self.is_sharded) and (is_kept(self._evaluation_number(), PREVIEWS) or is_last):
            self._preview(model)
        self.model.train()
        self.curve.restart_clock()

    def _tell_evaluation(self, found: Score, best: bool) -> None:
        """Write an evaluation, and each warning once; of very many, every second, fourth, … and those that are best."""
        now = time.monotonic()
        if best or is_kept(self._evaluation_number(), EVALUATIONS) or self.evaluations.is_over(now):
            self.evaluations.written = now
            self.tell("eval", step=self.progress.step, metrics=found.metrics, best=best)
        for warning in (each for each in found.warnings if each not in self.warned):
            self.warned.add(warning)
            self.tell("notice", step=self.progress.step, message=warning)

    def _evaluation_number(self) -> int:
        return self.progress.step // self.settings.evaluation_interval

    def _preview(self, model: torch.nn.Module) -> None:
        shards = self.shards.get(self._evaluated())
        if shards:  # all processes compute the same preview
            set_seed(self.settings.seed)
        with torch.no_grad(), self.accelerator.autocast(), shards.gathered() if shards else contextlib.nullcontext():
            items = self.task.preview(model, self.accelerator.device)
        if items:
            self.tell("sample", step=self.progress.step, items=items)

    def _keep(self, found: Score | None) -> None:
        """The main process saves the weights; of sharded ones, every process gives its share."""
        shards, state = self.shards.get(self._evaluated()), self.progress
        model = shards.whole(keep=self.log is not None) if shards else self._weights()
        if not self.log:
            return
        shown = self._figures(found)
        made = {**self.record.get("training", {}), "device": str(self.accelerator.device), "steps": state.step}
        measured = {"step": state.step, "metrics": state.best_metrics, "facts": self.task.facts}
        about = {**self.record, "training": made, **measured, "figures": [figure.record() for figure in shown]}
        store.save(self.task, model, self.folder / "artifact", self.settings, about)
        files.write_json(
            self.folder / "report.json", {**figures.figure_table(shown), **(found.tables if found else {})}
        )

    def _figures(self, found: Score | None) -> tuple[figures.Figure, ...]:
        """What the report says first; nothing of weights that were not evaluated."""
        if found is None:
            return ()
        name = self.task.metric
        own = found.figures or (figures.plain(name, found.metrics[name], self.task.maximize),)
        return figures.with_start(own, self.progress.start_metrics)

    def _finish(self, outcome: str) -> None:
        """Leave an artifact whatever happened: the best weights, or the last ones where nothing was ever scored."""
        self.curve.flush()
        if outcome == "cancelled":  # before the evaluation below, which an unbroken run would not have made
            self.save()
        between = outcome == "finished" and not self._evaluation_is_due()
        if self._agree(int(between or not self.progress.metrics)):
            self.evaluate()
        if self._agree(int(not (self.progress.metrics and (self.folder / "artifact").exists()))):
            self._keep(None)
        self.curve.close()
        self.accelerator.wait_for_everyone()

    def _study(self) -> bool:
        """Measure the kept weights, unless stopped, behind a checkpoint: a kill or a stop trains nothing again."""
        if self.found != checkpoint.at(self.folder / "checkpoint", self.progress.step):
            self.save()
        is_done = not self.log or study(self.task, self.folder, lambda: self._why_stop() == 1, self.tell)
        self.accelerator.wait_for_everyone()
        return is_done

    def save(self) -> None:
        """Write a checkpoint, never of weights whose loss was not finite."""
        self._note(ALONE)
        self.curve.close()
        started = time.monotonic()
        if self.log:
            self.log.sync()  # a checkpoint that survives a power cut has its curve with it
        step, folder = self.progress.step, self.folder / "checkpoint"
        path = checkpoint.save(self.accelerator, folder, step, self.settings.keep_checkpoints, self._write_state)
        self.saved, self.save_seconds = time.monotonic(), time.monotonic() - started
        if self.log:
            every = self.settings.checkpoint_every
            if not every or is_kept(step // every, CHECKPOINTS):
                size = files.size_bytes(path)
                self.tell("checkpoint", step=step, size_bytes=size, seconds=round(self.save_seconds, 3))
        self.curve.restart_clock()

    def _restore(self) -> bool:
        files.recover(self.folder / "artifact")
        if self.found is None:
            return False
        if self.stream is not None:  # first: with other shards there is another vocabulary, and no weight fits
            self.stream.load_state_dict(self._stream_state(self.found))
        if self.settings.value("sharding") == "full":
            from training.fit import sharded_checkpoint

            states = {"progress": self.progress, **({"stream": self.stream} if self.stream else {})}
            sharded_checkpoint.load(self.found, dict(self._networks()), self.optimizer.optimizer, states)
            if self.average is not None:
                self.average.n_averaged.fill_(self.progress.step)  # one update a step
        else:
            checkpoint.load(self.accelerator, self.found, self.optimizer)
        return True

    def _stream_state(self, folder: Path) -> dict[str, str]:
        if self.settings.value("sharding") == "full":
            return json.loads((folder / "stream.json").read_text(encoding="utf-8"))
        number = 1 if self.average is None else 2  # as they were registered
        return torch.load(folder / f"custom_checkpoint_{number}.pkl", weights_only=True)

    def _write_state(self, folder: Path) -> None:
        """Write what a checkpoint holds; sharded, each process its own share."""
        if self.stream is not None:
            own = [self.stream.own_state()]
            self.stream.merge(gather_object(own) if self.processes > 1 else own)
        if self.settings.value("sharding") == "full":
            from training.fit import sharded_checkpoint

            states = {"progress": self.progress, **({"stream": self.stream} if self.stream else {})}
            sharded_checkpoint.save(folder, dict(self._networks()), self.optimizer.optimizer, states)
        else:
            self.accelerator.save_state(str(folder), safe_serialization=True)

    def _weights(self) -> torch.nn.Module:
        """The model to evaluate and save: the average where there is one."""
        return self.average.module if self.average is not None else self.accelerator.unwrap_model(self.model)

    def _evaluated(self) -> str:
        """Which of the networks that is, by its name."""
        return "model" if self.average is None else "average"

    def _evaluation_is_due(self) -> bool:
        return self.progress.step % self.settings.evaluation_interval == 0 or self.progress.step == self.settings.steps

    def _checkpoint_is_due(self) -> int:
        if self.settings.checkpoint_every:
            return int(self.progress.step % self.settings.checkpoint_every == 0)
        return int(time.monotonic() - self.saved > max(CHECKPOINT_SECONDS, 100 * self.save_seconds))

    def _why_stop(self) -> int:
        if self.stopping or (self.folder / "cancel").exists():
            return 1
        if self.settings.patience and self.progress.evaluations_without_improvement >= self.settings.patience:
            return 2
        return 3 if self.settings.time_limit and self.progress.seconds >= self.settings.time_limit else 0

    def _agree(self, value: int) -> int:
        """The main process decides, so that all stop or save at the same step."""
        if self.processes == 1:
            return value
        shared = torch.tensor([value], device=self.accelerator.device)
        torch.distributed.broadcast(shared, 0)
        return int(shared.item())

    def _note(self, phase: int) -> None:
        if self.heartbeat:
            self.heartbeat.note(self.progress.step, phase)

    def stop(self) -> None:
        """Ask for the end after the step that is being computed."""
        self.stopping = True

    def tell(self, event: str, **values: object) -> None:
        if self.log:
            self.log.write(event, **values)
