"""Judge rows: ten at a time, those first that are most anomalous, doubtful, or drawn at random of the alerts."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.chart import Chart, bars, chart_value
from plugins._ui.components import chosen, table_html
from plugins._ui.events import message_area, on_box
from plugins._ui.labelling import (
    DESK,
    FROM_ADDRESS,
    KEYS,
    LEAVE_FIELD,
    SKIP,
    TO_ADDRESS,
    UNDO,
    Desk,
    earlier_session,
    weights_and_table,
)
from plugins.ae_anomaly.ui.try_scoring import SAMPLE
from training.errors import UserError
from training.labelling import desk as sessions
from training.labelling.sessions import ROWS
from training.wording import counted

PLUGIN_PAGE, FUNCTIONS = "ae_anomaly", "plugins.ae_anomaly.verdicts.desk"
ABOUT = (
    "Say of a few rows whether they are anomalies. The threshold follows your verdicts; with two of each sort the score "
    "also learns which errors matter, where cross-validation finds that it helps. Most rows of a round of ten have the "
    "highest scores, two are doubtful, and two are drawn at random from the rows called anomalies (20 at least): these "
    "measure the precision. Keys: **1** anomaly, **2** normal, **S** to skip, **U** to undo."
)
KEPT = (
    "**The verdicts are kept** under this page's address, until 90 days after the last. Open it to go on another day, or "
    "give it to others, to judge together: whoever has the address sees the rows. *Learn from them* starts a run that learns "
    "this file with the verdicts: normal rows are learned, anomalies are pushed away, and no judged row is measured with. "
    "Its page leads back here by *Go on labelling*."
)
EMPTY = "The precision of the alerts appears here, from ten verdicts on rows drawn at random on."
LABELS = {"anomaly": "1 anomaly", "normal": "2 normal"}
ROUNDS_SHOWN = 12
MOST_TABLES, MIN_TALL = 3, 8  # of a row's cells, and cells in one


def render(workbench: Workbench) -> None:
    """Render the file, the row in question, and what the verdicts give."""
    gr.Markdown(ABOUT)
    workbench.opened_by("labels")
    weights = workbench.weights_picker()
    file = gr.File(
        str(SAMPLE) if SAMPLE.is_file() else None,
        label="Rows to judge: CSV, TSV, JSONL or Parquet",
        type="filepath",
        height=120,
    )
    begin = gr.Button("Start", variant="primary")
    message = message_area("Press Start. A sample is chosen already.")
    state = gr.JSON(value={}, visible=False)
    address = gr.Textbox(visible=False)
    row = gr.HTML(padding=False)
    radio = gr.Radio([], label="This row is", elem_id=DESK, visible=False)
    with gr.Row():
        skip, back = gr.Button("Skip", elem_id=SKIP, size="sm"), gr.Button("Undo", elem_id=UNDO, size="sm")
        number = gr.Textbox(
            label="Judge another row", max_lines=1, placeholder="Its number in the file, press Enter", min_width=200
        )
    cells = gr.HTML(padding=False)  # below the buttons, which stay in their place
    said = gr.HTML(padding=False)
    chart = Chart("Precision of the alerts", EMPTY)
    gr.HTML(visible=True, padding=False, js_on_load=KEYS)
    shown = [state, row, radio, cells, said, chart]

    def start(name: str, path: str | None, held: Any) -> list[Any]:
        return _view(workbench.call(f"{FUNCTIONS}:start", name, chosen(path), "", held or {}, name))

    def resumed(name: str, key: str) -> list[Any]:
        if not key:
            return [gr.skip()] * len(opened)
        name, table = weights_and_table(key, ROWS, name)
        try:
            return [name, str(table), *_view(workbench.call(f"{FUNCTIONS}:resume", name, key))]
        except UserError as error:
            raise UserError(
                f"{error} This session is of the weights {name}: ask who began it to publish them."
            ) from None

    def undone(name: str, held: Any) -> list[Any]:
        return _view(workbench.call(f"{FUNCTIONS}:undo", name, held or {}))

    def named(name: str, held: Any, row: str) -> list[Any]:
        wanted = int(row) if row.strip().isdecimal() else 0
        return [*_view(workbench.call(f"{FUNCTIONS}:choose", name, held or {}, wanted)), ""]

    begun = on_box(begin.click, start, [weights, file, state], shown, message, keep=shown)
    begun.then(None, state, None, js=TO_ADDRESS)
    opened = [weights, file, *shown]
    on_box(message.play, resumed, [weights, address], opened, message, keep=opened, js=FROM_ADDRESS)
    desk = Desk(workbench, FUNCTIONS, weights, shown, message, _view)
    desk.connect_answers(radio, skip)
    on_box(back.click, undone, [weights, state], shown, message, **desk.quietly)
    chosen_row = on_box(number.submit, named, [weights, state, number], [*shown, number], message, **desk.quietly)
    chosen_row.then(None, js=LEAVE_FIELD)
    _render_results(desk)


def _render_results(desk: Desk) -> None:
    """Files, the run that learns from the verdicts, and their deletion."""
    gr.Markdown(KEPT)
    shown, state = desk.shown, desk.shown[0]
    with gr.Row():
        with gr.Column(min_width=240):
            learn = gr.Button("Learn from them", variant="primary")
            scored, judged = gr.Button("All rows as a file"), gr.Button("Judged rows as a file")
            drop = gr.Button("Delete rows and verdicts", variant="stop", size="sm")
        written = gr.File(label="CSV", interactive=False, height=120, min_width=240)
    message = message_area()

    def writer(function: str) -> Any:
        def write(name: str, held: Any) -> str:
            return str(desk.workbench.call(f"{FUNCTIONS}:{function}", name, held or {}))

        return write

    on_box(scored.click, writer("write_scored"), [desk.weights, state], written, message)
    on_box(judged.click, writer("write_verdicts"), [desk.weights, state], written, message)
    desk.connect_run(learn, "fit", message)

    def deleted(held: Any) -> list[Any]:
        sessions.delete(held or {}, ROWS)
        said = "<p>Rows and verdicts are deleted. Runs that learned from them keep theirs.</p>"
        return [{}, "", gr.Radio([], visible=False), "", said, chart_value([], EMPTY)]

    dropped = on_box(drop.click, deleted, [state], shown, message, keep=shown)
    dropped.then(None, state, None, js=TO_ADDRESS)


def _view(state: dict[str, Any]) -> list[Any]:
    """The state, and the components that show it."""
    now = state["queue"][0] if state["queue"] else None
    radio = gr.Radio(
        [(text, name) for name, text in LABELS.items()],
        value=None,
        visible=now is not None,
        info=now["hint"] if now else "",
    )
    return [state, _row(now), radio, _cells(now), _report(state), _curve(state)]


def _row(item: dict[str, Any] | None) -> str:
    """The row in question, escaped."""
    if item is None:
        return "<p>Every row has a verdict or was skipped.</p>"
    reasons = f" Most unusual: {item['reasons']}." if item["reasons"] else ""
    about = f"Row {item['number'] + 1:,}, anomaly score {item['score']:.3f}.{reasons}"
    return f"<p>{html.escape(about)}</p>"


def _cells(item: dict[str, Any] | None) -> str:
    """The cells of the row, those of the reasons first, in tables side by side; escaped."""
    data = item["cells"] if item else []
    tall = max(MIN_TALL, -(-len(data) // MOST_TABLES))
    tables = [
        f"<div>{table_html({'headers': ['column', 'value'], 'data': data[start : start + tall]})}</div>"
        for start in range(0, len(data), tall)
    ]
    return f'<div style="display:flex;flex-wrap:wrap;gap:0 2rem">{"".join(tables)}</div>'


def _report(state: dict[str, Any]) -> str:
    """Sentences on the verdicts so far, escaped."""
    lines = [state["told"]] if state["told"] else []
    lines.append(f"{state['file']}: {counted(state['given'], 'verdict')} on {counted(state['rows'], 'row')}.")
    by = "a probability" if state["uses_errors"] else "an anomaly score"
    lines.append(f"{counted(state['alerts'], 'row')} called anomalies, from {by} of {state['limit']:.3f} on.")
    if state["uses_errors"]:
        lines.append("The score now learns from the verdicts which errors matter.")
    if state["curve"]:
        now = state["curve"][-1]
        measured = (
            f"95 % interval {_interval(now)}, measured with {counted(now['measured'], 'row')} drawn at random"
            if now["low"] < now["high"]
            else "each of them has a verdict"
        )
        lines.append(
            f"Precision of these {now['precision']:.0%}: {measured}, after {counted(now['labels'], 'verdict')}."
        )
    if state["queue"]:
        lines.append(f"{counted(len(state['queue']), 'row')} left in this round.")
    return "".join(f"<p>{html.escape(line)}</p>" for line in lines) + earlier_session(state, PLUGIN_PAGE)


def _interval(estimate: dict[str, Any]) -> str:
    """Its ends; one number where every alert has a verdict."""
    ends = [f"{estimate['low']:.0%}", f"{estimate['high']:.0%}"]
    return " to ".join(ends) if estimate["low"] < estimate["high"] else "all judged"


def _curve(state: dict[str, Any]) -> str:
    """A bar for each of the latest rounds, with its interval."""
    rows = [
        (f"{counted(each['labels'], 'verdict')}: {_interval(each)}", each["precision"], "")
        for each in state["curve"][-ROUNDS_SHOWN:]
    ]
    return chart_value([bars("Precision, with its 95 % interval", rows, "percent")] if rows else [], EMPTY)
