"""What users of transformers do to label many rows: `pipeline` with a batch size; for questions, which it no longer knows, the course's loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Rows = list[tuple[str, ...]]  # a text each, or a question and its context
LENGTHS, STRIDE, LONGEST = {"classify": 128, "answer": 256}, 64, 30  # tokens; of an answer at most


def predictor(task: str, model: str, batch_size: int) -> Callable[[Rows], list[str]]:
    """A function from rows to what is said of each: a label, the entities as "text (kind)", an answer."""
    from transformers import pipeline

    if task == "answer":
        return _reader(model, batch_size)
    if task == "classify":
        label: Any = pipeline("text-classification", model=model, device=-1)
        cut = {"truncation": True, "max_length": LENGTHS["classify"]}
        return lambda rows: [
            found["label"] for found in label([text for (text,) in rows], batch_size=batch_size, **cut)
        ]
    tag: Any = pipeline("token-classification", model=model, device=-1, aggregation_strategy="first")
    return lambda rows: [_entities(text, found) for (text,), found in zip(rows, tag([text for (text,) in rows], batch_size=batch_size), strict=True)]  # fmt: skip


def _entities(text: str, found: list[dict]) -> str:
    return ", ".join(f"{text[one['start'] : one['end']]} ({one['entity_group']})" for one in found)


def _reader(model: str, batch_size: int) -> Callable[[Rows], list[str]]:
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    tokenizer, network = (
        AutoTokenizer.from_pretrained(model),
        AutoModelForQuestionAnswering.from_pretrained(model).eval(),
    )

    def answer(rows: Rows) -> list[str]:
        best = [(float("-inf"), "")] * len(rows)
        found = tokenizer(
            [question for question, _ in rows], [context for _, context in rows], truncation="only_second", max_length=LENGTHS["answer"], stride=STRIDE,
            return_overflowing_tokens=True, return_offsets_mapping=True,
        )  # fmt: skip
        names = [name for name in ("input_ids", "token_type_ids", "attention_mask") if name in found]
        for at in range(0, len(found["input_ids"]), batch_size):
            part = range(at, min(at + batch_size, len(found["input_ids"])))
            for number, (score, start, end) in zip(part, _spans(network, tokenizer, found, names, part), strict=True):
                row = found["overflow_to_sample_mapping"][number]
                text = rows[row][1][found["offset_mapping"][number][start][0] : found["offset_mapping"][number][end][1]]
                best[row] = max(best[row], (score, text))
        return [text for _, text in best]

    return answer


def _spans(network: Any, tokenizer: Any, found: Any, names: list[str], part: range) -> list[tuple[float, int, int]]:
    """Score, first and last token of the likeliest span of the context in each window."""
    import torch

    batch = tokenizer.pad({name: [found[name][number] for number in part] for name in names}, return_tensors="pt")
    with torch.inference_mode():
        out = network(**batch)
    inside = torch.zeros_like(batch["input_ids"], dtype=torch.bool)
    for place, number in enumerate(part):
        owners = found.sequence_ids(number)
        inside[place, : len(owners)] = torch.tensor([owner == 1 for owner in owners])
    start, end = (logits.masked_fill(~inside, -torch.inf) for logits in (out.start_logits, out.end_logits))
    scores = start[:, :, None] + end[:, None, :]  # (windows, first token, last token)
    allowed = torch.ones(scores.shape[1:], dtype=torch.bool).triu().tril(LONGEST - 1)
    value, place = scores.masked_fill(~allowed, -torch.inf).flatten(1).max(1)
    return [(float(v), int(p) // scores.shape[1], int(p) % scores.shape[1]) for v, p in zip(value, place, strict=True)]
