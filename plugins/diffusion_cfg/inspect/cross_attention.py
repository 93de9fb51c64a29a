"""Where the denoiser looks for each word: its cross-attention, as maps over the picture (Hertz et al., 2023, §3.1)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from plugins.diffusion_cfg.models.text_encoder import END, START, WORD_END
from plugins.diffusion_cfg.sampling.loop import sample

if TYPE_CHECKING:
    from plugins.diffusion_cfg.models.loaded_pipeline import Diffuser
    from plugins.diffusion_cfg.sampling.request import Recipe

CROSS = "attn2"  # what diffusers calls a block's attention to the text


@dataclass(frozen=True)
class Looks:
    """What a drawing looked at.

    Args:
        picture: (channels, height, width) in [-1, 1].
        words: The prompt's words, with what the start and the filling behind it got as "(start)" and "(rest)".
        maps: Attention to each word, a mean over steps, layers and heads, (words, height, width); at every place all of them sum to 1.
    """

    picture: Tensor
    words: list[str]
    maps: np.ndarray


def looks(model: Diffuser, recipe: Recipe, first_share: float = 1.0) -> Looks:
    """Draw the recipe's first picture and note every cross-attention.

    Args:
        first_share: Share of the steps, from noise on, that are noted: the first ones lay out, the last ones colour in.
    """
    with watched(model) as notes:
        last = None
        for step in sample(model, recipe):
            last = step
            if step.number >= first_share * step.of:
                notes.closed = True
        assert last is not None
    height, width = last.latents.shape[2:]
    maps = torch.stack([_as_map(each, height, width) for each in notes.kept]).mean(0)  # (time, height, width)
    words, groups = words_of(model.tokenizer, recipe.prompt)
    summed = torch.stack([maps[group].sum(0) for group in groups])
    return Looks(model.decode(last.latents[:1])[0], words, summed.numpy())


@dataclass
class Notes:
    """Attention of the last picture of a batch, the one with the caption: (places, time) each, a mean over heads."""

    kept: list[Tensor] = field(default_factory=list)
    closed: bool = False


@contextmanager
def watched(model: Diffuser) -> Iterator[Notes]:
    """Meanwhile the denoiser's cross-attentions note their probabilities; one watcher at a time."""
    notes = Notes()
    with model.lock:
        before = dict(model.unet.attn_processors)
        watchers = {name: Watcher(notes) if f"{CROSS}." in name else processor for name, processor in before.items()}
        model.unet.set_attn_processor(watchers)
        try:
            yield notes
        finally:
            model.unet.set_attn_processor(before)


class Watcher:
    """Attention computed in the open, softmax(q k / sqrt(width)) v, since the fused kernels do not give their probabilities."""

    def __init__(self, notes: Notes):
        self.notes = notes

    def __call__(self, attn: Any, hidden_states: Tensor, encoder_hidden_states: Tensor, attention_mask: Any = None, **_: Any) -> Tensor:  # fmt: skip
        query = attn.head_to_batch_dim(attn.to_q(hidden_states))
        key, value = (attn.head_to_batch_dim(layer(encoder_hidden_states)) for layer in (attn.to_k, attn.to_v))
        shares = attn.get_attention_scores(query, key, attention_mask)  # (batch x heads, places, time)
        if not self.notes.closed:
            self.notes.kept.append(shares[-attn.heads :].mean(0).float().cpu())
        return attn.to_out[1](attn.to_out[0](attn.batch_to_head_dim(torch.bmm(shares, value))))


def words_of(tokenizer: Any, prompt: str) -> tuple[list[str], list[list[int]]]:
    """The prompt's words and the places of each one's tokens, after the start and before the rest."""
    tokens = tokenizer.convert_ids_to_tokens(tokenizer(prompt, truncation=True, max_length=tokenizer.model_max_length)["input_ids"])  # fmt: skip
    words, groups, open_word = ["(start)"], [[0]], False
    for place, token in enumerate(tokens):
        if token in (START, END):
            continue
        if open_word:
            words[-1] += token
            groups[-1].append(place)
        else:
            words.append(token)
            groups.append([place])
        open_word = not token.endswith(WORD_END)
    last = max(group[-1] for group in groups)
    names = [word.replace(WORD_END, "") for word in words]
    return [*names, "(rest)"], [*groups, list(range(last + 1, tokenizer.model_max_length))]


def _as_map(shares: Tensor, height: int, width: int) -> Tensor:
    """(places, time) of some level of the U-Net as (time, height, width) of the latents."""
    shrink = round((height * width / shares.shape[0]) ** 0.5)
    maps = shares.T.reshape(1, shares.shape[1], height // shrink, width // shrink)
    return functional.interpolate(maps, (height, width), mode="bilinear")[0]
