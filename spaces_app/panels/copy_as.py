"""Copy as: the form's state as a Python call, a command and a YAML file. The three start the same run.

On one's own machine the command names the app's folder and its Python, so that it runs in the folder of the data. Of a
shared server nobody learns these.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from spaces_app.services.run_request import RunRequest
from training.runs.config_file import to_yaml

LOCAL_URL = "http://127.0.0.1:7860"  # of `python app.py`
ROOT = Path(__file__).parents[2]


def as_python(request: RunRequest, url: str = LOCAL_URL) -> str:
    """A script for `gradio_client` that starts the run and waits for its end."""
    files = {name: f"handle_file({file!r})" for name, file in _file_names(request).items()}
    more = [f"{name!r}: {files.pop(name)}" for name in list(files) if name not in ("data", "eval_data")]
    files |= {"more_files": f"{{{', '.join(more)}}}"} if more else {}
    uploads = "".join(f",\n    {name}={expression}" for name, expression in files.items())
    return f"""{_comment(_where_python(request))}import time

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


def as_command(request: RunRequest, shared: bool = False) -> str:
    """A shell command.

    Args:
        shared: Whether somebody else copies it, who has the app in a folder of their own.
    """
    words = [*_program(shared), request.plugin, request.trainer]
    for name, value in {**_file_names(request), **request.values}.items():
        words += _option(name, value)
    return _comment(_where_command(request, shared)) + _joined(words)


def as_yaml(request: RunRequest, shared: bool = False) -> str:
    """A file for `--config`; the data files are looked for beside it. `shared` as for `as_command`."""
    command = _joined([*_program(shared), request.plugin, request.trainer, "--config", "run.yaml"])
    names = list(_file_names(request).values())
    beside = [f"Keep this file, as run.yaml, in the folder of {_listed(names)}."] if names else ["Save as run.yaml."]
    place = "in the folder of Selfsup Studio, with the path to run.yaml" if shared else "there"
    about = _comment([*beside, f"Start it {place}: {command}"])
    return about + to_yaml(request.plugin, request.trainer, {**_file_names(request), **request.values})


def _program(shared: bool) -> list[str]:
    """The words that start the command line."""
    if shared:
        return ["python", "-m", "training"]
    return ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "training"]


def _joined(words: list[str]) -> str:
    return " ".join(shlex.quote(word) for word in words)


def _where_command(request: RunRequest, shared: bool) -> list[str]:
    names = list(_file_names(request).values())
    if not shared:
        return [f"Run this in the folder of {_listed(names)}."] if names else []
    place = "Run this in the folder of Selfsup Studio, the one with app.py."
    return [place, *([f"Put {_listed(names)} there, or write the path in place of the name."] if names else [])]


def _where_python(request: RunRequest) -> list[str]:
    names = list(_file_names(request).values())
    return [f"Run this in the folder of {_listed(names)}, while the app is running."] if names else []


def as_comment(text: str) -> str:
    """A text as a comment of each of the three languages."""
    return _comment(text.splitlines())


def _comment(sentences: list[str]) -> str:
    """Each sentence as a line of comment; a file's name may hold a line's end."""
    return "".join(f"# {' '.join(sentence.splitlines())}\n" for sentence in sentences)


def _listed(names: list[str]) -> str:
    return " and ".join(names)


def _file_names(request: RunRequest) -> dict[str, str]:
    return {name: path.name for name, path in request.files.items() if path}


def _option(name: str, value: object) -> list[str]:
    flag = "--" + name.replace("_", "-")
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag[2:]}"]
    return [f"{flag}={value}"] if str(value).startswith("-") else [flag, str(value)]  # a dash would make it a flag
