"""Networks for pre-training whose output layer runs at masked positions only; it is a third of a small model's work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from transformers import AutoModelForMaskedLM, BertForMaskedLM, BertForPreTraining

from plugins.bert_finetune.models import loading
from plugins.bert_finetune.pretrain.chunked_cross_entropy import chunked_cross_entropy
from plugins.bert_finetune.pretrain.previous_token_head_init import init_previous_token_heads
from training.errors import UserError
from training.nn.cpu_copy import cpu_copy
from training.nn.load_pretrained import check_vocabulary, load_config, load_network

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from plugins.bert_finetune.pretrain.settings import PretrainSettings


class PretrainOutput(NamedTuple):
    """Output of a network.

    Args:
        words: Logits at the masked positions, (masked, vocabulary); with targets, their losses, (masked,).
        next_logits: Next sentence logits, (batch, 2), or None.
        hidden: Last hidden states, (batch, time, width).
        cls: The [CLS] vector as a classifier reads it, (batch, width).
        bag: Bag-of-words logits from the [CLS] vector, (batch, vocabulary), or None.
    """

    words: torch.Tensor
    next_logits: torch.Tensor | None
    hidden: torch.Tensor
    cls: torch.Tensor
    bag: torch.Tensor | None = None


class MaskedOnlyPreTraining(BertForPreTraining):
    """`BertForPreTraining` that, given `positions`, computes vocabulary logits there only."""

    def forward(  # type: ignore[override]
        self,
        input_ids: Any = None,
        positions: torch.Tensor | None = None,
        targets: torch.Tensor | None = None,
        bag: bool = False,
        **inputs: Any,
    ) -> Any:
        """Run the network; `PretrainOutput` if `positions` are given, else as transformers.

        Args:
            positions: Masked tokens in the flattened batch, (masked,).
            targets: Their token ids, (masked,); the losses are returned instead of logits.
            bag: Whether to compute bag-of-words logits.
        """
        if positions is None:
            return super().forward(input_ids, **inputs)
        output = self.bert(input_ids, **inputs)
        hidden, pooled = output.last_hidden_state, output.pooler_output
        words = _words(self.cls.predictions(hidden.flatten(0, 1)[positions]), targets)
        return PretrainOutput(
            words, self.cls.seq_relationship(pooled), hidden, pooled, self.cls.predictions(pooled) if bag else None
        )


class MaskedOnlyMaskedLM(BertForMaskedLM):
    """`BertForMaskedLM` that, given `positions`, computes vocabulary logits there only."""

    def forward(  # type: ignore[override]
        self,
        input_ids: Any = None,
        positions: torch.Tensor | None = None,
        targets: torch.Tensor | None = None,
        bag: bool = False,
        **inputs: Any,
    ) -> Any:
        """As `MaskedOnlyPreTraining.forward`."""
        if positions is None:
            return super().forward(input_ids, **inputs)
        hidden = self.bert(input_ids, **inputs).last_hidden_state
        cls = hidden[:, 0]
        words = _words(self.cls(hidden.flatten(0, 1)[positions]), targets)
        return PretrainOutput(words, None, hidden, cls, self.cls(cls) if bag else None)


def _words(logits: torch.Tensor, targets: torch.Tensor | None) -> torch.Tensor:
    return logits if targets is None else chunked_cross_entropy(logits, targets)


MASKED_ONLY = {BertForPreTraining: MaskedOnlyPreTraining, BertForMaskedLM: MaskedOnlyMaskedLM}
PLAIN = {masked_only: plain for plain, masked_only in MASKED_ONLY.items()}


def forward(model: Any, batch: dict[str, torch.Tensor], losses: bool = False, bag: bool = False) -> PretrainOutput:
    """Run the network on a batch with `positions`; other architectures than BERT compute all logits first.

    Args:
        losses: Whether to return the losses of the words instead of logits, which accelerate would convert to float32.
        bag: Whether to compute bag-of-words logits.
    """
    targets = batch["targets"] if losses else None
    inputs = {name: batch[name] for name in ("input_ids", "token_type_ids", "attention_mask") if name in batch}
    if isinstance(getattr(model, "module", model), tuple(PLAIN)):
        return model(**inputs, positions=batch["positions"], targets=targets, bag=bag)
    output = model(**inputs, output_hidden_states=True)
    words = _words(output.logits.flatten(0, 1)[batch["positions"]], targets)
    hidden = output.hidden_states[-1]
    return PretrainOutput(words, None, hidden, hidden[:, 0], output.logits[:, 0] if bag else None)


def make_network(settings: PretrainSettings, tokenizer: PreTrainedTokenizerBase) -> Any:
    """Make a network of the settings' size, or load that of `settings.model` and add missing heads.

    Raises:
        UserError: If the model cannot be read, or has no head for sentence pairs.
    """
    pairs = settings.sentence_objective != "none"
    if not settings.model:
        model = (BertForPreTraining if pairs else BertForMaskedLM)(loading.new_config(settings.sized(), tokenizer))
        if settings.previous_token_head_init:
            init_previous_token_heads(model)
    else:
        model = _load(Path(settings.model), pairs, settings)
        check_vocabulary(tokenizer, model)
    compute_masked_only(model)
    return model


def compute_masked_only(model: Any) -> None:
    """Let a BERT compute logits at masked positions only, by swapping its class; other networks are left unchanged."""
    model.__class__ = MASKED_ONLY.get(type(model), type(model))


def _load(folder: Path, pairs: bool, settings: PretrainSettings) -> Any:
    config = load_config(folder)
    is_bert = config.model_type == "bert" and not config.is_decoder
    if pairs and not is_bert:
        raise UserError(
            f"{folder.name} is a {config.model_type}: only BERT has a head for it. Choose sentence_objective none."
        )
    model_class = (BertForPreTraining if pairs else BertForMaskedLM) if is_bert else AutoModelForMaskedLM
    dropouts = settings.dropout, settings.attention_dropout
    dtype = settings.weights_dtype
    return load_network(folder, model_class, "a masked language model", dropouts, config=config, dtype=dtype)


def save(model: Any, tokenizer: PreTrainedTokenizerBase, folder: Path, half: bool) -> None:
    """Write a copy with its transformers class, without the mean-embedding head of training."""
    copied = cpu_copy(model)
    if hasattr(copied, "mean_embedding_head"):
        del copied.mean_embedding_head
    copied.__class__ = PLAIN.get(type(copied), type(copied))
    loading.save_pretrained(copied, tokenizer, folder, half)
