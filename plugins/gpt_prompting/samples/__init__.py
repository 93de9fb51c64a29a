"""Sample texts, dialogues and labelled texts to train on; README.md says whose they are and how they were cut."""

from pathlib import Path

from plugins._samples import Sample

HERE = Path(__file__).parent

PRETRAIN = (
    Sample(
        "austen",
        "A novel: Pride and Prejudice",
        "38 chapters, 67,000 words. The starter has not read them: it soon writes of Elizabeth and Mr. Darcy.",
        {"data": HERE / "pride-and-prejudice.txt"},
        "Jane Austen: Pride and Prejudice (1813), Standard Ebooks",
        "public domain (CC0-1.0)",
    ),
    Sample(
        "coffee",
        "Dialogues: ordering coffee",
        "900 short dialogues between a customer and a café. Afterwards, order in Chat.",
        {"data": HERE / "coffee.jsonl"},
        "Google: Taskmaster TM-4-2024 (github.com/google-research-datasets/Taskmaster)",
        "CC-BY-4.0",
    ),
)

SHOTS = (
    Sample(
        "topics",
        "Requests to an assistant, four topics",
        "400 requests labelled alarm, email, music or weather, 100 each. Guessing is right once in four.",
        {"data": HERE / "topics.csv"},
        "Liu et al., 2019: NLU-Evaluation-Data (github.com/xliuhw/NLU-Evaluation-Data)",
        "CC-BY-4.0",
    ),
)
