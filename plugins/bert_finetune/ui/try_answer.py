"""Try question answering: a question, its context, the answer highlighted in it, and a file."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.answer_label import AnswerLabel
from plugins._ui.events import LATEST, message_area, on_box
from plugins._ui.examples import render_examples
from plugins.bert_finetune.answer.endpoints import Answer
from plugins.bert_finetune.ui.answered_by import QUESTIONS
from plugins.bert_finetune.ui.file_box import render_file_box

TOWER = (
    "The Eiffel Tower was built in Paris in 1889 by the engineer Gustave Eiffel. It is 330 metres tall, and about "
    "seven million people visit it each year."
)
MOON = (
    "Apollo 11 landed on the Moon on July 20, 1969. Neil Armstrong was the first person to walk on its surface, and "
    "Michael Collins stayed in orbit."
)
OXFORD = (
    "The University of Oxford was founded in the 12th century in England. It has 39 colleges and more than 26,000 "
    "students."
)
RHINE = (
    "The Rhine rises in the Swiss Alps and flows through Germany and the Netherlands to the North Sea. With a length "
    "of about 1,230 kilometres it is the second longest river of central and western Europe."
)
EXAMPLES = [
    ["Who stayed in orbit?", MOON],
    ["How many students does the University of Oxford have?", OXFORD],
    ["How tall is the Eiffel Tower?", TOWER],
    ["How long is the Rhine?", RHINE],
]


def render(workbench: Workbench) -> None:
    """Render question, context and answers, and the file box."""
    gr.Markdown("The answer is a part of the context that you give. Fine-tune a larger encoder for answers to rely on.")
    bench = workbench.on(Answer)
    weights = bench.weights_picker()
    with gr.Row():
        with gr.Column(min_width=280):
            question = gr.Textbox(EXAMPLES[0][0], label="Question", max_lines=2)
            context = gr.Textbox(EXAMPLES[0][1], label="Context", lines=4, max_lines=16)
            message = message_area("Write a question and its context, then press Answer.")
            button = gr.Button("Answer", variant="primary")
        with gr.Column(min_width=280):
            label = AnswerLabel(label="Answers", num_top_classes=4)
            highlighted = gr.HighlightedText(
                label="In the context", combine_adjacent=False, color_map={"answer": "#0d9488"}
            )
            source = gr.Markdown()

    def answer(name: str, asked: str, passage: str) -> list[Any]:
        best = bench.call(Answer.answer, name, asked, passage)
        ranked = [best, *best["alternatives"]]
        probabilities = {row["answer"] or "no answer": row["probability"] for row in reversed(ranked)}
        span = [{"entity": "answer", "start": best["start"], "end": best["end"]}] if best["answer"] else []
        return [probabilities, {"text": passage, "entities": span}, QUESTIONS.answered_by(name)]

    inputs, outputs = [weights, question, context], [label, highlighted, source]
    render_examples(EXAMPLES, [question, context], answer, inputs, outputs, message)
    file_label = "A table with question and context, or SQuAD JSON"
    render_file_box(bench, Answer.answer_file, "Answer a file", "Answer every row", [weights], file_label)
    events = [button.click, question.submit, weights.change, message.play]
    on_box(events, answer, inputs, outputs, message, **LATEST)
