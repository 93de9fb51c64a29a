"""Token ids of texts as arrays: those of the tokenizer's own call; and work that is done one step ahead."""

from __future__ import annotations

import threading

import pytest
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from training.data.token_ids import one_ahead, token_ids

TEXTS = ["wood stone", "", "wood <mark> nothing stone", " ".join(["wood"] * 50)]


def make_tokenizer(kind: type[PreTrainedTokenizerFast] = PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    words = Tokenizer(models.WordLevel({"[UNK]": 0, "wood": 1, "stone": 2, "[CLS]": 3}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.post_processor = processors.TemplateProcessing(single="[CLS] $A", special_tokens=[("[CLS]", 3)])
    words.add_special_tokens([AddedToken("<mark>", special=True)])
    return kind(tokenizer_object=words, unk_token="[UNK]", pad_token="[CLS]", model_max_length=8)


class Reversed(PreTrainedTokenizerFast):
    """A tokenizer that encodes in a way of its own."""

    def _encode_plus(self, text, **options):  # type: ignore[override]
        found = super()._encode_plus(text, **options)
        found["input_ids"] = [ids[::-1] for ids in found["input_ids"]]
        return found


@pytest.mark.parametrize("kind", [PreTrainedTokenizerFast, Reversed])
@pytest.mark.parametrize("splits_special_tokens", [False, True])
def test_they_are_those_of_a_call(kind: type[PreTrainedTokenizerFast], splits_special_tokens: bool) -> None:
    tokenizer = make_tokenizer(kind)
    tokenizer.split_special_tokens = splits_special_tokens
    tokenizer(TEXTS, truncation=True, max_length=2, padding=True)  # leaves truncation and padding switched on
    found = token_ids(TEXTS, tokenizer)
    expected = make_tokenizer(kind)(TEXTS, add_special_tokens=False, split_special_tokens=splits_special_tokens)
    assert [ids.tolist() for ids in found.of_each()] == expected["input_ids"]
    assert found.counts.tolist() == [2, 0, 4, 50] and found.ids.dtype == "int32"


def test_of_no_text_there_are_none() -> None:
    found = token_ids([], make_tokenizer())
    assert len(found.ids) == 0 and found.of_each() == []


def test_the_next_is_made_while_one_is_used() -> None:
    made: list[int] = []
    second = threading.Event()

    def items():
        for number in range(3):
            made.append(number)
            if number == 1:
                second.set()
            yield number

    ahead = one_ahead(items())
    assert next(ahead) == 0 and second.wait(10)
    assert list(ahead) == [1, 2] and made == [0, 1, 2]


def test_what_goes_wrong_ahead_is_raised_after_what_came_before() -> None:
    def items():
        yield 1
        raise OSError("gone")

    ahead = one_ahead(items())
    assert next(ahead) == 1
    with pytest.raises(OSError, match="gone"):
        next(ahead)
