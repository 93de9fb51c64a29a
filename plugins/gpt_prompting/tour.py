"""GPT's stops of the guided tour, and its live picture on Home. No torch here: the starter answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plugins._drawing import bars, paragraph, percent_bars, shaded_words, side_by_side
from plugins._tour import Call, Link, Range, Stop, Text
from plugins.gpt_prompting.models import STARTER
from plugins.gpt_prompting.prompting.endpoints import Prompting

GPT, WEIGHTS = "gpt_prompting", STARTER.name
TOPICS = Path(__file__).parent / "samples" / "topics.csv"
BY_SHOTS = "plugins.gpt_prompting.inspect.shots:by_shots"
INSTRUCTION = "Sort the requests."
WORDS = {"music": "green", "weather": "blue"}  # that say nothing: what they stand for, only the examples tell
EXAMPLES = (
    ("play the new song by adele", "music"),
    ("will it rain tomorrow", "weather"),
    ("put on some jazz", "music"),
    ("is it sunny in paris", "weather"),
)
ROWS = 100  # classified by each prompt, to measure its accuracy
CALIBRATED = (
    "Computed just now. The probabilities are calibrated by those of random words of the examples (Fei et al., 2023): "
    "without that, a single example pulls nearly all answers to its own label. A label also gains by how similar the "
    "request is to its examples (Shi et al., 2022)."
)
STORY = "Once upon a time there was a king who"
NEXT = "For the first"
SEED, TOP_P, MIN_P, REPETITION_PENALTY = 3, 1.0, 0.1, 1.2


def prompt(call: Call, text: str) -> str:
    """The label of a request with 0, 1 and 4 examples in the prompt, and each prompt's accuracy."""
    examples = [{"text": example, "label": label} for example, label in EXAMPLES]
    found = call(GPT, BY_SHOTS, WEIGHTS, text, INSTRUCTION, examples, TOPICS, ROWS, WORDS)
    accuracies = [(_examples(each["shots"]), each["accuracy"], f"{each['accuracy']:.0%}") for each in found]
    return (
        side_by_side(*(_labels(each) for each in found))
        + bars(f"Accuracy on {ROWS} other requests; guessing is right half of the time", accuracies)
        + paragraph(CALIBRATED, "source")
    )


def _examples(number: int) -> str:
    return f"{number} example" + "s" * (number != 1)


def _labels(found: dict[str, Any]) -> str:
    named = ((f"{WORDS[label]} ({label})", share) for label, share in found["probabilities"].items())
    ordered = sorted(named, key=lambda pair: -pair[1])
    return percent_bars(_examples(found["shots"]), ordered) + paragraph(found["prompt"], "prompt")


def write(call: Call, text: str, temperature: float) -> str:
    """A continuation, and the probabilities of its first token."""
    sampling = (60, temperature, 0, TOP_P, MIN_P, REPETITION_PENALTY, [], SEED)
    written = call(GPT, Prompting.generate, WEIGHTS, text, *sampling)["answers"][0]
    words = [(token["token"], token["probability"]) for token in written["tokens"]]
    return shaded_words("What it writes; the stronger the ground, the surer it was", words, "probability") + _next(
        call, text, "The next token, before it is drawn"
    )


def _next(call: Call, text: str, title: str) -> str:
    tokens = call(GPT, Prompting.next_token, WEIGHTS, text, 6)
    return percent_bars(title, [(each["token"].replace("\n", "↵"), each["probability"]) for each in tokens])


def chat(call: Call, message: str) -> str:
    """An answer to a message, token by token."""
    sampling = (60, 0.6, 0, TOP_P, MIN_P, REPETITION_PENALTY, [], SEED)
    answer = call(GPT, Prompting.chat, WEIGHTS, [{"role": "user", "content": message}], *sampling)["answers"][0]
    words = [(token["token"], token["probability"]) for token in answer["tokens"]]
    return (
        paragraph(f"You: {message}", "said")
        + paragraph(f"Model: {answer['text'].strip()}", "said answer")
        + shaded_words("The same answer, token by token", words, "probability")
    )


def card(call: Call) -> str:
    """For Home: what may come next."""
    return paragraph(f"{NEXT} ▢", "sentence") + _next(call, NEXT, "The next token")


STOPS = (
    Stop(
        "prompt",
        "Prompt with 0, 1 and 4 examples",
        "A language model has learned one thing without labels: which token comes next. Written into its prompt, a few "
        "examples of a task take the place of training; no weight changes.",
        "No weight was changed, and the labels say nothing: that green is music and blue is weather, the model "
        "read in its prompt. Without examples it can only guess.",
        "Which label does a request get that is about both?",
        ("play something for a rainy day",),
        (Text("Request", "do i need an umbrella today"),),
        prompt,
        (GPT,),
        (Link("Change the examples", GPT), Link("Accuracy by number of examples", GPT, "shots", {"sample": "topics"})),
        "Ask with 0, 1 and 4 examples",
    ),
    Stop(
        "write",
        "Write",
        "To write, the model draws the next token from its probabilities, adds it to the text, and asks itself again. "
        "The temperature says how boldly it draws: at 0 it always takes the most probable token.",
        "Some words are certain, as the rest of a name; at others many would fit. The starter has 4.3 million weights "
        "and read children’s tales: it has their tone, not their sense.",
        "What happens at temperature 1.5, and what at 0?",
        (STORY, 1.5),
        (Text("Beginning", STORY), Range("Temperature", 0, 1.5, 0.1, 0.7)),
        write,
        (GPT,),
        (Link("All settings of sampling", GPT), Link("Train on a novel", GPT, "pretrain", {"sample": "austen"})),
        "Write on",
    ),
    Stop(
        "chat",
        "Chat",
        "A chat is the same: the dialogue is one text with a mark for each speaker, and the model writes what comes "
        "next. It was trained on dialogues, so that an answer comes next.",
        "The model says what usually follows in its dialogues. It looks nothing up: a number or a place in the answer "
        "is probable, not true.",
        "Ask for something that no service dialogue is about. What does it do?",
        ("Who was the first person on the moon?",),
        (Text("Your message", "I want to rent a car"),),
        chat,
        (GPT,),
        (Link("Chat on", GPT), Link("Train it to take coffee orders", GPT, "pretrain", {"sample": "coffee"})),
        "Send",
    ),
)
