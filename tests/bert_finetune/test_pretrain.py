"""Pre-training: what is hidden, what is paired, what is learned, and the bad corpora."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import BPE
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    BertForPreTraining,
    DistilBertConfig,
    DistilBertForMaskedLM,
    PreTrainedTokenizerFast,
)

from plugins.bert_finetune.models import loading
from plugins.bert_finetune.models.wordpiece import train_wordpiece
from plugins.bert_finetune.pretrain import network
from plugins.bert_finetune.pretrain.corpus import TokenizedCorpus, tokenize_corpus
from plugins.bert_finetune.pretrain.data import _paragraphs, read
from plugins.bert_finetune.pretrain.masking import Masker
from plugins.bert_finetune.pretrain.previous_token_head_init import offsets
from plugins.bert_finetune.pretrain.probe_data import read_probe_texts
from plugins.bert_finetune.pretrain.representation_metrics import collapse_warnings, effective_rank
from plugins.bert_finetune.pretrain.sentence_splitting import split_sentences
from plugins.bert_finetune.pretrain.settings import PretrainSettings
from plugins.bert_finetune.pretrain.vocabulary import sample
from plugins.bert_finetune.pretrain.windows import IS_NEXT, IS_OTHER, CorpusWindows, sample_segment_pair
from tests.bert_models import build, check, load
from training.data.documents import hold_out
from training.data.table import Table
from training.data.text_documents import read_documents
from training.errors import UserError
from training.fit.loop import fit
from training.nn.load_pretrained import max_positions
from training.settings import parse_settings

SYLLABLES = [first + rest for first in "bdfgklmnpr" for rest in ("ab", "ek", "il", "om")]
TOPICS = [SYLLABLES[start : start + 4] for start in range(0, 40, 4)]  # ten, of four words each
TINY = {"layers": 1, "heads": 2, "hidden_size": 48, "vocabulary_size": 200, "max_length": 32, "dropout": 0.0}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """300 documents of 6 sentences; all of a document are of one topic."""
    random, path, documents = np.random.default_rng(0), tmp_path / "corpus.txt", []
    for number in range(300):
        words = TOPICS[number % len(TOPICS)]
        documents.append(" ".join(f"The {' '.join(random.permutation(words))}." for _ in range(6)))
    path.write_text("\n\n".join(documents) + "\n", encoding="utf-8")
    return path


def settings(data: Path, **values: Any) -> PretrainSettings:
    return parse_settings(PretrainSettings, {"data": str(data), **TINY, **values})


def toy_corpus(documents: list[list[int]]) -> TokenizedCorpus:
    """Documents of sentences of the given lengths; every token is its own place."""
    lengths = [length for document in documents for length in document]
    sentences = np.concatenate([[0], np.cumsum(lengths)])
    counts = np.concatenate([[0], np.cumsum([len(document) for document in documents])])
    return TokenizedCorpus(np.arange(sentences[-1], dtype=np.int32), sentences, sentences[counts])


# -- sentences, windows, pairs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It rained. We left!", ["It rained.", "We left!"]),
        ("Mr. Smith met J. Doe, e.g. Anna. They spoke.", ["Mr. Smith met J. Doe, e.g. Anna.", "They spoke."]),
        ('"Go!" He went.', ['"Go!"', "He went."]),
        ("version 2.5 is out", ["version 2.5 is out"]),
        ("   ", []),
    ],
)
def test_a_paragraph_is_cut_where_sentences_end(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


documents_of = st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=8), min_size=2, max_size=6)


@given(documents_of, st.integers(8, 60))
def test_windows_hold_every_token_once_but_for_short_ends(documents: list[list[int]], size: int) -> None:
    corpus = toy_corpus(documents)
    windows = CorpusWindows(corpus, size)
    seen = [token for row in range(len(windows)) for token in range(windows[row].start, windows[row].end)]
    assert len(seen) == len(set(seen))
    lost = len(corpus.tokens) - len(seen)
    assert lost < 8 * len(documents) and all(windows.lengths <= size)


@given(documents_of, st.integers(0, 10_000))
def test_a_pair_is_the_window_itself_or_goes_on_in_another_document(documents: list[list[int]], seed: int) -> None:
    corpus = toy_corpus(documents)
    windows = CorpusWindows(corpus, 40)
    for row in range(len(windows)):
        window = windows[row]
        first, second, label = sample_segment_pair(window, "nsp", np.random.default_rng(seed))
        assert first[0] == window.start and len(first) + len(second) <= 40
        if label == IS_NEXT:
            assert np.array_equal(np.concatenate([first, second]), np.arange(window.start, window.end))
        else:
            low, high = corpus.documents[window.document : window.document + 2]
            assert not ((second >= low) & (second < high)).any()


def test_sentence_order_swaps_the_segments_half_of_the_time() -> None:
    window = CorpusWindows(toy_corpus([[5, 5, 5], [9]]), 40)[0]
    labels = []
    for seed in range(400):
        first, second, label = sample_segment_pair(window, "sop", np.random.default_rng(seed))
        assert (first[0] < second[0]) == (label == IS_NEXT)
        labels.append(label)
    assert 0.4 < np.mean(np.asarray(labels) == IS_OTHER) < 0.6


# -- masks -----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_wordpiece(["unbelievable windows shine brightly over quiet harbours"] * 3, 60, 64)


@pytest.mark.parametrize("unit", ["token", "whole_word", "span"])
def test_masks_take_their_share_and_never_a_special_token(tokenizer: Any, unit: str) -> None:
    masker, random = Masker(tokenizer, 0.15, unit), np.random.default_rng(0)
    ids = np.asarray(tokenizer("unbelievable windows shine brightly over quiet harbours " * 6)["input_ids"])
    sizes = []
    for _ in range(200):
        at = masker.choose(ids, random)
        assert not np.isin(ids[at], tokenizer.all_special_ids).any() and len(set(at)) == len(at)
        sizes.append(len(at) / (len(ids) - 2))
    assert 0.12 < np.mean(sizes) < 0.25


def test_without_an_unknown_token_every_word_can_be_hidden() -> None:
    words = Tokenizer(BPE(vocab={"a": 0, "b": 1, "[MASK]": 2}, merges=[]))
    masker = Masker(PreTrainedTokenizerFast(tokenizer_object=words, mask_token="[MASK]"), 0.5, "token")
    assert masker.ordinary.tolist() == [0, 1]


def test_whole_word_masks_hide_all_pieces_of_a_word(tokenizer: Any) -> None:
    masker, random = Masker(tokenizer, 0.3, "whole_word"), np.random.default_rng(0)
    found = tokenizer("unbelievable windows shine brightly")
    words = found.word_ids()
    for _ in range(50):
        at = set(masker.choose(np.asarray(found["input_ids"]), random).tolist())
        chosen = {words[position] for position in at}
        assert at == {position for position, word in enumerate(words) if word in chosen and word is not None}


def test_of_the_chosen_80_in_100_are_masked_and_10_replaced(tokenizer: Any) -> None:
    masker, random = Masker(tokenizer, 0.15, "token"), np.random.default_rng(0)
    ids = np.full(20_000, masker.ordinary[5])
    shown = masker.corrupt(ids, np.arange(len(ids)), random)
    assert abs(np.mean(shown == tokenizer.mask_token_id) - 0.8) < 0.02
    assert abs(np.mean(shown == ids) - 0.1) < 0.02


# -- the network -----------------------------------------------------------------------------------------------------------


def test_dropout_is_that_of_the_settings_by_whichever_name(corpus: Path, tokenizer: Any, tmp_path: Path) -> None:
    config = DistilBertConfig(vocab_size=len(tokenizer), dim=48, hidden_dim=48, n_layers=1, n_heads=2)
    DistilBertForMaskedLM(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    model = build("pretrain", settings(corpus, model=str(tmp_path), sentence_objective="none", dropout=0.3)).model
    shares = {each.p for each in model.modules() if isinstance(each, torch.nn.Dropout)}
    assert model.config.dropout == 0.3 and 0.3 in shares and 0.1 not in shares


@pytest.mark.parametrize(
    ("kind", "less"), [("bert", 0), ("roberta", 2), ("mpnet", 2), ("xlm-roberta", 2), ("electra", 0)]
)
def test_tokens_that_can_be_placed(kind: str, less: int) -> None:
    sizes: dict[str, Any] = {
        "vocab_size": 50,
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "intermediate_size": 8,
    }
    model = AutoModel.from_config(AutoConfig.for_model(kind, max_position_embeddings=20, **sizes)).eval()
    most = max_positions(model)
    assert most == 20 - less
    with torch.no_grad():
        assert model(torch.full((1, most), 7)).last_hidden_state.shape[1] == most
        with pytest.raises((IndexError, RuntimeError)):
            model(torch.full((1, most + 1), 7))


@pytest.mark.parametrize("sentence_objective", ["nsp", "none"])
def test_the_words_asked_for_are_those_of_the_plain_network(corpus: Path, sentence_objective: str) -> None:
    task = build("pretrain", settings(corpus, sentence_objective=sentence_objective))
    model = task.model.eval()
    batch = task.collate([task.train_data[row] for row in range(4)], np.random.default_rng(0), training=True)
    inputs = {name: batch[name] for name in ("input_ids", "token_type_ids", "attention_mask") if name in batch}
    with torch.no_grad():
        quick, plain = network.forward(model, batch), model(**inputs)
    logits = plain.prediction_logits if sentence_objective == "nsp" else plain.logits
    torch.testing.assert_close(quick.words, logits.flatten(0, 1)[batch["positions"]])


class Vocabulary:
    """As many entries as the paper's."""

    pad_token_id = 0

    def __len__(self) -> int:
        return 30_522


