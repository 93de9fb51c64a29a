"""Endpoints of the plugin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.errors import UserError

if TYPE_CHECKING:
    from plugins.gpt_prompting.models.interface import LanguageModel, Sampling
    from plugins.gpt_prompting.prompting.prompts import Prompt

TEMPLATE = "Text: {text}\nLabel: {label}"


def generate(
    model: LanguageModel,
    prompt: str,
    new_tokens: int = 60,
    temperature: float = 0.8,
    top_k: int = 0,
    top_p: float = 1.0,
    min_p: float = 0.0,
    repetition_penalty: float = 1.0,
    stop: list[str] = [],  # noqa: B006 - published as it stands, and never changed
    seed: int = 0,
    alternatives: int = 1,
    shown: int = 5,
    key: str = "",
) -> Iterator[dict[str, Any]]:
    """Continue a text; streams the answer so far.

    Args:
        prompt: The text, not empty.
        new_tokens: Maximum number of generated tokens, 1 to 4096; fewer if the model's context ends.
        temperature: Divides the logits; 0 takes the most probable token.
        top_k: Keep the k most probable tokens; 0: all.
        top_p: Keep the most probable tokens whose probabilities sum to this; 1: all.
        min_p: Keep tokens at least this share as probable as the best; 0: all.
        repetition_penalty: Above 1, tokens that occur already become less probable.
        stop: Stop strings; the answer ends before the first of them.
        seed: The same seed gives the same tokens.
        alternatives: Answers sampled at once, 1 to 16.
        shown: Other candidates returned with each token, 0 to 50.
        key: Your key for a hosted model. It is sent to its server only, and not stored.

    Returns:
        text (of the first answer); answers: text, tokens (token, probability, others: the other candidates), finished
        (end of text, length, stop string or broken), note; prompt_tokens, context, new_tokens, seconds, first_token_seconds,
        tokens_per_second. Each value is the whole so far; the last is the result.
    """
    from plugins.gpt_prompting.prompting.generate import generate as write

    how = _sampling(new_tokens, temperature, top_k, top_p, min_p, repetition_penalty, stop, seed, alternatives, shown)
    yield from write(with_key(model, key), prompt, how)


def chat(
    model: LanguageModel,
    messages: list[dict[str, Any]],
    new_tokens: int = 120,
    temperature: float = 0.8,
    top_k: int = 0,
    top_p: float = 1.0,
    min_p: float = 0.0,
    repetition_penalty: float = 1.0,
    stop: list[str] = [],  # noqa: B006 - as above
    seed: int = 0,
    shown: int = 5,
    key: str = "",
) -> Iterator[dict[str, Any]]:
    """Answer the last message of a dialogue; streams the answer so far.

    Args:
        messages: role (system, user or assistant) and content of each; the last is the user's. The oldest turns are dropped if they do not fit.
        new_tokens: As for generate.
        temperature: As for generate.
        top_k: As for generate.
        top_p: As for generate.
        min_p: As for generate.
        repetition_penalty: As for generate.
        stop: As for generate.
        seed: As for generate.
        shown: As for generate.
        key: As for generate.

    Returns:
        As generate; and dropped_messages (indices from 0), template (the model's own, or plain transcript).
    """
    from plugins.gpt_prompting.prompting.chat import chat as answer

    how = _sampling(new_tokens, temperature, top_k, top_p, min_p, repetition_penalty, stop, seed, 1, shown)
    yield from answer(with_key(model, key), messages, how)


def classify(
    model: LanguageModel,
    text: str,
    labels: list[str] = [],  # noqa: B006 - as above
    examples: list[dict[str, Any]] = [],  # noqa: B006
    template: str = TEMPLATE,
    calibrate: str = "none",
    instruction: str = "",
    key: str = "",
) -> dict[str, Any]:
    """Classify a text by a few-shot prompt; no parameter is changed.

    Args:
        text: The value of {text} in the template.
        labels: The labels, or label=words to use other words in the prompt. Empty: the prompt that was saved with the weights.
        examples: Rows with text (the template's variables) and label, in the order in which they are shown.
        template: How a row is written, with {text} and {label}.
        calibrate: none, contextual (Zhao et al., 2021) or pmi (Holtzman et al., 2021).
        instruction: Written once, before the examples.
        key: As for generate.

    Returns:
        label; probabilities: label -> 0 to 1; scores: label -> log-likelihood in nats (empty for a hosted model);
        prompt: as sent to the model; dropped_examples: indices (from 0) of those that did not fit; text_truncated; answer: a hosted
        model's answer, from which the label was parsed.
    """
    from plugins.gpt_prompting.prompting.label_scoring import LabelScorer

    if not text.strip():
        raise UserError("The text is empty: write something to classify.")
    prompt = prompt_of(model, template, labels, examples, instruction, calibrate)
    row = dict.fromkeys(prompt.fields, text) if len(prompt.fields) == 1 else {"text": text}
    [answer] = LabelScorer(with_key(model, key), prompt).label([row])
    return answer.record()


def evaluate(
    model: LanguageModel,
    file: Path,
    labels: list[str] = [],  # noqa: B006 - as above
    examples: list[dict[str, Any]] = [],  # noqa: B006
    template: str = TEMPLATE,
    calibrate: str = "none",
    instruction: str = "",
    label_column: str = "",
    shots: int = 0,
    selection: str = "balanced",
    rows: int = 0,
    seed: int = 0,
    key: str = "",
) -> Iterator[dict[str, Any]]:
    """Evaluate a prompt on a file of labelled rows; streams the metrics so far, which a cancelled call keeps.

    Args:
        file: CSV, TSV, JSONL or Parquet with a column for each variable of the template, and one of labels.
        labels: As for classify. Empty: those of the file.
        examples: As for classify.
        template: As for classify.
        calibrate: As for classify.
        instruction: As for classify.
        label_column: Column of the labels. Empty: guessed.
        shots: Examples to select from the file, which are then not evaluated on; 0: those given.
        selection: random, balanced, nearest to each row (by the model's embeddings) or nearest_words (by TF-IDF).
        rows: Rows to evaluate on, stratified by label; 0: all.
        seed: Of the selection.
        key: As for generate.

    Returns:
        done, total, rows_per_second, metrics (rows, accuracy, low and high: 95 % interval, macro_f1, calibration_error),
        with_dropped_examples, with_truncated_text, without_label; at the end also confusion, predictions (line, label,
        predicted_label, probability), parameters_sha256 (before, after, unchanged; empty and null for a hosted model, whose parameters are not accessible).
    """
    from plugins.gpt_prompting.prompting.evaluation import evaluate as measure
    from plugins.gpt_prompting.prompting.labelled_rows import read_rows

    kept = _kept_prompt(model, labels)
    data = read_rows(file, kept.template if kept else template, label_column)
    prompt = kept or prompt_of(model, template, labels or data.labels, examples, instruction, calibrate)
    last = None
    for last in measure(with_key(model, key), prompt, data, rows, shots, selection, seed):
        yield last.record()
    if last is not None:
        yield last.details()


def next_token(model: LanguageModel, text: str, shown: int = 10, key: str = "") -> list[dict[str, Any]]:
    """Return the most probable next tokens after a text.

    Args:
        text: The text so far; empty for the beginning of a text.
        shown: Number of tokens, 1 to 200.
        key: As for generate.

    Returns:
        token and probability of each, the most probable first.
    """
    if not 1 <= shown <= 200:
        raise UserError(f"shown: {shown} was given; 1 to 200 was expected.")
    found = with_key(model, key).next_token(text, shown)
    return [{"token": token, "probability": round(value, 6)} for token, value in found]


def score(model: LanguageModel, text: str, shown: int = 5) -> dict[str, Any]:
    """Score every token of a text, and the text as a whole (surprisal, perplexity).

    Args:
        text: Of any length; a text longer than the context is read in windows that overlap by half.
        shown: Other candidates returned with each token, 0 to 50.

    Returns:
        tokens (token, probability, others), tokens_scored, loss (nats per token), perplexity, bits_per_byte.
    """
    from plugins.gpt_prompting.inspect.surprisal import surprisal

    return surprisal(model, text, min(max(shown, 0), 50))


def shots(model: LanguageModel) -> dict[str, Any]:
    """Return the results of the few-shot experiment that evaluated these weights' prompt. Run it by /train, kind shots.

    Returns:
        records: arm (prompt, or random labels), shots, mean accuracy, low and high (95 % interval), seeds;
        macro_f1 and calibration_error likewise; order_sensitivity; fine_tuned, if it was compared; proof: the parameters'
        SHA-256 before and after, and whether it is unchanged.
    """
    studies = getattr(model, "record", {}).get("studies", [])
    if not studies or "proof" not in studies[0]:
        raise UserError("No few-shot experiment evaluated a prompt with these weights: run shots, and choose that run.")
    names = ("records", "macro_f1", "calibration_error", "order_sensitivity", "fine_tuned", "proof")
    return {name: studies[0][name] for name in names}


def prompt_of(
    model: LanguageModel,
    template: str,
    labels: list[str],
    examples: list[dict[str, Any]],
    instruction: str,
    calibrate: str,
) -> Prompt:
    """The prompt that was asked for, or the one that the weights were saved with where no labels are given."""
    from plugins.gpt_prompting.prompting.prompts import make_prompt

    return _kept_prompt(model, labels) or make_prompt(template, labels, examples, instruction, calibrate)


def _kept_prompt(model: LanguageModel, labels: list[str]) -> Prompt | None:
    return None if labels else getattr(model, "prompt", None)


def with_key(model: LanguageModel, key: str) -> Any:
    """A hosted model with the caller's key; any other as it is."""
    return model.with_key(key) if key and hasattr(model, "with_key") else model  # type: ignore[attr-defined]


def _sampling(
    new_tokens: int, temperature: float, top_k: int, top_p: float, min_p: float, repetition_penalty: float,
    stop: list[str], seed: int, alternatives: int, shown: int,
) -> Sampling:  # fmt: skip
    from plugins.gpt_prompting.models.interface import Sampling

    return Sampling(
        new_tokens, temperature, top_k, top_p, min_p, repetition_penalty, tuple(stop), seed, alternatives, shown
    )
