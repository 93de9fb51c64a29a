"""Words in another order: the pieces of a word stay together, texts apart, and nothing that is scored is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import Unigram, WordLevel
from tokenizers.pre_tokenizers import Metaspace, Whitespace
from transformers import PreTrainedTokenizerFast

from plugins.bert_finetune.classify.labelled_texts import LabelledTexts
from plugins.bert_finetune.classify.settings import ClassifySettings
from plugins.bert_finetune.classify.tokenized_texts import TokenizedRow, TokenizedTexts, shuffle_words
from plugins.bert_finetune.models.wordpiece import train_wordpiece
from tests.bert_models import build
from tests.files import write
from training.settings import parse_settings

TEXT = "tomatoes and cherries are redder than limes"
WORDS = st.lists(st.sampled_from(TEXT.split()), max_size=12).map(" ".join)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_wordpiece([TEXT, "tom ato es cherr ies lim es"] * 3, 60, 64)


def tokenized(tokenizer: Any, text: str, pair: str | None) -> TokenizedRow:
    texts = LabelledTexts([text], None if pair is None else [pair], [("a",)], [1])
    return TokenizedTexts(texts, tokenizer, 64, np.zeros(1, dtype=np.int64), with_words=True)[0]


@given(text=WORDS, pair=st.none() | WORDS, seed=st.integers(0, 2**32 - 1))
def test_the_same_words_of_the_same_text_in_another_order(tokenizer: Any, text: str, pair: str | None, seed: int):
    plain = tokenized(tokenizer, text, pair)
    shuffled = shuffle_words(plain, np.random.default_rng(seed))
    ends = tokenizer.sep_token_id
    assert (np.flatnonzero(shuffled.ids == ends) == np.flatnonzero(plain.ids == ends)).all()
    assert shuffled.ids[0] == plain.ids[0] and shuffled.types is plain.types
    texts = tokenizer.decode(shuffled.ids).split("[SEP]")
    for one, other in zip([text, pair or ""], texts, strict=False):
        assert sorted(one.split()) == sorted(other.replace("[CLS]", "").split())


def test_without_written_spaces_tokens_change_places_one_by_one():
    """To a tokenizer that splits at spaces a Chinese sentence is one word."""
    text = "番茄和樱桃比青柠更红"
    plain = Tokenizer(Unigram([(letter, -1.0) for letter in ["?", "▁", *dict.fromkeys(text)]], unk_id=0))
    plain.pre_tokenizer = Metaspace()
    made = PreTrainedTokenizerFast(tokenizer_object=plain, unk_token="?")
    assert set(made(text).word_ids()) == {0}
    row, rng = tokenized(made, text, None), np.random.default_rng(0)
    orders = [shuffle_words(row, rng).ids for _ in range(20)]
    assert all(sorted(ids) == sorted(row.ids) for ids in orders) and len({tuple(ids) for ids in orders}) > 10


def test_without_separators_no_word_leaves_its_text():
    plain = Tokenizer(WordLevel({"?": 0, "a": 1, "b": 2, "c": 3, "x": 4, "y": 5, "z": 6}, unk_token="?"))
    plain.pre_tokenizer = Whitespace()
    made = PreTrainedTokenizerFast(tokenizer_object=plain, unk_token="?")
    row, rng = tokenized(made, "a b c", "x y z"), np.random.default_rng(0)
    for _ in range(20):
        ids = shuffle_words(row, rng).ids.tolist()
        assert (sorted(ids[:3]), sorted(ids[3:])) == ([1, 2, 3], [4, 5, 6])


def test_a_share_of_the_training_rows_is_shuffled_and_no_evaluation_row(tmp_path: Path):
    lines = "".join(f"{TEXT} {row},{'ab'[row % 2]}\n" for row in range(40))
    data = write(tmp_path / "texts.csv", "text,label\n" + lines)
    task = build("classify", parse_settings(ClassifySettings, {"data": str(data), "word_shuffle_probability": 0.5}))
    rows = [task.train_data[0]] * 200
    plain = rows[0].ids.tolist()
    batches = [task.collate(rows, np.random.default_rng(0), training)["input_ids"] for training in (True, False)]
    shuffled, kept = ([ids.tolist() for ids in batch.reshape(200, -1)] for batch in batches)
    assert 70 < shuffled.count(plain) < 130 and len({tuple(ids) for ids in shuffled}) > 50
    assert kept.count(plain) == 200
