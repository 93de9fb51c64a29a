"""What a person is told of the texts and labels they bring, before anything is trained."""

from pathlib import Path

import pytest

from plugins.bert_finetune.classify.data import ClassifyData, read
from plugins.bert_finetune.classify.settings import ClassifySettings
from plugins.bert_finetune.list_cells import parse_labels
from tests.bert_models import build, check
from tests.files import BAD_INPUTS, write
from training.errors import UserError
from training.preflight.sheet import Level
from training.settings import parse_settings

# File, and evaluation file after "+" -> the level of the row that says so, and its words.
EXPECTED: dict[str, tuple[Level, str]] = {
    "empty.csv": ("red", "empty.csv is empty (0 bytes)"),
    "header_only.csv": ("red", "header text, label but no rows"),
    "one_class.csv": ("red", "only one class: '1', 6 rows: A classifier needs two"),
    "one_example_per_class.csv": ("amber", "1 row per class: none can be held out"),
    "nan_text.csv": ("amber", "2 rows dropped: no visible text: Lines 3, 4."),
    "nan_label.csv": ("amber", "1 row dropped: no label: Line 3."),
    "dup_columns.csv": ("red", "'text' 2 times (columns 1 and 3)"),
    "space_in_header.csv": ("green", "Text in column 'text', label in 'label'"),
    "no_label_column.csv": ("red", "columns are text, notes. Choose one (notes: 2 values in 2 rows)"),
    "no_header.csv": ("amber", "No header found: columns named text, label"),
    "semicolon.csv": ("green", "Separator ; found"),
    "ragged.csv": ("red", "line 3 has 3 fields, 2 expected; line 4: a quote is opened and never closed"),
    "latin1.csv": ("amber", "Not UTF-8: read as Windows-1252"),
    "utf16.csv": ("green", "UTF-16 by its byte order mark"),
    "bom.csv": ("green", "Text in column 'text', label in 'label'"),
    "nul_bytes.csv": ("red", "NUL byte in line 2"),
    "float_labels_class.csv": ("green", "2 classes: 1 (2), 0 (2)"),
    "mixed_labels.csv": ("amber", "differ only in case: 'positive', 'Positive'"),
    "label_gap.csv": ("green", "2 classes: 1 (2), 5 (2)"),
    "label_minus_one.csv": ("amber", "2 rows dropped: the label -1"),
    "too_many_classes.csv": ("red", "60 classes in 60 rows: Is this an id"),
    "conflicting_duplicates.csv": (
        "amber",
        "2 texts with different labels: Such as 'a charming and funny film', 'dull and far too long'.",
    ),
    "leak_train.csv+leak_dev.csv": ("amber", "3 of 4 evaluation texts also in the training file: Excluded"),
    "leak_train.csv+unseen_label_dev.csv": ("red", "a label that training lacks: '2'"),
    "long_text.csv.gz": ("green", "2 classes: 1 (2), 0 (2)"),
    "emoji_and_rtl.csv": ("amber", "1 row dropped: no visible text: Line 5."),
    "bad_line.jsonl": ("red", "line 2 is not valid JSON (Expecting ',' delimiter at character 24)"),
    "missing_key.jsonl": ("red", "line 2 lacks 'text'"),
    "array.json": ("green", "2 classes: 1 (1), 0 (1)"),
    "not_parquet.parquet": ("red", "is not a Parquet file"),
}
FOUR = "good film,1\nbad film,0\nnice,1\npoor,0\n"
WRITTEN: dict[str, str | bytes] = {
    "empty.csv": "",
    "header_only.csv": "text,label\n",
    "one_class.csv": "text,label\n" + "".join(f"film {i},1\n" for i in range(6)),
    "one_example_per_class.csv": "text,label\ngood film,1\nbad film,0\n",
    "nan_text.csv": 'text,label\ngood film,1\n,0\n"   ",1\nNA,0\nbad film,0\nfine film,1\n',
    "nan_label.csv": "text,label\ngood film,1\nbad film,\nfine film,1\nawful,0\n",
    "no_label_column.csv": "text,notes\ngood film,seen monday\nbad film,seen tuesday\n",
    "no_header.csv": FOUR,
    "latin1.csv": f"text,label\ntrès bon,1\n{FOUR}".encode("latin-1"),
    "nul_bytes.csv": b"text,label\ngood\0film,1\nbad,0\n",
    "float_labels_class.csv": "text,label\na,1.0\nb, 0.0\nc,1.0\nd,0.0\n",
    "mixed_labels.csv": "text,label\na,positive\nb,0\nc,Positive\nd,negative \ne, negative\n",
    "label_gap.csv": "text,label\ngood film,1\nbad film,5\nnice,1\npoor,5\n",
    "label_minus_one.csv": f"text,label\n{FOUR}unknown,-1\nunknown2,-1\n",
    "too_many_classes.csv": "text,label\n" + "".join(f"sentence {i},id_{i}\n" for i in range(60)),
    "emoji_and_rtl.csv": "text,label\n😀😀,1\n\u202eabc,0\nשלום,1\n\u200b\u200b,0\n",
    "missing_key.jsonl": '{"text": "a", "label": 1}\n{"sentence": "b", "label": 0}\n',
}