@pytest.mark.parametrize(("size", "millions"), [("bert-base", 110), ("bert-large", 336)])
def test_the_presets_have_the_papers_sizes(tmp_path: Path, size: str, millions: int) -> None:
    chosen = parse_settings(PretrainSettings, {"size": size})
    with torch.device("meta"):
        model = BertForPreTraining(loading.new_config(chosen.sized(), Vocabulary()))
    assert round(sum(weight.numel() for weight in model.parameters()) / 1e6) == millions


def test_heads_begin_by_looking_at_their_neighbours(corpus: Path) -> None:
    """Chance of 20 tokens would be 0.05 at each offset."""
    model = build("pretrain", settings(corpus, heads=4, hidden_size=128, layers=2)).model.eval()
    model.set_attn_implementation("eager")  # type: ignore[operator] - a network of transformers
    with torch.no_grad():
        found = model.bert(torch.arange(5, 25)[None], output_attentions=True).attentions[0][0]  # type: ignore[operator, union-attr]
    for head, offset in enumerate(offsets(0, 4)):
        assert torch.diagonal(found[head], offset).mean() > 0.3


@pytest.mark.slow
def test_what_looks_at_neighbours_learns_order_sooner(tmp_path: Path) -> None:
    """Sentences in which each word tells the next: what follows is known from the word before, and from no bag of words."""
    random, lines = np.random.default_rng(0), []
    for _ in range(400):
        start = int(random.integers(40))
        lines.append(" ".join(SYLLABLES[(start + 7 * place) % 40] for place in range(12)) + ".")
    path = tmp_path / "chains.txt"
    path.write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    accuracy = {}
    for looks in (True, False):
        folder = tmp_path / str(looks)
        folder.mkdir()
        chosen = settings(
            path,
            steps=150,
            learning_rate=2e-3,
            sentence_objective="none",
            heads=4,
            hidden_size=64,
            previous_token_head_init=looks,
        )
        accuracy[looks] = fit(build("pretrain", chosen), chosen, folder).metrics["masked_accuracy"]
    assert accuracy[True] > 0.8 and accuracy[True] > 2 * accuracy[False]


