"""Well-known names of text and label columns, normalised for comparison, and a check for duplicates."""

import re
from collections import Counter
from collections.abc import Sequence

from training.errors import UserError

# Pairs and single names of text columns, the likeliest first; compared by `plain_name`.
TEXT_NAMES = (
    ("text", "textpair"), ("text1", "text2"), ("sentence1", "sentence2"), ("sentencea", "sentenceb"),
    ("premise", "hypothesis"), ("question1", "question2"), ("question", "sentence"),
    ("first", "second"), ("text",), ("sentence",), ("review",), ("reviewtext",), ("content",), ("message",),
    ("tweet",), ("comment",),
    ("utterance",), ("body",), ("document",), ("article",), ("abstract",), ("query",), ("prompt",),
    ("title", "description"), ("description",), ("title",), ("question",),
)  # fmt: skip
LABEL_NAMES = (
    "label", "labels", "class", "category", "target", "sentiment", "intent", "topic", "entailmentjudgment",
    "goldlabel", "labeltext", "tag", "tags", "y", "rating", "stars", "score", "relatednessscore",
)  # fmt: skip
HEADER_NAMES = {*LABEL_NAMES, *(name for names in TEXT_NAMES for name in names), "id", "index", "idx", "date", "name"}

PREDICTIONS = (  # columns that our scored files end with, one tuple per kind of model
    ("predicted_label", "probability"), ("predicted_label", "score"), ("predicted_answer", "probability"),
    ("predicted_tag",), ("predicted_tags",), ("translation",), ("entities",), ("filled_text", "words"),
    ("follows", "probability"), ("anomaly_score", "p_value", "is_anomalous", "reasons"),
)  # fmt: skip


def is_scored(names: Sequence[str]) -> bool:
    """Whether a table with these columns is one that we wrote, with predictions beside the user's columns."""
    return any(tuple(names[-len(own) :]) == own for own in PREDICTIONS if len(names) > len(own))


def plain_name(name: str) -> str:
    """Reduce a column name to its letters and digits, so that `Sentence_A` and `sentence a` are the same."""
    return re.sub(r"[\W_]+", "", name).lower()


def check_names(names: list[str], source: str) -> None:
    """Refuse a column name that occurs twice.

    Raises:
        UserError: Naming the column and its positions.
    """
    if not (twice := [name for name, times in Counter(names).items() if times > 1]):
        return
    positions = [str(number) for number, other in enumerate(names, 1) if other == twice[0]]
    where = f"columns {' and '.join(positions)}"
    raise UserError(f"{source} has the column name '{twice[0]}' {len(positions)} times ({where}). Rename all but one.")
