"""Translating: the formats and their faults, the network, what is learned, what is answered."""

from __future__ import annotations

import contextlib
import io
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import BertConfig, BertForMaskedLM, T5Config, T5ForConditionalGeneration

from plugins.bert_finetune.inspect.attention import attention
from plugins.bert_finetune.models.bpe import train_bpe
from plugins.bert_finetune.models.wordpiece import train_wordpiece
from plugins.bert_finetune.translate import network, report, word_by_word
from plugins.bert_finetune.translate.data import read
from plugins.bert_finetune.translate.settings import TranslateSettings
from plugins.bert_finetune.translate.task import PairPrediction
from tests.bert_models import build, check, load
from tests.files import BAD_INPUTS, write
from training.data.table import read_table
from training.errors import UserError
from training.fit.loop import fit
from training.nn.load_pretrained import load_tokenizer
from training.settings import parse_settings

TINY = {"layers": 1, "decoder_layers": 1, "heads": 2, "hidden_size": 64, "vocabulary_size": 200, "max_length": 16, "dropout": 0.0, "beams": 2}  # fmt: skip
SUBJECTS = {"the dog": "der Hund", "the cat": "die Katze", "the child": "das Kind", "the king": "der König"}
VERBS = {"sees": "sieht", "hears": "hört", "likes": "mag", "seeks": "sucht"}
OBJECTS = {"bread": "Brot", "water": "Wasser", "gold": "Gold", "light": "Licht"}


def settings(data: Path, **values: Any) -> TranslateSettings:
    return parse_settings(TranslateSettings, {"data": str(data), **TINY, **values})


def write_pairs(path: Path) -> Path:
    """All 64 sentences of four subjects, verbs and objects, ten times in a table of rows; a quarter never."""
    random, rows = np.random.default_rng(0), ["en\tde"]
    for subject, wer in SUBJECTS.items():
        for verb, tut in VERBS.items():
            rows += [f"{subject} {verb} {thing}\t{wer} {tut} {was}" for thing, was in OBJECTS.items()]
    return write(path, "\n".join([rows[0], *random.permutation(rows[1:])]))


# -- the formats and their faults ------------------------------------------------------------------------------------------


def test_files_of_different_length_are_refused() -> None:
    folder = BAD_INPUTS
    with pytest.raises(UserError, match=r"mt_unequal\.en has 3 lines and mt_unequal\.de 2"):
        read(settings(folder / "mt_unequal.en", target_data=str(folder / "mt_unequal.de")))


def test_pairs_with_an_empty_side_are_dropped_and_told() -> None:
    sheet = check("translate", settings(BAD_INPUTS / "mt_empty_side.tsv"))
    assert any(
        row.level == "amber" and "2 rows dropped: no source or no translation" in row.title for row in sheet.findings
    )


def test_parallel_files_and_tables_give_the_same_pairs(tmp_path: Path) -> None:
    table = write(tmp_path / "both.csv", "de,en\nHaus,a house\nHund,a dog\n")
    one, other = write(tmp_path / "a.en", "a house\na dog\n"), write(tmp_path / "a.de", "Haus\nHund\n")
    nested = write(tmp_path / "hub.jsonl", '{"translation": {"en": "a house", "de": "Haus"}}\n{"translation": {"en": "a dog", "de": "Hund"}}\n')  # fmt: skip
    columns = {"source_column": "en", "target_column": "de", "eval_share": 0}
    for chosen in (settings(table, **columns), settings(one, target_data=str(other), eval_share=0), settings(nested, **columns)):  # fmt: skip
        pairs = read(chosen).train
        assert (pairs.sources, pairs.targets) == (["a house", "a dog"], ["Haus", "Hund"])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            "a,b,c\nfirst text,second text,third text\nother text,more text,last text\n",
            "Set source_column and target_column",
        ),
        ("en,de\nsame words here,same words here\nmore of it now,more of it now\n", "two equal sides"),
        ("en,id\nfirst text here,1\nother text here,2\n", "the translations are missing"),
        (f"en,de\na,{'x' * 300}\nhello,hallo\n", "times as long as the other: Are they aligned? Line 2."),
    ],
)
def test_what_does_not_look_like_pairs_is_told(content: str, words: str, tmp_path: Path) -> None:
    sheet = check("translate", settings(write(tmp_path / "odd.csv", content)))
    assert any(words in f"{row.title}: {row.detail}" for row in sheet.findings), sheet.findings