def classify(data: Path, **values: object) -> ClassifySettings:
    return parse_settings(ClassifySettings, {"data": str(data), **values})


def assert_told(data: Path, eval_data: Path | None, level: Level, words: str) -> None:
    sheet = check("classify", classify(data, eval_data=str(eval_data or "")))
    rows = {f"{row.title}: {row.detail}": row.level for row in sheet.findings}
    assert [rows[row] for row in rows if words in row] == [level], "\n".join(rows)
    assert sheet.blocked == (level == "red"), "\n".join(rows)


def read_text(tmp_path: Path, content: str, **values: object) -> ClassifyData:
    return read(classify(write(tmp_path / "rows.csv", content), **values))


def titles(data: ClassifyData) -> str:
    return "\n".join(finding.title for finding in data.sheet.findings)


@pytest.mark.parametrize("names", EXPECTED)
def test_bad_and_odd_files_are_met_with_the_right_words(names: str) -> None:
    data, *evaluation = (BAD_INPUTS / name for name in names.split("+"))
    assert_told(data, evaluation[0] if evaluation else None, *EXPECTED[names])


@pytest.mark.parametrize("name", WRITTEN)
def test_written_bad_and_odd_files_are_met_with_the_right_words(name: str, tmp_path: Path) -> None:
    assert_told(write(tmp_path / name, WRITTEN[name]), None, *EXPECTED[name])


# Labels


def test_label_ids_count_from_zero_in_the_order_of_the_names(tmp_path: Path) -> None:
    assert read_text(tmp_path, "text,label\na,10\nb,9\nc,10\nd,9\n").label_names == ["9", "10"]
    assert read_text(tmp_path, "text,label\na,1.0\nb, 0.0\nc,1.0\nd,0\n").label_names == ["0", "1"]


def test_several_labels_of_a_text_are_told_apart(tmp_path: Path) -> None:
    rows = "text,label\nboth,a | b\nnone,\nfirst,a\nsecond,b|b\n"
    data = read_text(tmp_path, rows, multi_label=True, eval_share=0.0)
    assert data.train.labels == [("a", "b"), (), ("a",), ("b",)]
    assert data.label_names == ["a", "b"]


def test_labels_of_a_json_list_are_told_apart(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"text": "x", "tags": ["a", "b"]}\n{"text": "y", "tags": []}\n')
    assert read(classify(path, multi_label=True)).train.labels == [("a", "b"), ()]


def test_joined_labels_suggest_multi_label(tmp_path: Path) -> None:
    assert "Labels like 'a|b' look like several in one" in titles(read_text(tmp_path, "text,label\nx,a|b\ny,b\nz,b\n"))


