"""The table of a visitor's runs, what they write on them, and what they do to several at once."""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any

from spaces_app.services.plugins import PluginCatalog
from spaces_app.services.runs import RunService
from spaces_app.settings import Settings
from training.errors import UserError
from training.runs.index import Row
from training.runs.labels import edit_labels
from training.runs.queue import child_environment
from training.runs.table import Query, page_of, select, to_csv

HIDDEN = ("made", "owner", "has_tensors")  # of a row, from its visitor
MAX_AT_ONCE = 1000  # runs that one call deletes
PROJECT = "selfsup-studio"  # what trackio files the runs under
SHOW = "import sys, trackio; trackio.show(sys.argv[1], open_browser=False, server_port=int(sys.argv[2]))"


class RunTableService:
    """The runs of all plugins, described once and filtered in memory."""

    def __init__(self, settings: Settings, plugins: PluginCatalog, runs: RunService):
        self.settings, self.plugins, self._runs = settings, plugins, runs
        self._editing = threading.Lock()
        self._dashboard: tuple[subprocess.Popen, str] | None = None

    def rows(self, visitor: str) -> list[Row]:
        """Descriptions of a visitor's runs, the newest first: as `RunService.status`, with labels, data and metric."""
        return self._runs.descriptions(visitor)

    def list(self, visitor: str, query: Query) -> list[dict[str, Any]]:
        """The rows of the query's page."""
        return [_shown(row) for row in page_of(select(self.rows(visitor), query), query)]

    def table(self, visitor: str, query: Query) -> dict[str, Any]:
        """A page of the table, the numbers of rows, and what can be filtered by."""
        rows = self.rows(visitor)
        selected = select(rows, query)
        titles = {kind: self._title(*kind) for kind in {_kind(row) for row in rows}}
        return {
            "rows": [{**_shown(row), "title": titles[_kind(row)]} for row in page_of(selected, query)],
            "selected": len(selected),
            "all": len(rows),
            "tags": sorted({tag for row in rows for tag in row["tags"]}, key=str.casefold),
            "families": sorted({(self._family(name), name) for name, _ in titles}),
            "kinds": sorted((title, *kind) for kind, title in titles.items()),
            "statuses": sorted({row["status"] for row in rows}),
        }

    def csv(self, visitor: str, query: Query) -> str:
        """All rows that match, as CSV."""
        return to_csv(select(self.rows(visitor), query))

    def edit(
        self,
        run_id: str,
        visitor: str,
        name: str | None = None,
        tags: Sequence[str] | None = None,
        notes: str | None = None,
    ) -> dict[str, Any]:
        """Change the name, tags or notes of a run; None leaves one as it is.

        Raises:
            UserError: If the visitor has no such run, or a text is too long.
        """
        run = self._runs.get(run_id, visitor)
        with self._editing:
            labels = edit_labels(run.folder, name, tags, notes)
        self._runs.store.index.forget(run.id)
        return {"run": run.id, "name": labels.name, "tags": list(labels.tags), "notes": labels.notes}

    def delete(self, run_ids: Sequence[str], visitor: str) -> dict[str, Any]:
        """Delete several runs. Returns the ids that are `deleted`, and those `kept` with the reason."""
        if len(run_ids) > MAX_AT_ONCE:
            raise UserError(f"{len(run_ids):,} runs were chosen; at most {MAX_AT_ONCE:,} are deleted at once.")
        deleted, kept = [], {}
        for run_id in dict.fromkeys(run_ids):
            try:
                deleted.append(self._runs.delete(run_id, visitor))
            except UserError as error:
                kept[run_id] = str(error)
        return {"deleted": deleted, "kept": kept}

    def dashboard(self, visitor: str) -> str:
        """Start the trackio dashboard unless it runs; its address, on this machine only.

        Raises:
            UserError: Where it cannot be shown, with what to do.
        """
        if self.settings.is_shared:
            raise UserError("The trackio dashboard shows everybody's runs: it opens on your own machine only.")
        if importlib.util.find_spec("trackio") is None:
            raise UserError("trackio is not installed: `pip install trackio`, then start the studio again.")
        if not any(row["tracker"] == "trackio" for row in self.rows(visitor)):
            raise UserError("No run was tracked yet: train one with the advanced setting tracker set to trackio.")
        if self._dashboard is None or self._dashboard[0].poll() is not None:
            self._dashboard = _start_dashboard()
        return self._dashboard[1]

    def close(self) -> None:
        """Stop the dashboard."""
        if self._dashboard is not None:
            self._dashboard[0].terminate()
            self._dashboard[0].wait()
        self._dashboard = None

    def _family(self, name: str) -> str:
        with contextlib.suppress(UserError):
            return self.plugins.get(name).title
        return name

    def _title(self, name: str, trainer: str) -> str:
        with contextlib.suppress(UserError):
            plugin = self.plugins.get(name)
            return f"{plugin.title}: {plugin.kind(trainer).title}"
        return " ".join(filter(None, [name, trainer]))


def _kind(row: Row) -> tuple[str, str]:
    return row["plugin"], row["trainer"]


def _shown(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in HIDDEN}


def _start_dashboard() -> tuple[subprocess.Popen, str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = child_environment() | {"GRADIO_ANALYTICS_ENABLED": "False"}
    process = subprocess.Popen([sys.executable, "-c", SHOW, PROJECT, str(port)], env=environment)
    return process, f"http://127.0.0.1:{port}/?project={PROJECT}"
