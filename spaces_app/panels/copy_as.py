"""Copy as: the form's state as a Python call, a command and a YAML file. The three start the same run."""

from __future__ import annotations

import shlex

from spaces_app.services.run_request import RunRequest
from training.runs.config_file import to_yaml

LOCAL_URL = "http://127.0.0.1:7860"  # of `python app.py`


def as_python(request: RunRequest, url: str = LOCAL_URL) -> str:
    """A script for `gradio_client` that starts the run and waits for its end."""
    files = {name: f"handle_file({file!r})" for name, file in _file_names(request).items()}
    more = [f"{name!r}: {files.pop(name)}" for name in list(files) if name not in ("data", "eval_data")]
    files |= {"more_files": f"{{{', '.join(more)}}}"} if more else {}
    uploads = "".join(f",\n    {name}={expression}" for name, expression in files.items())
    return f"""import time

from gradio_client import Client, handle_file

client = Client({url!r})
run = client.predict(
    plugin={request.plugin!r},
    trainer={request.trainer!r},
    settings={request.values!r}{uploads},
    api_name="/train",
)
while (status := client.predict(run["id"], api_name="/run_status"))["status"] in ("queued", "running"):
    time.sleep(1)
print(run["id"], status["status"], status["best"])
"""


def as_command(request: RunRequest) -> str:
    """A shell command."""
    words = ["python", "-m", "training", request.plugin, request.trainer]
    for name, value in {**_file_names(request), **request.values}.items():
        words += _option(name, value)
    return " ".join(shlex.quote(word) for word in words)


def as_yaml(request: RunRequest) -> str:
    """A file for `--config`; the data files are looked for beside it."""
    return to_yaml(request.plugin, request.trainer, {**_file_names(request), **request.values})


def _file_names(request: RunRequest) -> dict[str, str]:
    return {name: path.name for name, path in request.files.items() if path}


def _option(name: str, value: object) -> list[str]:
    flag = "--" + name.replace("_", "-")
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag[2:]}"]
    return [f"{flag}={value}"] if str(value).startswith("-") else [flag, str(value)]  # a dash would make it a flag