# -- learning --------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_it_learns_hidden_words_and_following_sentences(tmp_path: Path, corpus: Path) -> None:
    """Chance: a word in 45, a pair in 2."""
    chosen = settings(corpus, steps=400, batch_size=32, learning_rate=3e-3, eval_every=200, half_precision=True)
    found = fit(build("pretrain", chosen), chosen, tmp_path).metrics
    assert found["masked_accuracy"] > 0.4, found
    assert found["next_accuracy"] > 0.85, found
    model = load(tmp_path / "artifact")
    guesses = model.fill_mask("The bab bil bek bom. The bab [MASK] bil bom.", 2)["masks"][0]
    assert {guess["word"] for guess in guesses} <= set(TOPICS[0])
    assert len(model.embed("The bab.")) == 48
    right = 0
    for topic, other in zip(TOPICS, [*TOPICS[1:], TOPICS[0]], strict=True):
        first, same, changed = (f"The {' '.join(words)}." for words in (topic, topic[::-1], other))
        first = f"{first} The {' '.join(topic[2:] + topic[:2])}."
        right += model.next_sentence(first, same)["probability"] > 0.5
        right += model.next_sentence(first, changed)["probability"] < 0.5
    assert right >= 14, right  # of 20, chance 10
    assert json.loads((tmp_path / "artifact/config.json").read_text())["architectures"] == ["BertForPreTraining"]
    assert AutoModelForMaskedLM.from_pretrained(tmp_path / "artifact").dtype == torch.float16


def test_the_same_step_draws_the_same_masks(corpus: Path) -> None:
    task, rows = build("pretrain", settings(corpus)), range(8)
    masked = [
        task.collate([task.train_data[row] for row in rows], np.random.default_rng(seed), training=True)["input_ids"]
        for seed in (7, 7, 8)
    ]
    assert torch.equal(masked[0], masked[1]) and not torch.equal(masked[0], masked[2])


