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
from plugins.bert_finetune.classify.tokenized_texts import TokenizedTexts
from plugins.bert_finetune.models.wordpiece import train_wordpiece
from tests.bert_models import build
from tests.files import write
from training.settings import parse_settings

TEXT = "tomatoes and cherries are redder than limes"
WORDS = st.lists(st.sampled_from(TEXT.split()), max_size=12).map(" ".join)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_wordpiece([TEXT, "tom ato es cherr ies lim es"] * 3, 60, 64)


def rows(tokenizer: Any, text: str, pair: str | None, shuffled: float) -> TokenizedTexts:
    texts = LabelledTexts([text], None if pair is None else [pair], [("a",)], [1])
    return TokenizedTexts(texts, tokenizer, 64, np.zeros(1, dtype=np.int64), shuffled)


@given(text=WORDS, pair=st.none() | WORDS, seed=st.integers(0, 2**32 - 1))
def test_the_same_words_of_the_same_text_in_another_order(tokenizer: Any, text: str, pair: str | None, seed: int):
    np.random.seed(seed)
    found, types, _ = rows(tokenizer, text, pair, 1.0)[0]
    plain, plain_types, _ = rows(tokenizer, text, pair, 0.0)[0]
    ends = tokenizer.sep_token_id
    assert (np.flatnonzero(found == ends) == np.flatnonzero(plain == ends)).all() and found[0] == plain[0]
    assert types is plain_types is None or (types == plain_types).all()  # type: ignore[union-attr]
    said = tokenizer.decode(found).split("[SEP]")
    for one, other in zip([text, pair or ""], said, strict=False):
        assert sorted(one.split()) == sorted(other.replace("[CLS]", "").split())


def test_without_written_spaces_tokens_change_places_one_by_one():
    """To a tokenizer that splits at spaces a Chinese sentence is one word."""
    text = "番茄和樱桃比青柠更红"
    plain = Tokenizer(Unigram([(letter, -1.0) for letter in ["?", "▁", *dict.fromkeys(text)]], unk_id=0))
    plain.pre_tokenizer = Metaspace()
    made = PreTrainedTokenizerFast(tokenizer_object=plain, unk_token="?")
    assert set(made(text).word_ids()) == {0}
    np.random.seed(0)
    found, before = rows(made, text, None, 1.0), rows(made, text, None, 0.0)[0][0]
    drawn = [found[0][0] for _ in range(20)]
    assert all(sorted(each) == sorted(before) for each in drawn) and len({tuple(each) for each in drawn}) > 10


def test_without_separators_no_word_leaves_its_text():
    plain = Tokenizer(WordLevel({"?": 0, "a": 1, "b": 2, "c": 3, "x": 4, "y": 5, "z": 6}, unk_token="?"))
    plain.pre_tokenizer = Whitespace()
    made = PreTrainedTokenizerFast(tokenizer_object=plain, unk_token="?")
    np.random.seed(0)
    found = rows(made, "a b c", "x y z", 1.0)
    for _ in range(20):
        ids = found[0][0].tolist()
        assert (sorted(ids[:3]), sorted(ids[3:])) == ([1, 2, 3], [4, 5, 6])


def test_orders_differ_from_reading_to_reading_and_a_share_stays(tokenizer: Any):
    some, never = rows(tokenizer, TEXT, None, 0.5), rows(tokenizer, TEXT, None, 0.0)
    np.random.seed(0)
    drawn = [some[0][0].tolist() for _ in range(200)]
    plain = never.plain(0)[0].tolist()
    assert 70 < drawn.count(plain) < 130 and len({tuple(ids) for ids in drawn}) > 50
    assert some.plain(0)[0].tolist() == plain == never[0][0].tolist()


def test_held_out_rows_stay_in_order(tmp_path: Path):
    lines = "".join(f"{TEXT} {row},{'ab'[row % 2]}\n" for row in range(40))
    data = write(tmp_path / "texts.csv", "text,label\n" + lines)
    task = build("classify", parse_settings(ClassifySettings, {"data": str(data), "word_shuffle_probability": 1.0}))
    assert task.train_data.shuffle_probability == 1 and task.eval_data.shuffle_probability == 0
