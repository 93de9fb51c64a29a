"""Next-token training: what is packed, what is learned, and the bad corpora."""

from __future__ import annotations

import copy
import json
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BloomConfig,
    BloomForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
)

from plugins.gpt_prompting import PLUGIN
from plugins.gpt_prompting.pretrain import corpus as corpus_module
from plugins.gpt_prompting.pretrain import network
from plugins.gpt_prompting.pretrain.bpe_tokenizer import train_tokenizer
from plugins.gpt_prompting.pretrain.chunked_cross_entropy import chunked_cross_entropy
from plugins.gpt_prompting.pretrain.corpus import (
    UNLABELLED,
    CorpusRows,
    Segment,
    TokenCorpus,
    encode_dialogues,
    encode_texts,
)
from plugins.gpt_prompting.pretrain.data import read
from plugins.gpt_prompting.pretrain.dialogues import TRANSCRIPT, Dialogues, Turn, render_dialogue
from plugins.gpt_prompting.pretrain.packing import pack
from plugins.gpt_prompting.pretrain.settings import SIZES, PretrainSettings
from plugins.gpt_prompting.pretrain.texts import Texts
from plugins.gpt_prompting.pretrain.vocabulary import train_vocabulary
from plugins.testing import check_plugin
from tests.files import write as write_file
from training.errors import UserError
from training.fit.loop import fit
from training.nn.packed_attention import layout_of
from training.preflight.sheet import Sheet
from training.settings import parse_settings

SYLLABLES = [first + rest for first in "bdfgklmnpr" for rest in ("ab", "ek", "il", "om")]
TINY = {"layers": 2, "heads": 4, "hidden_size": 64, "vocabulary_size": 300, "max_length": 48, "device": "cpu"}


def build_pretrain(values: PretrainSettings) -> Any:
    kind = PLUGIN.kind("pretrain")
    return kind.build(kind.read(values), values)


def check_pretrain(values: PretrainSettings) -> Sheet:
    return PLUGIN.kind("pretrain").examine(values)[1]


