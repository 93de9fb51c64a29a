"""What the page and the API do, without gradio: submit, watch and stop runs, check data, load weights, publish."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from plugins._contract import Document, Plugin, Trainer
from plugins._discovery import Found, discover
from plugins._recognition import recognise
from spaces_app.access import check_may_train, may_see
from spaces_app.gpu import lend_gpu
from spaces_app.settings import Settings
from training.artifact import model_card
from training.artifact.store import RECORD, read_record
from training.backup import uploader
from training.errors import UserError
from training.events import read_events
from training.hub import pull, push
from training.hub.document import PulledDocument, pull_document
from training.hub.document import push_document as publish_document
from training.hub.push import PushOptions
from training.runs import push_job
from training.runs.config_file import to_yaml
from training.runs.forkserver import WarmProcess
from training.runs.queue import KEY, Dispatcher, cancel_when_queued, child_environment
from training.runs.registry import Runs
from training.runs.run import Run
from training.settings import HOSTED, TrainSettings, parse_settings
from training.weights import check_weights_exist, check_weights_name, resolve_weights

NOT_SIGNED_IN = "You are not signed in to the Hub: sign in on the page, or set HF_TOKEN where the app runs."
CHECK_SECONDS = 300.0
WARM_SECONDS = 20.0  # after the start: the page comes first, then the process that starts runs
PUSH_GLANCE_SECONDS = 0.2
LOADED = 3  # models kept in memory


class Studio:
    """One server's runs, plugins and loaded models."""

    def __init__(self, settings: Settings, found: list[Found] | None = None):
        self.settings = settings
        self.found = discover() if found is None else found
        self.plugins = {one.name: one.plugin for one in self.found if one.plugin}
        self.runs = Runs()
        self.warm = WarmProcess(["prefork"], child_environment())
        # Run -> its visitor's, from the click to the start; in memory only.
        self._secrets: dict[str, dict[str, str]] = {}
        self.dispatcher = Dispatcher(
            self.runs, settings.runs_at_once, self.warm, secrets_of=lambda run: self._secrets.pop(run.id, {})
        )
        self._models: OrderedDict[tuple[str, Path, int], Any] = OrderedDict()
        self._pulled: dict[str, dict[str, str]] = {}  # visitor -> name of weights -> plugin
        self._loading = threading.Lock()
        self.call, self.stream = lend_gpu(self._call), lend_gpu(self._stream)

    def start(self) -> None:
        """Begin to work the queue; in the background, warm up a process for the first run and this one for the first prediction."""
        self.warm.warm_up()
        self.dispatcher.watch()
        threading.Timer(WARM_SECONDS, self._import_models).start()

    def _import_models(self) -> None:
        for name in dict.fromkeys(
            name for plugin in self.plugins.values() for trainer in plugin.trainers for name in trainer.preload
        ):
            # a plugin's module that does not import says so when it is used; the lock, since transformers imported by two
            # threads at once lacks names in one of them
            with contextlib.suppress(Exception), self._loading:
                importlib.import_module(name)

    # -- plugins and weights ---------------------------------------------------------------------------------------

    def plugin(self, name: str) -> Plugin:
        if name not in self.plugins:
            raise UserError(f"There is no plugin {name[:60]!r}; there are: {', '.join(self.plugins)}.")
        return self.plugins[name]

    def drop(self, name: str, error: str, details: str) -> None:
        """Count a plugin as broken from now on, for this reason."""
        del self.plugins[name]
        self.found = [
            replace(one, plugin=None, error=error, details=details) if one.name == name else one for one in self.found
        ]

    def describe_plugins(self) -> list[dict[str, Any]]:
        """Every plugin with its trainers' settings as JSON schemas and its endpoints' names; a broken one with its reason."""
        return [_describe(one) for one in self.found]

    def _call(self, plugin: str, function: Callable[..., Any], weights: str, *arguments: Any) -> Any:
        """Give a function of the plugin the model of that name. As `call` it has a GPU where one is lent: it takes what can be pickled."""
        owner = self.plugin(plugin)
        return function(self.load(owner, weights.strip() or owner.default_weights(function.__name__)), *arguments)

    def _stream(
        self, plugin: str, function: Callable[..., Iterator[Any]], weights: str, *arguments: Any
    ) -> Iterator[Any]:
        """As `_call`, for a function that yields; a stream that is closed closes the function's."""
        yield from self._call(plugin, function, weights, *arguments)

    def load(self, plugin: Plugin, weights: str) -> Any:
        """What `plugin.load` makes of the weights of that name; the last few stay in memory."""
        if weights.startswith(HOSTED):
            if not plugin.connect:
                raise UserError(f"{plugin.title} has no use for hosted models: choose weights.")
            return plugin.connect(weights)
        folder = resolve_weights(weights.strip(), plugin.starters, self.runs)
        key = (plugin.name, folder, folder.stat().st_mtime_ns)  # a run that trains on replaces its artifact's folder
        with self._loading:
            if key not in self._models:
                self._models[key] = plugin.load(folder)
            self._models.move_to_end(key)
            while len(self._models) > LOADED:
                self._models.popitem(last=False)
            return self._models[key]

    def weights_names(self, plugin: Plugin, who: str) -> list[str]:
        """Names to offer: starters, then own runs that have weights, then what was pulled since the start, then runs that ask elsewhere."""
        pulled = [name for name, owner in self._pulled.get(who, {}).items() if owner == plugin.name]
        runs = self.own_runs(who, plugin, with_weights=True)
        here = [run.id for run in runs if any(run.artifact.rglob("*.safetensors"))]
        elsewhere = [run.id for run in runs if run.id not in here]  # of a hosted model: its prompt alone
        return [*plugin.starters, *here, *pulled, *elsewhere]

    # -- runs ------------------------------------------------------------------------------------------------------

    def prepare(
        self, plugin: str, trainer: str, values: dict[str, Any], files: Mapping[str, Path | None]
    ) -> tuple[Plugin, Trainer, TrainSettings]:
        """Check everything about a run that can be checked without its data.

        Args:
            files: Setting -> uploaded file, such as data and eval_data.

        Raises:
            UserError: For an unknown plugin, trainer, setting or value, a path where a name belongs, or a limit of this server.
        """
        kind = self.plugin(plugin).trainer(trainer)
        unknown = [name for name in files if name not in kind.settings.file_fields()]
        if unknown:
            raise UserError(
                f"{trainer} takes no file {', '.join(unknown)}; it takes: {', '.join(kind.settings.file_fields())}."
            )
        forbidden = [name for name in kind.settings.file_fields() if name in values]
        if forbidden:
            raise UserError(f"{', '.join(forbidden)}: files are uploaded, not named in the settings.")
        given = {name: str(path) for name, path in files.items() if path}
        settings = parse_settings(kind.settings, {**values, **given})
        for name in settings.weights():
            check_weights_name(name, self.plugin(plugin).starters)
        if self.settings.max_steps and settings.steps > self.settings.max_steps:
            raise UserError(f"steps: {settings.steps} were asked for; this server allows {self.settings.max_steps}.")
        if self.settings.max_seconds and not 0 < settings.time_limit <= self.settings.max_seconds:
            settings = settings.model_copy(update={"time_limit": self.settings.max_seconds})
        return self.plugin(plugin), kind, settings

    def train(
        self,
        plugin: str,
        trainer: str,
        values: dict[str, Any],
        files: Mapping[str, Path | None],
        who: str,
        token: str | None = None,
        key: str = "",
    ) -> dict[str, Any]:
        """Check the data and queue a run; answers at once.

        Args:
            token: The visitor's, for the backup of the run where its settings ask for one.
            key: The visitor's, for a trainer that takes one.

        Raises:
            UserError: For what `prepare` refuses, and for red rows of the preflight sheet.
        """
        check_may_train(who, self.settings)
        owner, kind, settings = self.prepare(plugin, trainer, values, files)
        for name in settings.weights():
            check_weights_exist(name, owner.starters, self.runs)
        kind.preflight(settings).raise_if_blocked()
        if settings.backup:
            uploader.check(settings, owner.starters, token)
        run = self.runs.create(owner.name, kind.name, settings, who)
        self._start(run, token, key)
        return self.describe(run)

    def check(
        self, plugin: str, trainer: str, values: dict[str, Any], files: Mapping[str, Path | None], who: str
    ) -> dict[str, Any]:
        """The whole preflight sheet, measured in a process of its own, as `Sheet.to_dict` has it.

        Raises:
            UserError: As `train`; a trial step is training too.
        """
        check_may_train(who, self.settings)
        owner, kind, settings = self.prepare(plugin, trainer, values, files)
        with tempfile.TemporaryDirectory(prefix="selfsup-check-") as name:
            folder = Path(name)
            (folder / "run.yaml").write_text(to_yaml(owner.name, kind.name, settings.changed()), encoding="utf-8")
            self._run_check(
                [
                    "check",
                    owner.name,
                    kind.name,
                    "--config",
                    str(folder / "run.yaml"),
                    "--out",
                    str(folder / "sheet.json"),
                ],
                folder,
            )
            if not (folder / "sheet.json").exists():
                raise UserError("The trial steps did not end well: " + _last_line(folder / "log.txt"))
            return json.loads((folder / "sheet.json").read_text(encoding="utf-8"))

    def _run_check(self, arguments: list[str], folder: Path) -> None:
        """In the warm process where there is one; its descriptor closes when it ends, which is what we wait for."""
        read, write = os.pipe()
        try:
            if self.warm.start(arguments, folder / "log.txt", write):
                os.close(write)
                write = -1
                _wait_until_closed(read, CHECK_SECONDS)
                return
        finally:
            os.close(read)
            if write >= 0:
                os.close(write)
        with (folder / "log.txt").open("wb") as log:
            subprocess.run(
                [sys.executable, "-m", "training", *arguments],
                stdout=log,
                stderr=log,
                env=child_environment(),
                timeout=CHECK_SECONDS,
                check=False,
            )

    def run(self, run_id: str, who: str) -> Run:
        """A run that this visitor may see; another's is not told apart from none."""
        run = self.runs.get(run_id.strip())
        if not may_see(run, who, self.settings):
            raise UserError(f"There is no run {run.id}.")
        return run

    def own_runs(self, who: str, plugin: Plugin | None = None, *, with_weights: bool = False) -> list[Run]:
        """A visitor's runs, the newest first: all, or one plugin's, or those that have weights."""
        prefix = f"{plugin.name}-" if plugin else ""
        mine = [run for run in self.runs.all() if run.id.startswith(prefix) and may_see(run, who, self.settings)]
        return [run for run in mine if run.artifact.is_dir() or not with_weights]

    def describe(self, run: Run) -> dict[str, Any]:
        return {**run.describe(), "queue_position": self.dispatcher.position(run)}

    def events(self, run: Run, offset: int) -> dict[str, Any]:
        """Events from a byte offset on, with the status and the log's tail: all that a monitor shows."""
        path = run.folder / "events.jsonl"
        events, following = read_events(path, max(0, min(offset, path.stat().st_size)))
        return {"events": events, "offset": following, "status": {**self.describe(run), "log_tail": run.log_tail()}}

    def cancel(self, run: Run) -> dict[str, Any]:
        cancel_when_queued(run)
        self._secrets.pop(run.id, None)
        return self.describe(run)

    def resume(self, run: Run, who: str, token: str | None = None, key: str = "") -> dict[str, Any]:
        """Queue a run again; `token` and `key` as for `train`."""
        check_may_train(who, self.settings)
        run.resume()
        self._start(run, token, key)
        return self.describe(run)

    def _start(self, run: Run, token: str | None, key: str) -> None:
        config = run.config()
        trainer = self.plugin(config["plugin"]).trainer(config["trainer"])
        found = {"HF_TOKEN": token} if token and config["settings"].get("backup") else {}
        found |= {KEY: key.strip()} if key.strip() and trainer.key else {}
        if found:
            self._secrets[run.id] = found
        self.dispatcher.pump()

    def report(self, run: Run) -> dict[str, Any]:
        """The tables of the best evaluation: title -> columns and rows."""
        path = run.folder / "report.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def push_preview(self, run: Run, repo: str, token: str | None, how: PushOptions) -> dict[str, Any]:
        """What a push would do: to which repository, with which files, under which card."""
        weights = run.weights()
        about = push.inspect_repo(repo, token, how).describe(how) if repo and token else ""
        files = [
            {"file": str(path.relative_to(weights)), "size_bytes": path.stat().st_size}
            for path in push.pushed_files(weights)
        ]
        return {
            "about": about,
            "files": files,
            "size_bytes": sum(file["size_bytes"] for file in files),
            "card": model_card.render(read_record(weights), repo or model_card.UNNAMED),
        }

    def push(self, run: Run, repo: str, token: str | None, how: PushOptions, wait: float = 0.0) -> dict[str, Any]:
        """Begin to upload a run's weights with the visitor's own token, in a process of its own; see `push_job.state`.

        Args:
            wait: Seconds to wait for its end.

        Raises:
            UserError: If the push cannot begin, or failed meanwhile.
        """
        if not token:
            raise UserError(NOT_SIGNED_IN)
        push_job.start(run, repo, how, token)
        deadline = time.monotonic() + wait
        while (state := push_job.state(run))["status"] == "running" and time.monotonic() < deadline:
            time.sleep(PUSH_GLANCE_SECONDS)
        if state["status"] in ("failed", "lost"):
            raise UserError(state["message"])
        return state

    def pull(self, repo: str, token: str | None, who: str) -> dict[str, Any]:
        """Download weights that one of the plugins can use, and offer them to this visitor from now on."""

        def admit(folder: Path, names: Sequence[str]) -> None:
            recognise(folder, repo, self.plugins.values())

        pulled = pull.pull(repo, token, admit)
        plugin = recognise(pulled.folder, repo, self.plugins.values())
        record = read_record(pulled.folder) if (pulled.folder / RECORD).is_file() else {}
        name = f"{pulled.repo}@{pulled.commit}"
        mine = self._pulled.setdefault(who, {})
        mine[name] = plugin.name
        return {
            "repo": pulled.repo,
            "commit": pulled.commit,
            "plugin": plugin.name,
            "weights": name,
            "metrics": record.get("metrics", {}),
        }

    def push_document(
        self, plugin: Plugin, document: Document, text: str, repo: str, token: str | None, how: PushOptions
    ) -> dict[str, Any]:
        """Send a document to the Hub with the visitor's own token.

        Returns:
            repo, commit and pull_request (addresses), note.

        Raises:
            UserError: For what is no such document, and for what the Hub refuses.
        """
        text, repo = document.check(text), repo.strip()
        if not token:
            raise UserError(NOT_SIGNED_IN)
        how = replace(how, message=f"{plugin.title}: {document.file}")
        done = publish_document(text, document.file, document.card(text, repo), repo, token, how)
        return {"repo": repo, **asdict(done)}

    def pull_document(self, document: Document, repo: str, token: str | None) -> PulledDocument:
        """A document of the Hub, checked."""
        found = pull_document(repo, document.file, token)
        return replace(found, text=document.check(found.text))


def _describe(one: Found) -> dict[str, Any]:
    if one.plugin is None:
        return {"name": one.name, "error": one.error}
    trainers = [
        {"name": t.name, "title": t.title, "settings": t.settings.model_json_schema()} for t in one.plugin.trainers
    ]
    published = (*one.plugin.endpoints, *one.plugin.tools)
    endpoints = [f"/{one.plugin.name}_{endpoint.__name__}" for endpoint in published]
    endpoints += [
        f"/{one.plugin.name}_{verb}_{each.name}" for each in one.plugin.documents for verb in ("push", "pull")
    ]
    return {
        "name": one.name,
        "title": one.plugin.title,
        "summary": one.plugin.summary,
        "trainers": trainers,
        "endpoints": endpoints,
        "starters": list(one.plugin.starters),
    }


def _wait_until_closed(descriptor: int, seconds: float) -> None:
    """Until the other end of a pipe is closed, by whoever inherited it."""
    import select

    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if select.select([descriptor], [], [], left)[0] and not os.read(descriptor, 1):
            return
    raise UserError(
        f"The trial steps took more than {seconds:.0f} seconds: lower batch_size or choose a smaller model."
    )


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines() if path.exists() else []
    return lines[-1][:300] if lines else "it left no message."
