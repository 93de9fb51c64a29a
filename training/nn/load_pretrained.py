"""What transformers loads out of a folder of this machine, and the words where it cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training.errors import UserError


def load_tokenizer(folder: Path) -> Any:
    """The fast tokenizer of a folder.

    Raises:
        UserError: If there is none, or it needs a package that is not installed; names what is missing.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(str(folder), use_fast=True, trust_remote_code=False, local_files_only=True)
    except ImportError as error:
        missing = "sentencepiece" if "sentencepiece" in str(error).lower() else str(error).strip()[:200]
        raise UserError(f"The tokenizer of {folder.name} needs a package that is not installed: {missing}.") from None
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{folder.name} has no tokenizer that can be read ({str(error)[:200]}).") from None
