"""Load one split of a data set of the Hugging Face Hub as a table."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from training.data.arrow import named, plain_columns
from training.data.table import Table
from training.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

HUB_NAME = re.compile(r"(?P<repo>[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?)(:(?P<config>[\w.-]{1,100}))?")
HUB_SPLIT = re.compile(r"[A-Za-z]\w{0,99}(\[\d*%?:\d*%?\])?")


def load_hub_dataset(name: str, split: str) -> Table:
    """Download one split of a data set of the Hub; class numbers become the class names of its card.

    Args:
        name: `owner/name` or `name`, with `:config` where the dataset has several.
        split: Such as `train`, `validation` or `train[:1000]`.

    Raises:
        UserError: If the name is malformed, there is no such dataset or split, or the Hub cannot be reached.
    """
    repo, config = check_name(name)
    if not HUB_SPLIT.fullmatch(split):
        raise UserError(f"'{split[:100]}' is no split. Expected a name such as train, or a part such as train[:1000].")
    table, classes = _download(repo, config, split)
    columns = {column: named(values, classes.get(column)) for column, values in plain_columns(table).items()}
    digest = hashlib.sha256()
    for batch in table.to_batches():
        digest.update(batch.serialize())
    return Table(columns, np.arange(1, len(table) + 1), (), name, digest.hexdigest()[:16])


def check_name(name: str) -> tuple[str, str | None]:
    """The repository and the configuration of "owner/name:config".

    Raises:
        UserError: If it is no name of a data set, or one that would be read from this machine.
    """
    from datasets.packaged_modules import _PACKAGED_DATASETS_MODULES

    match = HUB_NAME.fullmatch(name)
    if not match or ".." in name or Path(match["repo"]).exists():  # load_dataset would read a folder of that name
        raise UserError(f"'{name[:100]}' is no dataset of the Hub. Expected owner/name, or owner/name:config.")
    if match["repo"] in _PACKAGED_DATASETS_MODULES:  # "csv" would read whatever lies in the working directory
        raise UserError(f"'{match['repo']}' is a file format, no dataset of the Hub. Expected owner/name.")
    return match["repo"], match["config"]


def _download(repo: str, config: str | None, split: str) -> tuple[pa.Table, dict[str, list[str]]]:
    """Return the rows, and the names of the classes of each column that has some."""
    from datasets import ClassLabel, load_dataset
    from datasets.exceptions import DatasetNotFoundError
    from huggingface_hub.utils import httpx  # the library the client really uses; its name changed between releases

    try:
        dataset: Any = load_dataset(repo, config, split=split)
    except DatasetNotFoundError as error:
        raise UserError(f"There is no dataset {repo} on the Hub, or it is private. Check its name.") from error
    except (ConnectionError, httpx.TransportError) as error:
        raise UserError(f"The Hub could not be reached for {repo}. Check the network, or upload a file.") from error
    except (OSError, ValueError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{repo} ({split}) could not be loaded from the Hub: {reason[:300]}") from error
    classes = {name: kind.names for name, kind in dataset.features.items() if isinstance(kind, ClassLabel)}
    return dataset.with_format("arrow")[:], classes
