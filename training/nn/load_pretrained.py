"""Load tokenizers, configurations and networks of transformers from a local folder, with readable errors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

DROPOUT_NAMES = (  # of hidden values, then of attention weights, as the architectures' configurations call them
    ("hidden_dropout_prob", "dropout", "hidden_dropout", "mlp_dropout", "embedding_dropout"),
    ("attention_probs_dropout_prob", "attention_dropout"),
)
LOCAL = {"trust_remote_code": False, "local_files_only": True}
LOAD_ERRORS = (OSError, ValueError, KeyError, RuntimeError)  # what transformers raises for a folder it cannot read
DTYPES = {"fp32": "float32", "bf16": "bfloat16"}
UNLIMITED = 10**9  # positions of a network with relative ones


class VocabularySize:
    """Stands for a tokenizer that is not trained yet, where only its size counts."""

    pad_token_id = bos_token_id = eos_token_id = 0

    def __init__(self, size: int):
        self.size = size

    def __len__(self) -> int:
        return self.size


def load_tokenizer(folder: Path) -> Any:
    """Load the fast tokenizer of a folder.

    Raises:
        UserError: If there is none, or it needs a package that is not installed; names what is missing.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(str(folder), use_fast=True, **LOCAL)
    except ImportError as error:
        missing = "sentencepiece" if "sentencepiece" in str(error).lower() else str(error).strip()[:200]
        raise UserError(f"The tokenizer of {folder.name} needs a package that is not installed: {missing}.") from None
    except LOAD_ERRORS as error:
        raise UserError(f"{folder.name} has no tokenizer that can be read ({str(error)[:200]}).") from None


def load_config(folder: Path, **changes: Any) -> Any:
    """Load the configuration of a folder's network.

    Args:
        changes: Replace entries that the architecture has; others are ignored.

    Raises:
        UserError: If there is none that transformers can read.
    """
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(str(folder), **LOCAL, **changes)
    except LOAD_ERRORS as error:
        raise UserError(f"{folder.name} has no configuration that can be read: {str(error)[:300]}") from None


def load_network(
    folder: Path,
    model_class: Any,
    kind: str,
    dropouts: tuple[float, float] | None = None,
    *,
    config: Any = None,
    dtype: str = "fp32",
    device_map: str | None = None,
    **changes: Any,
) -> Any:
    """Load the network of a folder with the head of `model_class`.

    Args:
        folder: Configuration and safetensors.
        model_class: An `AutoModelFor…` class, or one of an architecture.
        kind: What it has to be, for the error: "a text classifier".
        dropouts: Of hidden values and of attention weights, under whatever names the architecture has for them.
        config: Made by `load_config` and checked by the caller; read from the folder if None.
        dtype: Of its weights, fp32 or bf16; whatever they were saved in.
        device_map: "auto" spreads its layers over the GPUs; None loads it into the CPU's memory.
        changes: Go to the configuration: labels, problem type. With `num_labels` a head of other labels is replaced.

    Raises:
        UserError: If the folder holds no such network, or no safetensors.
    """
    from transformers import AutoConfig
    from transformers.utils import logging

    logging.disable_progress_bar()  # a bar per file, and a report on a new head, would fill the run's log
    logging.set_verbosity_error()
    try:
        config = config or AutoConfig.from_pretrained(str(folder), **LOCAL, **changes)
        if dropouts:
            set_dropouts(config, *dropouts)
        return model_class.from_pretrained(
            str(folder),
            config=config,
            dtype=DTYPES[dtype],
            device_map=device_map,
            use_safetensors=True,
            ignore_mismatched_sizes="num_labels" in changes,
            **LOCAL,
        )
    except LOAD_ERRORS as error:
        raise UserError(f"{folder.name} cannot be loaded as {kind}: {str(error)[:300]}") from None


def set_dropouts(config: Any, dropout: float, attention_dropout: float) -> None:
    """Set the dropout probabilities that the architecture has, by whichever name."""
    for names, value in zip(DROPOUT_NAMES, (dropout, attention_dropout), strict=True):
        for name in names:
            if hasattr(config, name):
                setattr(config, name, value)


def check_vocabulary(tokenizer: PreTrainedTokenizerBase, model: Any) -> None:
    """Refuse a tokenizer that has more entries than the network has embeddings.

    Raises:
        UserError: With both numbers.
    """
    embeddings = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > embeddings:
        sizes = f"{len(tokenizer):,} entries and the weights {embeddings:,}"
        raise UserError(f"The vocabulary has {sizes}: they do not belong together.")


def max_positions(model: Any) -> int:
    """Most tokens that the network has positions for; `UNLIMITED` where its positions are relative.

    The RoBERTa family numbers positions from `padding_idx + 1` on, so that many fewer are left for tokens.
    """
    limit = getattr(model.config, "max_position_embeddings", 0) or UNLIMITED
    tables = [module for name, module in model.named_modules() if name.endswith(".position_embeddings")]
    padding = getattr(tables[0], "padding_idx", None) if tables else None
    return limit if padding is None else limit - padding - 1
