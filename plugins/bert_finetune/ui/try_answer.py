"""Try question answering: a question, its context, the answer highlighted in it, and a file."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins.bert_finetune.answer.endpoints import Answer
from plugins.bert_finetune.ui.file_box import render_file_box

CONTEXT = (
    "The Rhine rises in the Swiss Alps and flows through Germany and the Netherlands to the North Sea. "
    "With a length of about 1,230 kilometres it is the second longest river of central and western Europe."
)
EXAMPLES = [["Where does the Rhine rise?", CONTEXT], ["How long is the Rhine?", CONTEXT]]


def render(workbench: Workbench) -> None:
    """Render question, context and answers, and the file box."""
    gr.Markdown(
        "The starter is a very small model and often wrong (see its card): it shows how extractive question "
        "answering works. "
        "For reliable answers, fine-tune a larger encoder, or choose a model of the Hub."
    )
    bench = workbench.on(Answer)
    weights = bench.weights_picker()
    question = gr.Textbox(EXAMPLES[0][0], label="Question", max_lines=2)
    context = gr.Textbox(CONTEXT, label="Context", lines=5)
    button = gr.Button("Answer", variant="primary")
    with gr.Row():
        label = gr.Label(label="Answers", num_top_classes=4)
        highlighted = gr.HighlightedText(label="In the context", combine_adjacent=False)
    gr.Examples(EXAMPLES, [question, context], label="Examples", api_visibility="private")
    file_label = "A table with question and context, or SQuAD JSON"
    render_file_box(bench, Answer.answer_file, "Answer a file", "Answer every row", [weights], file_label)

    def answer(name: str, asked: str, passage: str) -> tuple[dict[str, float], dict[str, Any]]:
        best = bench.call(Answer.answer, name, asked, passage)
        ranked = [best, *best["alternatives"]]
        probabilities = {row["answer"] or "no answer": row["probability"] for row in reversed(ranked)}
        span = [{"entity": "answer", "start": best["start"], "end": best["end"]}] if best["answer"] else []
        return probabilities, {"text": passage, "entities": span}

    events = [button.click, question.submit]
    gr.on(events, answer, [weights, question, context], [label, highlighted])
