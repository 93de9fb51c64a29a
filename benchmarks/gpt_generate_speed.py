"""Generation beside transformers' `generate` and `pipeline`: tokens a second and time to the first token, the same tokens out.

    python benchmarks/gpt_generate_speed.py --rounds 3

Greedy, so that all three must write the same; of 1 text and of 8 at once (`generate` and `pipeline` with a batch of 8 equal
prompts, ours with 8 alternatives, drawn at temperature 1 with the same seed by both). `--model` is any causal language model;
without one a GPT-2 of the starter's size with untrained weights is made: speed does not depend on what weights say. Each side runs
in a process of its own; loading and a first text are not timed. On a machine with other work: `--threads 1 --clock cpu`.
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

SIDES = ("ours", "generate", "pipeline")
PROMPT = "Text: the film was good and the songs were better\nLabel: positive\n\n" * 4 + "Text:"
WIDTH, LAYERS, HEADS, VOCABULARY, POSITIONS = 192, 6, 6, 4000, 512


def main() -> None:
    options = parse()
    if options.worker:
        print(json.dumps(measure(options)))
        return
    if not options.model:
        options.model = make_model(Path(tempfile.mkdtemp()))
        sys.argv += ["--model", options.model]
    ratios: dict[tuple[str, str], list[float]] = {}
    for number in range(options.rounds):
        found = {who: sides.run_side(who) for who in SIDES[:: 1 if number % 2 else -1]}
        for kind in ("1", "8"):
            print(f"{kind} at once: " + ", ".join(f"{who} {found[who][kind]['tokens_per_second']:.0f} tokens/s" for who in SIDES), flush=True)  # fmt: skip
            for who in SIDES[1:]:
                ratios.setdefault((kind, who), []).append(found["ours"][kind]["tokens_per_second"] / found[who][kind]["tokens_per_second"])  # fmt: skip
        print("first token after " + ", ".join(f"{who} {1000 * found[who]['1']['first']:.1f} ms" for who in SIDES))
        if not number:
            same = [found["ours"][kind]["said"] == found["generate"][kind]["said"] for kind in ("1", "8")]
            print(f"the same tokens as generate: {same}")
    for (kind, who), values in ratios.items():
        print(f"{kind} at once: {statistics.median(values):.2f}x of {who} over {options.rounds} rounds")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="", help="A folder of a causal language model.")
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    sides.add_clock(parser)
    parser.add_argument("--worker", choices=SIDES, help=argparse.SUPPRESS)
    return parser.parse_args()


def make_model(folder: Path) -> str:
    """An untrained GPT-2 with a vocabulary of this project's own texts."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    words = ByteLevelBPETokenizer()
    root = Path(__file__).parents[1]
    texts = [path.read_text(encoding="utf-8") for path in sorted(root.glob("**/*.md")) if ".venv" not in path.parts]
    words.train_from_iterator(texts, vocab_size=VOCABULARY, special_tokens=["<|endoftext|>"], show_progress=False)
    end = {"eos_token": "<|endoftext|>", "bos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words._tokenizer, model_max_length=POSITIONS, **end)
    ends: dict[str, Any] = {"bos_token_id": tokenizer.eos_token_id, "eos_token_id": tokenizer.eos_token_id}
    size: dict[str, Any] = {"n_layer": LAYERS, "n_embd": WIDTH, "n_head": HEADS, "n_positions": POSITIONS}
    GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), **size, **ends)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def measure(options: argparse.Namespace) -> dict:
    """Tokens a second, seconds to the first token and the text of one side, in this process."""
    import torch

    torch.set_num_threads(options.threads)
    clock = sides.CLOCKS[options.clock]
    write = {"ours": ours, "generate": by_generate, "pipeline": by_pipeline}[options.worker](options.model)
    for rows in (1, 8):
        write(rows, 8)
    started = clock()
    write(1, 1)
    first = clock() - started
    found = {}
    for rows in (1, 8):
        started = clock()
        said = write(rows, options.tokens)
        seconds = clock() - started
        found[str(rows)] = {"tokens_per_second": rows * options.tokens / seconds, "first": first, "said": said}
    return found


def ours(folder: str) -> Any:
    from plugins.gpt_prompting.models.interface import Sampling
    from plugins.gpt_prompting.models.transformers_model import TransformersModel

    model = TransformersModel.load(Path(folder))
    model.model.generation_config.eos_token_id = None  # the same number of tokens on every side
    model.tokenizer.eos_token = None

    def write(rows: int, tokens: int) -> list[str]:
        how = Sampling(
            tokens, 0 if rows == 1 else 1, alternatives=rows
        )  # with five rivals of every token, as the page asks
        *_, last = model.stream(PROMPT, how)
        return [answer.text for answer in last]

    return write


def by_generate(folder: str) -> Any:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model: Any = AutoModelForCausalLM.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model.generation_config.eos_token_id = None

    def write(rows: int, tokens: int) -> list[str]:
        torch.manual_seed(0)
        given = tokenizer([PROMPT] * rows, return_tensors="pt")
        with torch.inference_mode():
            out = model.generate(**given, max_new_tokens=tokens, do_sample=rows > 1, top_k=0, pad_token_id=0)
        return tokenizer.batch_decode(out[:, given.input_ids.shape[1] :], clean_up_tokenization_spaces=False)

    return write


def by_pipeline(folder: str) -> Any:
    import torch
    from transformers import pipeline

    writer: Any = pipeline("text-generation", model=folder, device=-1)
    writer.model.generation_config.eos_token_id = None

    def write(rows: int, tokens: int) -> list[str]:
        torch.manual_seed(0)
        found = writer([PROMPT] * rows, max_new_tokens=tokens, do_sample=rows > 1, top_k=0, batch_size=rows, return_full_text=False, pad_token_id=0)  # fmt: skip
        return [one[0]["generated_text"] for one in found]

    return write


if __name__ == "__main__":
    main()
