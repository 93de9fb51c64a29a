"""Dialogues in the files that people have: which turns are read, and which answers are trained on."""

import json

import pytest

from plugins.gpt_prompting.pretrain.bpe_tokenizer import train_tokenizer
from plugins.gpt_prompting.pretrain.dialogue_tables import holds_dialogues, read_dialogues
from plugins.gpt_prompting.pretrain.dialogues import Turn, render_dialogue
from training.data.table import read_table
from training.errors import UserError

ASKED, ANSWERED = {"role": "user", "content": "a?"}, {"role": "assistant", "content": "b"}
CALL = {"id": "1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
PLAIN = "user: a? | assistant: b"


def read(tmp_path, records, name="talk.jsonl"):
    path = tmp_path / name
    path.write_text("\n".join(json.dumps(record) for record in records) + "\n")
    table = read_table(path)
    assert holds_dialogues(table)
    return read_dialogues(table)


def written(dialogue):
    return " | ".join(f"{turn.role}: {turn.content}" for turn in dialogue)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (
            {"instruction": "a?", "context": "It is b.", "response": "b", "category": "qa"},
            "user: a?\nIt is b. | assistant: b",
        ),
        ({"question": "a?", "context": "It is b.", "answer": "b"}, "user: a?\nIt is b. | assistant: b"),
        ({"system_prompt": "Be kind.", "question": "a?", "response": "b"}, f"system: Be kind. | {PLAIN}"),
        (
            {"system": "Be kind.", "conversations": [{"from": "human", "value": "a?"}, {"from": "gpt", "value": "b"}]},
            f"system: Be kind. | {PLAIN}",
        ),
        ({"instruction": "a?", "output": "b", "history": [["c?", "d"]]}, f"user: c? | assistant: d | {PLAIN}"),
        ({"messages": [{"role": "developer", "content": "s"}, ASKED, ANSWERED]}, f"system: s | {PLAIN}"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "a?"}]}, ANSWERED]}, PLAIN),
        ({"messages": str([ASKED, ANSWERED])}, PLAIN),
        (
            {"contents": [{"role": "user", "parts": [{"text": "a?"}]}, {"role": "model", "parts": [{"text": "b"}]}]},
            PLAIN,
        ),
        ({"prompt": "a?", "chosen": [ASKED, ANSWERED], "rejected": [ASKED, ANSWERED]}, PLAIN),
        ({"prompt": [ASKED], "completion": [ANSWERED]}, PLAIN),
        (
            {"chosen": "\n\nHuman: a?\n\nAssistant: b", "rejected": "\n\nHuman: a?\n\nAssistant: a longer, worse one"},
            PLAIN,
        ),
        ({"user": "a?", "assistant": "b"}, PLAIN),
    ],
)
def test_every_part_of_a_dialogue_is_read(tmp_path, record, expected):
    dialogues, _ = read(tmp_path, [record] * 3)
    assert [written(dialogue) for dialogue in dialogues] == [expected] * 3


def test_an_answer_of_weight_0_is_read_but_not_trained_on(tmp_path):
    bad = {"role": "assistant", "content": "no", "weight": 0}
    dialogues, findings = read(tmp_path, [{"messages": [ASKED, bad, ASKED, {**ANSWERED, "weight": 1}]}])
    tokenizer = train_tokenizer(["User: a?\nAssistant: b no\n"] * 3, 300, 64)
    text, spans = render_dialogue(dialogues[0], tokenizer)
    assert [text[start:end] for start, end in spans] == [f" b{tokenizer.eos_token}"] and "Assistant: no" in text
    assert findings[0].title == "1 answers have weight 0: read, but not trained on"


def test_answers_that_were_judged_bad_are_left_out_and_told(tmp_path):
    rows = [{"prompt": "a?", "completion": word, "label": word == "good"} for word in ("good", "bad")]
    dialogues, findings = read(tmp_path, rows)
    assert [written(one) for one in dialogues] == ["user: a? | assistant: good"]
    assert findings[0].title.startswith("1 answers left out: their label is false")


