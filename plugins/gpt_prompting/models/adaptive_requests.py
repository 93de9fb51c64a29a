"""AdaptiveRequests: sent again after a passing error, changed after a refusal that says what to change."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from itertools import chain
from typing import Any

from plugins.gpt_prompting.models.chat_client import ChatClient
from plugins.gpt_prompting.models.completion import has_choice
from plugins.gpt_prompting.models.conventions import UNNAMED_STATUSES, Conventions, conventions_of
from plugins.gpt_prompting.models.hosted_servers import ServerError, SlowError, UnreachableError, host_of
from plugins.gpt_prompting.models.interface import Message, Sampling
from training.retry import retry

MAX_WAIT_SECONDS = 5.0  # between attempts
MAX_TIMEOUTS = 2  # of the attempts: a server that is silent twice is not waited for a third time
MAX_CHANGES = 12  # of a request that is refused again and again
Build = Callable[[Conventions], dict[str, Any]]  # the body of a request by what the server takes
Send = Callable[[Mapping[str, Any]], Any]


class AdaptiveRequests:
    """Requests to one model at one address.

    Args:
        attempts: How often a request is sent if it fails for a passing reason.
        timeout: Seconds, as of `ChatClient`.
    """

    def __init__(self, model: str, address: str, key: str, attempts: int, timeout: float):
        self.model, self.host, self.attempts = model, host_of(address), attempts
        self.conventions = conventions_of(address, model)
        self.client = ChatClient(address, key, timeout)

    def complete(self, messages: Sequence[Message], sampling: Sampling) -> Any:
        """Return a completion's JSON.

        Raises:
            ServerError: If the request is not answered.
        """
        return self._request(lambda known: known.request(self.model, messages, sampling, False), self._open_whole)

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Generator[Any, None, None]:
        """Open a stream; yields as `ChatClient.stream`.

        Raises:
            ServerError: If the request is not answered, or the stream breaks.
        """
        return self._request(lambda known: known.request(self.model, messages, sampling, True), self._open_stream)

    def _request(self, build: Build, send: Send) -> Any:
        timeouts = 0

        def is_transient(error: Exception) -> bool:
            nonlocal timeouts
            timeouts += isinstance(error, SlowError)
            is_down = isinstance(error, UnreachableError) and not self.conventions.accepted
            is_passing = isinstance(error, ServerError) and error.is_transient and not is_down
            return is_passing and timeouts < MAX_TIMEOUTS

        try:
            return retry(
                lambda: self._send_adapted(build, send),
                is_transient=is_transient,
                attempts=self.attempts,
                max_pause_seconds=MAX_WAIT_SECONDS,
            )
        except ServerError as error:
            if error.is_final or error.status not in UNNAMED_STATUSES:
                raise
            return self._send_without(build, send, error)

    def _send_adapted(self, build: Build, send: Send) -> Any:
        for _ in range(MAX_CHANGES):
            body = build(self.conventions)
            try:
                answer = send(body)
            except ServerError as error:
                if not self.conventions.adapt(body, error.status, error.body):
                    raise
            else:
                self.conventions.accept(body)
                return answer
        raise ServerError(f"{self.host} refused {MAX_CHANGES} forms of the request.", 400)

    def _send_without(
        self,
        build: Build,
        send: Send,
        refused: ServerError,
    ) -> Any:
        """After a refusal that names nothing, leave out one by one what this server never took.

        After an error that may have passed meanwhile the whole request is sent once more, so that nothing is left out
        for good because of it.
        """
        body = build(self.conventions)
        for part in self.conventions.unproven(body):
            trial = self.conventions.without(part)
            changed = build(trial)
            try:
                answer = send(changed)
            except ServerError:
                continue
            if refused.is_transient:
                try:
                    answer = send(body)
                    self.conventions.accept(body)
                    return answer
                except ServerError:
                    pass
            trial.accept(changed)
            self.conventions.adopt(trial)
            return answer
        raise refused

    def _open_whole(self, body: Mapping[str, Any]) -> Any:
        answer = self.client.complete(body)
        if not has_choice(answer):
            raise ServerError(f"{self.host} returned an empty answer.")
        return answer

    def _open_stream(self, body: Mapping[str, Any]) -> Generator[Any, None, None]:
        """Open a stream and wait for its first event: until then an error is one of the request."""
        events = self.client.stream(body)
        first = next(events, None)

        def stream() -> Generator[Any, None, None]:
            with closing(events):
                yield from chain([] if first is None else [first], events)

        return stream()
