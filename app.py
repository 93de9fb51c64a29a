"""Selfsup Studio: `python app.py` opens the page; on a Hugging Face Space this file is the Space."""

import sys

from spaces_app.page.shell import build, launch_options
from spaces_app.temporary import use_own_folder
from training.errors import UserError
from training.threads import share_cores

if __name__ == "__main__":
    use_own_folder()  # before there are components: each keeps its results where uploads are, and so takes them back
demo = build()

if __name__ == "__main__":
    share_cores()
    try:
        options = launch_options()
    except UserError as error:
        sys.exit(f"error: {error}")
    demo.services.start()  # type: ignore[attr-defined]
    try:
        demo.queue(max_size=64, api_open=False, default_concurrency_limit=4).launch(**options)
    finally:
        demo.services.models.close()  # type: ignore[attr-defined] # else the exit waits for imports that fail then
