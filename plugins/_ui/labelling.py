"""What boxes share in which people label items: keys, and the session's key in the page's address (`?labels=…`)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plugins._contract import NewRun, Workbench
from plugins._ui.events import on_box
from training.labelling.sessions import KEY, open_session

FROM_ADDRESS = "(name, key) => [name, new URLSearchParams(location.search).get('labels') || '']"
TO_ADDRESS = """(state) => {
  const url = new URL(location);
  state?.key ? url.searchParams.set("labels", state.key) : url.searchParams.delete("labels");
  history.replaceState(null, "", url);
}"""
DESK, SKIP, UNDO = "label-desk", "label-skip", "label-undo"  # ids of the labels (a Radio) and of two buttons
# One listener for the page: it presses what is in sight, unless somebody writes.
LEAVE_FIELD = "() => { document.activeElement?.blur(); }"  # so that keys label again
KEYS = """
if (!window.labelKeys) {
  window.labelKeys = true;
  document.addEventListener("keydown", (event) => {
    const at = document.activeElement;
    const writes = at && at.matches("textarea, [contenteditable=true], input:not([type=radio])");
    if (writes || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const desk = document.querySelector("#label-desk");
    if (!desk || !desk.offsetParent) return;
    const press = { s: "#label-skip", u: "#label-undo" }[event.key.toLowerCase()];
    const labels = desk.querySelectorAll("input[type=radio]");
    const target = press ? document.querySelector(press) : labels[Number(event.key) - 1];
    if (target) { event.preventDefault(); target.click(); }
  });
}
"""


@dataclass(frozen=True)
class Desk:
    """A labelling box, whose plugin has a module of what it does with a session.

    Args:
        functions: The module: `answer` (state and label -> state) and `keep` (name of the weights and state -> what a
            run is made of).
        view: State -> what `shown` shows; the state is the first of both.
    """

    workbench: Workbench
    functions: str
    weights: Any
    shown: list[Any]
    message: Any
    view: Callable[[dict[str, Any]], list[Any]]

    def connect_answers(self, radio: Any, skip: Any) -> None:
        """A label, or none, answers the item in question."""

        def answer(name: str, held: Any, label: str | None) -> list[Any]:
            return self.view(self.workbench.call(f"{self.functions}:answer", name, held or {}, label or ""))

        def skipped(name: str, held: Any) -> list[Any]:
            return answer(name, held, "")

        asked = [self.weights, self.shown[0]]
        on_box(radio.input, answer, [*asked, radio], self.shown, self.message, **self.quietly)
        on_box(skip.click, skipped, asked, self.shown, self.message, **self.quietly)

    @property
    def quietly(self) -> dict[str, Any]:
        """Options of an event that leaves the box in sight while it is answered."""
        return {"show_progress": "minimal", "keep": self.shown}

    def connect_run(self, button: Any, kind: str, message: Any) -> None:
        """The button makes a run of the session, whose page leads back to it."""

        def kept(name: str, held: Any) -> NewRun:
            found = self.workbench.call(f"{self.functions}:keep", name, name, held or {})
            return NewRun(found.settings, found.files, found.name, held["key"])

        self.workbench.start_run(button, kind, kept, [self.weights, self.shown[0]], message)


def weights_and_table(key: str, what: str, weights: str) -> tuple[str, Path]:
    """What a session is of, for a box that is opened by its key: *Start* there goes on with it.

    Args:
        weights: Of the box, for a session that does not name its own.

    Returns:
        Name of the weights, and a copy of the table where the page may offer files.

    Raises:
        UserError: If there is no such session.
    """
    session = open_session(key, what)
    copy = Path(tempfile.mkdtemp(prefix="selfsup-")) / session.data.name
    shutil.copyfile(session.data, copy)
    return session.options.get("weights") or weights, copy


def earlier_session(state: dict[str, Any], page: str) -> str:
    """A link to the session that was open before another file began this one, as HTML; empty for none.

    Args:
        page: The address of the plugin's page: its name.
    """
    key = state.get("earlier") or ""
    if not KEY.fullmatch(key):
        return ""
    return f'<p>Another file, so this is a new session: <a href="./{page}?labels={key}">open the earlier one</a></p>'
