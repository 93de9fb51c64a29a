"""The public endpoints: exactly the list in the README, each a typed function, each an MCP tool too."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_type_hints

import gradio as gr
from huggingface_hub import get_token

from plugins._contract import Document, Plugin, endpoint_types, streams
from spaces_app.access import told, visitor
from spaces_app.arguments import argument, upload, uploads
from spaces_app.studio import Studio
from training.hf_jobs import remote_run
from training.hub.push import PushOptions
from training.hub.search import search
from training.runs import push_job
from training.settings import HOSTED

LONGEST_WAIT = 60.0  # seconds a call waits for a push
MODEL_SLOTS = 2  # predictions at once, over all plugins: each takes the machine's cores
CHECKS: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "checks"}  # each takes all of them


def publish(studio: Studio) -> None:
    """Add every endpoint to the page being built."""
    for function in shell_endpoints(studio):
        how: dict[str, Any] = CHECKS if function.__name__ == "check" else {"queue": False}
        gr.api(told(_typed(function)), api_name=function.__name__, **how)
    for plugin in studio.plugins.values():
        bound = [bind(studio, plugin, endpoint) for endpoint in plugin.endpoints]
        for function in (*bound, *(bind_tool(plugin, tool) for tool in plugin.tools)):
            gr.api(function, api_name=function.__name__, concurrency_limit=MODEL_SLOTS, concurrency_id="models")
        for function in (each for one in plugin.documents for each in document_endpoints(studio, plugin, one)):
            gr.api(told(_typed(function)), api_name=function.__name__, queue=False)


def _typed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Hold callers to the annotations, and put the types themselves in place of their names: Gradio reads them as they stand."""
    hints = get_type_hints(function)
    signature = inspect.signature(function)
    parameters = [parameter.replace(annotation=hints[name]) for name, parameter in signature.parameters.items()]

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        return function(
            *[argument(name, hints[name], value) for name, value in zip(signature.parameters, args, strict=True)]
        )

    call.__annotations__ = hints
    call.__signature__ = signature.replace(parameters=parameters, return_annotation=hints["return"])  # type: ignore[attr-defined]
    return call


