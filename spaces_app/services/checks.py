"""Preflight checks: the sheet of a run that has not started, with trial steps measured in a process of its own."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from spaces_app.identity import check_may_train
from spaces_app.services.plugins import PluginCatalog
from spaces_app.services.run_request import RunRequest, validate
from spaces_app.settings import Settings
from training.errors import UserError
from training.runs.config_file import to_yaml
from training.runs.forkserver import WarmProcess
from training.runs.queue import child_environment

CHECK_SECONDS = 300.0


class CheckService:
    """Runs `python -m training check` for visitors."""

    def __init__(self, settings: Settings, plugins: PluginCatalog, warm: WarmProcess):
        self.settings, self.plugins, self._warm = settings, plugins, warm

    def check(self, request: RunRequest, visitor: str) -> dict[str, Any]:
        """The whole preflight sheet, as `Sheet.to_dict` gives it.

        Raises:
            UserError: As `RunService.train` does; a trial step is training too.
        """
        check_may_train(visitor, self.settings)
        plugin, kind, settings = validate(request, self.plugins, self.settings)
        with tempfile.TemporaryDirectory(prefix="selfsup-check-") as name:
            config, sheet, log = (Path(name) / file for file in ("run.yaml", "sheet.json", "log.txt"))
            config.write_text(to_yaml(plugin.name, kind.name, settings.changed()), encoding="utf-8")
            self._run(["check", plugin.name, kind.name, "--config", str(config), "--out", str(sheet)], log)
            if not sheet.exists():
                raise UserError("The trial steps failed: " + _last_line(log))
            return json.loads(sheet.read_text(encoding="utf-8"))

    def _run(self, arguments: list[str], log: Path) -> None:
        """Run the command in the warm process where there is one; the end of the pipe that it holds closes with it."""
        read, write = os.pipe()
        try:
            if self._warm.start(arguments, log, write):
                os.close(write)
                write = -1
                _wait_until_closed(read, CHECK_SECONDS)
                return
        finally:
            os.close(read)
            if write >= 0:
                os.close(write)
        with log.open("wb") as output:
            subprocess.run(
                [sys.executable, "-m", "training", *arguments],
                stdout=output,
                stderr=output,
                env=child_environment(),
                timeout=CHECK_SECONDS,
                check=False,
            )


def _wait_until_closed(descriptor: int, seconds: float) -> None:
    """Wait until the other end of a pipe is closed by the process that inherited it."""
    deadline = time.monotonic() + seconds
    while (remaining := deadline - time.monotonic()) > 0:
        if select.select([descriptor], [], [], remaining)[0] and not os.read(descriptor, 1):
            return
    raise UserError(
        f"The trial steps took more than {seconds:.0f} seconds: lower batch_size or choose a smaller model."
    )


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines() if path.exists() else []
    return lines[-1][:300] if lines else "it left no message."