LISTS = {
    "python.csv": "text,tags\nx,\"['sport', 'world news']\"\ny,\"['art']\"\nz,[]\n",
    "numpy.csv": "text,tags\nx,['sport' 'world news']\ny,['art']\nz,[]\n",
    "json.csv": 'text,tags\nx,"[""sport"", ""world news""]"\ny,"[""art""]"\nz,[]\n',
    "set.csv": "text,tags\nx,\"{'sport', 'world news'}\"\ny,{'art'}\nz,\n",
    "bare.csv": 'text,tags\nx,"[sport, world news]"\ny,[art]\nz,[]\n',
    "joined.csv": "text,tags\nx,sport|world news\ny,art\nz,\n",
    "empty_set.csv": "text,tags\nx,\"{'sport', 'world news'}\"\ny,{'art'}\nz,set()\n",
    "list.jsonl": '{"text": "x", "tags": ["sport", "world news"]}\n{"text": "y", "tags": ["art"]}\n{"text": "z", "tags": []}\n',
}


@pytest.mark.parametrize("name", LISTS)
def test_lists_of_labels_mean_the_same_in_every_spelling(name: str, tmp_path: Path) -> None:
    data = read(classify(write(tmp_path / name, LISTS[name]), multi_label=True, eval_share=0.0))
    assert data.train.labels == [("sport", "world news"), ("art",), ()]


FLAGS = {  # label_column -> rows
    "": "comment,toxic,threat\nboth,1,1\nnone,0,0\nfirst,1,0\n",
    "toxic, threat": "comment,toxic,threat\nboth,1.0,yes\nnone,0.0,\nnot looked at,-1,-1\nfirst,1.0,no\n",
}


@pytest.mark.parametrize("named", FLAGS)
def test_labels_with_a_column_each_are_told_apart(named: str, tmp_path: Path) -> None:
    path = write(tmp_path / "flags.csv", FLAGS[named])
    data = read(classify(path, multi_label=True, label_column=named, eval_data=str(path), drop_leaked=False))
    assert data.columns.label == "toxic, threat" and data.label_names == ["threat", "toxic"]
    assert data.train.labels[:3] == data.evaluation.labels[:3] == [("toxic", "threat"), (), ("toxic",)]


def test_columns_of_labels_need_multi_label_and_yes_or_no(tmp_path: Path) -> None:
    path = write(tmp_path / "flags.csv", "comment,toxic,threat\nx,1,0\ny,0,1\nz,1,1\nv,0,0\n")
    with pytest.raises(UserError, match="Or turn multi_label on: then toxic, threat are a label each"):
        read(classify(path))
    with pytest.raises(UserError, match=r"several columns \(toxic,threat\): turn multi_label on"):
        read(classify(path, label_column="toxic,threat"))
    with pytest.raises(UserError, match="Column 'other' is not in flags"):
        read(classify(path, label_column="toxic,other", multi_label=True))
    path = write(tmp_path / "levels.csv", "comment,toxic,threat\nx,0.3,0\ny,0,1\n")
    with pytest.raises(UserError, match=r"'toxic' of levels.csv has '0.3' in line 2: the column of a label has 1"):
        read(classify(path, label_column="toxic,threat", multi_label=True))
    labelled = write(tmp_path / "a.csv", "text,tags,seen,kept\nx,a|b,1,0\ny,b,0,1\nz,a,1,1\nv,a,0,0\n")
    assert read(classify(labelled, multi_label=True)).columns.label == "tags"


def test_apostrophes_and_quotes_inside_lists_are_kept() -> None:
    assert parse_labels("[\"it's\", 'a \\'b\\'']") == ["it's", "a 'b'"]
    assert parse_labels("[1. 0. 1.]") == ["1.", "0.", "1."]
    assert parse_labels("(positive)") is None
    assert parse_labels("text [1]") is None


