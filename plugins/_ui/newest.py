"""Which call of an open page is the newest: the answer of one that was overtaken is not shown."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from itertools import count
from threading import Lock

import gradio as gr
from gradio.context import LocalContext

PAGES = 1000  # of which the last calls are known
ARRIVED = "selfsup.arrived"  # in the scope of a request: its number
arrivals = count(1)  # numbers of requests, in the order in which they came


class Newest:
    """The newest of the calls of each open page that answer the same question, in the order in which they came.

    A call that waits for its turn may begin after others that came later.

    It is no `gr.State`: with a single one anywhere, Gradio keeps a connection open for every tab, and a browser, which
    opens six to a server, does not load the seventh.
    """

    def __init__(self):
        """Nothing was asked."""
        self._newest: OrderedDict[str, int] = OrderedDict()
        self._lock = Lock()

    def ask(self) -> Callable[[], bool]:
        """Begin the call that is being handled; returns what says whether a later one of its page has begun."""
        request = LocalContext.request.get(None)
        page = getattr(request, "session_hash", None)
        if not page:  # a call from elsewhere: nobody sees two answers in one place
            return lambda: False
        number = _arrived(request)
        with self._lock:
            self._newest[page] = max(number, self._newest.get(page, 0))
            self._newest.move_to_end(page)
            if len(self._newest) > PAGES:
                self._newest.popitem(last=False)
        return lambda: self._newest.get(page, number) > number


def _arrived(request: gr.Request | None) -> int:
    """The number of the request that brought a call; of one that came otherwise, as now."""
    scope = getattr(getattr(request, "request", None), "scope", {})
    return scope.get(ARRIVED) or next(arrivals)