def test_a_sheet_without_held_out_pairs_is_still_made(tmp_path: Path) -> None:
    chosen = settings(write(tmp_path / "one.csv", "en,de\nhello there,hallo du\n"), max_length=2000)
    findings = build("translate", chosen).findings()
    assert not any("cannot reproduce" in row.title for row in findings), findings


def test_lines_end_at_line_feeds_only(tmp_path: Path) -> None:
    inside = ["one\u2028more", "two\x0cmore", "three\x85more", "four\x1emore", "five\u2029more"]
    one = write(tmp_path / "a.en", "\r\n".join([*inside, "last"]))
    other = write(tmp_path / "a.de", "eins\nzwei\ndrei\nvier\nfünf\nletzte\n")
    pairs = read(settings(one, target_data=str(other), eval_share=0)).train
    assert pairs.sources == [*inside, "last"]
    assert pairs.targets == ["eins", "zwei", "drei", "vier", "fünf", "letzte"]
    assert pairs.lines == [1, 2, 3, 4, 5, 6]
    old_mac = write(tmp_path / "mac.de", "eins\rzwei\rdrei\rvier\rfünf\rletzte\r")
    assert read(settings(one, target_data=str(old_mac), eval_share=0)).train.targets == pairs.targets


EVALUATION = {
    "other.tsv": "de\ten\nder König mag Licht\tthe king likes light\ndas Kind mag Gold\tthe child likes gold\nder Hund mag Brot\tthe dog likes bread\n",
    "upper.tsv": "DE\tEN\nder König mag Licht\tthe king likes light\ndas Kind mag Gold\tthe child likes gold\nder Hund mag Brot\tthe dog likes bread\n",
    "more.csv": "id,de,en\n1,der König mag Licht,the king likes light\n2,das Kind mag Gold,the child likes gold\n3,der Hund mag Brot,the dog likes bread\n",
    "hub.jsonl": '{"translation": {"de": "der König mag Licht", "en": "the king likes light"}}\n{"translation": {"de": "das Kind mag Gold", "en": "the child likes gold"}}\n{"translation": {"de": "der Hund mag Brot", "en": "the dog likes bread"}}\n',
}


@pytest.mark.parametrize("name", EVALUATION)
@pytest.mark.parametrize("parallel", [False, True])
def test_evaluation_columns_are_those_of_the_training_file(name: str, parallel: bool, tmp_path: Path) -> None:
    rows = write_pairs(tmp_path / "train.tsv").read_text().splitlines()[1:]
    train: dict[str, Any] = {"data": tmp_path / "train.tsv"}
    if parallel:
        one, other = ([row.split("\t")[side] for row in rows] for side in (0, 1))
        train = {
            "data": write(tmp_path / "t.en", "\n".join(one)),
            "target_data": str(write(tmp_path / "t.de", "\n".join(other))),
        }
    data = read(settings(**train, eval_data=str(write(tmp_path / name, EVALUATION[name]))))
    kept = data.evaluation.sources or ["the king likes light"]
    assert set(kept) <= {"the king likes light", "the child likes gold", "the dog likes bread"}
    assert data.source_column == "en"
    assert not data.sheet.blocked


def test_an_evaluation_file_without_these_columns_is_refused(tmp_path: Path) -> None:
    dev = write(tmp_path / "dev.tsv", "source\ttarget\nthe dog\tder Hund\n")
    with pytest.raises(UserError, match=r"Column 'en' is not in dev\.tsv; it has: source, target"):
        read(settings(write_pairs(tmp_path / "train.tsv"), eval_data=str(dev)))


