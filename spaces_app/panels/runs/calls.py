"""What the page of runs asks the server: each call by its name, with values of a stranger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spaces_app.arguments import argument, check_text, gathered, parameters_of
from spaces_app.errors import shorten
from spaces_app.identity import caller, visitor
from spaces_app.services import Services
from spaces_app.services.run_request import RunRequest
from spaces_app.services.sweeps import SweepRequest
from training.errors import UserError
from training.runs.table import Query

MAX_SWEEPS = 200  # in the list, the newest


class Calls:
    """The calls that the page may make: each public function but `answer`, with the types of its values.

    Every one gets who asks as `who`, and checks by it what they may see.
    """

    def __init__(self, services: Services):
        self._services = services
        names = [name for name in vars(Calls) if not name.startswith("_") and name != "answer"]
        self._calls: dict[str, Callable[..., Any]] = {name: getattr(self, name) for name in names}

    def answer(self, name: str, values: dict[str, Any], request: Any) -> Any:
        """Make a call.

        Raises:
            UserError: For a call that there is not, or a value of another type.
        """
        call = self._calls.get(name)
        if call is None:
            raise UserError(f"There is no call {name[:40]!r}.")
        types = {each.name: each.annotation for each in parameters_of(call) if each.name != "who"}
        if unknown := [key for key in values if key not in types]:
            raise UserError(f"{name} takes no {str(unknown[0])[:40]!r}.")
        check_text(name, values)
        try:
            given = {key: argument(key, types[key], value) for key, value in values.items()}
            return call(visitor(request), **gathered(call, given))
        except TypeError as error:
            if missing := [key for key in types if f"'{key}'" in str(error) and key not in values]:
                raise UserError(f"{name} needs {missing[0]}.") from None
            raise
        except UserError as error:
            raise UserError(shorten(str(error))) from None

    # -- the table -------------------------------------------------------------------------------------------------

    def table(self, who: str, query: Query) -> dict[str, Any]:
        """A page of the table."""
        return self._services.run_table.table(who, query)

    def csv(self, who: str, query: Query) -> str:
        """The rows as CSV."""
        return self._services.run_table.csv(who, query)

    def edit(
        self, who: str, run: str, name: str | None = None, tags: list[str] | None = None, notes: str | None = None
    ) -> dict[str, Any]:
        """Write on a run."""
        return self._services.run_table.edit(run, who, name, tags, notes)

    def delete(self, who: str, runs: list[str]) -> dict[str, Any]:
        """Delete several runs."""
        return self._services.run_table.delete(runs, who)

    def dashboard(self, who: str) -> str:
        """The address of the trackio dashboard."""
        return self._services.run_table.dashboard(who)

    def front(self, who: str, run: str) -> dict[str, Any]:
        """Move a waiting run before one's others."""
        return self._services.runs.to_front(run, who)

    def stop(self, who: str, run: str) -> dict[str, Any]:
        """Stop a run."""
        return self._services.runs.cancel(run, who)

    def resume(self, who: str, run: str) -> dict[str, Any]:
        """Resume a run; one that needs a key is resumed on its own page, which asks for it."""
        return self._services.runs.resume(run, who, self._token())

    def compare(self, who: str, runs: list[str]) -> dict[str, Any]:
        """Several runs side by side."""
        return self._services.compare.compare(runs, who)

    # -- sweeps ----------------------------------------------------------------------------------------------------

    def fields(self, who: str, run: str) -> dict[str, Any]:
        """What a sweep from this run can vary."""
        return self._services.sweeps.fields(run, who)

    def sweep(
        self,
        who: str,
        base: str,
        fields: dict[str, Any],
        how: str = "grid",
        count: int = 8,
        name: str = "",
        key: str = "",
    ) -> dict[str, Any]:
        """Start a sweep from a run."""
        shared: RunRequest = self._services.sweeps.base_of(base, who)
        return self._services.sweeps.start(SweepRequest(shared, fields, how, count, 0, name), who, self._token(), key)

    def sweeps(self, who: str) -> list[dict[str, Any]]:
        """The newest sweeps."""
        return self._services.sweeps.list(who)[:MAX_SWEEPS]

    def sweep_status(self, who: str, sweep: str, metric: str = "") -> dict[str, Any]:
        """How a sweep does."""
        return self._services.sweeps.status(sweep, who, metric)

    def sweep_stop(self, who: str, sweep: str) -> dict[str, Any]:
        """Stop a whole sweep."""
        return self._services.sweeps.stop(sweep, who)

    def sweep_resume(self, who: str, sweep: str) -> dict[str, Any]:
        """Resume what was stopped or failed of a sweep."""
        return self._services.sweeps.resume(sweep, who, self._token())

    def _token(self) -> str | None:
        return caller(self._services.settings).token
