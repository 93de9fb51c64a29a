"""What a reader is tried with: a question, its context, and the answer marked in it."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins.bert_finetune import endpoints, starter
from plugins.bert_finetune.ui.file_box import render_file_box

CONTEXT = (
    "The Rhine rises in the Swiss Alps and flows through Germany and the Netherlands to the North Sea. "
    "With a length of about 1,230 kilometres it is the second longest river of central and western Europe."
)
EXAMPLES = [["Where does the Rhine rise?", CONTEXT], ["How long is the Rhine?", CONTEXT]]


def render_answer(workbench: Workbench) -> None:
    """A question and its answer in the context, and a file."""
    gr.Markdown(
        "The starter is a very small reader and often wrong (its card says how often): it shows how answering works. For answers "
        "to rely on, train from a larger encoder, or name a reader of the Hub."
    )
    weights = workbench.weights_picker(starter=starter.QUESTIONS)
    question = gr.Textbox(EXAMPLES[0][0], label="Question", max_lines=2)
    context = gr.Textbox(CONTEXT, label="Context", lines=5)
    button = gr.Button("Answer", variant="primary")
    with gr.Row():
        label = gr.Label(label="Answers", num_top_classes=4)
        marked = gr.HighlightedText(label="In the context", combine_adjacent=False)
    gr.Examples(EXAMPLES, [question, context], label="Examples", api_visibility="private")
    render_file_box(
        workbench,
        endpoints.answer_file,
        "Answer a file",
        "Answer every row",
        [weights],
        "A table with question and context",
    )

    def answer(name: str, asked: str, passage: str) -> tuple[dict[str, float], dict[str, Any]]:
        found = workbench.call(endpoints.answer, name, asked, passage)
        every = [found, *found["alternatives"]]
        said = {one["answer"] or "no answer": one["probability"] for one in reversed(every)}
        spot = [{"entity": "answer", "start": found["start"], "end": found["end"]}] if found["answer"] else []
        return said, {"text": passage, "entities": spot}

    gr.on([button.click, question.submit], answer, [weights, question, context], [label, marked], api_visibility="private")  # fmt: skip
