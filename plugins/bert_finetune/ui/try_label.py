"""Label texts: one after the other, those first that teach the classifier most, with the accuracy to expect."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import gradio as gr

from plugins._contract import LABELLED_TEXTS, Workbench
from plugins._ui.chart import Chart, bars, chart_value
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
from plugins.bert_finetune.encode.endpoints import Encode
from plugins.bert_finetune.label import desk
from plugins.bert_finetune.ui.text_columns import (
    connect_text_columns,
    named_columns,
    offered_columns,
    render_text_columns,
)
from training.errors import UserError
from training.labelling import desk as sessions
from training.labelling.sessions import TEXTS, open_session
from training.wording import counted

SAMPLE = Path(__file__).parents[1] / "samples" / "requests-unlabelled.csv"
NAMES = "auto and commute, banking, credit cards, home, kitchen and dining, meta, small talk, travel, utility, work"
ABOUT = (
    "Label a few texts, and a classifier labels the rest: logistic regression on the encoder's sentence vectors. First "
    "come typical texts, then those of them between two labels; one in five is drawn at random, to measure with. Keys: "
    "**1** to **9** for a label, **S** to skip, **U** to undo."
)
KEPT = (
    "**The labels are kept** under this page's address, until 90 days after the last. Open it to go on another day, "
    "or give it to others, to label together: who has the address sees the texts. *Keep as a run* puts labels and "
    "classifier into the list of runs: its page leads to *Try it*, *Publish* and back to *Go on labelling*. It is "
    "measured with the texts drawn at random, which it does not learn from. The file has the label of each text, and "
    "the predicted one for all."
)
EMPTY = "The expected accuracy appears here, from ten randomly drawn texts on: after about 50 labels."
PLUGIN_PAGE, FUNCTIONS = "bert_finetune", "plugins.bert_finetune.label.desk"
HOW = {"coverage": "typical of many", "margin": "between two labels"}
ROUNDS_SHOWN = 12


def render(workbench: Workbench) -> None:
    """Render texts and label names, the text in question, and what the labels give."""
    gr.Markdown(ABOUT)
    bench = workbench.on(Encode)
    bench.opened_by("labels")
    weights = bench.weights_picker()
    with gr.Row():
        file = gr.File(
            str(SAMPLE) if SAMPLE.is_file() else None,
            label="Texts: CSV, TSV, JSONL or Parquet, also one that was labelled here",
            type="filepath",
            height=140,
            min_width=280,
        )
        pasted = gr.Textbox(label="Or paste texts, one a line", lines=4, max_lines=8, min_width=280)
    texts, label_column = render_text_columns(["text"])
    names = gr.Textbox(NAMES, label="Labels", info="Separated by commas. Labels in the file are added.")
    begin = gr.Button("Start", variant="primary")
    message = message_area("Press Start. The first time, every text is encoded, which takes a while for a large file.")
    state = gr.JSON(value={}, visible=False)
    address = gr.Textbox(visible=False)
    text = gr.Textbox(label="Text", lines=3, interactive=False)
    radio = gr.Radio([], label="Its label", elem_id=DESK, visible=False)
    with gr.Row():
        skip, back = (
            gr.Button("Skip", elem_id=SKIP, size="sm"),
            gr.Button("Undo", elem_id=UNDO, size="sm"),
        )
        other = gr.Textbox(label="Add a label", max_lines=1, placeholder="Write it, press Enter", min_width=200)
    said = gr.HTML(padding=False)
    chart = Chart("Expected accuracy", EMPTY)
    gr.HTML(visible=True, padding=False, js_on_load=KEYS)
    shown = [state, text, radio, said, chart]

    connect_text_columns(file, texts, label_column, message)
    gr.on([file.upload, pasted.input], _own_names, names, names, queue=False)

    def start(
        name: str, path: str | None, lines: str, labels: str, held: Any, columns: list[str], label: str
    ) -> list[Any]:
        given = _path(path), lines, labels, held or {}, *named_columns(columns, label)
        return _view(bench.call(f"{FUNCTIONS}:start", name, *given, name))

    def resumed(name: str, key: str) -> list[Any]:
        return _opened(bench, name, key) if key else [gr.skip()] * len(opened)

    def undone(held: Any) -> list[Any]:
        return _view(desk.undo(held or {}))

    def added(held: Any, label: str) -> list[Any]:
        return [*_view(sessions.add_name(held or {}, label, TEXTS)), ""]

    given = [weights, file, pasted, names, state, texts, label_column]
    begun = on_box(begin.click, start, given, shown, message, keep=shown)
    begun.then(None, state, None, js=TO_ADDRESS)
    opened = [weights, file, texts, label_column, names, *shown]
    on_box(message.play, resumed, [weights, address], opened, message, keep=opened, js=FROM_ADDRESS)
    box = Desk(bench, FUNCTIONS, weights, shown, message, _view)
    box.connect_answers(radio, skip)
    on_box(back.click, undone, [state], shown, message, **box.quietly)
    on_box(other.submit, added, [state, other], [*shown, other], message, **box.quietly).then(None, js=LEAVE_FIELD)
    _render_results(box)


def _render_results(box: Desk) -> None:
    """The labels as a file, the way to a training form, and their deletion."""
    gr.Markdown(KEPT)
    shown, state = box.shown, box.shown[0]
    with gr.Row():
        with gr.Column(min_width=240):
            keep = gr.Button("Keep as a run", variant="primary")
            button = gr.Button("Labels as a file")
            drop = gr.Button("Delete texts and labels", variant="stop", size="sm")
        written = gr.File(label="Labelled CSV", interactive=False, height=120, min_width=240)
    message = message_area()

    def write(name: str, held: Any) -> str:
        return str(box.workbench.call(f"{FUNCTIONS}:write", name, held or {}))

    on_box(button.click, write, [box.weights, state], written, message)
    box.connect_run(keep, "classify", message)

    def labelled(held: Any) -> Path:
        return desk.write_labelled(held or {})

    def deleted(held: Any) -> list[Any]:
        sessions.delete(held or {}, TEXTS)
        return [
            {},
            "",
            gr.Radio([], visible=False),
            "<p>Texts and labels are deleted. Runs that were made of them keep theirs.</p>",
            chart_value([], EMPTY),
        ]

    dropped = on_box(drop.click, deleted, [state], shown, message, keep=shown)
    dropped.then(None, state, None, js=TO_ADDRESS)
    box.workbench.send_to(LABELLED_TEXTS, labelled, [state])


def _own_names(names: str) -> Any:
    """The sample's labels are not those of other texts."""
    return "" if names == NAMES else gr.skip()


