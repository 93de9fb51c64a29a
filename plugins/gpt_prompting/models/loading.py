"""Load tokenizer and network of a causal language model from a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoModelForCausalLM
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from training.errors import UserError
from training.nn import load_pretrained
from training.nn.placement import loading_options, on_device


def load(folder: Path) -> tuple[Any, Any]:
    """Load tokenizer and network to predict with: evaluation mode, on the GPU, or spread over all of them.

    Raises:
        UserError: If the folder holds no causal language model with a tokenizer that belongs to it.
    """
    tokenizer = load_tokenizer(folder)
    return tokenizer, on_device(load_network(folder, tokenizer, **loading_options(folder)).eval())


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


def load_network(
    folder: Path, tokenizer: Any, dtype: str = "fp32", device_map: str | None = None, **changes: Any
) -> Any:
    """Load the network of a folder.

    Args:
        tokenizer: Whose vocabulary the network must have.
        dtype: Of its weights, fp32 or bf16.
        device_map: "auto" spreads its layers over the GPUs.
        changes: Entries of its configuration to overwrite, ignored where the configuration has no such entry.

    Raises:
        UserError: If it is no causal language model, has no safetensors, or fewer embeddings than the tokenizer has
            tokens.
    """
    config = load_pretrained.load_config(folder, **changes)
    _check_kind(folder, config)
    options: dict[str, Any] = {"config": config, "dtype": dtype, "device_map": device_map}
    model = load_pretrained.load_network(folder, AutoModelForCausalLM, "a causal language model", **options)
    load_pretrained.check_vocabulary(tokenizer, model)
    return model


def _check_kind(folder: Path, config: Any) -> None:
    """Refuse architectures that transformers would load with newly initialised weights, such as an encoder."""
    known = set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values())
    names = config.architectures or []
    if names and not known & set(names):
        raise UserError(f"{folder.name} is a {names[0]}, not a causal language model such as GPT-2 or Llama.")
    if config.model_type not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        raise UserError(f"{folder.name} is a {config.model_type}, not a causal language model such as GPT-2 or Llama.")


def start_token(tokenizer: Any) -> int:
    """Return the token that begins a text: beginning-of-text, else end-of-text."""
    return tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
