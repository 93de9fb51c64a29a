"""Cross-attention of the denoiser to each word of the prompt, as maps over the image (Hertz et al., 2023, §3.1)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from plugins.diffusion_cfg.models.loaded_pipeline import LoadedPipeline
from plugins.diffusion_cfg.models.text_encoder import END, START, WORD_END
from plugins.diffusion_cfg.sampling.loop import sample
from plugins.diffusion_cfg.sampling.request import GenerationRequest

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CROSS_ATTENTION = "attn2"  # diffusers' name of a block's attention to the text


@dataclass(frozen=True)
class AttentionMaps:
    """A generated image and the cross-attention of the steps that made it.

    Args:
        image: (channels, height, width) in [-1, 1].
        words: The prompt's words, with "(start)" for the start token and "(rest)" for the end token and the padding.
        maps: Attention to each word, averaged over steps, layers and heads, (words, height, width); the maps sum to 1
            at every position.
    """

    image: Tensor
    words: list[str]
    maps: np.ndarray


def attention_maps(model: LoadedPipeline, request: GenerationRequest, first_share: float = 1.0) -> AttentionMaps:
    """Generate the request's first image and record its cross-attention.

    Args:
        first_share: Share of the steps, from pure noise, that are recorded: the first ones decide the layout, the last
            ones the details.
    """
    with recorded_attention(model) as record:
        last = None
        for step in sample(model, request):
            last = step
            if step.number >= first_share * step.total:
                record.closed = True
        assert last is not None  # a request has at least one step
    height, width = last.latents.shape[2:]
    layer_maps = [_to_map(probabilities, height, width) for probabilities in record.probabilities]
    maps = torch.stack(layer_maps).mean(0)  # (time, height, width)
    words, groups = word_groups(model.tokenizer, request.prompt)
    by_word = torch.stack([maps[group].sum(0) for group in groups])
    return AttentionMaps(model.decode(last.latents[:1])[0], words, by_word.numpy())


@dataclass
class AttentionRecord:
    """Attention of the last image of a batch, the one with the caption: (positions, time) each, averaged over heads."""

    probabilities: list[Tensor] = field(default_factory=list)
    closed: bool = False


@contextmanager
def recorded_attention(model: LoadedPipeline) -> Iterator[AttentionRecord]:
    """Record the probabilities of the denoiser's cross-attention; one recording at a time."""
    record = AttentionRecord()
    with model.lock:
        original = dict(model.unet.attn_processors)
        recording = {
            name: RecordingAttnProcessor(record) if f"{CROSS_ATTENTION}." in name else processor
            for name, processor in original.items()
        }
        model.unet.set_attn_processor(recording)
        try:
            yield record
        finally:
            model.unet.set_attn_processor(original)


class RecordingAttnProcessor:
    """Attention computed as softmax(q k / sqrt(width)) v, since fused kernels do not return the probabilities.

    Written for the `Attention` of diffusers 0.42: it uses `head_to_batch_dim`, `get_attention_scores` and `to_out`.
    """

    def __init__(self, record: AttentionRecord):
        self.record = record

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        **_: object,
    ) -> Tensor:
        query = attn.head_to_batch_dim(attn.to_q(hidden_states))
        key, value = (attn.head_to_batch_dim(layer(encoder_hidden_states)) for layer in (attn.to_k, attn.to_v))
        probabilities = attn.get_attention_scores(query, key, attention_mask)  # (batch x heads, positions, time)
        if not self.record.closed:
            self.record.probabilities.append(probabilities[-attn.heads :].mean(0).float().cpu())
        return attn.to_out[1](attn.to_out[0](attn.batch_to_head_dim(torch.bmm(probabilities, value))))


def word_groups(tokenizer: PreTrainedTokenizerBase, prompt: str) -> tuple[list[str], list[list[int]]]:
    """The prompt's words and the indices of each word's tokens, between "(start)" and "(rest)"."""
    limit = tokenizer.model_max_length
    tokens = tokenizer.convert_ids_to_tokens(tokenizer(prompt, truncation=True, max_length=limit)["input_ids"])
    words, groups, in_word = ["(start)"], [[0]], False
    for index, token in enumerate(tokens):
        if token in (START, END):
            continue
        if in_word:
            words[-1] += token
            groups[-1].append(index)
        else:
            words.append(token)
            groups.append([index])
        in_word = not token.endswith(WORD_END)
    last = max(group[-1] for group in groups)
    names = [word.replace(WORD_END, "") for word in words]
    return [*names, "(rest)"], [*groups, list(range(last + 1, limit))]


def _to_map(probabilities: Tensor, height: int, width: int) -> Tensor:
    """(positions, time) of some level of the U-Net as (time, height, width) of the latents."""
    shrink = round((height * width / probabilities.shape[0]) ** 0.5)
    maps = probabilities.T.reshape(1, probabilities.shape[1], height // shrink, width // shrink)
    return functional.interpolate(maps, (height, width), mode="bilinear")[0]