def chosen(**values: Any) -> PretrainSettings:
    return parse_settings(PretrainSettings, {**TINY, **values})


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Every word has one word that follows it."""
    random, lines = np.random.default_rng(0), []
    for _ in range(150):
        start = int(random.integers(40))
        lines.append(" ".join(SYLLABLES[(start + step) % 40] for step in range(20)))
    return write_file(tmp_path / "corpus.txt", "\n".join(lines) + "\n")


@pytest.fixture
def talks(tmp_path: Path) -> Path:
    rows = []
    for number in range(60):
        word = SYLLABLES[number % 40]
        turns = [{"role": "user", "content": f"say {word}"}, {"role": "assistant", "content": f"{word} it is"}]
        rows.append(json.dumps({"turns": turns}))
    return write_file(tmp_path / "talks.jsonl", "\n".join(rows) + "\n")


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """Six tasks of three classes; the texts of a class share their words."""
    random, rows = np.random.default_rng(0), ["task,text,label"]
    for task in range(6):
        for label in range(3):
            words = SYLLABLES[(task * 6 + label * 2) % 40 :][:2]
            rows += [f"task{task},{' '.join(random.permutation(words * 2))},kind{label}" for _ in range(12)]
    return write_file(tmp_path / "tasks.csv", "\n".join(rows) + "\n")


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer(["User: say something\nAssistant: something it is, quietly\n"] * 3, 300, 64)


# -- sizes, vocabulary -----------------------------------------------------------------------------------------------------


def gpt2_config(words: int, positions: int, width: int, layers: int, heads: int) -> GPT2Config:
    sizes: dict[str, Any] = {
        "vocab_size": words,
        "n_positions": positions,
        "n_embd": width,
        "n_layer": layers,
        "n_head": heads,
    }
    return GPT2Config(**sizes, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0)


@pytest.mark.parametrize("name", list(SIZES))
def test_the_parameters_of_a_size_are_those_of_the_network_made_from_its_configuration(name: str) -> None:
    size = SIZES[name]
    config = gpt2_config(size.vocabulary, size.positions, size.width, size.layers, size.heads)
    with torch.device("meta"):
        model = GPT2LMHeadModel(config)
    assert sum(weight.numel() for weight in model.parameters()) == size.parameters


def test_the_sheet_counts_the_parameters_before_anything_is_built(corpus: Path) -> None:
    titles = [finding.title for finding in check_pretrain(chosen(data=str(corpus), size="gpt2-xl")).findings]
    assert any("1,557,611,200 parameters" in title for title in titles)


def test_the_vocabulary_writes_any_text_and_is_the_same_each_time() -> None:
    texts = ["low lower lowest", "new newer newest"] * 5
    first, second = (train_tokenizer(texts, 280, 64) for _ in range(2))
    assert first.get_vocab() == second.get_vocab() and len(first) <= 280
    strange = "naïve 東京 🙂\t\u0000"
    assert first.decode(first(strange)["input_ids"]) == strange


# -- rows and packing ------------------------------------------------------------------------------------------------------


def toy_corpus(lengths: list[int]) -> TokenCorpus:
    starts = np.concatenate([[0], np.cumsum(lengths)])
    tokens = np.arange(starts[-1], dtype=np.int32)
    return TokenCorpus(tokens, tokens + 1, starts, len(tokens))


@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.integers(2, 30), st.booleans())
def test_rows_hold_every_token_once_and_no_segment_crosses_a_document(lengths: list[int], size: int, separate: bool) -> None:  # fmt: skip
    corpus = toy_corpus(lengths)
    rows = CorpusRows(corpus, size, separate)
    segments = [segment for row in range(len(rows)) for segment in rows[row]]
    seen = np.concatenate([segment.ids for segment in segments]) if segments else np.zeros(0)
    assert np.array_equal(seen, np.arange(len(seen))) and len(corpus.tokens) - len(seen) < 2
    inner = set(corpus.starts[1:-1].tolist())
    if separate:
        assert not any(inner & set(segment.ids[1:].tolist()) for segment in segments)
    else:
        assert len(segments) == len(rows)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=12))
def test_every_token_is_found_again_behind_attention(lengths: list[int]) -> None:
    layout = layout_of(np.asarray(lengths))
    laid = torch.cat([block.flatten() for block in layout["blocks"]])
    assert torch.equal(laid[layout["back"]], torch.arange(sum(lengths)))


def small(kind: str) -> Any:
    torch.manual_seed(0)
    if kind == "gpt2":
        return GPT2LMHeadModel(gpt2_config(90, 64, 32, 2, 4))
    if kind == "llama":
        sizes: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}  # fmt: skip
        return LlamaForCausalLM(LlamaConfig(vocab_size=90, max_position_embeddings=64, **sizes))
    return BloomForCausalLM(BloomConfig(vocab_size=90, hidden_size=32, n_layer=2, n_head=4))


@pytest.mark.parametrize("kind", ["gpt2", "llama", "bloom"])
def test_packed_segments_have_the_losses_and_gradients_that_each_has_alone(kind: str) -> None:
    alone = small(kind)
    packed = copy.deepcopy(alone)
    network.use_packed_attention(packed)
    assert network.is_packed(packed) == (kind != "bloom")
    rng, segments = np.random.default_rng(0), []
    for length in (9, 17, 4, 16, 9):
        ids = rng.integers(0, 90, length + 1).astype(np.int32)
        targets = np.where(rng.random(length) < 0.3, UNLABELLED, ids[1:]).astype(np.int32)
        segments.append(Segment(ids[:-1], targets, np.ones(length, dtype=np.float32)))
    losses = network.forward(packed, pack([segments[:2], segments[2:]])).losses
    wanted = []
    for segment in segments:
        logits = alone(torch.as_tensor(segment.ids[None].astype(np.int64))).logits[0]
        loss = torch.nn.functional.cross_entropy(logits, torch.as_tensor(segment.targets.astype(np.int64)), reduction="none")  # fmt: skip
        wanted.append(loss[torch.as_tensor(segment.targets != UNLABELLED)])
    assert torch.allclose(losses, torch.cat(wanted), atol=1e-5)
    losses.mean().backward()
    torch.cat(wanted).mean().backward()
    for (name, one), other in zip(alone.named_parameters(), packed.parameters(), strict=True):
        assert torch.allclose(one.grad, other.grad, atol=1e-5), name


LONG = "\n\n  It said  something.\n  \nAnd then\n\tit\nwas quiet;\n\n\nso it is,\nsomething is said \n quietly\nalways\n \n"


def texts_of(path: Path, *documents: str) -> Texts:
    path.write_text("\n<|endoftext|>\n".join(documents))
    return read(chosen(data=str(path), eval_share=0)).texts


def test_texts_on_disk_have_the_tokens_of_texts_in_memory(
    tmp_path: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plugins.gpt_prompting.pretrain.texts.PIECE_CHARACTERS", 5)
    monkeypatch.setattr("plugins.gpt_prompting.pretrain.corpus.TOKENIZER_BATCH", 2)
    texts = texts_of(tmp_path / "a.txt", LONG, " \n", "short", LONG * 3)
    assert list(texts) == [LONG.strip(), "short", (LONG * 3).strip()]
    assert len([*next(texts.pieces())]) == 4  # cut only between two lines with text and no other white space
    found, wanted = encode_texts(texts, tokenizer), encode_texts(list(texts), tokenizer)
    assert (found.tokens.dtype, found.size_bytes) == (np.uint16, wanted.size_bytes)
    for name in ("tokens", "targets", "starts"):
        assert np.array_equal(getattr(found, name), getattr(wanted, name)), name
    one, other = (CorpusRows(corpus, 16, separate=True)[1] for corpus in (found, wanted))
    assert all(
        np.array_equal(a, b) and a.dtype == b.dtype
        for x, y in zip(one, other, strict=True)
        for a, b in zip(x, y, strict=True)
    )


def test_a_very_long_line_is_cut_between_words_and_has_the_tokens_of_the_whole(
    tmp_path: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a line of 200 MB 4 million characters were given to the tokenizer at once, which took 2.3 GB."""
    monkeypatch.setattr("plugins.gpt_prompting.pretrain.corpus.PIECE_CHARACTERS", 40)
    line = " ".join(["it's", "said,", "42", "wood", " two", "«so»", "\t", "l'été"] * 50)
    texts, given = texts_of(tmp_path / "a.txt", line), []

    def token_ids(batch: list[str], tokenizer: Any) -> Any:
        given.extend(batch)
        return own(batch, tokenizer)

    own = corpus_module.token_ids
    monkeypatch.setattr(corpus_module, "token_ids", token_ids)
    found = encode_texts(texts, tokenizer)
    assert max(map(len, given)) < 80 and "".join(given).endswith(line)
    assert np.array_equal(found.tokens, encode_texts(list(texts), tokenizer).tokens)


