"""No labels: label texts by the names of the labels or by a prompt, and measure that on a file that has some."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import gradio as gr

from plugins._contract import LABELLED_TEXTS, Workbench
from plugins._ui.chart import Chart, Panel, bars, chart_value
from plugins._ui.components import chosen, table_html
from plugins._ui.events import LATEST, message_area, on_box
from plugins._ui.examples import render_examples
from plugins.bert_finetune.encode.endpoints import Encode
from plugins.bert_finetune.ui.text_columns import connect_text_columns, named_columns, render_text_columns
from plugins.bert_finetune.zero_shot.label_names import TEMPLATE, split_names
from plugins.bert_finetune.zero_shot.table import rows_with_words
from training.errors import UserError
from training.settings import HOSTED
from training.wording import counted

SAMPLE = Path(__file__).parents[1] / "samples" / "requests-eval.csv"
REQUESTS = (
    "auto and commute = cars and driving\nbanking\ncredit cards\nhome = music, shopping, lists and reminders\n"
    "kitchen and dining = food and restaurants\nmeta = the assistant and its settings\n"
    "small talk = the assistant, as a person\ntravel\nutility = time, weather, messages and alarms\n"
    "work = work, salary and taxes"
)
EXAMPLES = [
    ["i need an idea for a french dinner", REQUESTS],
    ["The striker scored twice in the final.", "world politics\nsports\nbusiness\ntechnology"],
    ["a dull film, badly acted", "negative = a bad film\npositive = a good film"],
    ["I paid for one coffee and was charged twice.", "lost card\ncharged twice\nchange of address\nclose the account"],
]
ABOUT = (
    "Without one labelled text: each text is compared with a sentence for each label. Encoders compare vectors: "
    "*all-MiniLM-L6-v2* (`make models`) was trained for that, the small starter was not. Classifiers trained for "
    "natural language inference, such as *cross-encoder/nli-distilroberta-base* of the Hub, say whether the text "
    "entails the sentence. A GPT is prompted with the text, without an example, and scores the words of each label."
)
GPT = "gpt_prompting"
NO_HOSTED = "Hosted models are prompted on the page of GPT: choose weights here."
ADAPT = (
    "Move each label towards the texts that are nearest to it. Better where labels are about equally frequent; leave "
    "it off where one label has nearly all texts."
)
PREDICT, BY_PROMPT = "plugins.bert_finetune.zero_shot.predict", "plugins.bert_finetune.zero_shot.by_prompt"
UNITS = {
    "similarity": "cosine similarity of text and label",
    "entailment": "probability of entailment",
    "prompt": "probability by a prompt",
}
MAX_BARS = 12
EMPTY = "The labels of the text appear here, the likeliest first."
EMPTY_FILE = "Where the file has labels, the share of the texts that are labelled right appears here."


def render(workbench: Workbench) -> None:
    """Render the labels, a text with its scores, and a file with its accuracies."""
    gr.Markdown(ABOUT)
    bench = workbench.on(Encode)
    with gr.Row():
        weights = bench.weights_picker()
        other = bench.weights_picker("Compare with (optional)", starter="")
        gpt = workbench.other(GPT)
        prompted = gpt.weights_picker("Prompt a GPT (optional)", starter="") if gpt else gr.Textbox(visible=False)
    with gr.Row():
        info = "One a line. Where a label says little, write its words: 1 = world politics."
        labels = gr.Textbox(REQUESTS, label="Labels", info=info, lines=5, max_lines=10, min_width=280)
        with gr.Column(min_width=280):
            template = gr.Textbox(TEMPLATE, label="Sentence of a label", info="Its words stand for {label}.")
            text = gr.Textbox(EXAMPLES[0][0], label="Text", lines=2)
    message = message_area("Write a text and its labels, then press Label the text.")
    button = gr.Button("Label the text", variant="primary")
    chart = Chart("Labels", EMPTY)

    def label(first: str, second: str, third: str, names: str, sentence: str, words: str) -> list[str]:
        answers = {
            name: bench.call(Encode.zero_shot, name, words, split_names(names), sentence) for name in _of(first, second)
        }
        if gpt and _is_chosen(third):
            answers[third] = gpt.call(f"{BY_PROMPT}:predict_text", third, words, split_names(names))
        return [chart_value([_scores(name, answer, len(answers) > 1) for name, answer in answers.items()])]

    asked = [weights, other, prompted, labels, template]
    render_examples(EXAMPLES, [text, labels], label, [*asked, text], [chart], message, [row[0] for row in EXAMPLES])
    events = [button.click, text.submit, template.submit, weights.change, other.change, prompted.change]
    events.append(message.play)
    on_box(events, label, [*asked, text], [chart], message, **LATEST)
    _render_file(bench, gpt, asked)


def _render_file(bench: Workbench, gpt: Workbench | None, asked: list[Any]) -> None:
    """Render the file: its labels are only compared with."""
    gr.Markdown("**A whole file.** Labels that the file has are only compared with.")
    with gr.Row():
        file = gr.File(
            str(SAMPLE) if SAMPLE.is_file() else None,
            label="Texts, with labels or without: CSV, TSV, JSONL or Parquet",
            type="filepath",
            height=120,
            min_width=280,
        )
        with gr.Column(min_width=280):
            adapt = gr.Checkbox(True, label="Adapt to these texts", info=ADAPT)
            button = gr.Button("Label the file")
    texts, label_column = render_text_columns(["text"])
    message = message_area("Press Label the file: the labels are those above.")
    connect_text_columns(file, texts, label_column, message)
    chart = Chart("Accuracy", EMPTY_FILE)
    said = gr.HTML(padding=False)
    predictions = gr.File(label="Rows with predicted labels", interactive=False, height=90)

    def run(
        first: str,
        second: str,
        third: str,
        names: str,
        sentence: str,
        path: str | None,
        adapts: bool,
        columns: list[str],
        label: str,
    ) -> list[Any]:
        given = chosen(path), split_names(names), sentence, adapts, *named_columns(columns, label)
        found = {name: bench.call(f"{PREDICT}:label_file", name, *given) for name in _of(first, second)}
        reports = {name: report for name, (report, _) in found.items()}
        if gpt and _is_chosen(third):
            columns_given = named_columns(columns, label)
            reports[third] = gpt.call(f"{BY_PROMPT}:measure_file", third, given[0], given[1], *columns_given)
        panels = [_accuracy(name, report) for name, report in reports.items() if report["accuracies"]]
        first_file = next(iter(found.values()))[1]
        return [chart_value(panels, "This file has no labels to measure with."), _said(reports), str(first_file)]

    on_box(button.click, run, [*asked, file, adapt, texts, label_column], [chart, said, predictions], message)
    gr.Markdown(
        "Labelled rows can be learned from, or a prompted GPT is measured on them, with no example and with some:"
    )

    def labelled(names: str, path: str | None, columns: list[str], label: str) -> Path:
        return rows_with_words(chosen(path), split_names(names), *named_columns(columns, label))

    bench.send_to(LABELLED_TEXTS, labelled, [asked[3], file, texts, label_column])


def _is_chosen(prompted: str | None) -> bool:
    """Whether weights to be prompted are chosen.

    Raises:
        UserError: If they are on another machine, to which the file would be sent.
    """
    if (prompted or "").startswith(HOSTED):
        raise UserError(NO_HOSTED)
    return bool(prompted)


def _of(first: str, second: str) -> list[str]:
    """The weights that are compared."""
    return list(dict.fromkeys([first, *([second] if second else [])]))


def _scores(weights: str, answer: dict[str, Any], is_one_of_two: bool) -> Panel:
    best = sorted(answer["scores"].items(), key=lambda item: -item[1])[:MAX_BARS]
    title = UNITS[answer["method"]].capitalize() + (f" by {weights}" if is_one_of_two else "")
    unit = "" if answer["method"] == "similarity" else "percent"
    return bars(title, [(label, score, "") for label, score in best], unit)


def _accuracy(weights: str, report: dict[str, Any]) -> Panel:
    rows = [
        (f"{each['name']}: {each['low']:.0%} to {each['high']:.0%}", each["accuracy"], "")
        for each in report["accuracies"]
    ]
    count = counted(report["measured"], "text")
    return bars(f"Accuracy by {weights} on {count}, with 95 % intervals", rows, "percent")


def _said(reports: dict[str, dict[str, Any]]) -> str:
    """The notes of all weights, and the labels that are found least; escaped."""
    notes = list(dict.fromkeys(note for report in reports.values() for note in report["notes"]))
    parts = [f"<p>{html.escape(note)}</p>" for note in notes]
    for name, report in reports.items():
        if rows := report["labels"][:MAX_BARS]:
            head = f"Labels that {name} finds least: other words for them may help."
            data = [[row["label"], f"{row['texts']:,}", f"{row['recall']:.0%}"] for row in rows]
            table = table_html({"headers": ["label", "texts", "of which found"], "data": data})
            parts.append(f"<p>{html.escape(head)}</p>{table}")
    return "".join(parts)
