"""Charts, labels and examples of boxes: what reaches the browser has the right values."""

import base64
import json

import gradio as gr
import numpy as np
import pytest

from plugins._ui.answer_label import AnswerLabel
from plugins._ui.chart import Chart, bars, chart_value, heads
from plugins._ui.events import message_area
from plugins._ui.examples import render_examples
from training.errors import UserError


def test_attention_reaches_the_browser_to_five_digits():
    values = np.random.default_rng(0).dirichlet(np.ones(5), (2, 3, 5))
    panel = heads(list("abcde"), values, (1, 2))
    sent = np.frombuffer(base64.b64decode(panel["values"]), "<u2").reshape(2, 3, 5, 5) / 65535
    assert np.abs(sent - values).max() < 1e-5
    assert (panel["layers"], panel["heads"], panel["chosen"], panel["tokens"]) == (2, 3, [1, 2], list("abcde"))


def test_a_chart_keeps_its_words_for_an_empty_result():
    chart = Chart("Words", "Nothing yet.")
    assert json.loads(chart.value) == {"panels": [], "empty": "Nothing yet."}
    full = chart_value([bars("Words", [("a", 0.5, "")], "percent")])
    assert json.loads(full)["panels"][0]["items"] == [{"label": "a", "value": 0.5, "note": ""}]


def test_a_chart_can_be_left_as_it_is():
    """Gradio makes a component of each update again, from the arguments of the first."""
    chart = Chart("Words", "Nothing yet.")
    assert type(chart)(**{**chart.constructor_args, "render": False}).label == "Words"


@pytest.mark.parametrize(
    ("probabilities", "headline"),
    [({"a": 0.4, "b": 0.35, "c": 0.25}, "not sure"), ({"a": 0.5, "b": 0.5}, "a"), ({"a": 0.1, "b": 0.9}, "b")],
)
def test_no_label_is_named_that_is_less_probable_than_not(probabilities: dict[str, float], headline: str):
    shown = AnswerLabel(num_top_classes=2).postprocess(probabilities)
    assert shown.label == headline
    assert [bar.confidence for bar in shown.confidences] == sorted(probabilities.values(), reverse=True)[:2]


def test_nothing_is_shown_of_no_result():
    assert AnswerLabel().postprocess(None) == {}


@pytest.fixture
def box():
    with gr.Blocks(analytics_enabled=False) as demo:
        model, text, shown = gr.Textbox("m"), gr.Textbox(), gr.Label()
        message = message_area("Write a text.")
    return demo, model, text, shown, message


def test_an_example_fills_in_its_field_and_runs(box):
    demo, model, text, shown, message = box
    with demo:
        render_examples(
            [["good"]], [text], lambda name, word: [{f"{name} {word}": 1.0}], [model, text], [shown], message
        )
    run = next(iter(demo.fns.values())).fn
    assert list(run(["good"], "m", "old")) == [["good", gr.skip(), ""], ["good", {"m good": 1.0}, ""]]


def test_an_example_that_fails_stays_in_its_field(box):
    demo, model, text, shown, message = box

    def refuse(name: str, word: str) -> list:
        raise UserError("Choose weights.")

    with demo:
        render_examples([["good"]], [text], refuse, [model, text], [shown], message)
    first, last = next(iter(demo.fns.values())).fn(["good"], "", "old")
    assert first[0] == "good"
    assert last[0] == gr.skip()
    assert last[1] is None
    assert "Choose weights." in last[2]
