"""Files of taggers as other tools write them: what they hold, or what is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plugins.bert_finetune.list_cells import parse_list
from plugins.bert_finetune.tag.data import TagData, read
from plugins.bert_finetune.tag.formats.offsets import READINGS, Reading
from plugins.bert_finetune.tag.schemes import Span, in_usual_form
from plugins.bert_finetune.tag.settings import TagSettings
from tests.bert_models import check
from tests.files import write
from training.errors import UserError
from training.preflight.sheet import Level
from training.settings import parse_settings

EXPECTED = [(("Anna", "lives", "here"), ("B-PER", "O", "O")), (("Oslo",), ("B-LOC",))]


def settings(data: Path, **values: Any) -> TagSettings:
    return parse_settings(TagSettings, {"data": str(data), "eval_share": 0, **values})


def sentences(data: TagData) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    return [(sentence.words, sentence.tags) for sentence in data.train]


def findings(path: Path, level: Level, **values: Any) -> str:
    rows = check("tag", settings(path, **values)).findings
    return "\n".join(f"{row.title}: {row.detail}" for row in rows if row.level == level)


LONG = "sentence_id,words,labels\n0,Anna,B-PER\n0,lives,O\n0,here,O\n1,Oslo,B-LOC\n"
WORD_ROWS = {
    "simpletransformers.csv": LONG,
    "simpletransformers.tsv": LONG.replace(",", "\t"),
    "kaggle.csv": "Sentence #,Word,POS,Tag\nSentence: 1,Anna,NNP,B-PER\n,lives,VBZ,O\n,here,RB,O\nSentence: 2,Oslo,NNP,B-LOC\n",
    "restarts.csv": "doc_id,sent_id,token,ner\na,0,Anna,B-PER\na,0,lives,O\na,0,here,O\nb,0,Oslo,B-LOC\n",
    "blank_lines.csv": "word,tag\nAnna,B-PER\nlives,O\nhere,O\n\nOslo,B-LOC\n",
    "empty_rows.csv": "word,tag\nAnna,B-PER\nlives,O\nhere,O\n,\nOslo,B-LOC\n",
    "header.tsv": "word\ttag\nAnna\tB-PER\nlives\tO\nhere\tO\n\nOslo\tB-LOC\n",
}
LISTS = {
    "pandas.csv": "tokens,ner_tags\n\"['Anna', 'lives', 'here']\",\"['B-PER', 'O', 'O']\"\n\"['Oslo']\",\"['B-LOC']\"\n",
    "numpy.csv": "tokens,ner_tags\n\"['Anna' 'lives'\n 'here']\",\"['B-PER' 'O' 'O']\"\n\"['Oslo']\",\"['B-LOC']\"\n",
    "unquoted.csv": 'tokens,ner_tags\n"[Anna, lives, here]","[B-PER, O, O]"\n"[Oslo]","[B-LOC]"\n',
    "sentences.csv": "Sentence #,Sentence,POS,Tag\nSentence: 1,Anna lives here,\"['NNP', 'VBZ', 'RB']\",\"['B-PER', 'O', 'O']\"\nSentence: 2,Oslo,['NNP'],['B-LOC']\n",
    "tuples.tsv": "words\tlabels\n('Anna', 'lives', 'here')\t('B-PER', 'O', 'O')\n('Oslo',)\t('B-LOC',)\n",
    "arrays.tsv": "words\tlabels\narray(['Anna', 'lives', 'here'], dtype=object)\tarray(['B-PER', 'O', 'O'], dtype='<U5')\n[np.str_('Oslo')]\t[np.str_('B-LOC')]\n",
}
COLUMNS = {
    "numbered.conll": "1\tAnna\tB-PER\tO\n2\tlives\tO\tO\n3\there\tO\tO\n\n1\tOslo\tB-LOC\tO\n",
    "germeval.tsv": "#\thttp://example.org/1 [2009-10-17]\n1\tAnna\tB-PER\tO\n2\tlives\tO\tO\n3\there\tO\tO\n\n#\thttp://example.org/2 [2009-10-17]\n1\tOslo\tB-LOC\tB-LOC\n",
    "first.txt": "B-PER Anna\nO lives\nO here\n\nB-LOC Oslo\n",
    "conll2003.txt": "-DOCSTART- -X- -X- O\n\nAnna NNP I-NP I-PER\nlives VBZ I-VP O\nhere RB I-ADVP O\n\nOslo NNP I-NP I-LOC\n",
    "ontonotes.conll": "#begin document (a/b); part 000\na/b 0 0 Anna NNP B-PER\na/b 0 1 lives VBZ O\na/b 0 2 here RB O\n\na/b 0 0 Oslo NNP B-LOC\n#end document\n",
    "brackets.conll": "#begin document (a); part 000\na 0 0 Anna NNP (TOP(NP* (PER) - (12)\na 0 1 lives VBZ (VP* * (V*) -\na 0 2 here RB *)) * * -\n\na 0 0 Oslo NNP (TOP*) (LOC) * -\n",
    "labelstudio.conll": "-DOCSTART- -X- O\nAnna -X- _ B-PER\nlives -X- _ O\nhere -X- _ O\n\nOslo -X- _ B-LOC\n",
    "uner.iob2": "# sent_id = 1\n# text = Anna lives here\n1\tAnna\tB-PER\t-\t-\n2\tlives\tO\t-\t-\n3\there\tO\t-\t-\n\n# sent_id = 2\n1\tOslo\tB-LOC\t-\t-\n",
    "dane.conllu": "# text = Anna lives here\n1\tAnna\tA\tPROPN\t_\t_\t2\tx\t_\tname=B-PER\n2-3\tlives here\t_\t_\t_\t_\t_\t_\t_\t_\n2\tlives\tb\tVERB\t_\t_\t0\tx\t_\tname=O\n3\there\tc\tADV\t_\t_\t2\tx\t_\tname=O|SpaceAfter=No\n3.1\tnull\t_\t_\t_\t_\t_\t_\t_\t_\n\n1\tOslo\td\tPROPN\t_\t_\t0\tx\t_\tname=B-LOC\n",
    "sentence_ids.txt": "0 Anna B-PER\n0 lives O\n0 here O\n1 Oslo B-LOC\n",
    "no_blank_lines.txt": "1 Anna B-PER\n2 lives O\n3 here O\n1 Oslo B-LOC\n",
    "numbered_throughout.txt": "1 Anna B-PER\n2 lives O\n3 here O\n\n4 Oslo B-LOC\n",
    "mecab.txt": "Anna\tx\tB-PER\nlives\tx\tO\nhere\tx\tO\nEOS\nOslo\tx\tB-LOC\nEOS\n",
    "characters.tsv": "Anna\tB-PER\n \tO\nlives\tO\n \tO\nhere\tO\n\nOslo\tB-LOC\n",
}  # fmt: skip


WORD_ROWS["words.csv"] = "Sentence #,Word,Tag\n1,Anna,B-PER\n,lives,O\n,here,O\n2,Oslo,B-LOC\n3,Bo is,O\n".replace(
    "3,Bo is,O\n", ""
)
LISTS["joined.csv"] = 'sentence,word_labels\nAnna lives here,"B-PER,O,O"\nOslo,B-LOC\n'
LISTS["pipes.csv"] = "tokens,tags\nAnna lives here,B-PER|O|O\nOslo,B-LOC\n"
COLUMNS["german.txt"] = "Anna Anna NE I-NC B-PER\nlives leben V I-VC O\nhere hier A I-AC O\n\nOslo Oslo NE I-NC B-LOC\n"


@pytest.mark.parametrize("name", [*WORD_ROWS, *LISTS, *COLUMNS])
def test_files_of_words_are_read(name: str, tmp_path: Path) -> None:
    text = {**WORD_ROWS, **LISTS, **COLUMNS}[name]
    assert sentences(read(settings(write(tmp_path / name, text)))) == EXPECTED


def ents(*spans: tuple[int, int, str]) -> list[dict[str, Any]]:
    return [{"start": start, "end": end, "label": label} for start, end, label in spans]


def region(start: int, end: int, text: str, label: str) -> dict[str, Any]:
    return {"type": "labels", "value": {"start": start, "end": end, "text": text, "labels": [label]}}


def task(text: str, *regions: dict[str, Any]) -> dict[str, Any]:
    other = {"type": "choices", "value": {"choices": ["good"]}}
    cancelled = {"was_cancelled": True, "result": [region(0, 2, text[:2], "BAD")]}
    return {"id": 1, "data": {"id": "x", "text": text}, "annotations": [cancelled, {"result": [*regions, other]}]}


PERSON, PLACE = region(0, 4, "Anna", "PER"), region(0, 4, "Oslo", "LOC")
EXPORTS: dict[str, Any] = {
    "labelstudio.json": [task("Anna lives here", PERSON), task("Oslo", PLACE)],
    "minimal.json": [{"text": "Anna lives here", "id": 1, "ner": [PERSON["value"]], "lead_time": 1.5}, {"text": "Oslo", "id": 2, "ner": [PLACE["value"]], "lead_time": 2}],
    "pairs.json": [["Anna lives here", {"entities": [[0, 4, "PER"]]}], ["Oslo", {"entities": [[0, 4, "LOC"]]}]],
    "pairs.jsonl": '["Anna lives here", {"entities": [[0, 4, "PER"]]}]\n["Oslo", {"entities": [[0, 4, "LOC"]]}]\n',
    "annotator.json": {"classes": ["PER", "LOC"], "annotations": [["Anna lives here", {"entities": [[0, 4, "PER"]]}], None, ["Oslo", {"entities": [[0, 4, "LOC"]]}]]},
    "spacy2.json": [{"id": 0, "paragraphs": [{"raw": "x", "sentences": [{"tokens": [{"orth": "Anna", "ner": "U-PER"}, {"orth": "lives", "ner": "O"}, {"orth": "here", "ner": "O"}]}, {"tokens": [{"orth": "Oslo", "ner": "U-LOC"}]}]}]}],
    "doc.json": [{"text": "Anna lives here", "ents": ents((0, 4, "PER")), "tokens": [{"id": 0, "start": 0, "end": 4}]}, {"text": "Oslo", "ents": ents((0, 4, "LOC")), "tokens": []}],
    "prodigy.jsonl": '{"text": "Anna lives here", "tokens": [{"text": "Anna", "start": 0, "end": 4, "id": 0}], "spans": [{"start": 0, "end": 4, "label": "PER"}], "answer": "accept"}\n{"text": "bad", "answer": "reject"}\n{"text": "Oslo", "spans": [{"start": 0, "end": 4, "label": "LOC"}], "answer": "accept"}\n',
    "doccano.jsonl": '{"id": 1, "text": "Anna lives here", "label": [[0, 4, "PER"]], "Comments": []}\n{"id": 2, "text": "Oslo", "label": [[0, 4, "LOC"]], "Comments": []}\n',
    "doccano_new.jsonl": '{"id": 1, "text": "Anna lives here", "entities": [{"id": 3, "label": "PER", "start_offset": 0, "end_offset": 4}], "relations": []}\n{"id": 2, "text": "Oslo", "entities": [{"id": 4, "label": "LOC", "start_offset": 0, "end_offset": 4}], "relations": []}\n',
    "dataturks.json": '{"content": "Anna lives here", "annotation": [{"label": ["PER"], "points": [{"start": 0, "end": 3, "text": "Anna"}]}], "extras": null}\n{"content": "Oslo", "annotation": [{"label": ["LOC"], "points": [{"start": 0, "end": 3, "text": "Oslo"}]}], "extras": null}\n',
    "labelstudio.csv": 'text,id,label\nAnna lives here,1,"[{""start"":0,""end"":4,""text"":""Anna"",""labels"":[""PER""]}]"\nOslo,2,"[{""start"":0,""end"":4,""text"":""Oslo"",""labels"":[""LOC""]}]"\n',
    "own_names.json": [{"id": 1, "my_words": "Anna lives here", "ner": [PERSON["value"]], "by": "x"}, {"id": 2, "my_words": "Oslo", "ner": [PLACE["value"]], "by": "x"}],
    "dicts.csv": "text,label\nAnna lives here,\"{'entities': [(0, 4, 'PER')]}\"\nOslo,\"{'entities': [(0, 4, 'LOC')]}\"\n",
    "repr.csv": "text,entities\nAnna lives here,\"[(0, 4, 'PER')]\"\nOslo,\"[{'start': 0, 'end': 4, 'label': 'LOC'}]\"\n",
    "ours.csv": 'text,entities\nAnna lives here,"[{""text"": ""Anna"", ""label"": ""PER"", ""start"": 0, ""end"": 4, ""probability"": 0.9}]"\nOslo,"[{""text"": ""Oslo"", ""label"": ""LOC"", ""start"": 0, ""end"": 4, ""probability"": 0.8}]"\n',
}  # fmt: skip


@pytest.mark.parametrize("name", EXPORTS)
def test_exports_of_annotation_tools_are_read(name: str, tmp_path: Path) -> None:
    content = EXPORTS[name]
    text = content if isinstance(content, str) else json.dumps(content, indent=1)
    assert sentences(read(settings(write(tmp_path / name, text)))) == EXPECTED


def test_a_damaged_export_names_its_line(tmp_path: Path) -> None:
    good = '{"text": "Anna", "spans": [[0, 4, "PER"]]}\n'
    assert "line 2 is not valid JSON" in findings(write(tmp_path / "a.jsonl", good + "{bad\n"), "red")
    assert "line 2 is not a record" in findings(write(tmp_path / "b.jsonl", good + "7\n"), "red")
    assert "line 1 has a span that is not start, end, label" in findings(
        write(tmp_path / "c.json", '[{"text": "Anna", "label": [{"start": 0, "labels": ["PER"]}]}]'), "red"
    )


# -- columns, comments, spaces -----------------------------------------------------------------------------------------


def test_a_nested_column_of_tags_can_be_chosen(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", "1\tUni\tB-ORG\tO\n2\tOslo\tI-ORG\tB-LOC\n\n1\tEva\tB-PER\tO\n")
    assert "Several columns of tags: column 3 is read, not 4" in findings(path, "amber")
    assert sentences(read(settings(path)))[0][1] == ("B-ORG", "I-ORG")
    assert sentences(read(settings(path, tags_column="4")))[0][1] == ("O", "B-LOC")
    assert "There is no column '9'" in findings(path, "red", tags_column="9")


def test_parts_of_speech_of_conllu_are_told(tmp_path: Path) -> None:
    row = "{0}\t{1}\tx\t{2}\tX\tA=b\t0\troot\t_\tSpaceAfter=No\n"
    text = "".join(row.format(*one) for one in ((1, "Dogs", "NOUN"), (2, "bark", "VERB"), (3, ".", "PUNCT"))) + "\n"
    path = write(tmp_path / "a.conllu", "# sent_id = 1\n" + text * 2)
    assert "the parts of speech are read (column 4)" in findings(path, "amber")
    assert sentences(read(settings(path)))[0] == (("Dogs", "bark", "."), ("NOUN", "VERB", "PUNCT"))


def test_a_number_sign_is_a_word_and_a_comment_is_none(tmp_path: Path) -> None:
    text = "# a comment\n#begin document\nGina B-PER\nis O\n# B-RANK\n1 I-RANK\n#ootd O\n\n# sent_id = 2\nEva B-PER\n"
    rows = sentences(read(settings(write(tmp_path / "a.conll", text))))
    assert rows[0] == (("Gina", "is", "#", "1", "#", "ootd"), ("B-PER", "O", "B-RANK", "I-RANK", "O", "O"))
    assert rows[1] == (("Eva",), ("B-PER",))


def test_a_no_break_space_stays_inside_its_word(tmp_path: Path) -> None:
    data = read(settings(write(tmp_path / "a.conll", "costs O\n10\u00a0000 B-NUM\neuros O\n\n" * 2)))
    assert sentences(data)[0][0] == ("costs", "10\u00a0000", "euros")
    assert data.rule.words("it costs 10\u00a0000 euros")[2] == "10\u00a0000"


def test_a_line_of_too_many_columns_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.conll", "Anna B-PER\nNew York B-LOC\nhere O\n")
    assert "line 2 has another number of columns than 2" in findings(path, "red")


def test_a_file_of_words_without_ids_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "word,tag\nAnna,B-PER\nlives,O\nOslo,B-LOC\n")
    assert "nothing that tells where a sentence ends" in findings(path, "red")
    shuffled = write(tmp_path / "b.csv", "sentence_id,word,tag\n" + "0,Anna,B-PER\n1,Oslo,B-LOC\n" * 5)
    assert "Sort them by column 'sentence_id'" in findings(shuffled, "red")


def test_a_printed_list_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "tokens,ner_tags\n\"['Anna' 'lives' ... 'here']\",\"['B-PER' 'O' ... 'O']\"\n")
    assert "cut short when it was printed" in findings(path, "red")
    assert parse_list("""["Anna's", 'a "b"', '...']""") == ["Anna's", 'a "b"', "..."]


# -- tags --------------------------------------------------------------------------------------------------------------


def test_class_ids_need_names(tmp_path: Path) -> None:
    rows = '{"tokens": ["Anna", "lives", "here"], "ner_tags": [1, 0, 0]}\n{"tokens": ["Oslo"], "ner_tags": [3]}\n'
    path = write(tmp_path / "ids.jsonl", rows)
    assert "Tags are class ids without names: 0, 1, 3" in findings(path, "red")
    assert "but there are 2 names" in findings(path, "red", tag_names="O, B-PER")
    assert sentences(read(settings(path, tag_names="O, B-PER, I-PER, B-LOC"))) == EXPECTED
    assert sentences(read(settings(path, tag_names='["O", "B-PER", "I-PER", "B-LOC"]'))) == EXPECTED


@pytest.mark.parametrize("kind", ["Sequence", "List"])
def test_names_of_class_ids_come_from_a_parquet_file_of_datasets(kind: str, tmp_path: Path) -> None:
    label = {"names": ["O", "B-PER", "I-PER", "B-LOC"], "_type": "ClassLabel"}
    features = {"tokens": {"feature": {"_type": "Value"}, "_type": kind}, "ner_tags": {"feature": label, "_type": kind}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pa.table({"tokens": [["Anna", "lives", "here"], ["Oslo"]], "ner_tags": [[1, 0, 0], [3]]})
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "a.parquet")
    assert sentences(read(settings(tmp_path / "a.parquet"))) == EXPECTED


@pytest.mark.parametrize("odd", ["o", "0", "_", "NONE", "-"])
@pytest.mark.parametrize("prefix", ["B-", ""])
def test_another_spelling_of_outside_is_asked_about(odd: str, prefix: str, tmp_path: Path) -> None:
    text = f"Anna {prefix}PER\nlives {odd}\nhere {odd}\n\nOslo {prefix}LOC\n"
    path = write(tmp_path / "a.conll", text)
    assert f"Does the tag '{odd}' mean O, no entity?" in findings(path, "red")
    assert sentences(read(settings(path, outside_tag=odd))) == EXPECTED
    if not prefix:
        assert set(read(settings(path, outside_tag="O")).tags) == {"PER", odd, "LOC"}


@pytest.mark.parametrize("tags", ["PER_B PER_I LOC_B", "b-PER i-PER b-LOC", "B_PER I_PER B_LOC", "PER-B PER-I LOC-B"])
def test_other_spellings_of_bio_are_read(tags: str, tmp_path: Path) -> None:
    first, second, third = tags.split()
    path = write(tmp_path / "a.conll", f"Anna {first}\nSmith {second}\nlives O\n\nOslo {third}\n")
    assert "are read as B-LOC" in findings(path, "green")
    assert [one.tags for one in read(settings(path)).train] == [("B-PER", "I-PER", "O"), ("B-LOC",)]


@pytest.mark.parametrize("tags", ["HEPATITIS-B HEPATITIS-E", "VITAMIN-B VITAMIN-B", "WAR-I PLAN-B", "b-cell e-mail"])
def test_labels_that_end_in_a_letter_are_no_spelling_of_bio(tags: str) -> None:
    assert not in_usual_form({"O", *tags.split()})


def test_an_evaluation_file_of_first_words_alone_is_read_as_the_training_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.conll", "Anna PER-B\nSmith PER-I\nlives O\n\nOslo LOC-B\n")
    other = write(tmp_path / "b.conll", "Eva PER-B\nis O\n\nRome LOC-B\n")
    data = read(settings(path, eval_data=str(other)))
    assert [one.tags for one in data.evaluation] == [("B-PER", "O"), ("B-LOC",)]


# -- offsets -----------------------------------------------------------------------------------------------------------


def spans_file(path: Path, rows: list[tuple[str, list[Any]]]) -> Path:
    return write(path, "\n".join(json.dumps({"text": text, "spans": spans}) for text, spans in rows))


OFFSETS = {
    "UTF-16 units": ("😀😀 Eva went to Rome", [[5, 8, "A"], [17, 21, "B"]]),
    "bytes of UTF-8": ("Éé Eva went to Rome", [[5, 8, "A"], [17, 21, "B"]]),
    "characters with line ends of one character": ("Hi\r\nx\r\nEva went to Rome", [[5, 8, "A"], [17, 21, "B"]]),
    "characters with line ends of two characters": ("Hi\nx\nEva went to Rome", [[7, 10, "A"], [19, 23, "B"]]),
    "characters, the last one included": ("Eva went to Rome", [[0, 2, "A"], [12, 15, "B"]]),
    "characters, the first one being 1, the last one included": ("Eva went to Rome", [[1, 3, "A"], [13, 16, "B"]]),
    "characters, the first one being 1": ("Eva went to Rome", [[1, 4, "A"], [13, 17, "B"]]),
}


@pytest.mark.parametrize("name", OFFSETS)
@pytest.mark.parametrize("quoted", [False, True])
def test_offsets_in_other_units_are_converted(name: str, quoted: bool, tmp_path: Path) -> None:
    text, spans = OFFSETS[name]
    texts = ("Eva", "Rome")
    entities = [{"start": s[0], "end": s[1], "label": s[2], "text": t} for s, t in zip(spans, texts, strict=True)]
    path = spans_file(tmp_path / "a.jsonl", [(text, entities if quoted else spans)] * 3)
    assert f"Offsets are counted in {name}: converted" in findings(path, "amber")
    words, tags = sentences(read(settings(path)))[0]
    assert {word: tag for word, tag in zip(words, tags, strict=True) if tag != "O"} == {"Eva": "B-A", "Rome": "B-B"}


def test_readings_agree_where_nothing_tells_them_apart() -> None:
    exclusive: list[Reading] = [one for one in READINGS if not one.first and not one.inclusive]
    assert {one.read("Eva went to Rome", Span(12, 16, "A")) for one in exclusive} == {Span(12, 16, "A")}


def test_spans_that_fit_are_left_alone_whatever_stands_around_them(tmp_path: Path) -> None:
    path = spans_file(tmp_path / "a.jsonl", [("😀 Eva\r\nwent to Rome ", [[2, 5, "A"], [15, 20, "B"]])] * 3)
    assert "Offsets" not in findings(path, "amber")
    assert sentences(read(settings(path)))[0][1] == ("O", "B-A", "O", "O", "B-B")


def test_spans_that_cut_words_are_told(tmp_path: Path) -> None:
    rows = [("Eva went to Rome", [[0, 3, "A"]])] * 9 + [("Londoner in Oslo", [[0, 6, "A"]])]
    assert "1 of 10 spans begin or end inside a word: 'London' (line 10)" in findings(
        spans_file(tmp_path / "a.jsonl", rows), "amber"
    )
    rows = [("Evelyne went to Bologna", [[1, 4, "A"]]), ("Evelyne or Francesca", [[2, 6, "A"]])] * 4
    assert "inside a word" in findings(spans_file(tmp_path / "b.jsonl", rows), "red")


def test_spans_are_compared_with_their_own_text(tmp_path: Path) -> None:
    fits = {"start": 0, "end": 3, "label": "A", "text": "Eva"}
    moved = {"start": 4, "end": 7, "label": "A", "value": "art"}
    path = spans_file(tmp_path / "a.jsonl", [("Eva went", [fits])] * 9 + [("the party was about art", [moved])])
    assert "1 span whose offsets differ from the entity's own text" in findings(path, "amber")
    assert sentences(read(settings(path)))[-1][1] == ("O", "O", "O", "O", "B-A")


def test_the_evaluation_file_is_read_by_the_columns_of_training(tmp_path: Path) -> None:
    train = write(tmp_path / "a.jsonl", '{"tokens": ["Anna", "left"], "labels": ["B-PER", "O"]}\n')
    other = write(tmp_path / "b.jsonl", '{"tokens": ["Eva"], "ner_tags": ["NNP"], "labels": ["B-PER"]}\n')
    assert [one.tags for one in read(settings(train, eval_data=str(other))).evaluation] == [("B-PER",)]
    nested = "1\tUni\tB-ORG\tO\n2\tOslo\tI-ORG\tB-LOC\n"
    train, other = (
        write(tmp_path / "a.conll", nested * 3),
        write(tmp_path / "b.conll", "1\tRom\tO\tB-LOC\n2\tan\tO\tO\n"),
    )
    assert [one.tags for one in read(settings(train, eval_data=str(other))).evaluation] == [("O", "O")]


@pytest.mark.parametrize("separator", [" ", "\t"])
@pytest.mark.parametrize("suffix", ["txt", "tsv"])
def test_labels_without_prefixes_are_told_by_blank_lines(separator: str, suffix: str, tmp_path: Path) -> None:
    words = [("Anna", "PER"), ("lives", "O"), ("here", "O"), ("", ""), ("Oslo", "LOC"), ("is", "O"), ("big", "O")]
    path = write(tmp_path / f"a.{suffix}", "".join(separator.join(pair).strip() + "\n" for pair in words))
    assert [tags for _, tags in sentences(read(settings(path)))] == [("B-PER", "O", "O"), ("B-LOC", "O", "O")]


def test_tasks_without_an_annotation_are_left_out(tmp_path: Path) -> None:
    done = {
        "data": {"text": "Anna"},
        "annotations": [{"result": [{"value": {"start": 0, "end": 4, "labels": ["PER"]}}]}],
    }
    tasks = [
        done,
        {"data": {"text": "Bo"}, "annotations": []},
        {"data": {"text": "no"}, "annotations": [{"result": []}]},
    ]
    path = write(tmp_path / "tasks.json", json.dumps(tasks))
    assert sentences(read(settings(path))) == [(("Anna",), ("B-PER",)), (("no",), ("O",))]
    assert "1 task without an annotation left out" in findings(path, "amber")


def test_labels_that_are_ids_are_told(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl", '{"text": "Anna", "annotations": [{"start_offset": 0, "end_offset": 4, "label": 2}]}'
    )
    assert "labels of the spans are numbers: 2" in findings(path, "amber")


def test_spans_with_a_length_or_places_in_hypertext_are_read(tmp_path: Path) -> None:
    places = [{"offset": 5, "length": 4}, {"start": "/p[1]", "end": "/p[1]", "globalOffsets": {"start": 5, "end": 9}}]
    for place in places:
        row = {"text": "Hey, Anna", "entities": [{**place, "label": "PER"}]}
        path = write(tmp_path / "a.jsonl", json.dumps(row))
        assert sentences(read(settings(path))) == [(("Hey", ",", "Anna"), ("O", "O", "B-PER"))]


def test_offsets_in_a_script_without_spaces_are_told_by_marks_or_asked(tmp_path: Path) -> None:
    def written(text: str) -> Path:
        rows = [{"text": f"😀今天王伟住在{text}", "spans": [[4, 6, "PER"], [8, 10, "LOC"]]}] * 4
        return write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))

    assert sentences(read(settings(written("北京。"))))[0][1] == (
        *("O", "O", "O", "B-PER", "I-PER"),
        *("O", "O", "B-LOC", "I-LOC", "O"),
    )
    assert "8 spans would fit as UTF-16 units, too" in findings(written("北京很久"), "amber")


def test_rows_out_of_order_are_refused_and_documents_numbered_anew_are_not(tmp_path: Path) -> None:
    mixed = write(tmp_path / "a.csv", "sid,word,tag\n2,Oslo,B-LOC\n1,Anna,B-PER\n2,is,O\n1,was,O\n")
    with pytest.raises(UserError, match="not together"):
        read(settings(mixed))
    document = "1,Anna,B-PER\n1,was,O\n2,Oslo,B-LOC\n2,is,O\n"
    assert len(read(settings(write(tmp_path / "b.csv", f"sid,word,tag\n{document * 9}"))).train) == 18
