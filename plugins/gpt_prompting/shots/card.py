"""Model card of a prompt evaluated by `shots`, with its weights unchanged beside it, or without any if the model is
hosted."""

from typing import Any

from plugins._contract import Card

CARD = Card(
    "text-classification",
    "transformers",
    paper="Brown et al., 2020 (GPT-3); Zhao et al., 2021; Min et al., 2022",
    tags=("prompt", "few-shot"),
    usage="""
# The prompt is in prompt.json; the weights are those it was evaluated with, unchanged.
from gradio_client import Client

studio = Client("http://127.0.0.1:7860")
print(studio.predict("{repo}", "a text to classify", api_name="/gpt_prompting_classify"))
""",
    summary="A prompt with its examples, evaluated on labelled rows; no parameter was changed.",
    limits=("It was evaluated on the rows named here; accuracy on other texts may differ.",),
)
HOSTED: dict[str, Any] = {  # what differs for a hosted model
    "library_name": "",
    "summary": "A prompt with its examples, evaluated on labelled rows with a hosted model. There are no weights here.",
    "usage": """
# prompt.json is the prompt: instruction, template, labels, examples. The studio opens it under Try, Few-shot prompt.
from huggingface_hub import hf_hub_download

print(open(hf_hub_download("{repo}", "prompt.json")).read())
""",
}
EVALUATED = (
    "Of the prompt in this repository, with {} examples: the best of all seeds and permutations, chosen on these "
    "very rows, "
    "which is optimistic. The means over the seeds are below."
)