def test_collapsed_vectors_are_an_alarm() -> None:
    random = np.random.default_rng(0)
    spread, alike = random.normal(size=(100, 32)), np.outer(random.normal(size=100), np.ones(32))
    assert effective_rank(spread) > 20 and not collapse_warnings({"effective_rank": effective_rank(spread)}, 100)
    assert "Collapse" in collapse_warnings({"effective_rank": effective_rank(alike)}, 100)[0]


# -- bad input -------------------------------------------------------------------------------------------------------------


def red(path: Path, text: str, **values: Any) -> str:
    path.write_text(text, encoding="utf-8")
    return " ".join(
        finding.title for finding in check("pretrain", settings(path, **values)).findings if finding.level == "red"
    )


def test_a_corpus_without_text_is_refused(tmp_path: Path) -> None:
    assert "empty" in red(tmp_path / "a.txt", "\n\n \n")
    assert "one sentence" in red(tmp_path / "a.txt", "Only this.\n")


def test_one_sentence_can_have_its_words_hidden(tmp_path: Path) -> None:
    sentence = "One sentence of ten words is what the whole corpus holds.\n"
    assert not red(tmp_path / "a.txt", sentence, sentence_objective="none")
    sheet = check("pretrain", settings(tmp_path / "a.txt", sentence_objective="none"))
    assert any(row.level == "amber" and "Only 11 words" in row.title for row in sheet.findings)


def test_next_sentences_need_two_documents(tmp_path: Path) -> None:
    text = "It rained. We left. They stayed.\nIt was late.\n"
    assert "needs two" in red(tmp_path / "a.txt", text)
    assert not red(tmp_path / "a.txt", text, sentence_objective="sop")


def test_documents_too_short_for_a_row_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("It rained.\n\nWe left.\n")
    with pytest.raises(UserError, match="No document has the 8 tokens"):
        build("pretrain", settings(tmp_path / "a.txt"))


def test_one_document_holds_its_end_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a\nb\nc\nd\n")
    documents, _ = read_documents(str(tmp_path / "a.txt"), "", "", _paragraphs)
    assert [list(side) for side in hold_out(documents, 0.25, 0)] == [[["a\n", "b\n", "c\n"]], [["d\n"]]]


def test_a_model_without_a_mask_refuses_to_guess(tmp_path: Path, corpus: Path) -> None:
    task = build("pretrain", settings(corpus))
    task.save(task.model, tmp_path / "saved")
    model = load(tmp_path / "saved")
    with pytest.raises(UserError, match=r"no \[MASK\]"):
        model.fill_mask("no hole")
    model.tokenizer.mask_token = None
    with pytest.raises(UserError, match="no mask token"):
        model.fill_mask("a [MASK]")


def test_documents_and_sentences_are_found_again_in_the_tokens(tokenizer: Any) -> None:
    found = tokenize_corpus([["windows shine", "over"], ["quiet harbours"]], tokenizer)
    assert len(found) == 2 and len(found.sentences) == 4
    assert tokenizer.decode(found.tokens[found.documents[1] :]) == "quiet harbours"


# -- the corpus on disk -----------------------------------------------------------------------------------------------------


def in_memory(data: Path) -> tuple[Any, TokenizedCorpus]:
    """Vocabulary and tokens of the training documents, held as Python lists."""
    train = list(read(settings(data)).train)
    tokenizer = train_wordpiece([" ".join(document) for document in train], TINY["vocabulary_size"], TINY["max_length"])
    return tokenizer, tokenize_corpus(train, tokenizer)


