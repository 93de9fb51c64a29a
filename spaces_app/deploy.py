"""Deploy the app as a Space: `python -m spaces_app.deploy owner/name`, or `make space SPACE=owner/name`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from huggingface_hub import get_token

from training.errors import UserError
from training.hub.client import hub_errors, open_api, with_retries
from training.hub.pull import REPO

ROOT = Path(__file__).parents[1]
PACKAGES = ("plugins", "spaces_app", "training")
REQUIREMENTS, MODELS = "requirements.txt", "requirements-models.txt"
FILES = ["app.py", REQUIREMENTS, MODELS, "README.md", "LICENSE", "docs/*.png"]
IGNORED = ["**/__pycache__/**", "*.pyc"]


def main(arguments: list[str] | None = None) -> int:
    """Deploy from the command line. Returns the exit code: 0 deployed, 2 refused with a message."""
    parser = argparse.ArgumentParser(prog="python -m spaces_app.deploy", description=__doc__)
    parser.add_argument("space", help="owner/name; it is made if it is not there.")
    parser.add_argument("--public", action="store_true", help="Let everybody see a new Space; the default is private.")
    parser.add_argument(
        "--models", action="store_true", help=f"Install the sentence encoder of {MODELS} there, too: 91 MB."
    )
    options = parser.parse_args(arguments)
    try:
        print(deploy(options.space, get_token(), private=not options.public, models=options.models))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def deploy(space: str, token: str | None, *, private: bool = True, models: bool = False, root: Path = ROOT) -> str:
    """Create the Space and upload the app, deleting files of earlier versions. Returns its address.

    Args:
        models: Whether the Space installs the optional weights, too.

    Raises:
        UserError: If the name is not owner/name, nobody is signed in, or the Hub refuses.
    """
    match = REPO.fullmatch(space)
    if not match or match["revision"]:
        raise UserError(f"{space[:100]!r} is not a Space's name: write owner/name.")
    if not token:
        raise UserError("You are not signed in to the Hub: run `hf auth login`, or set HF_TOKEN.")
    with hub_errors(space):
        api = open_api(token)
        with_retries(
            lambda: api.create_repo(space, repo_type="space", space_sdk="gradio", private=private, exist_ok=True)
        )
        if models:  # a Space installs one file of requirements
            both = "".join((root / name).read_text(encoding="utf-8") for name in (REQUIREMENTS, MODELS))
            api.upload_file(path_or_fileobj=both.encode(), path_in_repo=REQUIREMENTS, repo_id=space, repo_type="space")
        api.upload_folder(
            repo_id=space,
            repo_type="space",
            folder_path=root,
            allow_patterns=[*FILES, *(f"{name}/**" for name in PACKAGES)],
            ignore_patterns=[*IGNORED, *([REQUIREMENTS] if models else [])],
            delete_patterns=[f"{name}/**" for name in PACKAGES],
            commit_message="Publish Selfsup Studio",
        )
    return f"{api.endpoint}/spaces/{space}"


if __name__ == "__main__":
    sys.exit(main())
