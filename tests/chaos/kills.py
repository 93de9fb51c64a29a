"""Kill -9 of trainer, server and both at random points of training, checkpoint, evaluation, push and pull.

`python -m tests.chaos.kills --rounds 100 [--seed 0]` trains the toy plugin behind a served page whose home has spaces
and signs in its name, against a loopback Hub. After each kill the run is resumed, the push repeated, the pull repeated.
At its end each run must have the weights of an unbroken one, to the bit, and each of its events once.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psutil

from tests.chaos.visitor import Visitor
from tests.loopback import Hub, running_hub
from tests.page import ROOT, app_process, free_port
from tests.running import losses, wait_for
from training.events import FINAL
from training.runs.run import Run

SETTINGS: dict[str, Any] = {
    "steps": 900, "batch_size": 8, "checkpoint_every": 20, "eval_every": 50, "keep_checkpoints": 2, "ema_decay": 0.9,
}  # fmt: skip
TRAINING = ("training", "checkpoint", "evaluation", "start", "power cut")
VICTIMS = ("trainer", "server", "both")
REPO = "alice/kills"
PATIENCE = 90.0


class LostError(AssertionError):
    """Something that a kill must not cost was lost."""


def installed(folder: Path) -> str:
    """PYTHONPATH on which the toy plugin is an installed package."""
    package = folder / "toy_plugin-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-plugin\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[selfsup.plugins]\ntoy = tests.toy:PLUGIN\n")
    return os.pathsep.join([str(folder), str(ROOT)])


class World:
    """A served page with the toy plugin, which is started again as often as it is killed."""

    def __init__(self, folder: Path, hub: Hub):
        self.home, self.hub = folder / "my home ü 💥", hub
        self.python_path = installed(folder / "site")
        self.port, self.url = 0, ""
        self._life = ExitStack()
        self.start()

    def start(self) -> None:
        self.port = free_port()
        environment = self.hub.environment() | {"HF_TOKEN": "hf_alice_write"}
        page = app_process(
            self.home,
            self.port,
            **{name: environment[name] for name in ("HF_ENDPOINT", "HF_TOKEN")},
            SELFSUP_PLUGINS="toy",
            PYTHONPATH=self.python_path,
        )
        self._life.enter_context(page)
        self.visitor = self._life.enter_context(_closing(Visitor(f"http://127.0.0.1:{self.port}")))

    def kill_server(self) -> None:
        """SIGKILL, as `app_process` does at its end."""
        self._life.close()

    def call(self, endpoint: str, *values: Any) -> Any:
        return self.visitor.result(endpoint, *values)

    def train(self) -> Run:
        return Run(self.home / "runs" / self.call("train", "toy", "fit", SETTINGS)["id"])


class _closing(ExitStack):  # noqa: N801 - as contextlib.closing, which gives no type
    def __init__(self, visitor: Visitor):
        super().__init__()
        self.visitor = visitor
        self.callback(visitor.http.close)

    def __enter__(self) -> Visitor:  # type: ignore[override]
        return self.visitor


class Kills:
    """Rounds of kills, and what they cost."""

    def __init__(self, world: World, seed: int = 0):
        self.world, self.random = world, random.Random(seed)
        self.rounds: collections.Counter[str] = collections.Counter()
        self.torn, self.last = 0, ""
        self.whole = world.train()
        self.finish(self.whole)
        self.run: Run | None = None
        self.broken: list[Run] = []

    def round(self) -> None:
        """One kill, and the way back."""
        phase = self.random.choice((*TRAINING, "push", "pull"))
        victim = self.random.choice(VICTIMS)
        if phase == "push":
            self._break_push(victim)
        elif phase == "pull":
            victim = "server"  # which is the process that pulls
            self._break_pull()
        else:
            victim = "both" if phase == "power cut" else victim
            self._break_training(phase, victim)
        self.last = f"{victim} in {phase}"
        self.rounds[self.last] += 1

    # -- training --------------------------------------------------------------------------------------------------

    def _break_training(self, phase: str, victim: str) -> None:
        while True:
            run = self._current()
            if self._reached(run, phase):
                break
        if victim != "trainer":
            self.world.kill_server()
        if victim != "server":
            _kill_trainer(run)
        self.torn += not (run.folder / "events.jsonl").read_bytes().endswith(b"\n")
        if phase == "power cut":
            drop_unsynced(run)
        if victim != "trainer":
            self.world.start()
        self._resume(run)

    def _current(self) -> Run:
        """The run to be broken: a new one where the last has ended."""
        if self.run is None or self.run.status() == "finished":
            if self.run is not None:
                self.check(self.run)
            self.run = self.world.train()
            self.broken.append(self.run)
        return self.run

    def _reached(self, run: Run, phase: str) -> bool:
        """Wait for a moment of that phase in this life of the trainer; False if the run ended before."""
        begun = sum(event["event"] == "starting" for event in all_events(run))
        moments: dict[str, Callable[[], bool]] = {
            "start": run.is_held,
            "checkpoint": lambda: any((run.folder / "checkpoint").glob("*.new")),
            "evaluation": lambda: _last(run) == "step" and run.summary().step % SETTINGS["eval_every"] == 0,
        }
        is_there = moments.get(phase, lambda: _last(run) in ("step", "checkpoint", "eval"))
        end = time.monotonic() + PATIENCE
        while not (run.is_held() and is_there()):
            if run.status() == "finished":
                return False
            if time.monotonic() > end:
                raise LostError(f"{run.id} does not train: {run.describe()} after {begun} lives")
            time.sleep(0.001)
        time.sleep(self.random.uniform(0, 0.6 if phase in ("training", "start", "power cut") else 0.01))
        return run.is_held() and run.status() == "running"

    def _resume(self, run: Run) -> None:
        status = self.world.call("run_status", run.id)["status"]
        if status == "lost":
            self.world.call("run_resume", run.id)
        elif status not in ("running", "finished", "queued"):
            raise LostError(f"{run.id} is {status} after a kill: {run.describe()['message']}")

    def finish(self, run: Run) -> None:
        """Wait for the end of a run that nobody kills."""
        wait_for(lambda: run.status() in FINAL or run.status() == "lost", PATIENCE)
        if run.status() != "finished":
            raise LostError(f"{run.id} is {run.status()}: {run.log_tail()[-500:]}")

    def check(self, run: Run) -> None:
        """Compare a run that was broken with the unbroken one."""
        for name in ("model.safetensors", "config.json"):
            if (run.artifact / name).read_bytes() != (self.whole.artifact / name).read_bytes():
                raise LostError(f"{run.id}: {name} differs from the unbroken run's")
        check_events(run, self.whole)

    # -- push and pull ---------------------------------------------------------------------------------------------

    def _break_push(self, victim: str) -> None:
        world, run = self.world, self.whole
        world.hub.fault(kind="delay", seconds=0.5, path="preupload|commit|cas|cdn|create", times=4)
        world.call("run_push", run.id, REPO, True, False, "", 0.0)
        time.sleep(self.random.uniform(0, 4))
        if victim != "trainer":
            world.kill_server()
        if victim != "server":
            _kill_holder(run.folder / "push.lock")
        if victim != "trainer":
            world.start()
        world.hub.mend()
        if world.call("push_status", run.id)["status"] == "running":
            wait_for(lambda: world.call("push_status", run.id)["status"] != "running", PATIENCE)
        status = world.call("push_status", run.id)["status"]
        if status not in ("lost", "pushed"):
            raise LostError(f"a push that was killed is {status}: {world.call('push_status', run.id)}")
        self._push_whole()

    def _push_whole(self) -> None:
        state = self.world.call("run_push", self.whole.id, REPO, True, False, "", 60.0)
        if state["status"] != "pushed" or (self.whole.folder / "push").exists():
            raise LostError(f"a push after a killed one: {state}, staged left: {(self.whole.folder / 'push').exists()}")

    def _break_pull(self) -> None:
        world = self.world
        if "pushed" not in world.call("push_status", self.whole.id)["status"]:
            self._push_whole()
        world.hub.fault(kind="delay", seconds=0.5, path="resolve|cdn|cas|revision", times=6)
        body = json.dumps({"data": [REPO], "session_hash": "puller"})
        world.visitor.http.post("/call/hub_pull", content=body, headers={"content-type": "application/json"})
        time.sleep(self.random.uniform(0, 2))
        world.kill_server()
        world.hub.mend()
        world.start()
        name = world.call("hub_pull", REPO)["weights"]
        pulled = next((world.home / "hf").rglob(f"{name.partition('@')[2]}/model.safetensors"), None)
        if pulled is None or pulled.read_bytes() != (self.whole.artifact / "model.safetensors").read_bytes():
            raise LostError(f"a pull after a killed one gave {pulled}")
        world.call("toy_classify", name, 0.1, 0.2)

    def end(self) -> None:
        """Let the last run finish, and check it."""
        if self.run is not None:
            self.finish(self.run)
            self.check(self.run)


def all_events(run: Run) -> Iterator[dict[str, Any]]:
    """Every event of a run that can be read, in order."""
    for line in (run.folder / "events.jsonl").read_bytes().split(b"\n"):
        with suppress(ValueError):
            event = json.loads(line)
            if isinstance(event, dict):
                yield event


def check_events(run: Run, whole: Run) -> None:
    """Each step, evaluation and end of the unbroken run is there with its values, and none twice in one life.

    A life continues from a checkpoint: what came after that is computed again, to the same.
    """
    if losses(run.folder) != losses(whole.folder):
        raise LostError(f"{run.id}: its curve is not that of the unbroken run")
    for name in ("step", "eval"):
        seen: set[int] = set()
        expected = {event["step"]: _values(event) for event in all_events(whole) if event["event"] == name}
        met: dict[int, Any] = {}
        for event in all_events(run):
            if event["event"] == "started":
                seen = set()
            if event["event"] == name:
                if event["step"] in seen:
                    raise LostError(f"{run.id}: {name} {event['step']} is there twice in one life")
                seen.add(event["step"])
                met[event["step"]] = _values(event)
        if met != expected:
            raise LostError(f"{run.id}: its {name} events are not those of the unbroken run")
    ends = [event["event"] for event in all_events(run) if event["event"] in FINAL]
    if ends != ["finished"]:
        raise LostError(f"{run.id} has the ends {ends}")


def _values(event: dict[str, Any]) -> Any:
    return event.get("metrics") or (event["loss"], event["grad_norm"], event["learning_rate"])


def drop_unsynced(run: Run) -> None:
    """Cut what a power cut may lose: the events since the last checkpoint, whose tail is zeros that were never written.

    A checkpoint flushes the events before it, its files and its folder, so those stay.
    """
    steps = [int(path.name[5:]) for path in (run.folder / "checkpoint").glob("step-*") if path.name[5:].isdigit()]
    path, kept = run.folder / "events.jsonl", b""
    for line in path.read_bytes().splitlines(keepends=True):
        event = json.loads(line) if line.strip(b"\0\n ") and line.endswith(b"}\n") else {}
        if event.get("event") in ("step", "eval", "started") and event.get("step", 0) > max(steps, default=0):
            break
        kept += line
    path.write_bytes(kept + b"\0" * 300)


def _last(run: Run) -> str:
    return next((event["event"] for event in reversed(list(all_events(run)))), "")


def _kill_trainer(run: Run) -> None:
    with suppress(OSError, ValueError):
        os.killpg(int((run.folder / "pid").read_text()), signal.SIGKILL)
    _kill_holder(run.folder / "lock")


def _kill_holder(lock: Path) -> None:
    """Kill whoever of this user has the file open and is no server: a trainer that has written no `pid` yet, a push."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and any(_is_open(process.pid, lock)):
                process.kill()
    wait_for(lambda: not Run(lock.parent).is_held(lock.name), 20)


def _is_open(pid: int, path: Path) -> Iterator[bool]:
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            if descriptor.readlink() == path:
                yield True


def kill_rounds(folder: Path, rounds: int, seed: int = 0, say: Callable[[str], Any] = lambda text: None) -> Kills:
    """As many rounds in a home below `folder`.

    Raises:
        AssertionError: If a kill cost something.
    """
    with running_hub() as url, ExitStack() as stack:
        world = World(folder, Hub(url, folder / "hf"))
        stack.callback(world.kill_server)
        kills = Kills(world, seed)
        for number in range(rounds):
            kills.round()
            say(
                f"{number + 1}: {list(kills.rounds)[-1]}, {sum(kills.rounds.values())} rounds, {len(kills.broken)} runs"
            )
        kills.end()
    return kills


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        kills = kill_rounds(Path(folder), options.rounds, options.seed, lambda text: print(text, flush=True))
    print(
        f"{sum(kills.rounds.values())} kills {dict(kills.rounds)}: {len(kills.broken)} runs broken and resumed, all with "
        f"the weights of the unbroken one; {kills.torn} torn lines; no event lost or doubled"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
