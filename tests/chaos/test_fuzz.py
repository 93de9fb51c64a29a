"""Whatever an endpoint is given, it answers with a result or a sentence; a long run is `python -m tests.chaos.fuzz`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from plugins.gpt_prompting.models.hosted_servers import parse_name
from spaces_app.arguments import check_text
from spaces_app.errors import shorten
from tests.chaos import fuzz
from tests.chaos.visitor import FILE, Answer
from training.errors import UserError
from training.hf_jobs import remote_run

CALLS = 232  # four of each endpoint


@pytest.mark.slow
def test_every_endpoint_answers_in_words_whatever_it_is_given(tmp_path: Path) -> None:
    with fuzz.served_page(tmp_path) as url:
        report = fuzz.fuzz(url, CALLS, seed=int(os.environ.get("FUZZ_SEED", "7")), clients=2)
        assert report.odd == 0, "\n".join(report.lines())
        assert 0.05 < report.accepted / report.calls < 0.5
    assert fuzz.faults_of_log(tmp_path) == []


@pytest.mark.parametrize(
    ("answer", "is_fault"),
    [
        (Answer(True, [1]), False),
        (Answer(False, error="top: 90 was given; it may be 1 to 50."), False),
        (Answer(False, error=None), True),
        (Answer(False, error="Something went wrong on the server (error 12345678; its log says what)."), True),
        (Answer(False, error="'NoneType' object has no attribute 'name'"), True),
        (Answer(False, error="HTTP 500: Internal Server Error"), True),
        (Answer(True, [1], seconds=31.0), True),
        (Answer(True, "root:x:0:0:root"), True),
    ],
)
def test_an_answer_is_judged(answer: Answer, is_fault: bool) -> None:
    assert bool(fuzz.fault_of(answer)) is is_fault


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("a\ud800", "text: the text has a character that is none"),
        ([{"a": {"b\udfff": 1}}], "text: the text has a character that is none"),
        ({"path": "a\0b", "meta": FILE}, "text: that is no uploaded file"),
        ([{"path": "x" * 300, "meta": FILE}], "text: that is no uploaded file"),
        ({"path": None, "meta": {"_type": 7}}, "text: that is no uploaded file"),
    ],
)
def test_what_no_text_or_file_can_be_is_refused_by_its_arguments_name(value: Any, words: str) -> None:
    with pytest.raises(UserError, match=words):
        check_text("text", value)


def test_what_texts_can_be_passes() -> None:
    check_text("text", ["💥\x00\u202e", {"é": [1, None, 2.5, True]}, {"path": "a", "meta": FILE}, {"meta": "text"}])
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    with pytest.raises(UserError, match="text: lists and records are nested more than 100 deep"):
        check_text("text", deep)


def test_a_message_does_not_have_the_length_of_what_it_repeats() -> None:
    assert shorten(f"There is no column {'x' * 9000}; there are: a.") == f"There is no column {'x' * 80}… there are: a."
    assert shorten("a b " * 2000) == f"{'a b ' * 150} … {'a b ' * 150}"


@pytest.mark.parametrize("name", ["hosted:x@http://[::1", "hosted:x@http://a:99999/v1", "hosted:x@http://a:b/v1"])
def test_an_address_that_is_none_is_said_to_be_none(name: str) -> None:
    with pytest.raises(UserError, match="A hosted model is named hosted:model@https://server/v1"):
        parse_name(name)


@pytest.mark.parametrize("job", ["", "../../models/alice/x", "a/b", "x" * 65, "\x00", "é", "?a=1"])
def test_what_is_no_jobs_id_never_becomes_part_of_an_address(job: str) -> None:
    for ask in (remote_run.logs, remote_run.cancel):
        with pytest.raises(UserError, match="is not a job's id"):
            ask(job, "hf_alice_write")