@pytest.mark.parametrize(
    "cells",
    [
        ("[1, 0, 0]", "[0, 1, 1]"),
        ("[1. 0. 0.]", "[0. 1. 1.]"),
        ("1|0|0", "0|1|1"),
        ("1,0,0", "0,1,1"),
        ("1 0 0", "0 1 1"),
        ("100", "011"),
    ],
)
def test_vectors_of_zeros_and_ones_need_names(cells: tuple[str, str], tmp_path: Path) -> None:
    rows = "".join(f'text {n},"{cells[n % 2]}"\n' for n in range(30))
    path = write(tmp_path / "rows.csv", f"text,labels\n{rows}")
    sheet = check("classify", classify(path, multi_label=True))
    assert any(row.level == "red" and "vectors of 3 zeros and ones" in row.title for row in sheet.findings)
    path = write(tmp_path / "rows.csv", "text,labels\na,0|1\nb,1\nc,0\nd,0|1\n")  # classes 0 and 1
    assert not check("classify", classify(path, multi_label=True)).blocked


@pytest.mark.parametrize(
    ("cells", "multi_label", "advice"),
    [
        (["news, art", "art", "sport, news", "sport, art"], True, "Set label_separator to ','."),
        (["news;art", "art;news", "sport;news", "sport;art"], True, "Set label_separator to ';'."),
        (
            ["news, art", "art", "sport, news", "sport, art"],
            False,
            "Turn multi_label on if a text can have several labels, and set label_separator to ','.",
        ),
        (["['news', 'art']", "['art']", "['sport', 'art']"], False, "Turn multi_label on: lists are read"),
        (["Mergers, acquisitions", "Sports, health", "World"], False, None),
        (["new york", "new delhi", "old delhi", "old york"], False, None),
        (["very good", "good", "bad", "very bad indeed"], False, None),
        (["a|b", "b", "a"], True, None),
    ],
)
def test_labels_that_are_several_in_one_are_told(
    cells: list[str], multi_label: bool, advice: str | None, tmp_path: Path
) -> None:
    rows = "".join(f'text {n},"{cells[n % len(cells)]}"\n' for n in range(40))
    findings = read_text(tmp_path, f"text,label\n{rows}", multi_label=multi_label).sheet.findings
    found = [row.detail for row in findings if "several in one" in row.title]
    assert [advice in detail for detail in found if advice] == [True] * (advice is not None)
    assert bool(found) == (advice is not None)


@pytest.mark.parametrize(
    "mark", ["-", "?", "nan", "NaN", "<NA>", "#N/A", "N/A", "—", "--", ".", "_", "-1", "unlabeled"]
)
def test_marks_of_no_label_are_left_out_and_told(mark: str, tmp_path: Path) -> None:
    rows = "".join(f"text {n},{('neutral', 'entailment', mark)[n % 3]}\n" for n in range(30))
    data = read_text(tmp_path, f"text,label\n{rows}")
    assert data.label_names == ["entailment", "neutral"]
    assert any(row.level == "amber" and row.title.startswith("10 rows dropped") for row in data.sheet.findings)


def test_minus_one_beside_0_and_1_is_a_class_unless_it_stands_apart(tmp_path: Path) -> None:
    def names(labels: str) -> list[str]:
        rows = "".join(f"text {row},{label}\n" for row, label in enumerate(labels.split()))
        data = read_text(tmp_path, f"text,label\n{rows}")
        assert ("taken for a class" in titles(data)) == ("-1" in data.label_names)
        assert ("rows dropped: the label -1" in titles(data)) == ("-1" not in data.label_names)
        return data.label_names

    assert names("-1 0 1 -1 1 0 0 -1 1") == ["-1", "0", "1"]
    assert names("0 1 0 1 1 -1 -1 -1") == ["0", "1"]  # a test split without labels, behind that of training
    assert names("0 1 -1 0 2 1 -1 2 0") == ["0", "1", "2"]
    assert names("0 1 0 1 -1 " * 1 + "0 1 " * 100 + "-1") == ["0", "1"]  # two of 206


