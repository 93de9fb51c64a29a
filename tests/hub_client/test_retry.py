"""Retries: which errors are repeated, how often, after what pause, and how a lost answer is recovered."""

from types import SimpleNamespace

import pytest

from training.retry import http_status, pause_seconds, retry, retry_after


class RefusalError(Exception):
    def __init__(self, status: int, **headers: str):
        super().__init__(f"status {status}")
        self.response = SimpleNamespace(status_code=status, headers=headers)


def calls(*outcomes: object):
    """A function that raises or returns one outcome after the other, and the pauses between them."""
    rest, pauses = list(outcomes), []

    def call() -> object:
        outcome = rest.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return call, rest, pauses


def passes(error: Exception) -> bool:
    return http_status(error) == 503


def test_transient_errors_are_repeated_after_doubling_pauses() -> None:
    call, rest, pauses = calls(RefusalError(503), RefusalError(503), RefusalError(503), "done")
    assert retry(call, is_transient=passes, pause=lambda seconds, _: pauses.append(seconds)) == "done"
    assert (pauses, rest) == ([1, 2, 4], [])


def test_other_errors_are_raised_at_once() -> None:
    call, rest, _ = calls(RefusalError(403), "never")
    with pytest.raises(RefusalError, match="403"):
        retry(call, is_transient=passes)
    assert rest == ["never"]


def test_the_last_error_is_raised() -> None:
    call, rest, pauses = calls(RefusalError(503), RefusalError(503), "never")
    with pytest.raises(RefusalError):
        retry(call, is_transient=passes, attempts=2, pause=lambda seconds, _: pauses.append(seconds))
    assert (len(pauses), rest) == (1, ["never"])


def test_a_server_that_names_a_pause_gets_it_up_to_the_limit() -> None:
    call, _, pauses = calls(
        RefusalError(503, **{"Retry-After": "0.25"}), RefusalError(503, **{"retry-after": "900"}), "done"
    )
    retry(call, is_transient=passes, max_pause_seconds=5, pause=lambda seconds, _: pauses.append(seconds))
    assert pauses == [0.25, 5]


@pytest.mark.parametrize(
    ("header", "seconds"), [("0", 0.0), ("1.5", 1.5), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("", None)]
)
def test_only_numbers_of_the_header_count(header: str, seconds: float | None) -> None:
    assert retry_after(RefusalError(429, **{"Retry-After": header})) == seconds


def test_an_error_without_an_answer_has_no_status() -> None:
    assert http_status(OSError()) is None and pause_seconds(OSError(), 3) == 4


def test_a_call_that_succeeded_without_its_answer_is_not_repeated() -> None:
    call, rest, _ = calls(RefusalError(503), "never")
    assert retry(call, is_transient=passes, recover=lambda error: "landed") == "landed"
    assert rest == ["never"]
