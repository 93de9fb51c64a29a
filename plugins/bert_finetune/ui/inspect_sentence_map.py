"""Look inside: sentence vectors in two dimensions."""

from __future__ import annotations

import gradio as gr

from plugins._contract import TABLE, Workbench
from plugins._ui.chart import Chart, chart_value, points
from plugins._ui.events import LATEST, message_area, on_box
from plugins.bert_finetune.encode.endpoints import Encode
from plugins.bert_finetune.ui.file_box import render_file_box

SENTENCES = """The film was released in 2004.
The album was released in 1999.
The single was released in May.

He was born in London.
She was born in Paris.
He was born in Berlin.

The river flows into the sea.
The lake lies in the mountains.
The stream rises in the hills."""


def render(workbench: Workbench) -> None:
    """Render the map of the sentences."""
    gr.Markdown(
        "Each point is a sentence: the mean of its token vectors, on the two directions in which the sentences differ "
        "most (principal components). **What to notice**: sentences that say similar things lie together, although the "
        "encoder was never told which belong together."
    )
    bench = workbench.on(Encode)
    weights = bench.weights_picker()
    info = "One a line. An empty line begins another group, which gets a colour of its own."
    text = gr.Textbox(SENTENCES, label="Sentences", lines=7, max_lines=20, info=info)
    message = message_area("Write at least three sentences, then press Plot the map.")
    button = gr.Button("Plot the map", variant="primary")
    chart = Chart("Sentences", "The map appears here.")

    render_file_box(
        bench, Encode.embed_file, "Vectors of every row of a file", "Embed the file", [weights], send_as=TABLE
    )

    def plot_map(name: str, lines: str) -> str:
        named = grouped(lines)
        function = "plugins.bert_finetune.inspect.sentence_map:sentence_map"
        places, shares = bench.call(function, name, [sentence for sentence, _ in named])
        rows = [(x, y, *about) for (x, y), about in zip(places.tolist(), named, strict=True)]
        titles = f"first component ({shares[0]:.0%} of the variance)", f"second ({shares[1]:.0%})"
        return chart_value([points("Map of the sentences", rows, *titles)])

    on_box([button.click, weights.change, message.play], plot_map, [weights, text], chart, message, **LATEST)


def grouped(lines: str) -> list[tuple[str, str]]:
    """Each sentence with its group: groups are separated by empty lines."""
    named, number, is_open = [], 1, False
    for line in map(str.strip, lines.splitlines()):
        if line:
            named.append((line, f"group {number}"))
        elif is_open:
            number += 1
        is_open = bool(line)
    return named
