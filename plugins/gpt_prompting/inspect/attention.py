"""Attention probabilities of a local model: of all heads, the induction score of each, and attention to the examples'
labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from plugins.gpt_prompting.models.transformers_model import TransformersModel
from plugins.gpt_prompting.prompting.label_scoring import LabelScorer
from plugins.gpt_prompting.prompting.predictor import PromptPredictor
from plugins.gpt_prompting.prompting.prompts import Prompt
from plugins.gpt_prompting.prompting.query import parse_query
from training.errors import UserError

MAX_TOKENS = 64  # that the page shows
MAX_QUERIES = 16  # examples as queries, a forward pass each
PROBE_TOKENS = 24  # of the random sequence whose repetition shows induction


def head_attention(
    predictor: PromptPredictor, text: str, max_tokens: int = MAX_TOKENS
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Compute the attention probabilities of a text, and the induction score of each head.

    Returns:
        Tokens; probabilities, (layers, heads, queries, keys): lower triangular, since attention is causal; scores,
        (layers, heads).

    Raises:
        UserError: If the text is empty, or the model is hosted or does not return attention.
    """
    if not text.strip():
        raise UserError("The text is empty: write a sentence.")
    model = local_model(predictor)
    ids = model.encode(text)[:max_tokens]
    return model.tokens(text)[: len(ids)], _attention(model, ids), induction_scores(model)


def _attention(model: TransformersModel, ids: Sequence[int]) -> np.ndarray:
    network = model.model
    implementation = network.config._attn_implementation
    network.set_attn_implementation("eager")  # fused kernels do not return their probabilities
    try:
        with torch.inference_mode():
            layers = network(input_ids=model.tensor(ids), output_attentions=True, use_cache=False).attentions
    finally:
        network.set_attn_implementation(implementation)
    if not layers or any(layer is None for layer in layers):
        raise UserError("This architecture has no attention to show.")
    return torch.stack([layer[0] for layer in layers]).float().cpu().numpy()


def induction_scores(model: TransformersModel, seed: int = 0) -> np.ndarray:
    """Score each head by its attention to the token after the previous occurrence, in a repeated random sequence.

    The measure of Olsson et al. (2022, arXiv:2209.11895, prefix matching).

    Returns:
        (layers, heads), 0 to 1: 1 is a head that attends nowhere else.
    """
    length = min(PROBE_TOKENS, model.context // 2)
    vocabulary = model.model.get_input_embeddings().num_embeddings
    sequence = np.random.default_rng(seed).integers(0, vocabulary, length).tolist()
    probabilities = _attention(model, sequence + sequence)
    queries = np.arange(length, 2 * length - 1)
    return probabilities[:, :, queries, queries - length + 1].mean(-1)


def attention_to_labels(predictor: PromptPredictor, prompt: Prompt, text: str) -> dict[str, Any]:
    """Measure the attention from where the answer begins to the label of each example.

    Some heads attend to one label whatever the query. The head that is described is the one whose attention depends
    most on the query: with the texts of the examples as queries, it attends most to labels that agree with the query's
    own, less what it attends to the others.

    Args:
        text: The query, see `parse_query`.

    Returns:
        answer: the most probable label; head: (layer, head), from 1; by_example: label and attention (summed over its
            tokens, of that head); heads: as described above, -1 to 1, (layers, heads); tokens and weights: the whole
            attention row of that head.

    Raises:
        UserError: If there are no examples, the prompt does not fit, or the model is hosted.
    """
    if not prompt.examples:
        raise UserError("The prompt has no examples: add some.")
    model, whole = local_model(predictor), prompt.text(parse_query(prompt, text))
    ids = model.encode(whole)
    if len(ids) > model.context:
        raise UserError(f"The prompt has {len(ids):,} tokens; the context is {model.context:,}: show fewer examples.")
    last, by_label = _attention_by_label(model, prompt, whole)
    [prediction] = LabelScorer(model, prompt).label([parse_query(prompt, text)])
    agreement = _agreement(model, prompt)
    layer, head = np.unravel_index(int(agreement.argmax()), agreement.shape)
    return {
        "answer": prediction.label,
        "by_example": [
            {"label": example["label"], "attention": round(float(value), 4)}
            for example, value in zip(prompt.examples, by_label[layer, head], strict=True)
        ],
        "head": (int(layer) + 1, int(head) + 1),
        "heads": agreement,
        "tokens": model.tokens(whole),
        "weights": last[layer, head],
    }


def _attention_by_label(model: TransformersModel, prompt: Prompt, whole: str) -> tuple[np.ndarray, np.ndarray]:
    """Attention from the last token, (layers, heads, keys), and its sum over each label, (layers, heads, examples)."""
    ids, tokens = model.encode(whole), model.tokens(whole)
    last = _attention(model, ids)[:, :, -1]
    special = set(model.tokenizer.all_special_ids)
    lengths = [0 if token in special else len(string) for token, string in zip(ids, tokens, strict=True)]
    ends = np.cumsum(lengths)
    spans = [_label_span(prompt, number, ends) for number in range(len(prompt.examples))]
    return last, np.stack([last[:, :, start:stop].sum(-1) for start, stop in spans], -1)


def _agreement(model: TransformersModel, prompt: Prompt) -> np.ndarray:
    """Attention to labels that agree with the query's own, less that to the others: the mean over all labels, so that a
    head that always attends to one of two labels has 0. (layers, heads)"""
    labels = [example["label"] for example in prompt.examples]
    by_label: dict[str, list[np.ndarray]] = {}
    for query in prompt.examples[:MAX_QUERIES]:
        whole = prompt.text({name: query[name] for name in prompt.fields})
        if len(model.encode(whole)) <= model.context:
            signs = np.asarray([1.0 if label == query["label"] else -1.0 for label in labels])
            by_label.setdefault(query["label"], []).append(_attention_by_label(model, prompt, whole)[1] @ signs)
    if not by_label:
        raise UserError(f"The examples are too long for the context of {model.context:,} tokens: show fewer.")
    return np.mean([np.mean(values, 0) for values in by_label.values()], 0)


def _label_span(prompt: Prompt, number: int, ends: np.ndarray) -> tuple[int, int]:
    """First and last token (exclusive) of an example's label, from its characters and those where each token ends."""
    example = prompt.examples[number]
    parts = [prompt.instruction] if prompt.instruction else []
    before = prompt.separator.join([*parts, *(prompt.example(shown) for shown in prompt.examples[:number])])
    start = len(before) + (len(prompt.separator) if before else 0) + len(prompt.query(example))
    stop = start + len(prompt.continuation(example["label"]))
    return int(np.searchsorted(ends, start, side="right")), int(np.searchsorted(ends, stop, side="left")) + 1


def local_model(predictor: PromptPredictor) -> TransformersModel:
    """Return the predictor's model if its network is on this machine.

    Raises:
        UserError: If it is hosted.
    """
    if not isinstance(predictor.model, TransformersModel):
        raise UserError("Look inside needs weights of this machine: a hosted model does not give its attention.")
    return predictor.model