def test_an_evaluation_file_of_the_other_direction_is_red(tmp_path: Path) -> None:
    train = write_pairs(tmp_path / "train.tsv")
    text = EVALUATION["other.tsv"].partition("\n")[2]
    swapped = write(tmp_path / "dev.tsv", f"en\tde\n{text}")  # the right names over the wrong columns
    sheet = check("translate", settings(train, eval_data=str(swapped)))
    assert sheet.blocked
    assert any(row.level == "red" and "the other way round" in row.title for row in sheet.findings)


# -- metrics ---------------------------------------------------------------------------------------------------------------

METRICS = {  # truths, tokenizer, whether the order is effective
    "zh": (["那只狗在唱歌，那只猫在吃饭！", "一个男人在唱歌。"], "zh", "no"),
    "zh short": (["好", "狗在"], "zh", "yes"),
    "zh with names": (["王伟 lives in 北京市朝阳区，是吗？"], "zh", "no"),
    "ja": (["犬がピアノを弾いています。", "猫が食べています。"], "char", "no"),
    "ja half width": (["ﾋﾟｱﾉﾆｭｳﾓﾝ"], "char", "no"),
    "th": (["สุนัขกำลังร้องเพลง"], "char", "no"),
    "km": (["ឆ្កែកំពុងច្រៀង"], "char", "no"),
    "de": (["der Hund sieht Brot", "die Katze"], "13a", "no"),
    "ko": (["개가 빵을 보고 있어요 지금", "고양이"], "13a", "no"),
    "de short": (["der Hund", "die Katze mag"], "13a", "yes"),
    "en with a Chinese word": (["the dog called 狗 sees the bread"], "13a", "no"),
}


