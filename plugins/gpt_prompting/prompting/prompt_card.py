"""Model card of a prompt that is published on the Hub without weights."""

from __future__ import annotations

import re

import yaml

from plugins.gpt_prompting.prompting.prompts import LABEL, PROMPT_FILE, Prompt, parse_prompt
from training.artifact.model_card import plain, table

USE = """from gradio_client import Client

studio = Client("http://127.0.0.1:7860")  # Selfsup Studio
prompt = studio.predict("{repo}", api_name="/gpt_prompting_pull_prompt")["prompt"]
answer = studio.predict(
    weights="",  # or a run, owner/repo, hosted:model@https://server/v1
    text="a text to label",
    labels=[f"{{name}}={{words.strip()}}" for name, words in prompt["labels"].items()],
    examples=prompt["examples"],
    template=prompt["template"],
    calibrate=prompt["calibrate"],
    instruction=prompt["instruction"],
    api_name="/gpt_prompting_classify",
)
print(answer["label"], answer["probabilities"])"""


def checked(text: str) -> str:
    """Validate and normalise the contents of a prompt file.

    Raises:
        UserError: If they are no prompt.
    """
    return parse_prompt(text).to_json()


def render(text: str, repo: str) -> str:
    """Render README.md for a repository that holds this prompt."""
    prompt = parse_prompt(text)
    matter = yaml.safe_dump({"tags": ["selfsup-studio", "gpt_prompting", "prompt"]}, sort_keys=False)
    parts = [
        f"# {plain(prompt.name) or 'A prompt for text classification'}",
        f"The prompt is in `{PROMPT_FILE}`. It has no weights of its own: any causal language model can be prompted "
        "with it. Its examples are in the file.",
        *(["## Instruction", _fenced(prompt.instruction)] if prompt.instruction else []),
        "## Template",
        _fenced(prompt.template),
        "## Labels",
        "\n".join(table(("label", "words in the prompt"), list((prompt.labels or {}).items()))),
        *_examples(prompt),
        f"Calibration: {prompt.calibrate}.",
        "## Use",
        _fenced(USE.format(repo=repo), "python"),
        f"In the studio: GPT, Try, Few-shot prompt, *On the Hub*, `{repo}`. Made with Selfsup Studio.",
    ]
    return f"---\n{matter}---\n\n" + "\n\n".join(parts) + "\n"


def _examples(prompt: Prompt) -> list[str]:
    names = [*prompt.fields, LABEL]
    rows = [tuple(row[name] for name in names) for row in prompt.examples]
    return [f"## Examples, {len(rows)}", "\n".join(table(tuple(names), rows))] if rows else []


def _fenced(text: str, language: str = "text") -> str:
    """A code block with a fence longer than any run of backticks in the text."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"
