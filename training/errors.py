"""Errors whose message is shown to the user."""

import errno


class UserError(ValueError):
    """An error that the user can fix: the message says what was given, what was expected and what to do.

    It becomes one line and exit code 2 on the command line, a toast on the page, `AppError` in `gradio_client` and a
    red row on the preflight sheet. Any other exception is a defect of the studio.
    """


def disk_message(error: BaseException) -> str:
    """What to do about a disk that is full or read-only; empty for another error."""
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full. Delete old runs or make room, then try again."
    if number in (errno.EROFS, errno.EACCES, errno.EPERM):
        return "The folder of runs cannot be written to: set SELFSUP_HOME to one that can, and start again."
    return ""


class RunHeldError(UserError, BlockingIOError):
    """Another process holds the run's lock."""
