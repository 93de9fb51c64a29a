"""What hosted models are asked: refused roles, parameters and values are sent in the way that the server takes, and remembered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from plugins.gpt_prompting.models import openai_model
from plugins.gpt_prompting.models.hosted_servers import ServerError
from plugins.gpt_prompting.models.interface import Answer, ParsedLabel, Sampling
from plugins.gpt_prompting.models.openai_model import HostedModel
from tests.gpt_prompting.odd_server import (
    LOGPROBS,
    Reply,
    Request,
    body,
    completion,
    error,
    odd_server,
    raw,
    said,
    stream,
)
from training import retry
from training.errors import UserError

LABELS = {"positive": "positive", "negative": "negative"}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_PAUSE_SECONDS", 0.01)


def label(address: str, labels: dict[str, str] = LABELS) -> ParsedLabel:
    return HostedModel.connect(f"hosted:m@{address}").generate_label("Text: dull\nLabel:", labels)


def generate(address: str, **sampling: Any) -> Answer:
    *_, last = HostedModel.connect(f"hosted:m@{address}").stream("Say hello.", Sampling(**sampling))
    return last[0]


def refusing(is_refused: Callable[[Request], bool], refusal: Reply, answer: Reply | None = None) -> Any:
    return lambda request, number: refusal if is_refused(request) else answer or completion(logprobs=LOGPROBS)


def has(name: str) -> Callable[[Request], bool]:
    return lambda request: name in request


def has_system(request: Request) -> bool:
    return any(message["role"] == "system" for message in request["messages"])


PYDANTIC = {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted", "input": {"temperature": 0}}]}  # fmt: skip


@pytest.mark.parametrize(
    ("refused", "refusal", "changed"),
    [
        (has_system, error(400, "System role not supported"), {"messages"}),
        (has_system, error(400, "Unsupported value: 'messages[0].role' does not support 'system' with this model."), {"messages"}),
        (has_system, error(500, "Conversation roles must alternate user/assistant/user/assistant/..."), {"messages"}),
        (has_system, body({"detail": "Only user and assistant roles are supported!"}, 422), {"messages"}),
        (has("max_tokens"), error(400, "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."), {"max_tokens", "max_completion_tokens"}),
        (has("max_tokens"), error(400, "bad", param="max_tokens", code="unsupported_parameter"), {"max_tokens", "max_completion_tokens"}),
        (lambda request: request.get("temperature") == 0, error(400, "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported."), {"temperature"}),
        (lambda request: request.get("temperature") == 0, raw('{"error": "`temperature` must be strictly positive", "error_type": "validation"}', 422, "application/json"), {"temperature"}),
        (has("seed"), body(PYDANTIC, 422), {"seed"}),
        (has("seed"), error(422, '{"detail":[{"type":"extra_forbidden","loc":["body","seed"],"msg":"Extra inputs are not permitted"}]}'), {"seed"}),
        (has("seed"), raw("unknown field: seed", 400, "text/plain"), {"seed"}),
        (has("logprobs"), error(400, "logprobs are not supported with this model"), {"logprobs", "top_logprobs"}),
        (has("logprobs"), error(403, "You are not allowed to request logprobs from this model"), {"logprobs", "top_logprobs"}),
        (has("logprobs"), body([{"error": {"code": 400, "message": "Logprobs is not enabled for models/m"}}], 400), {"logprobs", "top_logprobs"}),
        (has("logprobs"), error(400, "不支持参数logprobs"), {"logprobs", "top_logprobs"}),
        (has("max_tokens"), error(400, "API 调用参数有误，max_tokens参数非法"), {"max_tokens", "max_completion_tokens"}),
        (lambda request: request.get("top_logprobs", 0) > 5, body({"error": "Input validation error: `top_n_tokens` must be >= 0 and <= 5. Given: 20", "error_type": "validation"}, 422), {"top_logprobs"}),
        (lambda request: request["max_tokens"] < 64, error(400, "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 64, but got 24 instead.", param="max_output_tokens"), {"max_tokens"}),
        (has("logprobs"), body({"object": "error", "message": "This model does not return log probabilities: `logprobs` unsupported", "code": 400}), {"logprobs", "top_logprobs"}),
        (lambda request: request.get("top_logprobs", 0) > 5, error(400, "top_logprobs must be <= 5"), {"top_logprobs"}),
        (lambda request: request.get("top_logprobs", 0) > 5, error(400, "Invalid value for 'top_logprobs': must be between 0 and 5 when logprobs is true."), {"top_logprobs"}),
    ],
)  # fmt: skip
def test_a_refusal_changes_only_what_it_names_and_is_remembered(
    refused: Callable[[Request], bool], refusal: Reply, changed: set[str]
) -> None:
    with odd_server(refusing(refused, refusal)) as (address, asked):
        assert label(address).label == "negative"
        assert label(address).label == "negative"
    first, second, third = asked
    assert {name for name in {*first, *second} if first.get(name) != second.get(name)} == changed
    assert second == third, "what was refused is asked again"


def test_of_two_parameters_that_exclude_each_other_one_is_left_out() -> None:
    both = error(400, "`temperature` and `top_p` cannot both be specified for this model.")
    answer = refusing(lambda request: "temperature" in request and "top_p" in request, both, stream(*said("Hello")))
    with odd_server(answer) as (address, asked):
        assert generate(address, top_p=0.9).text == "Hello"
    assert "temperature" in asked[-1] and "top_p" not in asked[-1]


def test_a_prompt_that_is_too_long_changes_nothing_for_the_next() -> None:
    too_long = error(400, "'max_tokens' is too large: 24. This model's maximum context length is 2048 tokens and your request has 2040 input tokens")  # fmt: skip
    with odd_server(lambda request, number: too_long if number == 2 else completion()) as (address, asked):
        assert label(address).label == "negative"
        with pytest.raises(ServerError, match="maximum context length"):
            label(address)
        assert label(address).label == "negative"
    assert len(asked) == 3 and asked[0] == asked[2]


def test_a_limit_of_the_answers_tokens_is_met() -> None:
    def answer(request: Request, number: int) -> Reply:
        if request["max_tokens"] > 2048:
            return error(400, "max_tokens is too large: 4096. This model supports at most 2048 completion tokens.")
        return stream(*said("Hello"))

    with odd_server(answer) as (address, asked):
        assert generate(address, new_tokens=4096).text == "Hello"
    assert asked[-1]["max_tokens"] == 2048


def test_a_refused_system_role_becomes_part_of_the_users_message() -> None:
    with odd_server(refusing(has_system, error(400, "System role not supported"))) as (address, asked):
        label(address)
    [message] = asked[-1]["messages"]
    assert message["role"] == "user" and message["content"].startswith("Answer with exactly one of these labels")
    assert message["content"].endswith("\n\nText: dull\nLabel:")


def test_several_refusals_one_after_the_other_are_all_met() -> None:
    def answer(request: Request, number: int) -> Reply:
        for name in ("max_tokens", "temperature", "seed", "logprobs"):
            if name in request:
                return error(400, f"Unsupported parameter: '{name}' is not supported with this model.")
        return completion()

    with odd_server(answer) as (address, asked):
        assert label(address).label == "negative" and len(asked) == 5
        assert set(asked[-1]) == {"model", "messages", "max_completion_tokens"}
        note = generate(address).note
    assert note.startswith("Not accepted by the server and left out: logprobs, seed, temperature.")


def test_fewer_candidates_keep_the_probabilities() -> None:
    refused = refusing(lambda request: request.get("top_logprobs", 0) > 5, error(400, "top_logprobs must be <= 5"))
    with odd_server(refused) as (address, asked):
        found = label(address)
    assert asked[-1]["top_logprobs"] == 5 and found.probabilities == pytest.approx(
        {"negative": 0.909, "positive": 0.091}, abs=1e-3
    )


@pytest.mark.parametrize("refusal", [error(400, "Bad Request"), error(422, ""), error(501, "Something is wrong")])
def test_a_refusal_that_names_nothing_is_met_by_leaving_out_what_was_never_taken(refusal: Reply) -> None:
    with odd_server(refusing(has("seed"), refusal)) as (address, asked):
        assert label(address).label == label(address).label == "negative"
    assert "seed" not in asked[-1] and asked[-1]["logprobs"] and asked[-1] == asked[-2]


@pytest.mark.parametrize("passing", [error(500, "Internal server error"), error(503, "overloaded"), error(429, "slow down"), body({"error": {"message": "upstream overloaded", "code": 503}}), raw("<html>502 Bad Gateway</html>", 502)])  # fmt: skip
def test_a_passing_error_is_asked_again_as_it_was_and_turns_nothing_off(passing: Reply) -> None:
    with odd_server(lambda request, number: passing if number in (1, 3) else completion(logprobs=LOGPROBS)) as (
        address,
        asked,
    ):
        assert label(address).probabilities and label(address).probabilities
    assert len(asked) == 4 and all(request == asked[0] for request in asked)


def test_a_slow_answer_is_asked_for_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_model, "TIMEOUT_SECONDS", 0.3)
    slow = Reply([b" "], pause=0.6)
    with odd_server(lambda request, number: slow if number == 1 else completion()) as (address, _):
        assert label(address).label == "negative"
    with odd_server(lambda request, number: slow) as (address, asked):
        with pytest.raises(ServerError, match="took more than"):
            label(address)
        assert len(asked) == 2


def test_an_answer_that_trickles_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_model, "TIMEOUT_SECONDS", 0.3)
    comments = [": keep-alive\n\n"] * 12
    with (
        odd_server(lambda request, number: stream(*comments, pause=0.1)) as (address, _),
        pytest.raises(ServerError, match="took more than"),
    ):
        generate(address)


def test_a_question_against_the_rules_is_told_in_the_servers_words_without_a_key() -> None:
    words = "flagged by the filter; key sk-abcdef123456, Bearer xyz"
    with (
        odd_server(lambda request, number: error(400, words)) as (address, _),
        pytest.raises(ServerError, match=r"HTTP 400\): flagged by the filter; key …, …") as caught,
    ):
        label(address)
    assert caught.value.status == 400 and not caught.value.is_final


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (error(401, "no"), "does not accept the key"),
        (error(404, "The model `m` does not exist"), "no such model"),
        (error(400, "m is not a valid model ID"), "no such model"),
        (error(429, "You exceeded your current quota", code="insufficient_quota"), "quota or credit"),
    ],
)
def test_what_can_never_work_is_final_and_asked_once(refusal: Reply, words: str) -> None:
    with (
        odd_server(lambda request, number: refusal) as (address, asked),
        pytest.raises(ServerError, match=words) as caught,
    ):
        label(address)
    assert caught.value.is_final and len(asked) == 1


@pytest.mark.parametrize(
    "odd", [raw("<html>It works!</html>"), raw("", kind="application/json"), body([]), body({"choices": []}), body({"choices": None}), body("x"), body({"id": 1})]
)  # fmt: skip
def test_what_is_no_completion_is_an_error_of_this_answer(odd: Reply) -> None:
    with (
        odd_server(lambda request, number: odd) as (address, _),
        pytest.raises(ServerError, match=r"did not return a chat completion|returned an empty answer") as caught,
    ):
        label(address)
    assert not caught.value.is_final


def test_an_address_may_end_with_or_without_the_version() -> None:
    with odd_server(lambda request, number: completion()) as (address, asked):
        for form in (address, address.removesuffix("/v1"), f"{address}/chat/completions", f"{address}beta/openai"):
            assert label(form).label == "negative"
    assert len(asked) == 4


# -- whole answers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        completion([{"type": "text", "text": "negative"}]),
        completion([{"type": "thinking", "thinking": [{"type": "text", "text": "positive?"}]}, {"type": "text", "text": "negative"}]),
        completion(["nega", {"text": "tive"}]),
        completion({"type": "text", "text": "negative"}),
        completion("negative", reasoning_content="positive or negative"),
        completion("\n\nnegative", reasoning="positive!"),
        completion("<think>positive or negative</think>\n\nnegative"),
        completion("positive? no.</think>negative"),
        completion(None, reasoning_content="negative"),
        body({"choices": [{"text": "negative", "finish_reason": "stop"}]}),
        body({"message": {"role": "assistant", "content": "negative"}, "done": True}),
        body({"choices": [{"message": {"content": "negative"}}]}),
        stream(*said("nega", "tive"), "data: [DONE]\n\n"),
    ],
)  # fmt: skip
def test_the_label_is_read_from_every_shape_of_content(answer: Reply) -> None:
    with odd_server(lambda request, number: answer) as (address, _):
        assert label(address).label == "negative"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (completion(None, refusal="I cannot say whether it is negative."), "The model refused: I cannot say"),
        (completion(None, reason="tool_calls", tool_calls=[{"function": {"name": "negative"}}]), "called a tool"),
        (completion("", reason="content_filter"), "The answer is empty (content_filter)"),
        (completion(""), "The answer is empty."),
        (completion(None), "The answer is empty."),
        (completion("<think>it may be negative"), "nothing but its reasoning"),
        (completion(None, reasoning_content="it is not clear, maybe negative"), "nothing but its reasoning"),
        (completion("either positive or negative"), "names several labels: positive, negative"),
        (completion("no idea"), "names no label"),
    ],
)  # fmt: skip
def test_an_answer_without_a_label_says_why(answer: Reply, reason: str) -> None:
    with odd_server(lambda request, number: answer) as (address, _):
        found = label(address)
    assert found.label == "" and reason in found.reason


@pytest.mark.parametrize(
    "cut", [completion("<think>The tone is positive or", "length"), completion(None, "length", reasoning_content="hm"), completion("", "length")]
)  # fmt: skip
def test_reasoning_that_was_cut_short_gets_more_room_from_then_on(cut: Reply) -> None:
    def answer(request: Request, number: int) -> Reply:
        return cut if request["max_tokens"] < 1000 else completion("<think>positive or negative</think>negative")

    with odd_server(answer) as (address, asked):
        assert label(address).label == label(address).label == "negative"
    assert [request["max_tokens"] for request in asked] == [24, 4096, 4096]


def test_a_sentence_that_was_cut_short_gets_more_room_once() -> None:
    def answer(request: Request, number: int) -> Reply:
        short = completion("Based on the text, I would say that", "length")
        return short if request["max_tokens"] == 24 and number == 1 else completion()

    with odd_server(answer) as (address, asked):
        assert label(address).label == label(address).label == "negative"
    assert [request["max_tokens"] for request in asked] == [24, 256, 24]


@pytest.mark.parametrize(
    ("logprobs", "probability"),
    [
        (LOGPROBS, 0.909),
        ({"tokens": ["negative"], "token_logprobs": [-0.1], "top_logprobs": [{"negative": -0.1, "positive": -2.4}]}, 0.909),
        (LOGPROBS["content"], 0.909),
        ({"content": [{"token": "negative", "logprob": None, "top_logprobs": None}]}, None),
        ({"content": [{"token": "negative", "logprob": -0.1, "top_logprobs": [{"token": "negative", "logprob": -0.1}, {"token": "positive", "logprob": None}]}]}, 1.0),
        ({"content": [{"token": "negative", "logprob": -0.1, "top_logprobs": [{"token": "negative", "logprob": -0.1}, {"token": "positive", "logprob": float("-inf")}]}]}, 1.0),
        ({"content": [{"token": "Ġnegative", "logprob": -0.1, "top_logprobs": [{"token": "Ġnegative", "logprob": -0.1}, {"token": "Ġpositive", "logprob": -2.4}]}]}, 0.909),
        ({"content": [{"token": "token_id:7", "logprob": -0.1, "top_logprobs": [{"token": "token_id:7", "logprob": -0.1}]}]}, None),
        ({"content": [{"token": "negative", "logprob": -(10**400), "top_logprobs": [{"token": "x", "logprob": 10**400}]}]}, None),
        ({"content": []}, None), ({"content": None}, None), ([{"token": "negative", "logprob": -0.1}], None), ("no", None), ({"content": [None, "x", 3]}, None),
    ],
)  # fmt: skip
def test_probabilities_come_from_every_shape_of_logprobs_and_never_cost_the_label(
    logprobs: Any, probability: float | None
) -> None:
    with odd_server(lambda request, number: completion(logprobs=logprobs)) as (address, _):
        found = label(address)
    assert found.label == "negative" and (found.probabilities is None) == (probability is None)
    if probability is not None:
        assert found.probabilities and found.probabilities["negative"] == pytest.approx(probability, abs=1e-3)


def test_the_probabilities_are_of_the_token_behind_the_reasoning() -> None:
    tokens = [{"token": token, "logprob": 0.0, "top_logprobs": [{"token": token, "logprob": 0.0}]} for token in ("<think>", "positive", "</think>", "\n\n")]  # fmt: skip
    content = "<think>positive</think>\n\nnegative"
    with odd_server(
        lambda request, number: completion(content, logprobs={"content": [*tokens, *LOGPROBS["content"]]})
    ) as (address, _):
        found = label(address)
    assert found.label == "negative" and found.probabilities == pytest.approx(
        {"negative": 0.909, "positive": 0.091}, abs=1e-3
    )


def test_a_first_token_that_only_begins_like_a_label_decides_nothing() -> None:
    start = {"content": [{"token": "It", "logprob": 0.0, "top_logprobs": [{"token": "It", "logprob": 0.0}]}]}
    labels = {"Italian": "Italian", "French": "French"}
    with odd_server(lambda request, number: completion("It is French.", logprobs=start)) as (address, _):
        found = label(address, labels)
    assert (found.label, found.probabilities) == ("French", None)


def test_an_empty_stream_is_an_error_in_words() -> None:
    with (
        odd_server(lambda request, number: stream()) as (address, _),
        pytest.raises(UserError, match="an empty answer"),
    ):
        generate(address)


def test_a_redirect_is_not_followed() -> None:
    """It could lead into the server's own network, with the visitor's key."""
    with odd_server(lambda request, number: completion("inner")) as (inner, asked_inside):
        moved = raw("", 307, Location=f"{inner}/chat/completions")
        with odd_server(lambda request, number: moved) as (address, _), pytest.raises(UserError, match="HTTP 307"):
            generate(address)
    assert asked_inside == []


@pytest.mark.parametrize("name", ["hosted:m@http://[::1", "hosted:m@http://", "hosted:@http://host/v1"])
def test_a_name_of_another_form_is_refused_in_words(name: str) -> None:
    with pytest.raises(UserError, match="A hosted model is named hosted:model@https://server/v1"):
        HostedModel.connect(name)
