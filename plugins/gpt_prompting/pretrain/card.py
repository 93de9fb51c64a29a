"""Model card of a language model trained by `pretrain`."""

from plugins._contract import Card

CARD = Card(
    "text-generation",
    "transformers",
    paper="Radford et al., 2019 (GPT-2)",
    tags=("gpt2",),
    usage="""
from transformers import pipeline

generate = pipeline("text-generation", model="{repo}")
print(generate("Once upon a time", max_new_tokens=40)[0]["generated_text"])
""",
    summary="A decoder trained by next-token prediction.",
    limits=("It generates what is probable given its training texts, true or not.",),
)