def shell_endpoints(studio: Studio) -> list[Callable[..., Any]]:
    """The endpoints that are no plugin's own."""

    def plugins() -> list[dict[str, Any]]:
        """List the plugins.

        Returns:
            A record each: name, title, summary, trainers (name, title, settings as a JSON schema), endpoints, starters; or name and error.
        """
        return studio.describe_plugins()

    def train(
        plugin: str,
        trainer: str,
        settings: dict[str, Any],
        request: gr.Request,
        token: gr.OAuthToken | None,
        data: gr.FileData | None = None,
        eval_data: gr.FileData | None = None,
        more_files: dict[str, Any] | None = None,
        key: str = "",
    ) -> dict[str, Any]:
        """Check the data and queue a training run; answers at once with its id.

        Args:
            plugin: A plugin's name, such as bert_finetune.
            trainer: One of its trainers, such as classify.
            settings: Setting -> value, as /plugins describes them; what is left out has its default.
            data: The training file, uploaded.
            eval_data: A file to evaluate on, uploaded; without it a share of the rows is held out.
            more_files: The trainer's other files, uploaded, by the names of their settings: {"target_data": handle_file("train.de")}.
            key: For a trainer that asks a hosted model: your key. It is sent to its server alone, and not kept.

        Returns:
            The run: id, status (queued, running, finished, cancelled, failed or lost), step, steps, metrics, best, and more.
        """
        files = uploads(data=data, eval_data=eval_data, **(more_files or {}))
        return studio.train(plugin, trainer, settings, files, visitor(request), hub_token(studio, token), key)

    def check(
        plugin: str,
        trainer: str,
        settings: dict[str, Any],
        request: gr.Request,
        data: gr.FileData | None = None,
        eval_data: gr.FileData | None = None,
        more_files: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Make the preflight sheet of a run without starting it: the data, and two measured steps.

        Args:
            plugin: A plugin's name.
            trainer: One of its trainers.
            settings: As for /train.
            data: As for /train.
            eval_data: As for /train.
            more_files: As for /train.

        Returns:
            verdict (green, amber or red), findings (level, title, detail), columns, sample.
        """
        files = uploads(data=data, eval_data=eval_data, **(more_files or {}))
        return studio.check(plugin, trainer, settings, files, visitor(request))

    def runs(request: gr.Request) -> list[dict[str, Any]]:
        """List your runs, the newest first.

        Returns:
            A record each, as /run_status gives it.
        """
        return [studio.describe(run) for run in studio.own_runs(visitor(request))]

    def run_status(run: str, request: gr.Request) -> dict[str, Any]:
        """Say how a run is doing.

        Args:
            run: Its id.

        Returns:
            id, plugin, trainer, status, step, steps, metrics (of the last evaluation), best, loss, rate (rows a second),
            seconds, seconds_left, message, has_weights, can_resume, size_bytes, queue_position.
        """
        return studio.describe(studio.run(run, visitor(request)))

    def run_events(run: str, request: gr.Request, offset: int = 0) -> dict[str, Any]:
        """Read a run's events from a byte offset on: every step's loss, every evaluation, samples, notices.

        Args:
            run: Its id.
            offset: 0, or the offset that the last call returned.

        Returns:
            events, offset (for the next call), status (as /run_status, with log_tail).
        """
        return studio.events(studio.run(run, visitor(request)), offset)

    def run_cancel(run: str, request: gr.Request) -> dict[str, Any]:
        """Stop a run: it writes a checkpoint, keeps the best weights, and can be resumed.

        Args:
            run: Its id.

        Returns:
            The run, as /run_status gives it.
        """
        return studio.cancel(studio.run(run, visitor(request)))

    def run_resume(run: str, request: gr.Request, token: gr.OAuthToken | None, key: str = "") -> dict[str, Any]:
        """Go on with a cancelled, failed or lost run from its last checkpoint.

        Args:
            run: Its id.
            key: As for /train.

        Returns:
            The run, as /run_status gives it.
        """
        who = visitor(request)
        return studio.resume(studio.run(run, who), who, hub_token(studio, token), key)

    def run_delete(run: str, request: gr.Request) -> str:
        """Delete a run that is not running, with its data and its weights.

        Args:
            run: Its id.

        Returns:
            The id.
        """
        found = studio.run(run, visitor(request))
        found.delete()
        return found.id

    def run_push(
        run: str,
        repo: str,
        request: gr.Request,
        token: gr.OAuthToken | None,
        private: bool = True,
        pull_request: bool = False,
        tag: str = "",
        wait: float = 60.0,
    ) -> dict[str, Any]:
        """Publish a run's weights to the Hugging Face Hub in one commit, with your own token; the upload goes on if you go away.

        Args:
            run: Its id.
            repo: owner/name of the repository; it is made if it is not there.
            private: Whether a new repository is private.
            pull_request: Offer the weights for review, where you may not write.
            tag: A name for the commit, such as v1.0.
            wait: Seconds to wait for the end, up to 60; 0 answers at once, and /push_status says the rest.

        Returns:
            status (running or pushed), repo, commit and pull_request (their addresses), note, file, sent_bytes, size_bytes, message.
        """
        how = PushOptions(
            private=private, pull_request=pull_request, tag=tag.strip(), message=f"Weights of run {run.strip()}"
        )
        found = studio.run(run, visitor(request))
        return studio.push(found, repo.strip(), hub_token(studio, token), how, min(wait, LONGEST_WAIT))

    def push_status(run: str, request: gr.Request) -> dict[str, Any]:
        """Say how a run's last push is doing.

        Args:
            run: Its id.

        Returns:
            status (none, running, pushed, failed or lost), and what /run_push returns.
        """
        return push_job.state(studio.run(run, visitor(request)))

    def push_preview(
        run: str, request: gr.Request, token: gr.OAuthToken | None, repo: str = "", private: bool = True
    ) -> dict[str, Any]:
        """Show what a push would do, and check that you may: nothing is sent.

        Args:
            run: Its id.
            repo: owner/name; empty to see the files alone.
            private: As for /run_push.

        Returns:
            about (the repository), files (file, size_bytes), size_bytes, card (the model card's text).
        """
        found = studio.run(run, visitor(request))
        return studio.push_preview(found, repo.strip(), hub_token(studio, token), PushOptions(private=private))

    def hub_search(
        token: gr.OAuthToken | None, query: str = "", author: str = "", task: str = ""
    ) -> list[dict[str, Any]]:
        """Find models on the Hugging Face Hub, the most downloaded first.

        Args:
            query: Words of the name.
            author: A user or an organisation.
            task: The Hub's name of a task, such as text-classification.

        Returns:
            At most 20 records: name, task, downloads, likes, updated, gated, private.
        """
        return search(query, author, task, hub_token(studio, token))

    def hub_pull(repo: str, request: gr.Request, token: gr.OAuthToken | None) -> dict[str, Any]:
        """Fetch weights from the Hugging Face Hub: safetensors, JSON, text and card files only.

        Args:
            repo: owner/name, owner/name@revision, or the address of a repository's page.

        Returns:
            repo, commit, plugin (that can use them), weights (the name to call endpoints with), metrics.
        """
        return studio.pull(repo.strip(), hub_token(studio, token), visitor(request))

    def jobs_flavours(token: gr.OAuthToken | None) -> list[dict[str, Any]]:
        """List the machines of HF Jobs and what they cost.

        Returns:
            Records: name, title, accelerators, dollars_an_hour.
        """
        return [asdict(each) for each in remote_run.flavours(hub_token(studio, token))]

    def jobs_start(
        run: str,
        repo: str,
        request: gr.Request,
        token: gr.OAuthToken | None,
        flavour: str = "cpu-basic",
        seconds: int = 3600,
    ) -> dict[str, Any]:
        """Train a run on a machine of HF Jobs, with your own token and credit; the weights arrive in your repository.

        Args:
            run: Its id: its settings and data are sent to the private repository `repo`-job.
            repo: owner/name that the weights are pushed to.
            flavour: The machine, by its name in /jobs_flavours.
            seconds: After which the job is ended, 600 to 604800; training ends after 80 % of them.

        Returns:
            id, run, target, flavour, stage, message, url, created, dollars_at_most, sent.
        """
        found = studio.run(run, visitor(request))
        return remote_run.start(found, repo.strip(), flavour.strip(), seconds, hub_token(studio, token))

    def jobs_list(token: gr.OAuthToken | None, run: str = "") -> list[dict[str, Any]]:
        """Say how your jobs on HF Jobs are doing, the newest first.

        Args:
            run: A run's id; empty for all.

        Returns:
            Records: id, run, target, flavour, stage, message, url, created.
        """
        return [asdict(each) for each in remote_run.jobs(hub_token(studio, token), run.strip())]

    def jobs_logs(job: str, token: gr.OAuthToken | None, tail: int = 200) -> list[str]:
        """Read what a job of HF Jobs wrote.

        Args:
            job: Its id.
            tail: Lines, from the end.
        """
        return remote_run.logs(job.strip(), hub_token(studio, token), tail)

    def jobs_cancel(job: str, token: gr.OAuthToken | None) -> dict[str, Any]:
        """End a job of HF Jobs; what it had trained is lost.

        Args:
            job: Its id.

        Returns:
            Its record, as /jobs_list has it.
        """
        return asdict(remote_run.cancel(job.strip(), hub_token(studio, token)))

    return [
        plugins,
        train,
        check,
        runs,
        run_status,
        run_events,
        run_cancel,
        run_resume,
        run_delete,
        run_push,
        push_status,
        push_preview,
        hub_search,
        hub_pull,
        jobs_flavours,
        jobs_start,
        jobs_list,
        jobs_logs,
        jobs_cancel,
    ]


def document_endpoints(studio: Studio, plugin: Plugin, document: Document) -> list[Callable[..., Any]]:
    """How one of a plugin's documents gets to the Hub and back."""

    def send(
        content: dict[str, Any], repo: str, token: gr.OAuthToken | None, private: bool = True, pull_request: bool = False, tag: str = ""
    ) -> dict[str, Any]:  # fmt: skip
        how = PushOptions(private=private, pull_request=pull_request, tag=tag.strip())
        text = json.dumps(content, ensure_ascii=False)
        return studio.push_document(plugin, document, text, repo, hub_token(studio, token), how)

    def fetch(repo: str, token: gr.OAuthToken | None) -> dict[str, Any]:
        found = studio.pull_document(document, repo, hub_token(studio, token))
        return {"repo": found.repo, "commit": found.commit, document.name: json.loads(found.text)}

    send.__name__, fetch.__name__ = (f"{plugin.name}_{verb}_{document.name}" for verb in ("push", "pull"))
    send.__doc__, fetch.__doc__ = _PUSH.format(document), _PULL.format(document)
    return [send, fetch]


_PUSH = """Send {0.file} to the Hugging Face Hub in one commit, with your own token; no run and no weights are needed.

Args:
    content: The {0.name}, as its file has it.
    repo: owner/name of the repository; it is made if it is not there.
    private: Whether a new repository is private.
    pull_request: Offer it for review, where you may not write.
    tag: A name for the commit, such as v1.0.

Returns:
    repo, commit and pull_request (their addresses), note.
"""
_PULL = """Fetch {0.file} from the Hugging Face Hub, and nothing else of its repository.

Args:
    repo: owner/name, owner/name@revision, or the address of a repository's page.

Returns:
    repo, commit, {0.name} (its content).
"""


def hub_token(studio: Studio, token: gr.OAuthToken | None) -> str | None:
    """The visitor's own token: their sign-in on a Space, the machine's login elsewhere; never the Space's for a visitor."""
    if studio.settings.on_space:
        return token.token if token else None
    return get_token()


def bind(studio: Studio, plugin: Plugin, endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """A plugin's endpoint as the API has it: `weights` first, files as uploads, results as downloads."""
    types = endpoint_types(endpoint)

    def answer(weights: str, *args: Any) -> Any:
        return _download(studio.call(plugin.name, endpoint, *given(weights, args)))

    def stream(weights: str, *args: Any) -> Iterator[Any]:
        yield from map(_download, studio.stream(plugin.name, endpoint, *given(weights, args)))

    def given(weights: str, args: tuple[Any, ...]) -> list[Any]:
        return [argument("weights", str, weights), *_arguments(types, args)]

    call = stream if streams(endpoint) else answer
    first = inspect.Parameter("weights", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=str)
    return _published(call, plugin, endpoint, types, _document(endpoint, plugin), [first])


def bind_tool(plugin: Plugin, tool: Callable[..., Any]) -> Callable[..., Any]:
    """An endpoint without weights, likewise."""
    types = endpoint_types(tool, weights=False)

    def call(*args: Any) -> Any:
        return _download(tool(*_arguments(types, args)))

    return _published(call, plugin, tool, types, inspect.getdoc(tool) or "", [])


def _arguments(types: dict[str, Any], args: tuple[Any, ...]) -> list[Any]:
    return [
        upload(value) if types[name] is Path else argument(name, types[name], value)
        for name, value in zip(list(types)[:-1], args, strict=True)
    ]


def _download(result: Any) -> Any:
    """A result as the API has it: a file, or a list of files, as downloads."""
    if isinstance(result, list):
        return [_download(each) for each in result]
    return gr.FileData(path=str(result), orig_name=result.name).model_dump() if isinstance(result, Path) else result


def _published(
    call: Callable[..., Any],
    plugin: Plugin,
    endpoint: Callable[..., Any],
    types: dict[str, Any],
    document: str,
    first: list[inspect.Parameter],
) -> Callable[..., Any]:
    """`call` under the endpoint's name and signature, files in place of paths."""
    files: dict[Any, Any] = {Path: gr.FileData, list[Path]: list[gr.FileData]}
    published = {name: files.get(kind, kind) for name, kind in types.items()}
    call.__name__ = call.__qualname__ = f"{plugin.name}_{endpoint.__name__}"
    call.__doc__ = document
    call.__annotations__ = {**{each.name: each.annotation for each in first}, **published}
    parameters = inspect.signature(endpoint).parameters
    rest = [parameters[name].replace(annotation=published[name]) for name in list(types)[:-1]]
    call.__signature__ = inspect.Signature([*first, *rest], return_annotation=published["return"])  # type: ignore[attr-defined]
    return functools.wraps(call)(told(call))


def _document(endpoint: Callable[..., Any], plugin: Plugin) -> str:
    text = inspect.getdoc(endpoint) or ""
    hosted = f", or {HOSTED}model@https://server/v1" if plugin.connect else ""
    weights = f"    weights: Empty for the starter, a run's id, or owner/repo[@revision]{hosted}."
    if "Args:\n" in text:
        return text.replace("Args:\n", f"Args:\n{weights}\n", 1)
    head, _, tail = text.partition("\n\nReturns:")
    return f"{head}\n\nArgs:\n{weights}" + (f"\n\nReturns:{tail}" if tail else "")