def test_a_tokenizer_that_marks_where_a_text_begins_gets_it_whole(
    tmp_path: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("texts", "corpus"):
        monkeypatch.setattr(f"plugins.gpt_prompting.pretrain.{place}.PIECE_CHARACTERS", 5)
    marking = copy.deepcopy(tokenizer)
    marking.backend_tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    texts = texts_of(tmp_path / "a.txt", LONG)
    assert np.array_equal(encode_texts(texts, marking).tokens, encode_texts(list(texts), marking).tokens)


def test_a_vocabulary_learned_from_pieces_is_that_of_whole_texts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train_tokenizer([LONG.strip() * 9], 300, 64).get_vocab()
    monkeypatch.setattr("plugins.gpt_prompting.pretrain.texts.PIECE_CHARACTERS", 5)
    (tmp_path / "a.txt").write_text(LONG.strip() * 9)
    data = read(chosen(data=str(tmp_path / "a.txt"), eval_share=0))
    assert train_vocabulary(data, 300, 64).get_vocab() == whole
    monkeypatch.setattr(
        "plugins.gpt_prompting.pretrain.vocabulary.learn_bpe", lambda *given: pytest.fail("learned again")
    )
    assert train_vocabulary(data, 300, 64).get_vocab() == whole
    with pytest.raises(pytest.fail.Exception, match="learned again"):
        train_vocabulary(data, 301, 64)


def test_documents_that_share_a_row_see_each_other_only_where_that_is_wished(tokenizer: Any) -> None:
    corpus = encode_texts(["say something", "it is quietly"], tokenizer)
    model = small("gpt2")
    model.resize_token_embeddings(len(tokenizer))
    losses = {}
    for separate in (True, False):
        row = CorpusRows(corpus, 60, separate)[0]
        losses[separate] = network.forward(model, pack([row])).losses
    split = int(corpus.starts[1])
    assert torch.allclose(losses[True][:split], losses[False][:split], atol=1e-5)
    assert not torch.allclose(losses[True][split:], losses[False][split:], atol=1e-3)


@settings(max_examples=20)
@given(st.integers(0, 300), st.integers(2, 50))
def test_the_loss_without_a_table_of_logits_is_cross_entropy(count: int, words: int) -> None:
    torch.manual_seed(0)
    hidden, table = (torch.randn(size, 8, requires_grad=True) for size in (count, words))
    targets, weights = torch.randint(0, words, (count,)), torch.rand(count)
    wanted = torch.nn.functional.cross_entropy(hidden @ table.T, targets, reduction="none") * weights
    found = chunked_cross_entropy(hidden, table, targets, weights)
    assert torch.allclose(found, wanted, atol=1e-5)
    gradients = [torch.autograd.grad(losses.sum() * 0.5, (hidden, table)) for losses in (found, wanted)]
    for one, other in zip(*gradients, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_the_gradient_of_the_table_in_bf16_is_that_of_float32_to_three_digits() -> None:
    torch.manual_seed(0)
    hidden, table = torch.randn(700, 16, requires_grad=True), torch.randn(5000, 16, requires_grad=True)
    targets, weights = torch.randint(0, 5000, (700,)), torch.rand(700)
    wanted = torch.autograd.grad(chunked_cross_entropy(hidden, table, targets, weights).sum(), table)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = chunked_cross_entropy(hidden.bfloat16(), table, targets, weights)
    found = torch.autograd.grad(losses.sum(), table)[0]
    assert found.dtype == torch.float32 and (found - wanted).norm() < 0.01 * wanted.norm()


def test_a_loss_with_a_gradient_of_its_own_for_each_token_is_refused() -> None:
    hidden, table = torch.randn(3, 4, requires_grad=True), torch.randn(5, 4)
    losses = chunked_cross_entropy(hidden, table, torch.tensor([0, 1, 2]), torch.ones(3))
    with pytest.raises(RuntimeError, match="one gradient for all tokens"):
        (losses * torch.tensor([1.0, 2.0, 3.0])).sum().backward()


# -- dialogues -------------------------------------------------------------------------------------------------------------


def learned(text: str, spans: list[tuple[int, int]], tokenizer: Any) -> str:
    corpus = encode_dialogues([(text, spans)], tokenizer)
    return tokenizer.decode(corpus.targets[corpus.targets != UNLABELLED])


def test_only_answers_are_learned_with_the_end_of_each(tokenizer: Any) -> None:
    talk = [Turn("user", "say it"), Turn("assistant", "it is"), Turn("user", "quietly"), Turn("assistant", "something")]
    assert learned(*render_dialogue(talk, tokenizer), tokenizer) == " it is<|endoftext|> something<|endoftext|>"


def test_the_transcript_is_what_the_saved_chat_template_writes(tokenizer: Any) -> None:
    talk = [Turn("system", "be quiet"), Turn("user", "say it"), Turn("assistant", "it is")]
    messages = [turn._asdict() for turn in talk]
    assert tokenizer.chat_template == TRANSCRIPT
    assert render_dialogue(talk, tokenizer)[0] == tokenizer.apply_chat_template(messages, tokenize=False)
    asked = tokenizer.apply_chat_template(messages[:2], tokenize=False, add_generation_prompt=True)
    assert render_dialogue(talk, tokenizer)[0].startswith(asked) and asked.endswith("Assistant:")


def test_a_model_is_trained_in_its_own_chat_template() -> None:
    own = train_tokenizer(["[user] say it [bot] it is"] * 3, 300, 64)
    own.chat_template = (
        "{% for m in messages %}[{{ 'bot' if m.role == 'assistant' else m.role }}] {{ m.content }} {% endfor %}"
        "{% if add_generation_prompt %}[bot] {% endif %}"
    )
    talk = [Turn("user", "say it"), Turn("assistant", "it is"), Turn("user", "say it"), Turn("assistant", "it")]
    text, spans = render_dialogue(talk, own)
    assert text == "[user] say it [bot] it is [user] say it [bot] it "
    assert [text[start:end] for start, end in spans] == ["it is ", "it "]


def test_dialogues_of_two_files_are_all_there_in_order(tmp_path: Path) -> None:
    lines = [json.dumps({"prompt": f"wer {n}?", "response": f"ich „{n}“ 👋"}) for n in range(20)]
    first, second = (write_file(tmp_path / name, "\n".join(part)) for name, part in (("a.jsonl", lines[:12]), ("b.jsonl", lines[12:])))  # fmt: skip
    data = read(chosen(data=str(first), dialogue_data=str(second)))
    sides = [[turns[0].content for turns in side] for side in (data.dialogues, data.held_dialogues)]
    assert sorted(sides[0] + sides[1]) == sorted(f"wer {n}?" for n in range(20)) and len(sides[1]) >= 2
    numbers = [int(content[4:-1]) for content in sides[0]]
    assert numbers == sorted(numbers) and data.dialogues[0][1] == Turn("assistant", f"ich „{numbers[0]}“ 👋")


def test_many_dialogues_take_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each was a list of Python's strings: 2.5 KB."""
    monkeypatch.setattr("training.data.array_files.LARGE_BYTES", 0)
    monkeypatch.setenv("SELFSUP_HOME", str(tmp_path / "home"))
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    dialogues = Dialogues([Turn("user", f"{n} {'a' * 500}"), Turn("assistant", "b" * 500)] for n in range(1000))
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert taken < 100_000 and dialogues.select(np.arange(1000) == 700)[0][0].content[:4] == "700 "


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", '{"prompt": "say it", "response": "it is"}\n{"prompt": "say", "response": "is"}\n'),
        ("a.csv", "instruction,input,output\nsay,it,it is\nsay,this,is\n"),
        ("a.jsonl", '{"conversations": [{"from": "human", "value": "say"}, {"from": "gpt", "value": "it"}]}\n' * 2),
        ("a.jsonl", '{"messages": "[{\\"role\\": \\"user\\", \\"content\\": \\"\\\\ud800 say\\"}, {\\"role\\": \\"assistant\\", \\"content\\": \\"it\\"}]"}\n' * 2),
    ],
)  # fmt: skip
def test_dialogues_of_every_known_shape_are_read(tmp_path: Path, name: str, content: str) -> None:
    sheet = check_pretrain(chosen(dialogue_data=str(write_file(tmp_path / name, content))))
    assert any("2 dialogues with 2 answers" in finding.title for finding in sheet.findings), sheet


