"""Load tokenizer and network of a causal language model from a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoModelForCausalLM
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
from transformers.utils import logging

from training.errors import UserError
from training.nn import load_pretrained

logging.disable_progress_bar()  # a bar for every file would fill the run's log
logging.set_verbosity_error()


def load(folder: Path) -> tuple[Any, Any]:
    """Load tokenizer and network, in float32 and evaluation mode.

    Raises:
        UserError: If the folder holds no causal language model with a tokenizer that belongs to it.
    """
    tokenizer, model = load_tokenizer(folder), load_network(folder)
    check_vocabulary(tokenizer, model)
    return tokenizer, model.eval()


def load_tokenizer(folder: Path) -> Any:
    """Load the fast tokenizer of a folder; without a padding token, end-of-text pads.

    Raises:
        UserError: If there is none, it needs a package that is not installed, or it has no end-of-text token.
    """
    if not (folder / "config.json").is_file():
        raise UserError(
            f"{folder.name} holds no weights (no config.json), as a prompt of a hosted model: choose others."
        )
    tokenizer = load_pretrained.load_tokenizer(folder)
    if tokenizer.eos_token_id is None:
        raise UserError(f"The tokenizer of {folder.name} has no end-of-text token: it is not made for text generation.")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_network(folder: Path, **changes: Any) -> Any:
    """Load the network of a folder in float32.

    Args:
        changes: Entries of its configuration to overwrite, ignored where the configuration has no such entry.

    Raises:
        UserError: If it is no causal language model, or has no safetensors.
    """
    try:
        config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
        _check_kind(folder, config)
        for name, value in changes.items():
            if hasattr(config, name):
                setattr(config, name, value)
        return AutoModelForCausalLM.from_pretrained(
            str(folder), config=config, dtype="float32", trust_remote_code=False, local_files_only=True, use_safetensors=True
        )  # fmt: skip
    except UserError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise UserError(f"{folder.name} cannot be loaded as a causal language model: {str(error)[:300]}") from None


def _check_kind(folder: Path, config: Any) -> None:
    """Refuse architectures that transformers would load with newly initialised weights, such as an encoder."""
    known = set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values())
    names = config.architectures or []
    if names and not known & set(names):
        raise UserError(f"{folder.name} is a {names[0]}, not a causal language model such as GPT-2 or Llama.")
    if config.model_type not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        raise UserError(f"{folder.name} is a {config.model_type}, not a causal language model such as GPT-2 or Llama.")


def check_vocabulary(tokenizer: Any, model: Any) -> None:
    """Refuse a tokenizer that has more entries than the network has embeddings.

    Raises:
        UserError: With both numbers.
    """
    rows = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > rows:
        raise UserError(
            f"The vocabulary has {len(tokenizer):,} entries and the weights {rows:,}: they do not belong together."
        )


def max_positions(model: Any) -> int:
    """Return the maximum sequence length of a network; 10**9 if its positions are relative."""
    return getattr(model.config, "max_position_embeddings", 0) or 10**9


def start_token(tokenizer: Any) -> int:
    """Return the token that begins a text: beginning-of-text, else end-of-text."""
    return tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
