"""Pairs of texts with a score of how alike they are, as in tests of semantic textual similarity (STS)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from scipy.stats import rankdata
from sklearn.feature_extraction.text import TfidfVectorizer

from plugins.bert_finetune.classify.labelled_texts import clean_text
from training.data.column_guess import guess_text_columns
from training.data.column_names import plain_name
from training.data.table import Table, read_table
from training.data.tabular.missing import MISSING
from training.data.tabular.number_fitting import NumberCells
from training.data.tabular.numbers import NumberFormat, to_numbers
from training.errors import UserError

SCORES = ("score", "similarity", "similarityscore", "relatedness", "relatednessscore", "sim", "gold", "goldscore")
MIN_PAIRS = 10  # fewer have a rank correlation by chance


@dataclass(frozen=True)
class ScoredPairs:
    """Texts of a file and their scores, (pairs,); a higher one means more alike."""

    first: tuple[str, ...]
    second: tuple[str, ...]
    scores: np.ndarray

    def correlation(self, cosines: np.ndarray) -> float:
        """Spearman's rank correlation of cosines with the scores."""
        if not np.ptp(cosines):
            return 0.0
        return float(np.corrcoef(rankdata(cosines), rankdata(self.scores))[0, 1])

    def shared_words(self) -> float:
        """The correlation that words in common give, without a network: cosines of TF-IDF vectors."""
        weights = TfidfVectorizer(token_pattern=r"(?u)\b\w+\b").fit([*self.first, *self.second])
        products = weights.transform(self.first).multiply(weights.transform(self.second))
        return self.correlation(np.asarray(products.sum(1)).ravel())


def read_scored_pairs(file: Path, score_column: str = "") -> ScoredPairs:
    """Read a table of two text columns and a column of numbers; rows that lack one of the three are left out.

    Raises:
        UserError: If a column is missing or holds no numbers, all scores are equal, or there are fewer than ten pairs.
    """
    table = read_table(file)
    columns = guess_text_columns(table, need_label=False)
    if not columns.text_pair:
        raise UserError(
            f"{table.source} has no second column of texts; it has: {', '.join(table.names)}. Name the two text1 and "
            "text2."
        )
    name = score_column or _guess_score(table, (columns.text, columns.text_pair))
    cells = zip(*(table.strings(each) for each in (columns.text, columns.text_pair, name)), strict=True)
    rows = [(clean_text(a), clean_text(b), score) for a, b, score in cells if clean_text(a) and clean_text(b) and score]
    rows = [row for row in rows if row[2].strip() not in MISSING]
    scores, is_unread = _numbers([score.strip() for _, _, score in rows])
    if is_unread.any():
        raise UserError(
            f"Column {name!r} of {table.source} holds {rows[int(is_unread.argmax())][2][:40]!r}: scores are numbers."
        )
    if len(rows) < MIN_PAIRS or not np.isfinite(scores).all() or not np.ptp(scores):
        raise UserError(
            f"Column {name!r} of {table.source} has scores of {len(rows)} pairs: at least {MIN_PAIRS} pairs of "
            "different scores are needed."
        )
    return ScoredPairs(tuple(a for a, _, _ in rows), tuple(b for _, b, _ in rows), scores)


def _numbers(cells: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Scores as numbers, and which cells are none, (pairs,); 4,667 is below five, since scores have no thousands."""
    text = pa.chunked_array([pa.array(cells, pa.string())])
    found, form = NumberCells.of(lambda: text), NumberFormat()
    if found:
        form, _ = found.fit("." if found.evidence.open_point else ",")
    return to_numbers(text, form)


def _guess_score(table: Table, texts: tuple[str, str]) -> str:
    found = [name for name in table.names if plain_name(name) in SCORES and name not in texts]
    if len(found) != 1:
        raise UserError(
            f"Which column of {table.source} says how alike the texts are? It has: {', '.join(table.names)}. Set "
            "score_column."
        )
    return found[0]
