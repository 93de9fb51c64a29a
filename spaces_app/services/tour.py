"""The guided tour and the live pictures of Home: what the starters answer, computed once and kept in memory."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

from plugins._endpoints import streams
from plugins._tour import Call, Stop, Tour, tour_of
from spaces_app.identity import Caller
from spaces_app.services.closing_stop import CLOSING
from spaces_app.services.models import IMPORT_DELAY_SECONDS, Function, ModelService
from spaces_app.services.plugins import PluginCatalog
from training.errors import UserError

DELAY_SECONDS = IMPORT_DELAY_SECONDS + 5  # after the start: the models' modules are imported by then
# As the subject is taught. Stops of other plugins come after these.
ORDER = (
    "labels", "hide-a-word", "next-sentence", "few-labels", "prompt", "write", "chat", "squeeze", "odd-rows", "copy",
    "noise", "steps", "score", "guidance", "two-kinds",
)  # fmt: skip
logger = logging.getLogger(__name__)


class TourService:
    """The stops of all plugins in order, their answers, and a card of each plugin for Home."""

    def __init__(self, plugins: PluginCatalog, models: ModelService):
        self.plugins, self._models = plugins, models
        self._answers: dict[tuple[str, tuple[Any, ...]], str] = {}  # of the values that a stop itself fills in
        self._cards: dict[str, str] = {}
        self._asked, self._closed = threading.Lock(), threading.Event()

    # -- the tour --------------------------------------------------------------------------------------------------

    @property
    def stops(self) -> list[Stop]:
        """Those whose plugins work, in order."""
        working = {plugin.name for plugin in self.plugins.all()}
        stops = [stop for tour in self._tours().values() for stop in tour.STOPS]
        known = [stop for stop in (*stops, CLOSING) if working.issuperset(stop.plugins)]
        return sorted(known, key=lambda stop: ORDER.index(stop.name) if stop.name in ORDER else len(ORDER))

    def stop(self, name: str) -> Stop:
        """The stop of that name; the first for none.

        Raises:
            UserError: If there is no such stop.
        """
        stops = self.stops
        if not stops:
            raise UserError("No plugin here has a stop of the tour.")
        found = next((stop for stop in stops if stop.name == name), None) if name else stops[0]
        if found is None:
            raise UserError(f"The tour has no stop {name[:60]!r}. Choose one from the list.")
        return found

    def answer(self, name: str, values: Sequence[Any], who: Caller) -> str:
        """What a stop shows for these values of its fields, as HTML.

        Raises:
            UserError: If there is no such stop, or a value cannot be used.
        """
        stop = self.stop(name)
        used = stop.checked(values)
        key = (stop.name, used)
        if key not in self._answers:
            shown = stop.answer(self._call(who), *used)
            if used not in (stop.values, stop.trial):
                return shown
            self._answers[key] = shown
        return self._answers[key]

    # -- Home ------------------------------------------------------------------------------------------------------

    def card(self, plugin: str) -> str:
        """A plugin's result as HTML; empty where it has none, or none yet."""
        return self._cards.get(plugin, "")

    @property
    def is_ready(self) -> bool:
        """Whether all cards are computed; one that could not be is empty."""
        return all(plugin in self._cards for plugin in self._tours())

    def start(self) -> None:
        """Compute the cards in the background, once the page is up."""
        threading.Thread(target=self._compute_soon, daemon=True).start()

    def close(self) -> None:
        """Compute no further card."""
        self._closed.set()

    def _compute_soon(self) -> None:
        if not self._closed.wait(DELAY_SECONDS):
            self.compute_cards()

    def compute_cards(self) -> None:
        """Compute the cards that are missing, one after another."""
        with self._asked:
            for plugin, tour in self._tours().items():
                if plugin not in self._cards and not self._closed.is_set():
                    self._cards[plugin] = self._computed(plugin, tour)

    def _computed(self, plugin: str, tour: Tour) -> str:
        try:
            return tour.card(self._call(Caller()))
        except UserError as error:  # such as a model that does not fit into this server's memory
            logger.info("%s has no live picture on Home: %s", plugin, error)
        except Exception:  # a plugin's code: Home lives without its picture
            logger.exception("%s has no live picture on Home.", plugin)
        return ""

    def _tours(self) -> dict[str, Tour]:
        """Plugin -> its tour, of those that have one."""
        found = {plugin.name: tour_of(plugin) for plugin in self.plugins.all()}
        return {name: tour for name, tour in found.items() if tour is not None}

    def _call(self, who: Caller) -> Call:
        def call(plugin: str, function: Function, weights: str, *arguments: Any) -> Any:
            if not isinstance(function, str) and streams(function):
                return deque(self._models.stream(who, plugin, None, function, weights, *arguments), 1).pop()
            return self._models.call(who, plugin, None, function, weights, *arguments)

        return call