def test_marks_that_are_labels_stay(tmp_path: Path) -> None:
    rows = "".join(f"text {n},{'+-'[n % 2]}\n" for n in range(20))
    dev = write(tmp_path / "dev.csv", "text,label\nnew one,-\nnew two,-\n")
    data = read_text(tmp_path, f"text,label\n{rows}", eval_data=str(dev))
    assert data.label_names == ["+", "-"] and data.evaluation.labels == [("-",), ("-",)]
    assert read_text(tmp_path, "text,label\na,-1\nb,1\nc,-1\nd,1\n").label_names == ["-1", "1"]
    data = read_text(tmp_path, "text,label\na,none\nb,joy\nc,none\nd,joy\n")
    assert data.label_names == ["joy", "none"] and "'none' is a class" in titles(data)


@pytest.mark.parametrize("cells", [("sport;news", "news"), ("27", "2,4"), ("a / b", "c")])
def test_multi_label_with_another_separator_is_told(cells: tuple[str, str], tmp_path: Path) -> None:
    rows = "".join(f'text {n},"{cells[n % 2]}"\n' for n in range(30))
    told = titles(read_text(tmp_path, f"text,labels\n{rows}", multi_label=True))
    assert "no text has more than one label" in told and "fraction" not in told


def test_labels_that_annotators_rejected_are_left_out(tmp_path: Path) -> None:
    answers = ("accept", "reject", "accept", "ignore")
    rows = "".join(
        f'{{"text": "text {n}", "label": "{"ab"[n // 2 % 2]}", "answer": "{answers[n % 4]}"}}\n' for n in range(20)
    )
    data = read(classify(write(tmp_path / "prodigy.jsonl", rows), eval_share=0.0))
    assert len(data.train) == 10 and "10 rows dropped: the annotator rejected" in titles(data)


@pytest.mark.parametrize("names", ["text_a,text_b", "#1 String,#2 String", "first_text,second_text", "Satz 1,Satz 2"])
def test_texts_of_numbered_names_are_a_pair(names: str, tmp_path: Path) -> None:
    rows = "".join(f"{n % 2},{n},first text of row {n},second of {n}\n" for n in range(20))
    data = read_text(tmp_path, f"label,id,{names}\n{rows}", eval_share=0.0)
    assert data.train.keys()[3] == ("first text of row 3", "second of 3")


def test_a_single_numbered_text_has_no_pair(tmp_path: Path) -> None:
    rows = "".join(f"{('ham', 'spam')[n % 2]},a text of row {n}\n" for n in range(20))
    data = read_text(tmp_path, f"v1,v2\n{rows}")
    assert data.train.pairs is None and data.label_names == ["ham", "spam"]


def test_a_total_below_the_rows_is_told(tmp_path: Path) -> None:
    rows = "".join(f"text {n};{'ab'[n % 2]}\n" for n in range(20))
    assert "Numbers among labels that are words: 20" in titles(read_text(tmp_path, f"text;label\n{rows}Total;20\n"))


def test_labels_that_are_scores_are_told(tmp_path: Path) -> None:
    rows = "".join(f"text {n},{(0.0, 1.2, 2.5, 5.0)[n % 4]}\n" for n in range(40))
    data = read_text(tmp_path, f"text,label\n{rows}")
    assert any(row.level == "amber" and "numbers with a fraction" in row.title for row in data.sheet.findings)
    assert "fraction" not in titles(read_text(tmp_path, "text,label\na,1.0\nb,2.0\nc,1.0\nd,2.0\n"))


