"""Look inside: explanation of a predicted label by occlusion."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.chart import Chart, Panel, chart_value, words
from plugins._ui.events import LATEST, message_area, on_box
from plugins._ui.examples import render_examples
from plugins.bert_finetune.classify.endpoints import Classify
from plugins.bert_finetune.ui.try_classify import render_second_text
from training.wording import counted

EXAMPLES = [
    "a film with a good cast but a dull plot",
    "an uneven but moving film",
    "the film is not good",
    "a stirring , funny and finally transporting film",
]


def render(workbench: Workbench) -> None:
    """Render the weight of each word for the predicted label."""
    gr.Markdown(
        "Each word is masked in turn, and the label is predicted again (occlusion). **What to notice**: teal words "
        "push towards the label, orange ones away from it; in the first example *dull* outweighs *good*."
    )
    bench = workbench.on(Classify)
    weights = bench.weights_picker()
    text = gr.Textbox(EXAMPLES[0], label="Text", lines=2)
    pair = render_second_text(bench, weights)
    message = message_area("Write a text, then press Explain.")
    button = gr.Button("Explain", variant="primary")
    chart = Chart("Explanation", "The weight of each word appears here.")

    def explain(name: str, sentence: str, second: str) -> list[str]:
        result = bench.call(Classify.explain, name, sentence, second)
        return [chart_value([_panel(result)])]

    inputs, outputs = [weights, text, pair], [chart]
    render_examples([[example] for example in EXAMPLES], [text], explain, inputs, outputs, message)
    events = [button.click, text.submit, pair.submit, weights.change, message.play]
    on_box(events, explain, inputs, outputs, message, **LATEST)


def _panel(result: dict[str, Any]) -> Panel:
    label = result["label"]
    note = "By how much the log-odds of the label fall when the word is masked."
    if result["words_left_out"]:
        note += f" The last {counted(result['words_left_out'], 'word')} were not explained."
    title = f"Why “{label}” ({result['probability']:.0%})"
    items = [{"text": word["word"], "value": word["weight"]} for word in result["words"]]
    ends = (f"against “{label}”", f"for “{label}”")
    return words(title, items, note, signed=True, ends=ends) | {"tokens": result["tokens"]}
