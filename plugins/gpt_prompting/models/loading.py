"""Tokenizer and network of a causal language model, out of a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoModelForCausalLM
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
from transformers.utils import logging

from plugins.gpt_prompting.prompting.prompts import PROMPT_FILE
from training.errors import UserError
from training.nn import load_pretrained

logging.disable_progress_bar()  # a bar for every file would fill the run's log
logging.set_verbosity_error()


@dataclass(frozen=True, eq=False)
class Decoder:
    """A causal language model, ready to be asked."""

    tokenizer: Any
    model: Any


def load(folder: Path) -> Decoder:
    """Both, in 32-bit numbers, in evaluation mode.

    Raises:
        UserError: If the folder holds no causal language model with a tokenizer that belongs to it.
    """
    tokenizer, model = load_tokenizer(folder), load_network(folder)
    check_vocabulary(tokenizer, model)
    return Decoder(tokenizer, model.eval())


def load_tokenizer(folder: Path) -> Any:
    """The fast tokenizer of a folder; one without a padding token pads with its end of text.

    Raises:
        UserError: If there is none, it needs a package that is not installed, or it has no end of text.
    """
    if (folder / PROMPT_FILE).is_file() and not (folder / "config.json").is_file():
        raise UserError(
            "There is a prompt and no weights, as it was measured with a hosted model: choose other weights."
        )
    tokenizer = load_pretrained.load_tokenizer(folder)
    if tokenizer.eos_token_id is None:
        raise UserError(f"The tokenizer of {folder.name} has no end-of-text token: it was not made to write text.")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_network(folder: Path, **changes: Any) -> Any:
    """The network of a folder, in 32-bit numbers; `changes` go to its configuration where it has such entries.

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
    """Refuse what transformers would load with new weights: an encoder becomes a decoder that never learned to write."""
    known = set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values())
    names = config.architectures or []
    if names and not known & set(names):
        raise UserError(f"{folder.name} is a {names[0]}, no causal language model such as GPT-2 or Llama.")
    if config.model_type not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        raise UserError(f"{folder.name} is a {config.model_type}, no causal language model such as GPT-2 or Llama.")


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
    """Tokens that the network can place at most; huge where its positions are relative."""
    return getattr(model.config, "max_position_embeddings", 0) or 10**9
