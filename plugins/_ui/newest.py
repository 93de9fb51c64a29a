"""Which call of an open page is the newest: the answer of one that was overtaken is not shown."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from itertools import count
from threading import Lock

from gradio.context import LocalContext

PAGES = 1000  # of which the last calls are known


class Newest:
    """Numbers the calls of each open page that answer the same question.

    It is no `gr.State`: with a single one anywhere, Gradio keeps a connection open for every tab, and a browser, which
    opens six to a server, does not load the seventh.
    """

    def __init__(self):
        """Nothing was asked."""
        self._numbers, self._lock = count(), Lock()
        self._newest: OrderedDict[str, int] = OrderedDict()

    def ask(self) -> Callable[[], bool]:
        """Begin the call that is being handled; returns what says whether a later one of its page has begun."""
        page = getattr(LocalContext.request.get(None), "session_hash", None)
        if not page:  # a call from elsewhere: nobody sees two answers in one place
            return lambda: False
        with self._lock:
            number = self._newest[page] = next(self._numbers)
            self._newest.move_to_end(page)
            if len(self._newest) > PAGES:
                self._newest.popitem(last=False)
        return lambda: self._newest.get(page, number) > number
