"""The command line: quick to answer, the same run from flags as from a file, every command on a real run."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.running import events, finish, kill, queue, start, wait_for, weights
from training.cli.main import main
from training.home import RUN_ID
from training.runs.forkserver import WarmProcess
from training.runs.registry import Runs
from training.runs.run import Run

QUICK = ["toy", "fit", "--steps", "6", "--device", "cpu"]


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.splitlines()[-1]


# -- help ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["--help"], ["bert_finetune", "classify", "--help"], ["list"]], ids=" ".join)
def test_it_answers_within_a_second_of_computing(toy: Path, arguments: list[str]) -> None:
    """It waits for nothing, so on an idle machine that is the time it takes; a busy one does not change it."""
    process = subprocess.Popen([sys.executable, "-m", "training", *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)  # of this process alone: others of the tests end meanwhile
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0 and usage.ru_utime + usage.ru_stime < 1.0


def test_help_imports_nothing_heavy(toy: Path) -> None:
    code = "import sys; from training.cli.main import main; main(['--help']); print('HEAVY', sorted({'torch', 'transformers', 'pandas', 'pyarrow', 'sklearn', 'gradio', 'numpy'} & set(sys.modules)))"
    heavy = python("-c", code).stdout.splitlines()[-1]
    assert heavy == "HEAVY ['numpy']"  # the toy needs it; the five do not


def test_help_names_every_trainer_and_command(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    for word in ("bert_finetune classify", "toy fit", "list", "status", "resume", "cancel", "delete", "check"):
        assert word in out


def test_the_help_of_a_trainer_has_every_setting(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["toy", "fit", "--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    for name in ("--learning-rate", "--hold-at", "--points", "--gradient-accumulation", "--config", "--folder"):
        assert name in out


# -- what is refused -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["toy", "fit", "--learning-rat", "1"], "There is no flag --learning-rat. Did you mean --learning-rate?"),
        (["toy", "fit", "--zzz"], "There is no flag --zzz. --help lists what there is."),
        (["toy", "fit", "--steps=-1"], "steps: '-1' was given; it should be greater than or equal to 0."),
        (["toy", "fit", "--points", "gone.csv"], "points: there is no file gone.csv."),
        (["toy", "fit", "--config", "gone.yaml"], "--config gone.yaml: No such file or directory."),
        (["toy", "learn"], "toy has no trainer 'learn'; it has: fit."),
        (["toy"], "Which trainer? toy has: fit."),
        (["tow", "fit"], "There is no plugin 'tow'; there are: "),
        (["status", "../../etc"], "'../../etc' is not a run's id"),
        (["cancel", "toy-0123456789abcdef"], "There is no run toy-0123456789abcdef."),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    toy: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {words}")
    assert len(error.splitlines()) == 1
    assert Runs().all() == []


def test_a_command_without_its_run_names_what_is_missing(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["status"])
    assert stop.value.code == 2
    assert "the following arguments are required: RUN" in capsys.readouterr().err


# -- training --------------------------------------------------------------------------------------------------------------


def test_a_piped_run_prints_plain_lines_and_its_id_last(toy: Path) -> None:
    done = python("-m", "training", *QUICK)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("started at step 0 of 6: 40 rows, 162 parameters, cpu")
    assert lines[-2] == "finished at step 6."
    assert RUN_ID.fullmatch(lines[-1])
    assert "\x1b" not in done.stdout
    assert Runs().get(lines[-1]).status() == "finished"


def test_a_run_in_a_folder_of_ones_own_has_its_artifact_there(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = toy / "out"
    assert main([*QUICK, "--folder", str(folder)]) == 0
    assert last_line(capsys) == str(folder)
    assert (folder / "artifact" / "model.safetensors").is_file()
    assert main(["status", str(folder)]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "finished"


def test_a_file_gives_the_same_run_as_flags(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (toy / "points.csv").write_text("".join(f"0.{i},-0.{i},{i % 2}\n" for i in range(10, 70)))
    flags = [*QUICK, "--points", str(toy / "points.csv"), "--learning_rate", "3e-2", "--ema-decay=0.5"]
    main(flags)
    first = Runs().get(last_line(capsys))
    values = {"steps": 6, "device": "cpu", "points": "points.csv", "learning_rate": 0.03, "ema_decay": 0.5}
    (toy / "run.yaml").write_text(yaml.safe_dump({"plugin": "toy", "trainer": "fit", "settings": values}))
    main(["toy", "fit", "--config", str(toy / "run.yaml")])
    second = Runs().get(last_line(capsys))
    assert first.config() == second.config()
    assert weights(first.folder) == weights(second.folder)


def test_the_file_that_a_run_keeps_gives_the_run_again(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([*QUICK, "--seed", "5"])
    first = Runs().get(last_line(capsys))
    main(["toy", "fit", "--config", str(first.folder / "config.yaml")])
    assert weights(Runs().get(last_line(capsys)).folder) == weights(first.folder)


def test_flags_override_the_file(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (toy / "run.yaml").write_text("settings: {steps: 50, seed: 3}\n")
    main([*QUICK, "--config", str(toy / "run.yaml")])
    assert Runs().get(last_line(capsys)).config()["settings"] == {"steps": 6, "seed": 3, "device": "cpu"}


def test_a_run_that_fails_says_why_and_exits_with_1(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (toy / "points.csv").write_text("no,number,here\n")
    assert main([*QUICK, "--points", str(toy / "points.csv")]) == 1
    out, error = capsys.readouterr()
    assert "failed: ValueError: could not convert string to float" in error
    assert Runs().get(out.splitlines()[-1]).status() == "failed"


def test_ctrl_c_keeps_a_checkpoint_and_the_run_can_be_resumed(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = toy / "gate"
    gate.touch()
    monkeypatch.setenv("TOY_HOLD", str(gate))
    command = [sys.executable, "-m", "training", "toy", "fit", "--hold-at", "3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        wait_for(gate.with_suffix(".reached").exists)
        os.kill(process.pid, signal.SIGINT)
        gate.unlink()
        out, _ = process.communicate()
    assert process.returncode == 130
    run = Runs().get(out.splitlines()[-1])
    assert (run.status(), run.summary().step) == ("cancelled", 3)
    assert main(["resume", run.id]) == 0
    assert run.status() == "finished"
    assert events(run.folder, "started")[-1]["step"] == 3


# -- the other commands ----------------------------------------------------------------------------------------------------


def test_list_shows_every_run_even_beside_a_broken_one(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["list"])
    assert capsys.readouterr().out == "No runs yet.\n"
    main(QUICK)
    done, broken = last_line(capsys), queue(Runs())
    (broken.folder / "config.yaml").write_text("[")
    main(["list"])
    lines = capsys.readouterr().out.splitlines()
    assert any(re.match(rf"{done} +finished +6/6 .* MB  loss \d\.\d+, accuracy", line) for line in lines)
    assert any(line.startswith(broken.id) and "broken" in line for line in lines)


def test_status_is_json(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = queue(Runs())
    main(["status", run.id])
    about = json.loads(capsys.readouterr().out)
    assert (about["id"], about["status"], about["plugin"], about["trainer"]) == (run.id, "queued", "toy", "fit")


def test_cancel_stops_a_run_of_another_process(
    toy: Path, warm: WarmProcess, gate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = queue(Runs(), steps=100_000)
    start(Runs(), warm)
    assert main(["cancel", run.id]) == 0
    assert last_line(capsys) == f"{run.id} cancelled"
    assert Run(run.folder).status() == "cancelled"


def test_a_run_that_another_process_trains_is_not_trained_twice(
    toy: Path, warm: WarmProcess, gate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = queue(Runs(), hold_at=2)
    start(Runs(), warm)
    wait_for(gate.with_suffix(".reached").exists)
    assert main(["run", str(run.folder)]) == 2
    assert "is being trained by another process" in capsys.readouterr().err
    assert main(["resume", run.id]) == 2
    assert "is running: only a lost, cancelled or failed run can be resumed" in capsys.readouterr().err
    assert main(["delete", run.id]) == 2
    kill(run)


def test_a_lost_run_is_resumed(toy: Path, warm: WarmProcess, gate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = queue(Runs(), hold_at=4, checkpoint_every=2)
    start(Runs(), warm)
    wait_for(gate.with_suffix(".reached").exists)
    kill(run)
    assert main(["resume", run.id]) == 0
    assert last_line(capsys) == run.id
    assert finish(run) == "finished"


def test_a_deleted_run_is_gone(toy: Path) -> None:
    run = queue(Runs())
    assert main(["delete", run.id]) == 0
    assert not run.folder.exists()


def test_check_measures_and_starts_nothing(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", *QUICK, "--out", str(toy / "sheet.json")]) == 0
    assert "162 parameters on cpu" in capsys.readouterr().out
    assert json.loads((toy / "sheet.json").read_text())["verdict"] in ("green", "amber")
    assert Runs().all() == []
