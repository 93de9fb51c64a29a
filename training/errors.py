"""Errors whose message is shown to the user."""


class UserError(ValueError):
    """An error that the user can fix: the message says what was given, what was expected and what to do.

    It becomes one line and exit code 2 on the command line, a toast on the page, `AppError` in `gradio_client` and a
    red row on the preflight sheet. Any other exception is a defect of the studio.
    """


class RunHeldError(UserError, BlockingIOError):
    """Another process holds the run's lock."""
