"""Files of a data set of the Hub at one commit, found by `datasets` and read over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from training.data.hub_dataset import check_name
from training.data.streams.sources import Shard
from training.errors import UserError

SPLIT = "train"


def find_shards(name: str, commit: str = "") -> tuple[str, list[Shard]]:
    """The commit of a data set, the newest unless one is given, and the files of its training split there.

    Raises:
        UserError: If there is no such data set, commit or split, or the Hub cannot be reached.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
    from huggingface_hub.utils import httpx

    repo, config = check_name(name)
    try:
        about = HfApi().dataset_info(repo, revision=commit or None, files_metadata=True)
        revision, sizes = about.sha or "", {each.rfilename: each.size or 0 for each in about.siblings or ()}
        files = sorted(map(str, _data_files(repo, config, revision)))
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        what = f"no commit {commit} of the data set {repo}" if commit else f"no data set {repo}"
        raise UserError(f"There is {what} on the Hub, or it is private. Check its name.") from error
    except (ConnectionError, httpx.TransportError) as error:
        raise UserError(f"The Hub could not be reached for {repo}. Check the network, or read files.") from error
    except (HfHubHTTPError, OSError, ValueError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{name} could not be read at the Hub: {reason[:300]}") from error
    if not files:
        raise UserError(f"{name} has no split {SPLIT} of files that can be read as they are.")
    start = f"hf://datasets/{repo}@{revision}/"
    names = {path: path.removeprefix(start) for path in files}
    if strangers := [path for path, own in names.items() if own not in sizes]:  # its card may name any file or address
        raise UserError(f"{name} names a file outside its repository, {strangers[0][:100]}: nothing of it is read.")
    return revision, [Shard(path, sizes[own], revision) for path, own in names.items()]


def _data_files(repo: str, config: str | None, revision: str) -> Sequence[str]:
    from datasets import load_dataset_builder

    builder: Any = load_dataset_builder(repo, config, revision=revision)
    return (builder.config.data_files or {}).get(SPLIT, ())


def open_hub_file(path: str) -> Any:
    """Open a file of the Hub for reading; it is fetched in blocks as they are asked for."""
    from huggingface_hub import HfFileSystem

    return HfFileSystem().open(path, "rb", block_size=2**22)
