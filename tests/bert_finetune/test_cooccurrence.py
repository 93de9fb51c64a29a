"""Word embeddings that begin as co-occurrence vectors: what is counted, what they know, and what of a network stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import BertConfig, BertModel

from plugins.bert_finetune.pretrain.cooccurrence_init import SCRATCH_SCALE, init_from_cooccurrence
from plugins.bert_finetune.pretrain.corpus import TokenizedCorpus
from plugins.bert_finetune.pretrain.settings import PretrainSettings
from plugins.bert_finetune.pretrain.task import PretrainTask
from tests.bert_finetune.test_pretrain import TOPICS, corpus, settings  # noqa: F401 - the fixture
from tests.bert_models import build
from training.fit.loop import fit
from training.nn import cooccurrence
from training.nn.cooccurrence import WINDOW, cooccurrence_vectors

VOCABULARY = 9


def begun(chosen: PretrainSettings) -> PretrainTask:
    task = build("pretrain", chosen)
    task.initialise_weights(torch.device("cpu"))
    return task


def of_documents(documents: list[list[int]]) -> TokenizedCorpus:
    ends = np.concatenate([[0], np.cumsum([len(document) for document in documents])])
    return TokenizedCorpus(
        np.asarray([token for document in documents for token in document], dtype=np.int32), ends, ends
    )


@given(
    documents=st.lists(st.lists(st.integers(0, VOCABULARY - 1), max_size=14), min_size=1, max_size=5),
    at_once=st.integers(1, 20),
)
def test_pairs_are_counted_both_ways_within_the_window_and_the_document(documents: list[list[int]], at_once: int):
    expected = np.zeros((VOCABULARY, VOCABULARY))
    for document in documents:
        for one, token in enumerate(document):
            for other in document[one + 1 : one + 1 + WINDOW]:
                expected[token, other] += 1
                expected[other, token] += 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cooccurrence, "CHUNK_TOKENS", at_once)
        given = of_documents(documents)
        counts = cooccurrence._cooccurrence_counts(given.tokens, given.documents, VOCABULARY)
        assert (counts.toarray() == expected).all()


def test_words_said_beside_the_same_words_have_like_vectors():
    """2 and 3 never meet, but both stand beside 4, 5 and 6; 7 stands beside 8 alone; 0 and 1 are not said."""
    counted = of_documents([[2, 4, 5, 6], [3, 6, 4, 5], [7, 8, 7, 8]] * 20)
    vectors = cooccurrence_vectors(counted.tokens, counted.documents, VOCABULARY, 4)
    assert vectors.shape == (VOCABULARY, 4) and vectors.dtype == np.float32
    assert vectors[2] @ vectors[3] > 0.9 and abs(vectors[2] @ vectors[7]) < 0.1
    assert (vectors[:2] == 0).all() and np.allclose(np.linalg.norm(vectors[2:], axis=1), 1)


def test_a_new_network_knows_the_topics_of_words_before_its_first_step(corpus: Path):  # noqa: F811
    task = begun(settings(corpus, cooccurrence_init=True))
    known = [task.tokenizer.convert_tokens_to_ids(words) for words in TOPICS if not {*words} - {*task.tokenizer.vocab}]
    assert len(known) >= 5
    words = task.embeddings[torch.tensor(known)].flatten(0, 1)
    like = torch.nn.functional.cosine_similarity(words[:, None], words, dim=2)
    same = torch.eye(len(known)).repeat_interleave(4, 0).repeat_interleave(4, 1).bool()
    assert like[same].min() > like[~same].max()


def test_neighbour_heads_keep_their_dimensions_and_words_and_positions_their_measure(corpus: Path):  # noqa: F811
    sizes: dict[str, Any] = {"heads": 4, "hidden_size": 64, "layers": 2}
    plain, task = (begun(settings(corpus, cooccurrence_init=begin, **sizes)) for begin in (False, True))
    assert (task.embeddings[:, -16:] == 0).all()
    bodies = [each.model.bert.embeddings for each in (plain, task)]  # type: ignore[union-attr]
    for name in ("word_embeddings", "position_embeddings", "token_type_embeddings"):
        one, other = (getattr(body, name).weight for body in bodies)
        assert float((other.std() / one.std()).detach()) == pytest.approx(SCRATCH_SCALE, rel=0.05)


def test_of_trained_weights_the_rest_stays(corpus: Path, tmp_path: Path):  # noqa: F811
    first = build("pretrain", settings(corpus, steps=2))
    fit(first, first.settings, tmp_path)
    chosen = settings(corpus, model=str(tmp_path / "artifact"), cooccurrence_init=True)
    before = dict(build("pretrain", chosen.model_copy(update={"cooccurrence_init": False})).model.named_parameters())
    task = begun(chosen)
    after = dict(task.model.named_parameters())
    changed = [name for name, weight in after.items() if not torch.equal(weight, before[name])]
    assert changed == ["bert.embeddings.word_embeddings.weight"]
    old, new = before[changed[0]], after[changed[0]]
    assert torch.equal(old[task.tokenizer.all_special_ids], new[task.tokenizer.all_special_ids])
    assert float((new.std() / old.std()).detach()) == pytest.approx(1, rel=0.05)
    assert torch.equal(new, dict(begun(chosen).model.named_parameters())[changed[0]])


@pytest.mark.parametrize(("rate", "moves"), [(0.0, False), (0.1, True), (1.0, True)])
def test_the_embeddings_have_a_rate_of_their_own(corpus: Path, tmp_path: Path, rate: float, moves: bool):  # noqa: F811
    task = build("pretrain", settings(corpus, steps=3, embedding_lr_multiplier=rate, weight_decay=0.1))
    before = {name: weight.detach().clone() for name, weight in task.model.named_parameters()}
    fit(task, task.settings, tmp_path)
    words = "bert.embeddings.word_embeddings.weight"
    moved = {name: (weight - before[name]).abs().max().item() for name, weight in task.model.named_parameters()}
    assert (moved.pop(words) > 0) == moves and all(moved.values())


def test_a_model_wider_than_its_vocabulary_can_begin_so(corpus: Path):  # noqa: F811
    task = begun(settings(corpus, cooccurrence_init=True, hidden_size=256, heads=2, vocabulary_size=110))
    assert task.embeddings.isfinite().all()


def test_words_that_nothing_tells_apart_leave_the_embeddings_as_they_are():
    model = BertModel(BertConfig(vocab_size=VOCABULARY, hidden_size=4, num_hidden_layers=1, num_attention_heads=1))
    before = model.embeddings.word_embeddings.weight.detach().clone()
    init_from_cooccurrence(model, of_documents([[2, 0, 2, 0, 2, 0]] * 3), [0], SCRATCH_SCALE)
    assert torch.equal(model.embeddings.word_embeddings.weight, before)