def test_labels_in_a_list_of_one_are_those_of_the_list(tmp_path: Path) -> None:
    for name, rows in (
        ("a.csv", "text,label\nx,['pos']\ny,['neg']\n"),
        ("a.jsonl", '{"text": "x", "label": ["pos"]}\n{"text": "y", "label": ["neg"]}\n'),
    ):
        assert read(classify(write(tmp_path / name, rows), eval_share=0.0)).label_names == ["neg", "pos"]


def test_texts_without_any_label_are_refused(tmp_path: Path) -> None:
    data = read_text(tmp_path, "text,label,n\nx,,1\ny,,2\n", multi_label=True, label_column="label")
    assert "No row has a label" in titles(data)


def test_no_label_is_held_out_whole(tmp_path: Path) -> None:
    rows = "".join(f"text {i},{'a|rare' if i == 7 else 'a|b' if i % 2 else 'b'}\n" for i in range(20))
    for seed in range(5):
        data = read_text(tmp_path, "text,label\n" + rows, multi_label=True, eval_share=0.5, seed=seed)
        assert data.label_names == ["a", "b", "rare"]
        assert len(data.evaluation) >= 9


def test_texts_that_hold_their_label_are_told(tmp_path: Path) -> None:
    labels = ("very good", "poor") * 20
    told = [f"text {row}. {label.upper()}: film {row},{label}" for row, label in enumerate(labels)]
    findings = check("classify", classify(write(tmp_path / "told.csv", "text,label\n" + "\n".join(told)))).findings
    assert any(row.level == "amber" and row.title == "100% of the texts contain their own label" for row in findings)


def test_a_text_that_names_any_label_gives_none_away(tmp_path: Path) -> None:
    rows = [f"is film {row} good or poor or goods,{('good', 'poor')[row % 2]}" for row in range(40)]
    findings = check("classify", classify(write(tmp_path / "both.csv", "text,label\n" + "\n".join(rows)))).findings
    assert not any("own label" in row.title for row in findings)


