"""Answers of hosted models that are streamed: chunks of every shape, stop strings that servers ignore, errors in the middle."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.gpt_prompting.models.event_stream import DONE, UNREADABLE, events
from plugins.gpt_prompting.models.hosted_servers import ServerError
from plugins.gpt_prompting.models.interface import Answer, Sampling
from plugins.gpt_prompting.models.openai_model import HostedModel
from plugins.gpt_prompting.models.reasoning import split_reasoning
from tests.gpt_prompting.odd_server import Reply, Request, body, chunk, completion, error, odd_server, raw, said, stream

FINISH, OVER = chunk(reason="stop"), "data: [DONE]\n\n"
HELLO = [chunk("Hel"), chunk("lo "), chunk("you")]


def states(reply: Reply, **sampling: Any) -> list[Answer]:
    with odd_server(lambda request, number: reply) as (address, _):
        model = HostedModel.connect(f"hosted:m@{address}")
        return [answers[0] for answers in model.stream("Say hello.", Sampling(temperature=0, **sampling))]


def reasoned(text: str) -> dict[str, Any]:
    return chunk(delta={"content": "", "reasoning_content": text})


@pytest.mark.parametrize(
    "reply",
    [
        stream(*HELLO, FINISH, OVER),
        stream(*HELLO, FINISH),
        stream(*HELLO, FINISH, "data:[DONE]\n\n", prefix="data:"),
        stream(*HELLO, FINISH, OVER, end="\r\n\r\n"),
        stream(*HELLO, FINISH, OVER, end="\r\r"),
        stream(*HELLO, FINISH, "data: [DONE]", end="\n"),
        stream(": PROCESSING\n\n", *HELLO, ": keep-alive\n\n", FINISH, OVER, prefix="event: message\nid: 1\ndata: "),
        stream(*HELLO, FINISH, {"choices": [], "usage": {"prompt_tokens": 1}}, OVER),
        stream(*HELLO, FINISH, {"usage": {"prompt_tokens": 1}}, OVER),
        stream({"usage": {"prompt_tokens": 1}}, {"choices": []}, *HELLO, FINISH, OVER),
        stream({"choices": None}, {}, *HELLO, FINISH, OVER),
        stream(*HELLO, chunk(reason="stop", delta=None), OVER),
        stream(*HELLO, {"choices": [{"index": 0, "finish_reason": "stop"}]}, OVER),
        stream(chunk(delta=None), *HELLO, FINISH, OVER),
        stream(chunk(delta={"role": "assistant", "content": None}), *HELLO, FINISH, OVER),
        stream(*({"choices": [{"index": 1, "delta": {"content": "ZZ"}}]}, *HELLO), FINISH, OVER),
        stream(*[{"choices": [{"delta": {"content": [{"type": "text", "text": text}]}}]} for text in ("Hel", "lo you")], FINISH, OVER),
        stream(*[{"choices": [{"index": 0, "text": text}]} for text in ("Hello", " you")], FINISH, OVER),
        stream(*HELLO, chunk(reason="stop", message={"content": "Hello you"}, delta=None), OVER),
        stream(*HELLO, FINISH, OVER, prefix="data: data: "),
        stream('data: {"choices": [{"delta":\ndata: {"content": "Hello you"}}]}\n\n', FINISH, OVER),
        stream("\ufeff", *HELLO, FINISH, OVER),
        stream(*HELLO, FINISH, OVER, prefix="", end="\n"),
        stream(reasoned("I "), reasoned("think"), *HELLO, FINISH, OVER),
        stream(*said("<think>", "hm, <b>", "</th", "ink>", "\n\n", "Hel", "lo you"), OVER),
        stream(*said("[THINK]hm[/THINK]", "Hello you"), OVER),
        completion("Hello you"),
        raw(completion("<think>hm</think>\nHello you").pieces[0].decode()),
    ],
)  # fmt: skip
def test_the_whole_text_arrives_from_every_shape_of_stream(reply: Reply) -> None:
    last = states(reply)[-1]
    assert (last.text, last.finished) == ("Hello you", "end of text")
    assert "".join(token.text for token in last.tokens) == "Hello you"


def test_a_chunk_may_be_cut_into_bytes_anywhere() -> None:
    data = b"".join(stream(*said("Hé", "llo 😀"), OVER, end="\r\n\r\n").pieces)
    reply = Reply([data[at : at + 1] for at in range(len(data))], kind="text/event-stream")
    assert states(reply)[-1].text == "Héllo 😀"


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_line_separators_of_unicode_are_text(separator: str) -> None:
    plain = f'data: {{"choices": [{{"delta": {{"content": "Hel{separator}lo"}}}}]}}\n\n'
    last = states(stream(plain, FINISH, OVER))[-1]
    assert (last.text, last.finished) == (f"Hel{separator}lo", "end of text")


def test_an_end_without_a_reason_is_an_end() -> None:
    last = states(stream(*HELLO, OVER))[-1]
    assert (last.text, last.finished) == ("Hello you", "end of text") and "no reason" in last.note


def test_a_stream_that_just_stops_is_broken() -> None:
    last = states(stream(*HELLO))[-1]
    assert (last.text, last.finished) == ("Hello you", "broken")


@pytest.mark.parametrize("words", [{"error": {"message": "CUDA out of memory", "code": 500}}, {"error": "CUDA out of memory"}, {"object": "error", "message": "CUDA out of memory", "code": 50001}, "event: error\ndata: {\"error\": {\"message\": \"CUDA out of memory\"}}\n\n", {"choices": [{"index": 0, "delta": {}, "error": {"message": "CUDA out of memory"}, "finish_reason": "error"}]}])  # fmt: skip
def test_an_error_in_the_stream_keeps_the_text_and_gives_the_servers_words(words: Any) -> None:
    last = states(stream(chunk("Hel"), words, OVER))[-1]
    assert (last.text, last.finished) == ("Hel", "broken") and "CUDA out of memory" in last.note


def test_an_error_as_the_first_event_is_one_of_the_request() -> None:
    def answer(request: Request, number: int) -> Reply:
        refused = {"error": {"message": "Unsupported parameter: 'seed'", "code": 400}}
        return stream(refused) if "seed" in request else stream(*HELLO, FINISH, OVER)

    with odd_server(answer) as (address, asked):
        model = HostedModel.connect(f"hosted:m@{address}")
        *_, last = model.stream("Say hello.", Sampling())
    assert last[0].text == "Hello you" and len(asked) == 2


def test_a_chunk_that_is_no_json_costs_itself_and_is_counted() -> None:
    last = states(stream(chunk("Hello"), "data: {broken\n\n", chunk(" you"), FINISH, OVER))[-1]
    assert (last.text, last.finished) == ("Hello you", "end of text") and "1 chunks" in last.note


@pytest.mark.parametrize(
    "texts", [["Hello\nUser: more"], ["Hello", "\nUs", "er: more", " text"], list("Hello\nUser: x")]
)
def test_a_stop_string_that_the_server_ignores_is_cut_here(texts: list[str]) -> None:
    found = states(stream(*said(*texts), OVER), stop=("\nUser:", "###"))
    assert (found[-1].text, found[-1].finished) == ("Hello", "stop string")
    assert "".join(token.text for token in found[-1].tokens) == "Hello"
    assert all("Hello".startswith(answer.text) for answer in found), "the beginning of a stop string was shown"


def test_reasoning_is_not_shown_while_it_is_written() -> None:
    found = states(stream(*said("<th", "ink>", "secret", "</think>", "\n", "Hi"), OVER))
    assert {answer.text for answer in found} <= {"", "H", "Hi"} and "left out" in found[-1].note


def test_an_answer_of_reasoning_only_says_so() -> None:
    for chunks in ([reasoned("hm")], [chunk("<think>hm")]):
        last = states(stream(*chunks, chunk(reason="length"), OVER))[-1]
        assert (last.text, last.finished) == ("", "length") and "raise new_tokens" in last.note


def test_the_words_of_a_refusal_are_the_text() -> None:
    last = states(stream(chunk(delta={"refusal": "I can't "}), chunk(delta={"refusal": "say."}), FINISH, OVER))[-1]
    assert (last.text, last.note) == ("I can't say.", "The model refused.")


def test_probabilities_that_are_null_are_left_out_of_the_tokens() -> None:
    null = {"content": [{"token": "Hello", "logprob": None, "top_logprobs": []}]}
    last = states(stream(chunk("Hello", logprobs=null), FINISH, OVER))[-1]
    assert [(token.text, token.probability) for token in last.tokens] == [("Hello", None)]


def test_a_server_that_does_not_stream_is_asked_for_the_whole() -> None:
    def answer(request: Request, number: int) -> Reply:
        return error(400, "'stream' is not supported") if request.get("stream") else completion("Hello you")

    with odd_server(answer) as (address, _):
        *_, last = HostedModel.connect(f"hosted:m@{address}").stream("Say hello.", Sampling())
    assert last[0].text == "Hello you"


def test_more_stop_strings_than_the_server_takes_are_all_cut() -> None:
    def answer(request: Request, number: int) -> Reply:
        if len(request.get("stop", [])) > 4:
            return error(
                400, "Invalid 'stop': array too long. Expected an array with maximum length 4, but got length 5."
            )
        return stream(*said("Hello E rest"), OVER)

    with odd_server(answer) as (address, asked):
        *_, last = HostedModel.connect(f"hosted:m@{address}").stream(
            "Say hello.", Sampling(stop=("A", "B", "C", "D", " E"))
        )
    assert last[0].text == "Hello" and len(asked[-1]["stop"]) == 4


def test_an_error_before_the_first_text_is_raised_with_the_servers_words() -> None:
    with pytest.raises(ServerError, match="out of order"):
        states(body({"error": {"message": "out of order"}}, 418))


def test_events_are_read_without_blank_lines() -> None:
    assert list(events([b'data: {"a": 1}\ndata: {"a": 2}\nretry: 3\ndata: [DONE]'])) == [{"a": 1}, {"a": 2}, DONE]
    assert list(events([b"data: {x\n\n"])) == [UNREADABLE]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>a</think>b", "b"),
        ("<thinking>a</thinking>\n\nb", "b"),
        ("<seed:think>a</seed:think>b", "b"),
        ("a</think>b", "b"),
        ("<think>a", ""),
        ("<think>a<think>b</think>c</think>d", "d"),
        ("<think></think>\n\nb", "b"),
        ("<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b", "b"),
        ("analysisWe think.assistantfinalb", "b"),
        ("<|begin_of_thought|>a<|end_of_thought|>b", "b"),
        ("◁think▷a◁/think▷b", "b"),
        ("<thought>a</thought>b", "b"),
        ("x <reason>a</reason> y", "x <reason>a</reason> y"),
        ("DeepSeek writes `<think>` before it answers.", "DeepSeek writes `<think>` before it answers."),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
    ],
)
def test_reasoning_between_tags_is_no_part_of_the_answer(text: str, answer: str) -> None:
    assert split_reasoning(text).of(text) == answer
