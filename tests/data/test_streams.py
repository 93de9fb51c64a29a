"""Streams of shards: who reads which row, where a resumed reader goes on, mixtures, and shards that cannot be read."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plugins.gpt_prompting.pretrain.data import _lines_of, _split_documents
from plugins.gpt_prompting.pretrain.settings import PretrainSettings
from tests import loopback
from tests.data.test_hub_data import in_child
from training.data.documents import Document
from training.data.streams import shards, stream
from training.data.streams.shards import read_rows, text_column
from training.data.streams.sources import Shard, absolute, public_files, read_sources, shares
from training.data.streams.stream import TextStream
from training.data.streams.texts import StreamedTexts, find_texts, stream_findings
from training.errors import UserError
from training.settings import parse_settings

pytestmark = pytest.mark.usefixtures("home")
url = loopback.url  # a fixture
WORDS = "wood stone river field cloud"


def write_shards(folder: Path, name: str, count: int, rows: int, suffix: str = ".parquet") -> Path:
    """Shards whose texts say which shard and row they are."""
    folder.mkdir(parents=True, exist_ok=True)
    for shard in range(count):
        texts = [f"{name} {shard} {row} {WORDS}" for row in range(rows)]
        path = folder / f"{name}-{shard}{suffix}"
        if suffix == ".parquet":
            pq.write_table(pa.table({"id": list(range(rows)), "text": texts}), path, row_group_size=7)
        elif suffix == ".jsonl":
            path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        elif suffix == ".jsonl.gz":
            path.write_bytes(gzip.compress("".join(json.dumps({"text": text}) + "\n" for text in texts).encode()))
        else:
            path.write_text("".join(f"{text}\n<|endoftext|>\n" for text in texts))
    return folder


def texts_of(data: str | Path, **settings: Any) -> StreamedTexts:
    values = parse_settings(PretrainSettings, {"data": str(data), "streaming": True, "held_out_rows": 0, **settings})
    return find_texts(values, _split_documents, _lines_of)


def one_each(documents: list[Document], seed: int) -> list[str]:
    """A training row for each document: its first four words."""
    return [" ".join(" ".join(document).split()[:3]) for document in documents]


def stream_of(texts: StreamedTexts, rank: int = 0, processes: int = 1, seed: int = 0) -> TextStream:
    made = TextStream(texts, one_each, seed)
    made.start(rank, processes)
    return made


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "block_characters", lambda lanes: 300)


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".jsonl.gz", ".txt"])
def test_an_epoch_holds_every_row_once_and_the_next_one_in_another_order(suffix: str, tmp_path: Path) -> None:
    read = stream_of(texts_of(write_shards(tmp_path / "web", "web", 4, 20, suffix)))
    epochs = [read.take(80) for _ in range(2)]
    everything = sorted(f"web {shard} {row}" for shard in range(4) for row in range(20))
    assert sorted(epochs[0]) == sorted(epochs[1]) == everything
    assert epochs[0] != epochs[1] != everything


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("suffix", [".parquet", ".jsonl.gz", ".txt"])
@pytest.mark.parametrize("steps", [0, 1, 13, 31])
def test_resumed_stream_goes_on_at_the_same_row(suffix: str, steps: int, tmp_path: Path) -> None:
    texts = texts_of(write_shards(tmp_path / "web", "web", 3, 40, suffix))
    unbroken, stopped = stream_of(texts), stream_of(texts)
    rows = [unbroken.take(6) for _ in range(60)]
    assert [stopped.take(6) for _ in range(steps)] == rows[:steps]
    stopped.merge([stopped.own_state()])
    resumed = stream_of(texts)
    resumed.load_state_dict(stopped.state_dict())
    assert [resumed.take(6) for _ in range(60 - steps)] == rows[steps:]


@pytest.mark.usefixtures("small_blocks")
def test_processes_share_the_rows_of_one_and_each_reads_shards_of_its_own(tmp_path: Path) -> None:
    texts = texts_of(write_shards(tmp_path / "web", "web", 4, 30))
    alone, ranks = stream_of(texts), [stream_of(texts, rank, 2) for rank in (0, 1)]
    seen: list[set[str]] = [set(), set()]
    for _ in range(30):
        parts = [rank.take(10) for rank in ranks]
        assert [len(part) for part in parts] == [5, 5]
        assert sorted(parts[0] + parts[1]) == sorted(alone.take(10))
        for own, part in zip(seen, parts, strict=True):
            own |= {row.split()[1] for row in part}
    assert seen[0] | seen[1] == {"0", "1", "2", "3"} and not seen[0] & seen[1]


@pytest.mark.usefixtures("small_blocks")
def test_a_run_of_one_process_is_resumed_by_two_at_the_same_rows(tmp_path: Path) -> None:
    texts = texts_of(write_shards(tmp_path / "web", "web", 4, 30))
    alone = stream_of(texts)
    for _ in range(7):
        alone.take(10)
    alone.merge([alone.own_state()])
    ranks = [stream_of(texts, rank, 2) for rank in (0, 1)]
    for rank in ranks:
        rank.load_state_dict(alone.state_dict())
    for _ in range(20):
        assert sorted(ranks[0].take(10) + ranks[1].take(10)) == sorted(alone.take(10))
    with pytest.raises(UserError, match=r"4 lanes, and 3 processes cannot share them: resume it with 1, 2, 4\."):
        stream_of(texts, 0, 3).load_state_dict(alone.state_dict())


def test_processes_without_a_shard_of_their_own_share_one_by_rows(tmp_path: Path) -> None:
    texts = texts_of(write_shards(tmp_path / "web", "web", 1, 30))
    parts = [stream_of(texts, rank, 3).take(30) for rank in range(3)]
    assert sorted(row for part in parts for row in part) == sorted(f"web 0 {row}" for row in range(30))
    [finding] = [each for each in stream_findings(texts, texts.sample(), 3) if each.level == "amber"]
    assert finding.title == "web has 1 file for 3 processes"


def test_rows_of_a_mixture_have_the_given_shares_and_a_small_source_is_read_again(tmp_path: Path) -> None:
    web, books = write_shards(tmp_path / "web", "web", 2, 400), write_shards(tmp_path / "books", "books", 2, 10)
    read = stream_of(texts_of(f"{web}=0.8, {books}=0.2"))
    counts = Counter(row.split()[0] for row in read.take(4000))
    assert counts["books"] == pytest.approx(800, abs=4 * (4000 * 0.8 * 0.2) ** 0.5)
    assert counts.total() == 4000


def test_held_out_rows_are_those_at_the_front_and_are_not_trained_on(tmp_path: Path) -> None:
    texts = texts_of(write_shards(tmp_path / "web", "web", 2, 20), held_out_rows=5)
    assert [" ".join(lines).split()[2] for lines in texts.held_out()] == ["0", "1", "2", "3", "4"]
    trained = set(stream_of(texts).take(70))
    assert {f"web 0 {row}" for row in range(5)}.isdisjoint(trained)
    assert trained == {f"web 0 {row}" for row in range(5, 20)} | {f"web 1 {row}" for row in range(20)}


def test_rows_are_counted_in_parquet_groups_without_reading_those_before(tmp_path: Path) -> None:
    [source] = read_sources(str(write_shards(tmp_path / "web", "web", 1, 30)), "")
    assert [row.number for row in read_rows(source.shards[0], "text", 17)] == list(range(17, 30))
    assert [row.text for row in read_rows(source.shards[0], "text", 29)] == [f"web 0 29 {WORDS}"]


def test_long_line_is_read_in_pieces_of_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "line.txt"
    with path.open("w") as file:
        for _ in range(50):
            file.write("wood stone " * 100_000)  # 55 MB without a line end
    texts = texts_of(path)
    tracemalloc.start()
    found = [sum(map(len, lines)) for lines in texts.sample()]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert max(found) == 200_000 and sum(found) == pytest.approx(8_000_000, rel=0.03)
    assert peak < 40e6


# -- bad input -------------------------------------------------------------------------------------------------------


def failing(texts: StreamedTexts, steps: int = 40) -> str:
    read = stream_of(texts)
    with pytest.raises(UserError) as error:
        for _ in range(steps):
            read.take(10)
    return str(error.value)


def damage_json(folder: Path) -> str:
    lines = (folder / "web-1.jsonl").read_text().splitlines()
    (folder / "web-1.jsonl").write_text("\n".join([*lines[:6], '{"text": "cut', *lines[7:]]))
    return "web-1.jsonl, row 7: "


def remove(folder: Path) -> str:
    (folder / "web-1.jsonl").unlink()
    return "web-1.jsonl, row 1: the shard is gone"


@pytest.mark.parametrize("harm", [damage_json, remove])
def test_shard_that_is_damaged_or_gone_is_named_with_its_row(harm: Callable[[Path], str], tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "web", "web", 2, 20, ".jsonl")
    texts = texts_of(folder)
    texts.sample()
    place = harm(folder)
    message = failing(texts)
    assert message.startswith(place)
    assert "then resume the run: it goes on from its last checkpoint." in message
    assert str(tmp_path) not in message


def test_parquet_file_that_was_cut_off_is_named(tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "web", "web", 2, 20)
    texts = texts_of(folder)
    whole = (folder / "web-0.parquet").read_bytes()
    (folder / "web-0.parquet").write_bytes(whole[: len(whole) // 2])
    assert failing(texts).startswith("web-0.parquet, row 1: ")


def test_gzip_file_that_was_cut_off_is_named_with_the_row(tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "web", "web", 1, 20_000, ".jsonl.gz")
    whole = (folder / "web-0.jsonl.gz").read_bytes()
    texts = texts_of(folder)
    (folder / "web-0.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    assert "end-of-stream" in failing(texts) and "row 1:" not in failing(texts)


def test_connection_to_the_hub_that_breaks_is_taken_up_at_the_same_row(monkeypatch: pytest.MonkeyPatch) -> None:
    breaks = iter([3, 5, None])

    def lines(shard: Shard, column: str, start: int) -> Any:
        stop = next(breaks)
        for number in range(start, 8):
            if number == stop:
                raise ConnectionError("reset")
            yield f"line {number}"

    monkeypatch.setattr(shards, "_lines", lines)
    monkeypatch.setattr(shards.time, "sleep", lambda seconds: None)
    shard = Shard("hf://datasets/owner/name@abc/a.txt", 9)
    assert [row.text for row in read_rows(shard, "")] == [f"line {number}" for number in range(8)]


def test_empty_shards_are_left_out_and_named(tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "web", "web", 2, 20, ".jsonl")
    (folder / "web-7.jsonl").write_text("")
    (folder / "README.md").write_text("# Texts")
    texts = texts_of(folder)
    assert sorted(set(stream_of(texts).take(80))) == sorted(f"web {s} {row}" for s in range(2) for row in range(20))
    [finding] = [each for each in stream_findings(texts, texts.sample(), 1) if each.level == "amber"]
    assert (finding.title, finding.detail) == ("web: 1 file left out, empty or of another format", "web-7.jsonl")


def test_shard_of_blank_lines_does_not_go_round_for_ever(tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "web", "web", 1, 20, ".jsonl")
    (folder / "web-1.jsonl").write_text("\n\n\n")
    assert failing(texts_of(folder)) == "web: there is no text in web-1.jsonl."


def test_rows_that_are_all_held_out_are_a_sentence(tmp_path: Path) -> None:
    texts = texts_of(write_shards(tmp_path / "web", "web", 1, 20), held_out_rows=50)
    with pytest.raises(UserError, match="no text after the first 50 rows, which are held out: lower held_out_rows"):
        stream_findings(texts, texts.sample(), 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: (folder / "web-1.jsonl").unlink(), "web: web-1.jsonl is gone since the run was stopped"),
        (lambda folder: (folder / "web-9.jsonl").write_text("{}"), "web: web-9.jsonl was added since"),
        (lambda folder: (folder / "web-0.jsonl").write_text('{"text": "b"}'), "web: web-0.jsonl has changed since"),
    ],
)
def test_files_that_changed_between_stop_and_resume_are_refused(change: Any, said: str, tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "web", "web", 2, 20, ".jsonl")
    stopped = stream_of(texts_of(folder))
    stopped.take(10)
    stopped.merge([stopped.own_state()])
    change(folder)
    with pytest.raises(UserError) as error:
        stream_of(texts_of(folder)).load_state_dict(stopped.state_dict())
    assert str(error.value).startswith(said)


def test_processes_that_see_other_files_have_other_fingerprints(tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "web", "web", 2, 20)
    first, same = stream_of(texts_of(folder)).fingerprint(), stream_of(texts_of(folder)).fingerprint()
    (folder / "web-1.parquet").unlink()
    assert first == same != stream_of(texts_of(folder)).fingerprint()


def test_folder_without_texts_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"x")
    with pytest.raises(UserError, match=r"there are no Parquet, JSONL or text files .* It holds picture.png\."):
        read_sources(str(tmp_path), "")


def test_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    for name in (f"{tmp_path}/nothing", f"{tmp_path}/*.parquet"):
        with pytest.raises(UserError, match="there is no file or folder"):
            read_sources(name, "")


def test_folder_of_two_formats_is_not_guessed(tmp_path: Path) -> None:
    write_shards(write_shards(tmp_path, "web", 1, 30), "web", 1, 30, ".txt")
    with pytest.raises(UserError, match=r"several formats \(parquet, text\): name those of one, by \*\.suffix"):
        read_sources(str(tmp_path), "")
    assert len(read_sources(f"{tmp_path}/*.txt", "")[0].shards) == 1


def test_file_that_is_no_json_lines_says_so(tmp_path: Path) -> None:
    (tmp_path / "all.json").write_text('[\n{"text": "a"}\n]')
    with pytest.raises(UserError, match=r"all\.json: its first lines are not JSON objects, one a line"):
        texts_of(tmp_path)


def test_column_is_guessed_and_another_than_text_refused(tmp_path: Path) -> None:
    [source] = read_sources(str(write_shards(tmp_path / "web", "web", 1, 30)), "")
    assert text_column(source.shards[0]) == "text"
    with pytest.raises(UserError, match=r"Column 'id' of web-0\.parquet holds int, not text"):
        next(read_rows(source.shards[0], "id"))


@pytest.mark.parametrize("given", ["a=0.7, b=0.7", "a=0.5, b", "a=1, b=0", "a=0.5, a=0.5"])
def test_shares_that_make_no_mixture_are_refused(given: str) -> None:
    with pytest.raises(UserError, match=r"names a source twice|shares that sum to 1"):
        shares(given, "")


def test_shares_of_files_and_data_sets_are_of_one_mixture() -> None:
    assert shares("web=0.25", "owner/a:config=0.75") == {"web": 0.25, "owner/a:config": 0.75}
    assert shares("", "owner/a, owner/b") == {"owner/a": 0.5, "owner/b": 0.5}
    assert shares("one, two.txt", "") == {"one, two.txt": 1}
    assert absolute("web=0.25, /data/*.txt=0.75", Path("/home")) == "/home/web=0.25, /data/*.txt=0.75"
    assert public_files("/home/web=0.25, /data/books=0.75") == "web=0.25, books=0.75"


@pytest.mark.parametrize("given", ["a/b=0.7, c/d=0.3", "a/b, c/d"])
def test_mixture_without_streaming_says_to_turn_it_on(given: str) -> None:
    with pytest.raises(UserError, match="are read with streaming: turn it on"):
        parse_settings(PretrainSettings, {"dataset": given})
    assert parse_settings(PretrainSettings, {"dataset": given, "streaming": True}).dataset == given


# -- the Hub ---------------------------------------------------------------------------------------------------------

AT_THE_HUB = """
import datasets, json
from plugins.gpt_prompting.pretrain.data import read
from plugins.gpt_prompting.pretrain.settings import PretrainSettings
from training.errors import UserError
from training.settings import parse_settings
def push(word):
    datasets.Dataset.from_dict({"text": [f"{word} {n} wood stone river" for n in range(40)]}).push_to_hub(
        "alice/texts", num_shards=2)