# -- learning --------------------------------------------------------------------------------------------------------------


def test_it_learns_what_follows_and_its_artifact_is_a_plain_causal_model(tmp_path: Path, corpus: Path) -> None:
    """Chance: one word in 40, a perplexity of some 40 a word."""
    wanted = chosen(data=str(corpus), steps=120, batch_size=8, learning_rate=3e-3, half_precision=True)
    found = fit(build_pretrain(wanted), wanted, tmp_path).metrics
    assert found["perplexity"] < 2.5 and found["bits_per_byte"] < 0.6, found
    model: Any = AutoModelForCausalLM.from_pretrained(tmp_path / "artifact")
    assert json.loads((tmp_path / "artifact/config.json").read_text())["architectures"] == ["GPT2LMHeadModel"]
    assert model.dtype == torch.float16
    own = AutoTokenizer.from_pretrained(tmp_path / "artifact")
    given = own(f"{SYLLABLES[3]} {SYLLABLES[4]} {SYLLABLES[5]}", return_tensors="pt")["input_ids"]
    written = own.decode(model.float().generate(given, max_new_tokens=4, do_sample=False)[0])
    assert SYLLABLES[6] in written
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert any(event["event"] == "sample" and event["items"][0]["text"] for event in events)


def test_labels_that_only_the_prompt_explains_are_told_after_examples(tmp_path: Path) -> None:
    """Three classes whose labels are random words in every prompt: no weight can know them. Chance is about 0.4."""
    random, rows = np.random.default_rng(0), ["task,text,label"]
    for topic in range(20):
        words = SYLLABLES[topic * 2 : topic * 2 + 2]
        rows += [f"all,{' '.join(random.permutation(words * 2))},kind{topic}" for _ in range(12)]
    path = write_file(tmp_path / "tasks.csv", "\n".join(rows) + "\n")
    wanted = chosen(
        task_data=str(path), steps=60, batch_size=8, learning_rate=2e-3, max_length=160, hidden_size=96, layers=3, vocabulary_size=400,
        label_words="random", max_classes=3, text_loss_weight=0, eval_every=60, eval_rows=40, eval_share=0.2,
    )  # fmt: skip
    found = fit(build_pretrain(wanted), wanted, tmp_path).metrics
    assert found["shots_8"] > 0.7 and found["shots_8"] > found["shots_0"] + 0.2, found