@pytest.mark.parametrize("name", METRICS)
def test_perfect_translations_score_100_in_every_script(name: str) -> None:
    truths, tokenizer, effective = METRICS[name]
    metrics, signatures = report.scores(truths, truths)
    assert metrics["bleu"] == pytest.approx(100) and metrics["chrf"] == pytest.approx(100)
    assert f"|tok:{tokenizer}|" in signatures[0] and f"|eff:{effective}|" in signatures[0]
    half = [text[: (len(text) + 1) // 2] + "x" for text in truths]
    assert report.scores(half, truths)[0]["chrf"] < 100


def test_what_bleu_counts_is_told_where_it_is_not_words(tmp_path: Path) -> None:
    rows = [f"dog {number}\t第{number}只狗在唱歌，猫在吃饭！" for number in range(30)]
    findings = build("translate", settings(write(tmp_path / "zh.tsv", "\n".join(["en\tzh", *rows])))).findings()
    [row] = [row for row in findings if "BLEU" in row.title]
    assert (row.level, row.title) == ("green", "BLEU counts characters: this script has no spaces (tokenizer zh)")
    rows = [f"the dog {number}\tHund {number}" for number in range(30)]
    findings = build("translate", settings(write(tmp_path / "de.tsv", "\n".join(["en\tde", *rows])))).findings()
    [row] = [row for row in findings if "BLEU" in row.detail]
    assert row.level == "amber" and "none of four words" in row.title


def test_a_dictionary_is_learned_from_the_pairs_and_translates_word_by_word(tmp_path: Path) -> None:
    data = read(settings(write_pairs(tmp_path / "pairs.tsv")))
    dictionary = word_by_word.learn_dictionary(data.train.sources, data.train.targets)
    known = {"dog": "Hund", "king": "König", "sees": "sieht", "gold": "Gold"}
    assert {word: dictionary[word] for word in known} == known
    assert word_by_word.translate(["The zebra (sees) gold, gold!"], dictionary)[0][3:] == " zebra (sieht) Gold, Gold!"
    assert word_by_word.learn_dictionary([], []) == word_by_word.learn_dictionary(["!"], ["?"]) == {}


def test_translating_word_by_word_is_a_baseline_beside_the_source(tmp_path: Path) -> None:
    task = build("translate", settings(write_pairs(tmp_path / "pairs.tsv"), eval_share=0.2))
    outputs = [PairPrediction(text, 1.0, 1) for text in task.evaluation.targets]
    [figure] = task.score(outputs).figures
    copied, by_words = figure.baselines
    assert copied.value < by_words.value < figure.value and by_words.value == task.facts["baseline"]["chrf"]
    assert figure.verdict().startswith("Better than word by word")


# -- the network -----------------------------------------------------------------------------------------------------------


def test_the_vocabulary_is_the_same_each_time_and_keeps_what_it_reads() -> None:
    texts = ["Der König sieht 3 Hunde, z. B. „Rex“!", "the king's dogs: (two) of them"] * 5
    one, other = train_bpe(texts, 120, 64), train_bpe(texts, 120, 64)
    assert one.get_vocab() == other.get_vocab()
    for text in texts[:2]:
        assert one.decode(one(text)["input_ids"], skip_special_tokens=True) == text.replace("„", "„")


WRITTEN = [
    "那只狗在唱歌，那只猫在吃饭！（真的？）「是」…",
    "犬は１２３、ｶﾅ・ガ。",
    "Vous l’avez\u202f? «\u00a0Oui\u00a0» ½ ①",
    "ﬁn de l'étude — 10\u00a0000 €",
    "이것은 개입니다.",
    "ｆｕｌｌ　ｗｉｄｔｈ",
]


def test_what_a_vocabulary_reads_it_writes_character_for_character() -> None:
    tokenizer = train_bpe(WRITTEN * 3, 200, 64)
    assert network.decode(tokenizer, tokenizer(WRITTEN)["input_ids"]) == WRITTEN


def test_what_a_vocabulary_cannot_write_is_named(tmp_path: Path) -> None:
    texts = [*SUBJECTS, *VERBS, *OBJECTS]
    base = save_bert(tmp_path / "base", texts, 16)
    rows = [f"the dog {number}\tthe dog，{number}！" for number in range(40)]
    path = write(tmp_path / "pairs.tsv", "\n".join(["en\tzh", *rows]))
    details = {row.title: row.detail for row in build("translate", settings(path, model=base)).findings()}
    advice = details["The vocabulary cannot reproduce 100% of the translations"]
    assert "'，'" in advice and "or train from scratch" in advice
    assert not any("cannot reproduce" in row.title for row in build("translate", settings(path)).findings())


def test_a_translator_is_made_of_an_encoder(tmp_path: Path) -> None:
    tokenizer = train_wordpiece([*SUBJECTS, *VERBS, *OBJECTS.values()], 200, 64)
    base = BertForMaskedLM(BertConfig(vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32))  # fmt: skip
    base.save_pretrained(tmp_path / "base")
    tokenizer.save_pretrained(tmp_path / "base")
    task: Any = build("translate", settings(write_pairs(tmp_path / "pairs.tsv"), model=str(tmp_path / "base")))
    assert task.model.config.is_encoder_decoder and any("crossattention" in name for name, _ in task.model.named_parameters())  # fmt: skip
    assert any("cannot reproduce" in row.title for row in task.findings())  # an uncased vocabulary has no König


def save_bert(folder: Path, texts: list[str], width: int) -> str:
    tokenizer = train_wordpiece(texts, 200, 64)
    BertForMaskedLM(BertConfig(vocab_size=len(tokenizer), hidden_size=width, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)).save_pretrained(folder)  # fmt: skip
    tokenizer.save_pretrained(folder)
    return str(folder)


def test_two_encoders_of_other_widths_and_vocabularies_make_a_translator(tmp_path: Path) -> None:
    reads = save_bert(tmp_path / "english", [*SUBJECTS, *VERBS, *OBJECTS], 32)
    writes = save_bert(tmp_path / "german", [*SUBJECTS.values(), *VERBS.values(), *OBJECTS.values()], 48)
    starts = {"model": reads, "decoder_model": writes, "dropout": 0.0}
    pairs = write_pairs(tmp_path / "pairs.tsv")
    pairs.write_text(pairs.read_text().lower().replace("ö", "o"))  # as these vocabularies write it
    chosen = settings(pairs, **starts, steps=300, learning_rate=3e-3, eval_every=300, batch_size=16)  # fmt: skip
    (tmp_path / "run").mkdir()
    progress = fit(build("translate", chosen), chosen, tmp_path / "run")
    folder = tmp_path / "run" / "artifact"
    assert progress.best_metrics["chrf"] > 80 and progress.best_metrics["bleu"] > 60
    said = load(folder).translate("the king hears light", 4, 0)["translation"]
    assert said.split()[:2] == ["der", "konig"]
    snippet = (folder / "README.md").read_text().split("```python")[1].split("```")[0]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(snippet.replace("owner/name", str(folder)).replace("A man is riding a bicycle.", "the king hears light"))
    assert printed.getvalue().strip() == said
    again: Any = build("translate", settings(pairs, model=str(folder), max_length=16))
    assert again.target_tokenizer.get_vocab() != again.tokenizer.get_vocab()


def test_a_decoder_goes_with_an_encoder_only(tmp_path: Path, translator: Any) -> None:
    writes = save_bert(tmp_path / "german", [*SUBJECTS.values()], 16)
    pairs = write_pairs(tmp_path / "pairs.tsv")
    with pytest.raises(UserError, match="choose the encoder of the source language too"):
        build("translate", settings(pairs, decoder_model=writes))
    with pytest.raises(UserError, match="already has a decoder: leave decoder_model empty"):
        build("translate", settings(pairs, model=str(translator[1]), decoder_model=writes))


@pytest.mark.skipif(find_spec("sentencepiece") is not None, reason="sentencepiece is installed")
def test_a_tokenizer_that_needs_a_missing_package_names_it(tmp_path: Path) -> None:
    write(tmp_path / "tokenizer_config.json", json.dumps({"tokenizer_class": "MarianTokenizer"}))
    write(tmp_path / "config.json", json.dumps({"model_type": "marian"}))
    write(tmp_path / "vocab.json", json.dumps({"<unk>": 0, "</s>": 1, "<pad>": 2}))
    write(tmp_path / "source.spm", "pieces")
    write(tmp_path / "target.spm", "pieces")
    with pytest.raises(UserError, match="needs a package that is not installed: sentencepiece"):
        load_tokenizer(tmp_path)


def test_any_sequence_to_sequence_model_is_trained_on(tmp_path: Path) -> None:
    tokenizer = train_bpe([*SUBJECTS.values(), *SUBJECTS], 120, 64)
    tokens = {"decoder_start_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.sep_token_id}
    size = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2, "vocab_size": len(tokenizer)}
    T5ForConditionalGeneration(T5Config.from_dict({**size, **tokens})).save_pretrained(tmp_path / "t5")
    tokenizer.save_pretrained(tmp_path / "t5")
    (tmp_path / "run").mkdir()
    chosen = settings(
        write_pairs(tmp_path / "pairs.tsv"), model=str(tmp_path / "t5"), steps=2, prefix="to German: ", max_length=48
    )
    fit(build("translate", chosen), chosen, tmp_path / "run")
    assert "translation" in load(tmp_path / "run" / "artifact").translate("the dog sees bread")


# -- learning and answering ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A small network trained on most of 64 sentences: how it ended, and its artifact."""
    folder = tmp_path_factory.mktemp("translate")
    (folder / "run").mkdir()
    chosen = settings(write_pairs(folder / "pairs.tsv"), steps=300, learning_rate=3e-3, eval_every=300, batch_size=16)  # fmt: skip
    return fit(build("translate", chosen), chosen, folder / "run"), folder / "run" / "artifact"


def test_new_sentences_of_known_words_are_translated(translator: Any) -> None:
    progress, folder = translator
    assert progress.best_metrics["bleu"] > 80 and progress.best_metrics["chrf"] > 80
    facts = json.loads((folder / "selfsup.json").read_text())["facts"]
    assert facts["baseline"]["chrf"] < progress.best_metrics["chrf"] and "tok:13a" in facts["evaluated"]
    assert facts["source_column"] == "en"


@pytest.mark.slow  # 10 s
def test_chinese_is_served_exactly_as_its_translations_are_written(tmp_path: Path) -> None:
    """13a BLEU was 0 for it at every step, and its marks were written as those of English."""
    nouns = {"the dog": "那只狗", "the cat": "那只猫", "the child": "那个孩子", "the king": "国王"}
    verbs = {"sings": "在唱歌", "eats": "在吃饭", "sleeps": "在睡觉", "runs": "在跑步"}
    rows = [
        f"{one} {does}, {other} {too}!\t{nouns[one]}{verbs[does]}，{nouns[other]}{verbs[too]}！"
        for one in nouns
        for does in verbs
        for other in nouns
        for too in verbs
    ]
    rows = [str(row) for row in np.random.default_rng(0).permutation(rows)]
    path = write(tmp_path / "pairs.tsv", "\n".join(["en\tzh", *rows]))
    (tmp_path / "run").mkdir()
    chosen = settings(path, steps=300, learning_rate=3e-3, eval_every=50, batch_size=32, max_length=24)
    progress = fit(build("translate", chosen), chosen, tmp_path / "run")
    assert progress.best_step > 100
    assert progress.best_metrics["bleu"] > 80
    model, held = load(tmp_path / "run" / "artifact"), read(chosen).evaluation
    served = [model.translate(source, 2, 0)["translation"] for source in held.sources]
    exact = sum(one == other for one, other in zip(served, held.targets, strict=True))
    assert exact > 0.8 * len(held)


def test_alternatives_come_best_first(translator: Any) -> None:
    found = load(translator[1]).translate("the king hears light", 4, 3)
    scores = [found["score"], *(one["score"] for one in found["alternatives"])]
    assert found["translation"] == "der König hört Licht" and scores == sorted(scores, reverse=True)
    assert found["translation"] not in [one["translation"] for one in found["alternatives"]]


def test_one_beam_gives_one_translation_and_how_sure_it_is(translator: Any) -> None:
    model = load(translator[1])
    one, four = (model.translate("the king hears light", beams, 3) for beams in (1, 4))
    assert one["alternatives"] == [] and len(four["alternatives"]) <= 3
    assert one["translation"] == four["translation"] and one["score"] == pytest.approx(four["score"], abs=1e-4)


def test_bad_questions_are_refused(translator: Any) -> None:
    model = load(translator[1])
    with pytest.raises(UserError, match="empty"):
        model.translate("")
    with pytest.raises(UserError, match="tokens; this model reads 16"):
        model.translate("the dog " * 40)
    with pytest.raises(UserError, match="1 to 16"):
        model.translate("the dog", beams=99)


def test_a_translator_shows_how_it_reads(translator: Any) -> None:
    model = load(translator[1])
    assert len(model.embed("the king hears light")) == TINY["hidden_size"]
    tokens, values = attention(model, "the king hears light")
    assert values.shape == (1, 2, len(tokens), len(tokens)) and np.allclose(values.sum(-1), 1, atol=1e-5)


def test_a_file_is_translated(translator: Any, tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", "id,text\n1,the cat likes water\n2,\n")
    table = read_table(load(translator[1]).translate_file(source))
    assert table.strings("translation") == ["die Katze mag Wasser", None]


def test_a_file_is_translated_from_the_column_that_was_learned_from(translator: Any, tmp_path: Path) -> None:
    rows = "de,en\nein viel längerer deutscher Satz,the cat likes water\nund noch einer davon,the dog sees gold\n"
    model = load(translator[1])
    scored = model.translate_file(write(tmp_path / "in.csv", rows))
    assert read_table(scored).strings("translation") == ["die Katze mag Wasser", "der Hund sieht Gold"]
    again = read_table(model.translate_file(scored))
    assert again.names == ("de", "en", "translation")
    assert again.strings("translation") == ["die Katze mag Wasser", "der Hund sieht Gold"]


def test_spaces_around_a_text_change_nothing(translator: Any) -> None:
    model = load(translator[1])
    assert model.translate(" the king hears light\n") == model.translate("the king hears light")
