"""What a visitor sends from one page to another: a file of results, named by a token in the address of a form."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import zipfile
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spaces_app.settings import Settings
from training.errors import UserError

KEPT_PER_VISITOR = 10  # the newest; each is a file in the server's temporary folder, which is swept hourly
PREFIX = "selfsup-sent-"
GONE = "What was sent is not here any more: send it again."


@dataclass(frozen=True)
class Sent:
    """A file, and who sent it."""

    path: Path
    visitor: str


class SentData:
    """Files by token; each is given back to the visitor who sent it, and to nobody else."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self._sent: OrderedDict[str, Sent] = OrderedDict()

    def keep(self, files: Sequence[Path], visitor: str) -> str:
        """Keep a copy of a file, or of several as one zip; returns its token.

        Raises:
            UserError: If there is none, or they are larger than an upload may be.
        """
        if not files:
            raise UserError("There is nothing to send yet: get a result first.")
        most = self.settings.max_upload_mb
        if sum(path.stat().st_size for path in files) > most * 2**20:
            raise UserError(f"That is larger than the {most} MB that a file may have here: send fewer.")
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        path = _packed(files, folder) if len(files) > 1 else Path(shutil.copy(files[0], folder))
        token = secrets.token_urlsafe(16)
        self._sent[token] = Sent(path, visitor)
        self._forget_oldest(visitor)
        return token

    def open(self, token: str, visitor: str) -> Path:
        """The file of a token.

        Raises:
            UserError: If it is gone, or another visitor's: the message is the same.
        """
        sent = self._sent.get(token)
        is_mine = sent is not None and (not self.settings.is_shared or sent.visitor == visitor)
        if sent is None or not is_mine or not sent.path.is_file():
            raise UserError(GONE)
        return sent.path

    def copy_of(self, path: Path, field: str = "") -> Path:
        """A copy of a run's file where a page may show it: Gradio serves no file from the folder of the runs.

        Args:
            field: The setting that it is the file of; its name begins with it there.
        """
        return Path(shutil.copy(path, Path(tempfile.mkdtemp(prefix=PREFIX)) / path.name.removeprefix(f"{field}-")))

    def _forget_oldest(self, visitor: str) -> None:
        mine = [token for token, sent in self._sent.items() if sent.visitor == visitor]
        for token in mine[:-KEPT_PER_VISITOR]:
            shutil.rmtree(self._sent.pop(token).path.parent, ignore_errors=True)


def _packed(files: Sequence[Path], folder: Path) -> Path:
    """One zip of all files; of two with one name the second gets a number."""
    target, taken = folder / "files.zip", set()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:  # pictures are compressed already
        for number, path in enumerate(files, 1):
            name = path.name if path.name not in taken else f"{path.stem}-{number}{path.suffix}"
            taken.add(name)
            archive.write(path, name)
    return target