def test_adapters_train_few_weights_and_are_merged_when_saved(tmp_path: Path, corpus: Path) -> None:
    first = build_pretrain(chosen(data=str(corpus)))
    first.save(first.model, tmp_path / "base")
    task = build_pretrain(chosen(data=str(corpus), model=str(tmp_path / "base"), lora_rank=4))
    trained = sum(weight.numel() for weight in task.model.parameters() if weight.requires_grad)
    assert trained < 0.2 * task.facts["parameters"] and network.is_packed(task.model)
    wanted = chosen(data=str(corpus), model=str(tmp_path / "base"), lora_rank=4, steps=30, learning_rate=1e-2, eval_every=15)  # fmt: skip
    (tmp_path / "run").mkdir()
    fit(task, wanted, tmp_path / "run")
    saved: Any = AutoModelForCausalLM.from_pretrained(tmp_path / "run/artifact")
    assert type(saved) is GPT2LMHeadModel and not any("lora" in name for name, _ in saved.named_parameters())


def test_the_trainer_keeps_the_contract_on_a_mixture(tmp_path: Path, corpus: Path, talks: Path, tasks: Path) -> None:
    sample = {**TINY, "data": str(corpus), "dialogue_data": str(talks), "task_data": str(tasks), "batch_size": 6, "eval_rows": 4, "word_vectors": True}  # fmt: skip
    check_plugin(
        replace(PLUGIN, kinds=(replace(PLUGIN.kind("pretrain"), feeds=()),)),
        tmp_path,
        {"pretrain": sample},
        {"pretrain": lambda model: model.score("say it")},
    )


