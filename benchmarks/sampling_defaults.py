"""Which sampling defaults suit the starter: how often its texts repeat themselves, and how many of their words exist.

    python -m benchmarks.sampling_defaults --words BOOK.txt      # a text whose words count as words

Per setting, over 20 prompts and two samples of 60 tokens of each: `real`, the share of the words that occur in the book;
`repeated`, the share of the 4-grams that occurred before in the same text; `distinct`, the distinct bigrams as a share of
all (Li et al., 2016). With `--read`, the texts themselves, since neither number says whether a text is any good.
"""

from __future__ import annotations

import argparse
import itertools
import re
from collections.abc import Sequence
from pathlib import Path

from plugins.gpt_prompting.models import STARTER
from plugins.gpt_prompting.models.sampling_defaults import MIN_P, REPETITION_PENALTY, TEMPERATURE
from plugins.gpt_prompting.prompting.predictor import PromptPredictor, load

PROMPTS = (
    "Once upon a time", "The king said to his daughter", "In the middle of the forest there was a", "“Who are you?”",
    "The old man went down to the river", "The little girl opened the door and", "Early in the morning the prince",
    "“I do not know,” said the", "She looked out of the window and saw", "The wolf came to the house of the",
    "There was once a poor woman who", "When the sun rose, the soldiers", "“What is the matter?” asked the",
    "The ship sailed for many days until", "Far away in the mountains lived a", "He took the gold and went",
    "The horse ran into the wood, and", "“Let us go home,” she said,", "At last they came to a great castle",
    "The witch was so angry that",
)  # fmt: skip
SETTINGS = (
    {"temperature": 0.8, "min_p": 0.0, "repetition_penalty": 1.0},
    {"temperature": 0.8, "min_p": 0.05, "repetition_penalty": 1.1},
    {"temperature": 0.8, "min_p": 0.1, "repetition_penalty": 1.1},
    {"temperature": 0.6, "min_p": 0.0, "repetition_penalty": 1.0},
    {"temperature": 0.6, "min_p": 0.1, "repetition_penalty": 1.0},
    {"temperature": 0.6, "min_p": 0.1, "repetition_penalty": 1.1},
    {"temperature": 0.6, "min_p": 0.1, "repetition_penalty": 1.2},
    {"temperature": 0.6, "min_p": 0.1, "repetition_penalty": 1.3},
    {"temperature": 0.4, "min_p": 0.1, "repetition_penalty": 1.1},
    {"temperature": 0.4, "min_p": 0.1, "repetition_penalty": 1.2},
)


def words_of(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return re.findall(r"[a-z]+", text.lower())


def repeated_share(words: Sequence[str], size: int = 4) -> float:
    """The share of n-grams that occurred before."""
    grams = [tuple(words[start : start + size]) for start in range(len(words) - size + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def texts_of(predictor: PromptPredictor, setting: dict[str, float]) -> list[str]:
    """Two samples for each prompt."""
    texts = []
    for number, prompt in enumerate(PROMPTS):
        *_, last = predictor.generate(prompt, 60, seed=number, alternatives=2, shown=0, **setting)  # type: ignore[arg-type]
        texts += [answer["text"] for answer in last["answers"]]
    return texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", type=Path, required=True, help="A text whose words count as words.")
    parser.add_argument("--weights", type=Path, default=STARTER, help="A folder.")
    parser.add_argument("--chosen", action="store_true", help="Only the defaults.")
    parser.add_argument("--read", action="store_true", help="Print the texts, too.")
    options = parser.parse_args()
    known, predictor = set(words_of(options.words.read_text(encoding="utf-8"))), load(options.weights)
    print("| temperature | min_p | repetition_penalty | real | repeated | distinct |\n" + "| --- " * 6 + "|")
    chosen = {"temperature": TEMPERATURE, "min_p": MIN_P, "repetition_penalty": REPETITION_PENALTY}
    for setting in [chosen] if options.chosen else SETTINGS:
        texts = texts_of(predictor, setting)
        each = [words_of(text) for text in texts]
        words = [word for part in each for word in part]
        bigrams = [pair for part in each for pair in itertools.pairwise(part)]
        real = sum(word in known for word in words) / len(words)
        repeated = sum(map(repeated_share, each)) / len(each)
        cells = [*setting.values(), f"{real:.3f}", f"{repeated:.3f}", f"{len(set(bigrams)) / len(bigrams):.3f}"]
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)
        if options.read:
            print(*(f"  {prompt} ▸{text!r}" for prompt, text in zip(PROMPTS, texts[::2], strict=True)), sep="\n")


if __name__ == "__main__":
    main()
