"""A file that is classified, and classified again: the same texts, labels and columns."""

from pathlib import Path
from typing import Any

import pytest

from plugins.bert_finetune import PLUGIN
from tests.bert_models import load
from tests.files import write
from training.data.table import read_table

ROWS = 'text,score,handle\n"-5 degrees outside",-3.2,@anna\n"=2+2 is four",1e-3,+49 30 1234\n"- bullet",-7,"-"\n'


@pytest.fixture(scope="module")
def classifier() -> Any:
    return load(PLUGIN.starters["bert-6x192-sentiment"])


def test_scored_file_scored_again_is_the_same_file(classifier: Any, tmp_path: Path) -> None:
    first = classifier.classify_file(write(tmp_path / "in.csv", ROWS))
    again = classifier.classify_file(first)
    assert again.read_bytes() == first.read_bytes()
    assert read_table(again).names == ("text", "score", "handle", "predicted_label", "probability")
    assert read_table(again).strings("text") == ["-5 degrees outside", "=2+2 is four", "- bullet"]
    assert read_table(again).strings("handle") == ["@anna", "+49 30 1234", "-"]


def test_predictions_are_those_of_the_same_text_in_any_file(classifier: Any, tmp_path: Path) -> None:
    csv = read_table(
        classifier.classify_file(write(tmp_path / "in.csv", 'text\n"  a fine film \t"\n"- bullet"\n\u200b\n'))
    )
    lines = '{"text": "a fine film"}\n{"text": "- bullet"}\n{"text": ""}\n'
    json = read_table(classifier.classify_file(write(tmp_path / "in.jsonl", lines)))
    assert csv.strings("probability") == json.strings("probability")
    assert csv.strings("predicted_label")[2] is None
    served = classifier.classify(" a fine film \n")
    assert served == classifier.classify("a fine film")