def test_one_column_cannot_be_text_and_label(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", f"text,label\n{FOUR}")
    assert "'label' is both the text and the label" in str(
        check("classify", classify(path, text_column="label", label_column="label")).findings
    )


def test_unbalanced_classes_are_named_with_what_helps(tmp_path: Path) -> None:
    rows = "text,label\nonly one,rare\n" + "".join(f"text {i},usual\n" for i in range(30))
    assert "the rarest class has 1 row, the largest 30" in titles(read_text(tmp_path, rows))
    assert "rarest" not in titles(read_text(tmp_path, rows, class_weights="balanced"))


# Pairs and evaluation files


def test_pairs_are_read_and_a_row_lacking_one_text_is_dropped(tmp_path: Path) -> None:
    rows = "premise,hypothesis,label\na,b,yes\nc,,no\ne,f,no\na,g,yes\n"
    data = read_text(tmp_path, rows, eval_share=0.0)
    assert data.train.keys() == [("a", "b"), ("e", "f"), ("a", "g")]
    assert "1 row dropped: no visible text" in titles(data)
    assert "second text in 'hypothesis'" in titles(data)
    assert "repeated" not in titles(data)


def test_repeated_texts_stay_on_one_side_of_the_split(tmp_path: Path) -> None:
    rows = "text,label\n" + "".join(f"text {i % 20},{i % 2}\n" for i in range(40))
    data = read_text(tmp_path, rows, eval_share=0.3)
    assert len(data.evaluation)
    assert not {*data.train.texts} & {*data.evaluation.texts}


def test_leaked_texts_stay_where_asked_and_are_still_named(tmp_path: Path) -> None:
    leaked = write(tmp_path / "dev.csv", "text,label\ngood film,1\nquite new,0\n")
    left, kept = (
        read_text(tmp_path, "text,label\n" + FOUR, eval_data=str(leaked), drop_leaked=drop) for drop in (True, False)
    )
    assert (left.evaluation.texts, kept.evaluation.texts) == (["quite new"], ["good film", "quite new"])
    assert all("1 of 2 evaluation texts also in the training file" in titles(data) for data in (left, kept))


def test_notices_of_the_evaluation_file_carry_its_name(tmp_path: Path) -> None:
    dev = write(tmp_path / "dev.csv", "text,label\nà voir,1\n,0\n".encode("latin-1"))
    found = titles(read_text(tmp_path, "text,label\n" + FOUR, eval_data=str(dev)))
    assert "dev.csv: Not UTF-8: read as Windows-1252" in found
    assert "dev.csv: 1 row dropped: no visible text" in found


def test_evaluation_file_without_the_label_column_is_refused(tmp_path: Path) -> None:
    train, dev = write(tmp_path / "train.csv", "text,label\n" + FOUR), write(tmp_path / "dev.csv", "text,stars\na,1\n")
    assert_told(train, dev, "red", "Column 'label' is not in dev.csv; it has: text, stars.")


# Tokens


def tiny(data: Path, **values: object) -> ClassifySettings:
    small = {"layers": 1, "heads": 1, "hidden_size": 8, "vocabulary_size": 200, "max_length": 16, "eval_share": 0.0}
    return classify(data, **small, **values)


def test_long_text_is_cut_and_the_lost_share_of_tokens_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", f"text,label\n{'word ' * 1000},1\n{FOUR}")
    (cut,) = build("classify", tiny(path)).findings()
    assert (cut.level, cut.title) == (
        "amber",
        "1 of 5 texts truncated to 16 tokens: 97.0% of all tokens lost",
    )  # 986 of 1,016


def test_long_text_among_the_evaluation_rows_is_said_too(tmp_path: Path) -> None:
    dev = write(tmp_path / "dev.csv", f"text,label\n{'film ' * 1000},1\n")
    task = build("classify", tiny(write(tmp_path / "a.csv", "text,label\n" + FOUR), eval_data=str(dev)))
    assert "1 of 5 texts truncated to 16 tokens" in task.findings()[0].title


def test_text_of_a_million_characters_is_cut_without_a_hang() -> None:
    findings = build("classify", tiny(BAD_INPUTS / "long_text.csv.gz")).findings()
    assert "1 of 4 texts truncated to 16 tokens: 100.0% of all tokens lost" in [finding.title for finding in findings]


def test_text_that_just_fits_is_not_called_cut(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", f"text,label\n{'film ' * 14},1\n{FOUR}")
    assert build("classify", tiny(path)).findings() == []


def test_text_in_a_script_the_vocabulary_lacks_is_red(tmp_path: Path) -> None:
    english = build("classify", tiny(write(tmp_path / "english.csv", "text,label\n" + FOUR)))
    english.save(english.model, tmp_path / "model")
    unknown = write(tmp_path / "unknown.csv", "text,label\nꙮꙮꙮ ꙮ,1\nꘐꘐ,0\nꙮ,1\nꘐ,0\n")
    (finding,) = build("classify", tiny(unknown, model=str(tmp_path / "model"))).findings()
    assert (finding.level, finding.title) == ("red", "100% of the tokens are unknown to the vocabulary")


def test_an_evaluation_file_may_capitalise_its_header_otherwise(tmp_path: Path) -> None:
    dev = write(tmp_path / "dev.csv", "TEXT,Label\nquite another film,1\n")
    assert read_text(tmp_path, "text,label\n" + FOUR, eval_data=str(dev)).evaluation.texts == ["quite another film"]


def test_columns_that_are_not_used_are_named(tmp_path: Path) -> None:
    rows = "".join(
        f"{n},Title {n},a longer text of many words {n},{'ab'[n % 2]},{'train' if n % 5 else 'test'}\n"
        for n in range(40)
    )
    found = read_text(tmp_path, "id,title,body,category,split\n" + rows).sheet.findings
    assert "Not used: id, title, split." in [one.detail for one in found]
    assert [one.level for one in found if "which rows are for evaluation" in one.title] == ["amber"]
