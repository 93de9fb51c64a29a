"""The one error whose message is meant for the person at the keyboard."""


class UserError(ValueError):
    """Something the user can mend: the message says what was given, what was expected and what to do.

    It crosses every boundary unchanged: one line and exit code 2 on the command line, a toast on the page,
    `AppError` in `gradio_client`, a red row on the preflight sheet. Any other exception is a defect of ours.
    """


class RunHeldError(UserError, BlockingIOError):
    """Another process trains the run."""
