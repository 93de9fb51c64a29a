"""What the buttons and fields of a training form do: look at the data, check them, start, copy."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.components import Component

from plugins._ui.events import sentence
from plugins._ui.newest import Newest
from spaces_app.events import CHECK_QUEUE, UNLIMITED, UNQUEUED
from spaces_app.identity import hub_token, visitor
from spaces_app.page import routes
from spaces_app.panels import copy_as
from spaces_app.panels.field_errors import errors_of_message, errors_of_sheet, marked
from spaces_app.panels.go_to import go_after
from spaces_app.panels.run_length import BALANCED, STEPS
from spaces_app.panels.settings_form import HUB_DATA
from spaces_app.panels.tables import columns_of, found_html
from spaces_app.services.run_request import RunRequest
from training.errors import UserError

if TYPE_CHECKING:
    from spaces_app.panels.train_form import TrainForm

SHOW_WRONG = (  # the first field with a sentence beside it
    "() => { setTimeout(() => document.querySelector('.field-wrong')"
    "?.scrollIntoView({ block: 'center', behavior: 'smooth' }), 300); }"
)
CLEAR = "() => ''"
# Above the old findings, which fade: theme.css shows it after a second, since most data are read before.
READ = r"(found ?? '').replace(/^<p class=.reading.*?<\/p>/, '')"
READING = f"""(found) => '<p class="reading" role="status">Reading the data …</p>' + {READ}"""
NOT_READ = f"(found) => {READ}"
TWICE_SECONDS, RECENT = 1.0, 100
NOTHING = "<p>Choose data: what is found in them is shown here.</p>"
LOOK: dict[str, Any] = {
    "concurrency_limit": 2,
    "concurrency_id": "looks",
    "show_progress": "hidden",
    "trigger_mode": "multiple",  # other data are looked at while the first are still read
}


class TrainEvents:
    """The events of one form. Each answer ends in what stands beside the fields: updates of `marks`."""

    def __init__(self, form: TrainForm):
        """Connect them."""
        self.form, self.services, self.settings = form, form.services, form.settings
        self.newest = Newest()
        self.recent: dict[str, tuple[tuple[Any, ...], list[Any], float]] = {}  # page -> look, its answer, until when
        files = self.settings.file_fields()
        self.marked = {name: component for name, component in form.fields.items() if name not in files}
        self.marks: list[Component] = [form.fold, *self.marked.values()]  # type: ignore[list-item] - a fold is a block
        self.found_outputs = [form.found, *form.length.choices]
        self.look_outputs, self.check_outputs = (
            [said, *self.found_outputs, *self.marks] for said in (form.looked, form.message)
        )
        self.nothing = [gr.skip()] * len(self.look_outputs)  # of a look or a check that was overtaken
        self._connect()

    def _connect(self) -> None:
        form = self.form
        gr.on(self._chosen(), None, None, form.message, js=CLEAR)  # what it said of other data; first, so at once
        self.look_when(partial(gr.on, self._looks()))
        checked = form.check.click(
            self.check,
            form.inputs,
            self.check_outputs,
            show_progress_on=[form.found],
            **CHECK_QUEUE,
        )
        checked.failure(None, form.found, form.found, js=NOT_READ)
        started = form.start.click(
            self.start, [*form.inputs, form.secret], [form.message, form.address, *self.marks], **UNLIMITED
        )
        for answered in (checked, started):
            answered.then(None, None, None, js=SHOW_WRONG)
        go_after(started, form.address)
        changes: list[Any] = [getattr(component, "change") for component in form.inputs]  # noqa: B009 - added at run time
        opened = [form.copies.expand, *changes]
        gr.on(opened, self.copy, form.inputs, form.code, trigger_mode="always_last", **UNQUEUED)

    def look_when(self, on: Callable[..., Any]) -> None:
        """Look at the data, and say meanwhile that they are read; `on` connects a function to the events for it."""
        found = self.form.found
        on(None, found, found, js=READING)
        on(self.look, self.form.inputs, self.look_outputs, **LOOK).failure(None, found, found, js=NOT_READ)

    def _looks(self) -> list[Any]:
        """Events of a person after which other data are found: of their source, and of columns."""
        fields: dict[str, Any] = self.form.fields
        columns = [fields[name].input for name in self.form.columns if isinstance(fields[name], gr.Dropdown)]
        texts = [
            each.submit for name in (HUB_DATA, *self.form.columns) if isinstance(each := fields.get(name), gr.Textbox)
        ]
        return [*self._chosen(), *columns, *texts]

    def _chosen(self) -> list[Any]:
        """Events of a person who chooses data; `change` would also come when the page fills its form."""
        fields: dict[str, Any] = self.form.fields
        files = [fields[name] for name in self.settings.file_fields() if name in fields]
        sources: list[Any] = self.form.source.choices
        of_files = [event for file in files for event in (file.upload, file.clear, file.delete)]
        return [*of_files, *(each.input for each in sources)]

    # -- answers ---------------------------------------------------------------------------------------------------

    def look(self, request: gr.Request, *values: Any) -> list[Any]:
        """What is found in the data, without trial steps; nothing where other data were chosen meanwhile."""
        page = request.session_hash or ""
        asked, shown, end = self.recent.get(page, ((), self.nothing, 0.0))
        if page and asked == values and time.monotonic() < end:  # Gradio may send one choice twice
            return shown
        overtaken = self.newest.ask()
        with self._looking(page, values):
            found = self._look(request, *values)
        if overtaken():
            return self.nothing
        self.recent[page] = values, found, time.monotonic() + TWICE_SECONDS
        for other in [*self.recent][:-RECENT]:
            self.recent.pop(other, None)
        return found

    @contextmanager
    def _looking(self, page: str, values: tuple[Any, ...]) -> Iterator[None]:
        """Meanwhile a look at the same shows nothing: this one will."""
        current = self.recent[page] = values, self.nothing, math.inf
        try:
            yield
        finally:
            if self.recent.get(page) is current:
                del self.recent[page]

    def _look(self, request: gr.Request, *values: Any) -> list[Any]:
        if self.form.is_empty(values):
            return ["", NOTHING, *self.form.length.shown({}), *self._marks({})]
        try:
            sheet = self.services.checks.look(self.form.open_request(values), visitor(request))
        except UserError as error:
            return [sentence(error), None, *self.form.length.shown({}), *self._refused(error, values)]
        lengths = self.form.length.shown(self._known(sheet), sheet)
        return ["", found_html(_without_steps(sheet)), *lengths, *self._marks_of_sheet(sheet, values)]

    def check(self, request: gr.Request, *values: Any) -> list[Any]:
        """The whole sheet, with the time that the measured steps give to each preset; nothing where overtaken."""
        overtaken = self.newest.ask()
        if overtaken():  # while it waited for its turn
            return self.nothing
        with self._looking(request.session_hash or "", values):
            found = self._check(request, *values)
        return self.nothing if overtaken() else found

    def _check(self, request: gr.Request, *values: Any) -> list[Any]:
        try:
            asked, known = self._measurable(values, visitor(request))
            sheet = self.services.checks.check(asked, visitor(request))
        except UserError as error:
            return [sentence(error), None, *[gr.skip()] * 2, *self._refused(error, values)]
        known = known or self._known(sheet)
        lengths = self.form.length.shown(known, sheet) if known else [gr.skip()] * 2
        return ["", found_html(sheet), *lengths, *self._marks_of_sheet(sheet, values)]

    def start(self, request: gr.Request, token: gr.OAuthToken | None, *values: Any) -> list[Any]:
        """Queue a run, and give its page's address."""
        *held, key = values
        try:
            asked, _ = self._measurable(tuple(held), visitor(request))
            token_of_visitor = hub_token(self.services.settings, token)
            run = self.services.runs.train(asked, visitor(request), token_of_visitor, key or "")
        except UserError as error:
            return [sentence(error), "", *self._refused(error, tuple(held))]
        return ["", routes.link(routes.RUN, run=run["id"]), *self._marks({})]

    def copy(self, request: gr.Request, *values: Any) -> tuple[str, ...]:
        """The form as Python, command and YAML."""
        try:
            asked, url = self.form.request(values), request.headers.get("origin") or copy_as.LOCAL_URL
        except UserError as error:
            return (copy_as.as_comment(str(error)),) * 3
        shared = self.services.settings.is_shared
        return copy_as.as_python(asked, url), copy_as.as_command(asked, shared), copy_as.as_yaml(asked, shared)

    def _measurable(self, values: tuple[Any, ...], name: str) -> tuple[RunRequest, dict[str, int]]:
        """What is asked for, with a preset's steps for the data as they are now; and those of each, where asked for."""
        preset, known = self.form.preset(values), dict[str, int]()
        if preset not in ("", BALANCED):
            known = self.services.checks.preset_steps(self.form.open_request(values), name)
        asked = self.form.request(values, known)
        return asked, known or (self.form.known(values) if not preset else {})

    def _known(self, sheet: Mapping[str, Any]) -> dict[str, int]:
        """Preset -> its steps, of a sheet for which no steps were given."""
        if not self.form.length.has_presets:
            return {}
        decided = sheet["decided"]
        usual = 0 if STEPS in decided else self.settings.model_fields[STEPS].default
        return self.services.checks.presets_of(decided, usual)

    # -- beside the fields -----------------------------------------------------------------------------------------

    def _refused(self, error: UserError, values: tuple[Any, ...]) -> list[Any]:
        return self._marks(errors_of_message(str(error), self.form.held(values)))

    def _marks_of_sheet(self, sheet: Mapping[str, Any], values: tuple[Any, ...]) -> list[Any]:
        errors = errors_of_sheet(sheet, self.form.held(values))
        return self._marks(errors, columns_of(sheet))

    def _marks(self, errors: Mapping[str, str], columns: list[str] | None = None) -> list[Any]:
        """Updates of `marks`: the fold opens for an error in it; dropdowns of columns offer those of the data."""
        updates = marked(self.settings, self.marked, errors)
        if columns is not None:
            for name, component in self.marked.items():
                if name in self.form.columns and isinstance(component, gr.Dropdown):
                    updates[name]["choices"] = [(each, each) for each in ("", *columns)]
        opens = any(name in self.form.folded for name in errors)
        return [gr.Accordion(open=True) if opens else gr.skip(), *updates.values()]


def _without_steps(sheet: Mapping[str, Any]) -> dict[str, Any]:
    """A sheet that says nothing of steps: the presets do."""
    decided = {name: choice for name, choice in sheet["decided"].items() if name != STEPS}
    titles = [row for row in sheet["findings"] if not row["title"].startswith("Steps: ")]
    return {**sheet, "decided": decided, "findings": titles}