def test_dialogues_that_call_tools_are_left_out_and_told(tmp_path):
    calls = [ASKED, {"role": "assistant", "content": None, "tool_calls": [CALL]}, {"role": "tool", "content": "3"}]
    dialogues, findings = read(tmp_path, [{"messages": [*calls, ANSWERED]}, {"messages": [ASKED, ANSWERED]}])
    assert [written(one) for one in dialogues] == [PLAIN]
    assert findings[0].title == "1 dialogues left out: they call tools"


def test_one_message_per_row_is_joined_by_the_dialogues_id(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("conversation,speaker,text\n" + "1,user,a?\n1,bot,b\n2,user,c?\n2,bot,d\n")
    dialogues, _ = read_dialogues(read_table(path))
    assert [written(one) for one in dialogues] == [PLAIN, "user: c? | assistant: d"]


def test_one_message_per_row_without_an_id_is_refused_with_what_to_add(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("speaker,text\nuser,a?\nbot,b\nuser,c?\nbot,d\n")
    with pytest.raises(UserError, match="Add a column conversation_id"):
        holds_dialogues(read_table(path))


def test_of_a_tree_of_replies_the_best_ranked_is_read(tmp_path):
    worse = {"message_id": "2", "parent_id": "1", "text": "no", "role": "assistant", "rank": 1}
    better = {**worse, "message_id": "3", "text": "b", "rank": 0}
    root = {"message_id": "1", "parent_id": None, "text": "a?", "role": "prompter", "rank": None}
    dialogues, _ = read(tmp_path, [root, worse, better])
    assert [written(one) for one in dialogues] == [PLAIN]
    tree = {"prompt": {**root, "replies": [{**worse, "replies": []}, {**better, "replies": []}]}}
    assert [written(one) for one in read(tmp_path, [tree])[0]] == [PLAIN]


def test_chatgpts_export_is_read_from_the_last_message_back(tmp_path):
    def node(name, parent, role, text):
        message = role and {"author": {"role": role}, "content": {"content_type": "text", "parts": [text]}}
        return {name: {"id": name, "parent": parent, "message": message or None}}

    nodes = (
        node("r", None, "", "")
        | node("q", "r", "user", "a?")
        | node("x", "q", "assistant", "old")
        | node("y", "q", "assistant", "b")
    )
    dialogues, _ = read(tmp_path, [{"title": "t", "mapping": nodes, "current_node": "y"}])
    assert list(dialogues[0]) == [Turn("user", "a?"), Turn("assistant", "b")]


def test_messages_of_dialogues_that_take_turns_are_told_apart(tmp_path):
    rows = [("x", "user", "a?"), ("y", "user", "c?"), ("x", "assistant", "b"), ("y", "assistant", "d")]
    records = [{"conversation_id": key, "role": role, "content": content} for key, role, content in rows]
    dialogues, _ = read(tmp_path, records)
    assert list(map(written, dialogues)) == [PLAIN, "user: c? | assistant: d"]
    with pytest.raises(UserError, match="line 5: 'content' is not a list of turns"):
        read(tmp_path, [*records, {"conversation_id": "x", "role": None, "content": "e"}])


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"question": "who", "answer": ["Paris", "paris"]}, "user: who | assistant: Paris, paris"),
        ({"problem": ["a?"], "solution": ["b"]}, PLAIN),
        ({"question": "a?", "answer": [1, 2]}, "user: a? | assistant: 1, 2"),
        ({"question": "a?", "answer": 0}, "user: a? | assistant: 0"),
        ({"question": "a?", "answer": 1.5}, "user: a? | assistant: 1.5"),
        ({"question": "a?", "answer": True}, "user: a? | assistant: true"),
        ({"instruction": "add 1", "input": 3, "output": 4}, "user: add 1\n3 | assistant: 4"),
        ({"prompt": "a?", "response": '[{"name": "b"}]'}, 'user: a? | assistant: [{"name": "b"}]'),
        ({"prompt": "a?", "response": '[{"role": "user"}]'}, 'user: a? | assistant: [{"role": "user"}]'),
        ({"prompt": json.dumps([ASKED]), "response": json.dumps([ANSWERED])}, PLAIN),
    ],
)
def test_cells_of_pairs_are_spelled_as_text(tmp_path, record, expected):
    dialogues, _ = read(tmp_path, [record] * 3)
    assert [written(dialogue) for dialogue in dialogues] == [expected] * 3


