"""Few-shot label scoring beside EleutherAI's lm-evaluation-harness: rows a second on the same model and prompts, log-likelihoods compared.

    pip install lm_eval==0.4.13          (in an environment of its own beside the project's)
    python benchmarks/gpt_score_speed.py --data tasks.parquet --rounds 3

k = 8 examples and 6 labels a row, the same examples for all rows. The harness is called as its tasks call it, `HFLM.loglikelihood` with
every (context, continuation); once with its default of one row a batch and once with 16. `--model` is any causal language model;
without one a GPT-2 of 6 layers and width 256 with untrained weights and a byte-level BPE of the data is made: speed does not depend on what
weights say. Loading and the first 12 rows are not timed. On a machine with other work: `--threads 1 --clock cpu`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import sides

SIDES = {"ours": 0, "harness, batches of 1": 1, "harness, batches of 16": 16}
SHOTS, LABELS, WARM_UP = 8, 6, 12
WIDTH, LAYERS, HEADS, VOCABULARY, POSITIONS = 256, 6, 4, 4000, 1024


def main() -> None:
    options = parse()
    if options.worker:
        print(json.dumps(measure(options)))
        return
    if not options.model:
        options.model = make_model(Path(options.data), Path(tempfile.mkdtemp()))
        sys.argv += ["--model", options.model]
    ratios: dict[str, list[float]] = {}
    for number in range(options.rounds):
        order = list(SIDES)[:: 1 if number % 2 else -1]
        found = {who: sides.run_side(who) for who in order}
        rates = {who: found[who]["rows_per_second"] for who in SIDES}
        for who in SIDES:
            ratios.setdefault(who, []).append(rates["ours"] / rates[who])
        print(", ".join(f"{who}: {rates[who]:.1f} rows/s" for who in SIDES), flush=True)
        if not number:
            for who in list(SIDES)[1:]:
                print(f"largest difference from {who}: {furthest(found['ours'], found[who]):.1e} nats")
    for who in list(SIDES)[1:]:
        print(f"{statistics.median(ratios[who]):.1f}x of {who} over {options.rounds} rounds")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="Labelled texts: the columns text and label.")
    parser.add_argument("--model", default="", help="A folder of a causal language model.")
    parser.add_argument("--rows", type=int, default=240)
    parser.add_argument("--label-words", type=int, choices=(1, 2), default=1, help="2: labels of several tokens.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    sides.add_clock(parser)
    parser.add_argument("--worker", choices=tuple(SIDES), help=argparse.SUPPRESS)
    return parser.parse_args()


def make_model(data: Path, folder: Path) -> str:
    """An untrained GPT-2 with a vocabulary of the data's texts."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    words = ByteLevelBPETokenizer()
    words.train_from_iterator(texts_of(data)[:20_000], vocab_size=VOCABULARY, special_tokens=["<|endoftext|>"])
    end = {"eos_token": "<|endoftext|>", "bos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words._tokenizer, model_max_length=POSITIONS, **end)
    config = GPT2Config(vocab_size=len(tokenizer), n_layer=LAYERS, n_embd=WIDTH, n_head=HEADS, n_positions=POSITIONS)
    GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def texts_of(data: Path) -> list[str]:
    from training.data.table import read_table

    return [text or "" for text in read_table(data).strings("text")]


def prompts(options: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Contexts, and the labels that may follow each."""
    texts = [text for text in texts_of(Path(options.data)) if 20 <= len(text) <= 160]
    labels = [" great", " good", " fine", " poor", " bad", " awful"]
    if options.label_words == 2:
        labels = [f" very{label}" for label in labels[:3]] + [f"{label} indeed" for label in labels[3:]]
    step = max(1, len(texts) // (options.rows + SHOTS + WARM_UP))
    chosen = texts[::step]
    shots = "\n\n".join(f"Text: {text}\nLabel:{labels[at % LABELS]}" for at, text in enumerate(chosen[:SHOTS]))
    queries = chosen[SHOTS : SHOTS + WARM_UP + options.rows]
    return [f"{shots}\n\nText: {query}\nLabel:" for query in queries], labels


def measure(options: argparse.Namespace) -> dict:
    """Rows a second and every log-likelihood of one side, in this process."""
    import torch

    torch.set_num_threads(options.threads)
    contexts, labels = prompts(options)
    score = ours(options.model) if options.worker == "ours" else harness(options.model, SIDES[options.worker])
    clock = sides.CLOCKS[options.clock]
    score(contexts[:WARM_UP], labels)
    started = clock()
    said = score(contexts[WARM_UP:], labels)
    return {"rows_per_second": len(said) / (clock() - started), "said": said}


def ours(model: str) -> Any:
    from plugins.gpt_prompting.models.transformers_model import TransformersModel

    loaded = TransformersModel.load(Path(model))
    return lambda contexts, labels: loaded.log_likelihoods(contexts, [labels] * len(contexts)).tolist()


def harness(model: str, batch: int) -> Any:
    try:
        from lm_eval.api.instance import Instance  # type: ignore[import-not-found] - in an environment of its own
        from lm_eval.models.huggingface import HFLM  # type: ignore[import-not-found]
    except ImportError:
        sys.exit("pip install lm_eval==0.4.13 first.")
    loaded: Any = HFLM(pretrained=model, device="cpu", dtype="float32", batch_size=batch)

    def score(contexts: list[str], labels: list[str]) -> list[list[float]]:
        asked = [
            Instance("loglikelihood", {}, (context, label), place)
            for context in contexts
            for place, label in enumerate(labels)
        ]
        found = [value for value, _ in loaded.loglikelihood(asked, disable_tqdm=True)]
        return [found[at : at + len(labels)] for at in range(0, len(found), len(labels))]

    return score


def furthest(one: dict, other: dict) -> float:
    pairs = zip(one["said"], other["said"], strict=True)
    return max(abs(a - b) for mine, theirs in pairs for a, b in zip(mine, theirs, strict=True))


if __name__ == "__main__":
    main()
