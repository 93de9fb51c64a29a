"""Copy as: the form's state as a Python call, a command and a YAML file. The three start the same run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.runs.config_file import to_yaml

LOCAL = "http://127.0.0.1:7860"  # where `python app.py` answers


def as_python(
    plugin: str,
    trainer: str,
    values: Mapping[str, Any],
    files: Mapping[str, Path | None],
    url: str = LOCAL,
) -> str:
    """A script for `gradio_client` that starts the run and waits for it."""
    given = {name: f"handle_file({path.name!r})" for name, path in files.items() if path}
    more = [f"{name!r}: {given.pop(name)}" for name in list(given) if name not in ("data", "eval_data")]
    given |= {"more_files": f"{{{', '.join(more)}}}"} if more else {}
    uploads = "".join(f",\n    {name}={said}" for name, said in given.items())
    return f"""import time

from gradio_client import Client, handle_file

client = Client({url!r})
run = client.predict(
    plugin={plugin!r},
    trainer={trainer!r},
    settings={dict(values)!r}{uploads},
    api_name="/train",
)
while (status := client.predict(run["id"], api_name="/run_status"))["status"] in ("queued", "running"):
    time.sleep(1)
print(run["id"], status["status"], status["best"])
"""


def as_command(plugin: str, trainer: str, values: Mapping[str, Any], files: Mapping[str, Path | None]) -> str:
    """A shell command."""
    words = ["python", "-m", "training", plugin, trainer]
    for name, path in files.items():
        words += _option(name, path.name) if path else []
    for name, value in values.items():
        words += _option(name, value)
    return " ".join(shlex.quote(word) for word in words)


def as_yaml(plugin: str, trainer: str, values: Mapping[str, Any], files: Mapping[str, Path | None]) -> str:
    """A file for `--config`; the data files are looked for beside it."""
    return to_yaml(plugin, trainer, {**{name: path.name for name, path in files.items() if path}, **values})


def _option(name: str, value: Any) -> list[str]:
    flag = "--" + name.replace("_", "-")
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag[2:]}"]
    return [f"{flag}={value}"] if str(value).startswith("-") else [flag, str(value)]  # a dash would make it a flag