def _opened(bench: Workbench, weights: str, key: str) -> list[Any]:
    """Weights, file, columns and label names of a session, with which *Start* goes on with it, and its view."""
    wanted, table = weights_and_table(key, TEXTS, weights)
    weights, held = _resumed(bench, wanted, weights, key)
    options = open_session(key, TEXTS).options
    columns = offered_columns(str(table), options.get("text_column", ""), options.get("label_column", ""))
    names = ", ".join(name for name in held["names"] if "," not in name)  # Start reads them, separated by commas
    return [weights, str(table), *columns, names, *_view(held)]


def _resumed(bench: Workbench, weights: str, others: str, key: str) -> tuple[str, dict[str, Any]]:
    """A session's state with its weights or, where they are not this visitor's to use, with others; and their name."""
    try:
        return weights, bench.call(f"{FUNCTIONS}:resume", weights, key)
    except UserError as error:
        if weights == others:
            raise
        state = bench.call(f"{FUNCTIONS}:resume", others, key)
        told = (
            f"The weights that this session began with cannot be used by you: {error} Here {others} chooses the texts."
        )
        return others, {**state, "told": told}


def _path(path: str | None) -> Path | None:
    return Path(path) if path else None


def _view(state: dict[str, Any]) -> list[Any]:
    """The state, and the components that show it."""
    now = state["queue"][0] if state["queue"] else None
    choices = [(f"{number} {name}" if number < 10 else name, name) for number, name in enumerate(state["names"], 1)]
    radio = gr.Radio(choices, value=None, visible=now is not None, info=now["hint"] if now else "")
    text = now["text"] if now else "Every text has a label or was skipped."
    return [state, text, radio, _report(state), _curve(state)]


def _report(state: dict[str, Any]) -> str:
    """Sentences on the labels so far, escaped."""
    curve = state["curve"]
    lines = [state["told"]] if state["told"] else []
    lines.append(f"{state['file']}: {counted(state['given'], 'label')} of {state['texts']:,} texts.")
    if curve:
        now = curve[-1]
        lines.append(
            f"Expected accuracy on new texts like these: {_interval(now)}, measured with {now['measured']} texts drawn "
            f"at random after {counted(now['labels'], 'label')}."
        )
        if rest := now.get("unlabelled"):  # an estimate of an earlier version has none
            lines.append(f"On the texts here without a label, of which the hard ones were asked: {_interval(rest)}.")
        share = f"A classifier without those gives {now['agreement']:.0%} of the texts the same label"
        lines.append(f"{share}: more labels change little." if now["enough"] else f"{share}.")
    if state["queue"]:
        left = counted(len(state["queue"]), "text")
        lines.append(f"{left} left in this round: {HOW.get(state['how'], 'the last ones')}, or drawn at random.")
    said = "".join(f"<p>{html.escape(line)}</p>" for line in [*lines, *state["notes"]])
    return said + earlier_session(state, PLUGIN_PAGE)


def _interval(share: dict[str, Any]) -> str:
    return f"{share['accuracy']:.0%} (95 % interval {share['low']:.0%} to {share['high']:.0%})"


def _curve(state: dict[str, Any]) -> str:
    """A bar for each of the latest rounds, with its interval."""
    rows = [
        (f"{counted(each['labels'], 'label')}: {each['low']:.0%} to {each['high']:.0%}", each["accuracy"], "")
        for each in state["curve"][-ROUNDS_SHOWN:]
    ]
    title = "Expected accuracy on new texts, with its 95 % interval"
    return chart_value([bars(title, rows, "percent")] if rows else [], EMPTY)
