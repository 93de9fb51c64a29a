"""The network with both heads; the output layer, a third of a small model's work, runs on the masked positions only."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from transformers import AutoConfig, AutoModelForMaskedLM, BertForMaskedLM, BertForPreTraining

from plugins.bert_finetune.models import loading
from plugins.bert_finetune.pretrain.chunked_cross_entropy import word_losses
from plugins.bert_finetune.pretrain.previous_token_head_init import look_at_neighbours
from training.errors import UserError

if TYPE_CHECKING:
    from plugins.bert_finetune.pretrain.settings import PretrainSettings


class Output(NamedTuple):
    """words: logits at the masked positions, (masked, vocabulary), or given their targets the losses, (masked,); follows: (batch, 2) or
    None; hidden: (batch, time, width); first: the first token's vector as a classifier reads it, (batch, width); bag: logits of the
    words of each row by that vector, (batch, vocabulary), or None where not asked for."""

    words: torch.Tensor
    follows: torch.Tensor | None
    hidden: torch.Tensor
    first: torch.Tensor
    bag: torch.Tensor | None = None


class QuickPreTraining(BertForPreTraining):
    """`BertForPreTraining` that, given `positions`, computes no word it is not asked for."""

    def forward(  # type: ignore[override]
        self, input_ids: Any = None, positions: torch.Tensor | None = None, targets: torch.Tensor | None = None, bag: bool = False, **inputs: Any,
    ) -> Any:  # fmt: skip
        """`positions` are of the masked tokens in the flattened batch, (masked,), `targets` what they were; `bag` asks for the words of each row too."""
        if positions is None:
            return super().forward(input_ids, **inputs)
        found = self.bert(input_ids, **inputs)
        hidden, pooled = found.last_hidden_state, found.pooler_output
        words = _words(self.cls.predictions(hidden.flatten(0, 1)[positions]), targets)
        return Output(
            words, self.cls.seq_relationship(pooled), hidden, pooled, self.cls.predictions(pooled) if bag else None
        )


class QuickMaskedLM(BertForMaskedLM):
    """`BertForMaskedLM`, likewise."""

    def forward(  # type: ignore[override]
        self, input_ids: Any = None, positions: torch.Tensor | None = None, targets: torch.Tensor | None = None, bag: bool = False, **inputs: Any,
    ) -> Any:  # fmt: skip
        """As above."""
        if positions is None:
            return super().forward(input_ids, **inputs)
        hidden = self.bert(input_ids, **inputs).last_hidden_state
        first = hidden[:, 0]
        words = _words(self.cls(hidden.flatten(0, 1)[positions]), targets)
        return Output(words, None, hidden, first, self.cls(first) if bag else None)


def _words(logits: torch.Tensor, targets: torch.Tensor | None) -> torch.Tensor:
    return logits if targets is None else word_losses(logits, targets)


QUICK = {BertForPreTraining: QuickPreTraining, BertForMaskedLM: QuickMaskedLM}
PLAIN = {quick: plain for plain, quick in QUICK.items()}


def forward(model: Any, batch: dict[str, torch.Tensor], losses: bool = False, bag: bool = False) -> Output:
    """Run the network on a batch with `positions`; any other architecture computes every word and is asked for some.

    Args:
        losses: Whether to ask for the words' losses in place of their logits, which accelerate would turn to 32 bits.
        bag: Whether to ask for the words of each row too.
    """
    targets = batch["targets"] if losses else None
    inputs = {name: batch[name] for name in ("input_ids", "token_type_ids", "attention_mask") if name in batch}
    if isinstance(getattr(model, "module", model), tuple(PLAIN)):
        return model(**inputs, positions=batch["positions"], targets=targets, bag=bag)
    found = model(**inputs, output_hidden_states=True)
    words = _words(found.logits.flatten(0, 1)[batch["positions"]], targets)
    hidden = found.hidden_states[-1]
    return Output(words, None, hidden, hidden[:, 0], found.logits[:, 0] if bag else None)


def make(settings: PretrainSettings, tokenizer: Any) -> Any:
    """A new network of the settings' size, or that of `settings.model` with the heads it lacks added.

    Raises:
        UserError: If the model cannot be read, has no mask token, or cannot learn the second objective.
    """
    pairs = settings.next_objective != "none"
    if not settings.model:
        model = (BertForPreTraining if pairs else BertForMaskedLM)(loading.new_config(settings.sized(), tokenizer))
        if settings.neighbour_heads:
            look_at_neighbours(model)
    else:
        model = _load(Path(settings.model), pairs, settings)
        loading.check_vocabulary(tokenizer, model)
    quicken(model)
    return model


def quicken(model: Any) -> None:
    """Let a BERT compute no more words than asked for; its class changes and nothing else. Others stay as they are."""
    model.__class__ = QUICK.get(type(model), type(model))


def _load(folder: Path, pairs: bool, settings: PretrainSettings) -> Any:
    try:
        config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
        is_bert = config.model_type == "bert" and not config.is_decoder
        if pairs and not is_bert:
            raise UserError(
                f"{folder.name} is a {config.model_type}: only BERT has a head for next sentences. Choose next_objective none."
            )
        kind = (BertForPreTraining if pairs else BertForMaskedLM) if is_bert else AutoModelForMaskedLM
        loading.set_dropouts(config, settings.dropout, settings.attention_dropout)
        return kind.from_pretrained(
            str(folder), config=config, dtype=torch.float32, local_files_only=True, use_safetensors=True
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise UserError(f"{folder.name} cannot be pre-trained further: {str(error)[:300]}") from None


def save(model: Any, tokenizer: Any, folder: Path, half: bool) -> None:
    """Write a copy under the name of its own class, without what only training asks for."""
    copied = copy.deepcopy(model)
    if hasattr(copied, "mean_of_words"):
        del copied.mean_of_words
    copied.__class__ = PLAIN.get(type(model), type(model))
    loading.save(copied, tokenizer, folder, half)
