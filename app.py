"""Selfsup Studio: `python app.py` opens the page; on a Hugging Face Space this file is the Space."""

from spaces_app.page.shell import build, launch_options
from training.threads import share_cores

demo = build()

if __name__ == "__main__":
    share_cores()
    demo.services.start()  # type: ignore[attr-defined]
    demo.queue(max_size=64, api_open=False, default_concurrency_limit=4).launch(**launch_options())