def test_a_corpus_on_disk_gives_the_rows_of_one_in_memory(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugins.bert_finetune.pretrain.corpus.TOKENIZED_TOGETHER", 7)
    tokenizer, wanted = in_memory(corpus)
    task = build("pretrain", settings(corpus))
    assert task.tokenizer.get_vocab() == tokenizer.get_vocab()
    found = task.train_data.corpus
    assert found.tokens.dtype == np.uint16 and wanted.tokens.dtype == np.int32
    for name in ("tokens", "sentences", "documents"):
        assert np.array_equal(getattr(found, name), getattr(wanted, name)), name
    windows = CorpusWindows(wanted, TINY["max_length"] - 3)
    assert np.array_equal(windows.rows, task.train_data.rows)
    task.train_data, rows = windows, [task.train_data[row] for row in (3, 0, 5)]
    batches = [
        task.collate(each, np.random.default_rng(1), True) for each in (rows, [windows[row] for row in (3, 0, 5)])
    ]
    assert all(torch.equal(batches[0][name], batches[1][name]) for name in batches[1])


def test_the_second_start_reads_splits_and_tokenizes_nothing(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build("pretrain", settings(corpus))
    for name in ("corpus._tokenized", "vocabulary.learn_wordpiece", "windows._cut_all"):
        monkeypatch.setattr(f"plugins.bert_finetune.pretrain.{name}", lambda *given: pytest.fail("made again"))
    again = build("pretrain", settings(corpus))
    assert np.array_equal(again.train_data.rows, first.train_data.rows)
    with pytest.raises(pytest.fail.Exception, match="made again"):
        build("pretrain", settings(corpus, seed=1))  # other documents are held out


def test_a_large_corpus_gives_its_vocabulary_a_sample_and_says_so(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plugins.bert_finetune.pretrain.vocabulary.MAX_CHARACTERS", 3000)
    train = read(settings(corpus)).train
    sampled = list(sample(train))
    assert 2900 < sum(map(len, sampled)) < 3100 < train.characters
    topics = {sentence.split()[1][:2] for sentence in sampled}
    assert len(topics) > 8  # from all over the corpus
    titles = [finding.title for finding in build("pretrain", settings(corpus)).findings()]
    assert any(title.startswith("The vocabulary is learned from") for title in titles)


# -- the bag of words ------------------------------------------------------------------------------------------------------


def test_the_bag_holds_the_different_words_of_a_row_as_they_were_before_masking(corpus: Path) -> None:
    task = build("pretrain", settings(corpus, bag_of_words_loss_weight=1.0, mask_ratio=0.9))
    torch.manual_seed(0)
    batch = task.collate([task.train_data[0], task.train_data[1]], np.random.default_rng(0), training=True)
    for row in range(2):
        bag = batch["bag"][batch["bag_owners"] == row].tolist()
        assert len(bag) == len(set(bag)) and not {*bag} & {*task.tokenizer.all_special_ids}
        shown = {*batch["input_ids"][row].tolist()} - {*task.tokenizer.all_special_ids}
        assert len(shown - {*bag}) <= 4  # but for the random tokens of masking


@pytest.mark.slow
@pytest.mark.parametrize(("objective", "steps"), [("sop", 250), ("none", 120)])
def test_with_the_bag_the_first_token_tells_the_topic(corpus: Path, tmp_path: Path, objective: str, steps: int) -> None:
    """Ten topics, so chance is 0.1. Half of the rows teach logistic regression, half are asked."""
    from plugins.bert_finetune.models.linear_probe import linear_probe

    task = build(
        "pretrain",
        settings(
            corpus,
            bag_of_words_loss_weight=1.0,
            sentence_objective=objective,
            steps=steps,
            batch_size=32,
            learning_rate=3e-3,
        ),
    )
    fit(task, task.settings, tmp_path)
    rows = [task.train_data[row] for row in range(200)]
    words = [task.tokenizer.decode(row.corpus.tokens[row.start : row.end]).split() for row in rows]
    labels = [next(topic for topic, known in enumerate(TOPICS) if {*known} & {*text}) for text in words]
    batch = task.collate(rows, np.random.default_rng(0), training=True)
    with torch.no_grad():
        bag = network.forward(task.model.eval(), batch, bag=True).bag
    assert bag is not None and bag.shape == (200, len(task.tokenizer))
    assert linear_probe().fit(bag[::2], labels[::2]).score(bag[1::2], labels[1::2]) > 0.5


def test_without_the_bag_nothing_of_it_is_computed(corpus: Path) -> None:
    task = build("pretrain", settings(corpus))
    batch = task.collate([task.train_data[0]], np.random.default_rng(0), training=True)
    assert "bag" not in batch and network.forward(task.model, batch).bag is None


def test_the_probe_reads_as_many_labelled_rows_as_it_uses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"text {number},{'' if number == 3 else 'ab'[number % 2]}" for number in range(40)]
    (tmp_path / "probe.csv").write_text("text,label\n" + "\n".join(lines))
    monkeypatch.setattr(Table, "strings", lambda *_: pytest.fail("all rows were made strings"))
    found = read_probe_texts(PretrainSettings(probe_data=str(tmp_path / "probe.csv"), probe_rows=21))
    assert [row.text for row in found] == [f"text {number}" for number in range(22) if number != 3]
    assert found[0].label == "a" and found[-1].label == "b"