def test_the_mixture_keeps_its_shares(corpus: Path, talks: Path, tasks: Path) -> None:
    task: Any = build_pretrain(chosen(data=str(corpus), dialogue_data=str(talks), task_data=str(tasks), dialogue_share=0.25, task_share=0.25))  # fmt: skip
    counts = [count for _, count in task.train_data.counts]
    assert [round(count / sum(counts), 2) for count in counts] == [0.5, 0.25, 0.25]
    kinds = {type(task.train_data[row]) for row in range(len(task.train_data))}
    assert kinds == {list, type(None)}


# -- bad input -------------------------------------------------------------------------------------------------------------


def red(**values: Any) -> str:
    try:
        sheet = check_pretrain(chosen(**values))
    except UserError as error:
        return str(error)
    return " ".join(f"{finding.title} {finding.detail}" for finding in sheet.findings if finding.level == "red")


def test_an_empty_corpus_is_refused(tmp_path: Path) -> None:
    assert "empty" in red(data=str(write_file(tmp_path / "a.txt", "\n \n\n")))
    assert "no text" in red()


def test_one_line_is_trained_on_with_a_warning(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.txt", "one line only\n")
    sheet = check_pretrain(chosen(data=str(path)))
    assert not sheet.blocked and any("Only 3 words" in finding.title for finding in sheet.findings)
    assert any("not" not in finding.title and "held out" in finding.title for finding in sheet.findings)
    task = build_pretrain(chosen(data=str(path)))
    assert any("only" in finding.title and "tokens" in finding.title for finding in task.findings())


def test_dialogues_without_turns_or_answers_are_refused(tmp_path: Path) -> None:
    assert "has no dialogues" in red(dialogue_data=str(write_file(tmp_path / "a.csv", "name,age\nanna,3\nberta,4\n")))
    only_asked = '{"turns": [{"role": "user", "content": "say"}]}\n'
    assert "no dialogues to train on" in red(dialogue_data=str(write_file(tmp_path / "b.jsonl", only_asked)))
    broken = '{"turns": [{"role": "user", "content": "say"}]}\n{"turns": [{"speaks": "nobody"}]}\n'
    assert "line 2" in red(dialogue_data=str(write_file(tmp_path / "c.jsonl", broken)))


def test_tasks_without_labels_or_with_an_unknown_task_held_out_are_refused(tmp_path: Path, tasks: Path) -> None:
    path = write_file(tmp_path / "a.csv", "task,text,label\nmood,good day,happy\nmood,fine day,happy\n")
    assert "no task to train on" in red(task_data=str(path))
    assert "no task mood" in red(task_data=str(tasks), held_out_tasks="mood")
    assert "label" in red(task_data=str(write_file(tmp_path / "b.csv", "task,text\nmood,one text\nmood,other text\n")))


def test_a_held_out_task_whose_texts_are_trained_on_is_told(tmp_path: Path) -> None:
    rows = [f"{task},text number {row},{label}{row % 2}" for task, label in (("one", "a"), ("two", "b")) for row in range(8)]  # fmt: skip
    path = write_file(tmp_path / "a.csv", "task,text,label\n" + "\n".join(rows) + "\n")
    sheet = check_pretrain(chosen(task_data=str(path), held_out_tasks="two"))
    assert any("100% of the texts of two" in finding.title for finding in sheet.findings if finding.level == "amber")


def test_what_is_no_causal_model_is_refused(tmp_path: Path, corpus: Path, tokenizer: Any) -> None:
    BertForMaskedLM(
        BertConfig(vocab_size=90, hidden_size=32, num_hidden_layers=1, num_attention_heads=2)
    ).save_pretrained(tmp_path / "bert")
    tokenizer.save_pretrained(tmp_path / "bert")
    with pytest.raises(UserError, match="BertForMaskedLM, not a causal"):
        build_pretrain(chosen(data=str(corpus), model=str(tmp_path / "bert")))


def test_a_vocabulary_that_does_not_fit_the_weights_is_refused(tmp_path: Path, corpus: Path, tokenizer: Any) -> None:
    small("gpt2").save_pretrained(tmp_path / "small")
    tokenizer.save_pretrained(tmp_path / "small")
    with pytest.raises(UserError, match="do not belong together"):
        build_pretrain(chosen(data=str(corpus), model=str(tmp_path / "small")))


def test_a_tokenizer_without_padding_is_trained_with(tmp_path: Path, corpus: Path, tokenizer: Any) -> None:
    model = small("gpt2")
    model.resize_token_embeddings(len(tokenizer))
    model.save_pretrained(tmp_path / "bare")
    bare = train_tokenizer(["something"] * 3, 300, 64)
    bare.pad_token = None
    bare.save_pretrained(tmp_path / "bare")
    task = build_pretrain(chosen(data=str(corpus), model=str(tmp_path / "bare")))
    assert (
        task.losses(task.model, task.collate([task.train_data[0]], np.random.default_rng(0), training=True))
        .isfinite()
        .all()
    )