def rows(**more):
    values = {"dataset": "alice/texts", "streaming": True, "held_out_rows": 4, **more}
    texts = read(parse_settings(PretrainSettings, values)).stream
    documents = [d for s in texts.sources[0].shards for ds, _ in texts.documents(0, s, __import__(
        "training.data.streams.texts", fromlist=["Part"]).Part(3)) for d in ds]
    return texts.revision, [document[0].split()[0] for document in documents]
push("old")
first, words = rows()
push("new")
print(json.dumps([words, rows()[1], rows(dataset_revision=first)[1], len(first)]))
for values in ({"dataset": "alice/nothing"}, {"dataset_revision": "0" * 40}, {"dataset_revision": "main; x"}):
    try:
        rows(**values)
    except UserError as error:
        print(error)
"""


def test_data_set_of_the_hub_is_read_at_the_commit_that_it_was_pinned_to(url: str, tmp_path: Path) -> None:
    output = in_child(
        AT_THE_HUB, HF_ENDPOINT=url, HF_TOKEN="hf_alice_write", HF_HOME=str(tmp_path), SELFSUP_HOME=str(tmp_path)
    )
    lines = [line for line in output.splitlines() if line.startswith("[[")]
    assert lines, output
    assert json.loads(lines[0]) == [["old"] * 34, ["new"] * 34, ["old"] * 34, 40]
    assert "There is no data set alice/nothing on the Hub" in output
    assert f"There is no commit {'0' * 40} of the data set alice/texts on the Hub" in output
    assert "Expected the commit of each at the Hub" in output


def test_names_that_could_read_this_machine_are_no_data_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    for name in ("tests", "csv"):
        with pytest.raises(UserError, match="no dataset of the Hub"):
            read_sources("", name)