@pytest.mark.parametrize(
    "record",
    [
        {"author": ["A. Writer", "user"], "text": "A long passage"},
        {"author": {"first": "A."}, "text": "A long passage"},
        {"id": 1, "contents": "A long passage"},
        {"id": 1, "contents": ["[1] A long", "passage"]},
        {"id": 1, "mapping": "a to b"},
        {"id": 1, "mapping": {"a": "b"}},
        {"text": "A long passage", "user": "ann", "reply": "Yes, it is"},
        {"user": 17, "reply": "Yes, it is"},
        {"user": "17", "reply": "Yes, it is"},
        {"question": "A long passage?", "targets": [0, 1]},
    ],
)
def test_columns_of_texts_by_the_names_of_others_are_no_dialogues(tmp_path, record):
    path = tmp_path / "texts.jsonl"
    path.write_text(json.dumps(record) + "\n" + json.dumps(record) + "\n")
    assert not holds_dialogues(read_table(path))


def test_speakers_that_are_records_are_read_by_their_role(tmp_path):
    rows = [("user", "a?"), ("assistant", "b")]
    dialogues, _ = read(tmp_path, [{"chat_id": 1, "author": {"role": role}, "text": text} for role, text in rows])
    assert list(map(written, dialogues)) == [PLAIN]


@pytest.mark.parametrize("history", ["They spoke about it.", "[" * 100_000, 3, {"a": 1}, [["c?", "d", "e"]]])
def test_a_history_that_holds_no_turns_is_left_out_and_told(tmp_path, history):
    dialogues, findings = read(tmp_path, [{"instruction": "a?", "output": "b", "history": history}] * 2)
    assert list(map(written, dialogues)) == [PLAIN] * 2
    assert findings[0].level == "amber" and findings[0].title.startswith("2 cells of 'history' left out")


def test_a_cell_of_very_deep_lists_is_refused_by_its_line(tmp_path):
    with pytest.raises(UserError, match="line 2: 'messages' is not a list of turns"):
        read(tmp_path, [{"messages": json.dumps([ASKED, ANSWERED])}, {"messages": "[" * 100_000}])


def test_messages_that_are_empty_or_of_no_dialogue_are_left_out_and_counted(tmp_path):
    rows = [("x", "user", "a?"), (None, "user", "c?"), ("x", "user", None), ("x", "assistant", "b"), ("", "bot", "d")]
    records = [{"conversation_id": key, "role": role, "content": content} for key, role, content in rows]
    dialogues, findings = read(tmp_path, records)
    assert list(map(written, dialogues)) == [PLAIN]
    assert sorted(finding.title for finding in findings) == [
        "1 messages left out: they are empty",
        "2 messages left out: 'conversation_id' is empty",
    ]


def test_threads_in_separated_text_know_what_was_deleted(tmp_path):
    path = tmp_path / "oasst.csv"
    path.write_text(
        "message_id,parent_id,role,text,deleted,rank\n1,,prompter,a?,False,\n2,1,assistant,no,True,0\n"
        "3,1,assistant,b,False,1\n4,,prompter,e?,False,\n5,4,assistant,,False,0\n,,prompter,lost,False,\n"
    )
    dialogues, findings = read_dialogues(read_table(path))
    assert list(map(written, dialogues)) == [PLAIN]
    assert sorted(finding.title for finding in findings) == [
        "1 messages left out: 'message_id' is empty",
        "1 messages left out: they are empty",
    ]
    path.write_text(path.read_text() + "7,,prompter,f?,,\n8,7,,g,,\n")
    with pytest.raises(UserError, match=r"oasst.csv, line 9: 'text' .*role ''"):
        read_dialogues(read_table(path))


def test_messages_that_are_numbers_are_spelled_as_text(tmp_path):
    rows = [("user", 2), ("assistant", 4)]
    dialogues, findings = read(tmp_path, [{"chat_id": 1, "role": role, "content": number} for role, number in rows])
    assert list(map(written, dialogues)) == ["user: 2 | assistant: 4"] and not findings
