"""The Hub's client: timeouts, retries, and one sentence for each of its errors."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from training.errors import UserError
from training.home import is_shared
from training.retry import TRANSIENT_STATUSES, http_status, retry

if TYPE_CHECKING:
    from huggingface_hub import HfApi

TRANSPORT_MODULES = ("httpx2", "httpcore2", "httpx", "httpcore")  # modules of the client's connection errors
CONNECT_SECONDS, READ_SECONDS = 10.0, 60.0  # timeouts
T = TypeVar("T")


def open_api(token: str | None) -> HfApi:
    """Return the client, with this token or the machine's own.

    Sets connect and read timeouts; huggingface_hub has none by default.
    """
    from huggingface_hub import HfApi

    _set_timeouts()
    return HfApi(token=token)


def own_token() -> str | None:
    """Return this process's token: on a Space the one that the page handed over, elsewhere the machine's login."""
    from huggingface_hub import get_token

    if is_shared():
        return os.environ.get("HF_TOKEN") or None
    return get_token()


def shares_cache() -> bool:
    """Whether many visitors use this process's cache, so that the Hub itself has to say who may read what.

    A Space does; so does a server whose operator set `HF_HUB_DISABLE_IMPLICIT_TOKEN`.
    """
    from huggingface_hub import constants

    return is_shared() or constants.HF_HUB_DISABLE_IMPLICIT_TOKEN


@cache
def _set_timeouts() -> None:
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils import httpx
    from huggingface_hub.utils._http import hf_request_event_hook

    def make() -> Any:
        return httpx.Client(
            event_hooks={"request": [hf_request_event_hook]},  # keeps HF_HUB_OFFLINE in force
            follow_redirects=True,
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
        )

    set_client_factory(make)


@contextmanager
def hub_errors(repo: str) -> Iterator[None]:
    """Turn the client's errors into a `UserError` of one sentence each, without the token."""
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError:
        raise UserError(f"{repo} is gated: ask for access on its page, and sign in.") from None
    except errors.RepositoryNotFoundError:
        raise UserError(
            f"There is no repository {repo}, or it is private and you are not signed in to see it."
        ) from None
    except errors.RevisionNotFoundError:
        raise UserError(f"{repo} has no such revision.") from None
    except errors.LocalEntryNotFoundError:
        raise UserError(f"The Hub cannot be reached, and {repo} is not in the cache.") from None
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        reason = _REASONS.get(status, "try again later")
        raise UserError(f"The Hub refused ({status}) for {repo}: {reason}.") from None
    except errors.HFValidationError as error:
        raise UserError(f"{repo}: {error}") from None
    except (OSError, RuntimeError) as error:
        if is_full_disk(error):
            raise UserError(
                f"The disk is full: {repo} could not be stored, and no part of it was left. Make room, then try again."
            ) from None
        raise UserError(
            f"The Hub could not be reached for {repo} ({type(error).__name__}). Nothing was lost: try again."
        ) from None
    except Exception as error:  # transport errors of the client's own HTTP library share no public base with OSError
        if isinstance(error, UserError) or type(error).__module__.split(".")[0] not in TRANSPORT_MODULES:
            raise
        raise UserError(
            f"The connection to the Hub failed for {repo} ({type(error).__name__}). Nothing was lost: try again."
        ) from None


_REASONS = {
    401: "sign in, or give a valid token",
    403: "your token may not do this; it needs write access",
    409: "the name is taken",
    412: "somebody pushed at the same time; push again",
    429: "too many requests; wait a minute",
}


def with_retries(call: Callable[[], T], give_up: Callable[[Exception], bool] = lambda error: False) -> T:
    """Retry an idempotent call on transient errors of the Hub.

    Args:
        give_up: Transient errors that are not worth a second attempt.
    """
    return retry(call, is_transient=lambda error: is_transient(error) and not give_up(error))


def is_transient(error: Exception) -> bool:
    """Whether the same call may succeed a little later."""
    return (is_unreachable(error) and not is_full_disk(error)) or http_status(error) in TRANSIENT_STATUSES


def is_full_disk(error: Exception) -> bool:
    """Whether the disk is full; the client's Xet part says so in its message only."""
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or "No space left" in str(error)


def is_offline(error: Exception) -> bool:
    """Whether no connection was made: no network, or `HF_HUB_OFFLINE` is set."""
    return type(error).__name__ in ("ConnectError", "ConnectTimeout", "OfflineModeIsEnabled")


def is_unreachable(error: Exception) -> bool:
    """Whether the Hub did not answer; a refusal carries a response."""
    if type(error).__module__.split(".")[0] in TRANSPORT_MODULES:
        return True
    return isinstance(error, OSError) and http_status(error) is None
