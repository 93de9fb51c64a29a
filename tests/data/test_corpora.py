"""Corpora on disk: made once by one process, whole or not at all, found again, deleted when unused."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from training.cli.main import main
from training.data import caches, corpora, documents
from training.data.array_files import ArrayWriter, count_ids, map_array
from training.data.corpora import corpora_folder, kept, key_of
from training.data.documents import END, Documents, hold_out, keep_documents
from training.data.progress import CancelledError, report, reporting
from training.data.table_cache import read_training_table
from training.data.text_documents import read_documents
from training.data.text_sample import evenly, sample_title
from training.errors import UserError
from training.home import CACHES, cache_folder

pytestmark = pytest.mark.usefixtures("home")
PROCESSES = multiprocessing.get_context("fork")


def number(made: list[int], value: int = 7) -> int:
    """An entry that holds a number; `made` grows each time it is made."""

    def make(folder: Path) -> None:
        made.append(value)
        with ArrayWriter(folder, "value", np.int64) as file:
            file.append(np.asarray([value]))

    return kept("test", "number", make, lambda folder: int(map_array(folder, "value")[0]))


def test_an_entry_is_made_once() -> None:
    made: list[int] = []
    assert [number(made), number(made)] == [7, 7] and made == [7]


def test_two_processes_that_want_the_same_make_it_once(home: Path) -> None:
    def make(folder: Path) -> None:
        with (home / "made").open("a") as file:
            file.write("x")
        time.sleep(0.3)
        (folder / "text").write_text("whole")

    def want() -> None:
        assert kept("test", "slow", make, lambda folder: (folder / "text").read_text()) == "whole"

    processes = [PROCESSES.Process(target=want) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert (home / "made").read_text() == "x"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), OSError("Write error: No space left on")])
def test_a_full_disk_is_told_and_leaves_nothing(error: OSError) -> None:
    """A Parquet file of images was said to be unreadable, and of texts a checkpoint to be whole."""

    def fail(folder: Path) -> None:
        (folder / "half").write_bytes(bytes(1000))
        raise error

    with pytest.raises(UserError, match="The disk is full: the files that training reads are not made"):
        kept("test", "full", fail, lambda folder: None)
    assert caches.usage()["corpora"] == (0, 0)


def test_after_a_kill_the_next_makes_it_whole() -> None:
    def hang(folder: Path) -> None:
        (folder / "value.int64").write_bytes(bytes(4))
        time.sleep(60)

    process = PROCESSES.Process(target=lambda: kept("test", "number", hang, lambda folder: None))
    process.start()
    half = corpora_folder() / "test-number.new" / "value.int64"
    while not half.exists():
        time.sleep(0.01)
    assert caches.clear()["corpora"].entries == 0  # of what is being made, nothing is deleted
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert caches.usage()["corpora"].entries == 1  # the half-made one is counted
    assert number([]) == 7
    assert [entry.name for entry in corpora_folder().iterdir() if entry.is_dir()] == ["test-number"]


def test_a_damaged_entry_is_made_again() -> None:
    made: list[int] = []
    number(made)
    (corpora_folder() / "test-number" / "value.int64").write_bytes(bytes(4))
    assert number(made) == 7 and made == [7, 7]


def test_what_is_mapped_stays_readable_when_it_is_deleted(tmp_path: Path) -> None:
    found = three_documents()
    mapped = kept("test", "array", lambda folder: write_array(folder), lambda folder: map_array(folder, "values"))
    assert caches.clear()["corpora"].entries == 2 and caches.usage()["corpora"] == (0, 0)
    assert list(found) == THREE and mapped.tolist() == [1, 2, 3]


def write_array(folder: Path) -> None:
    with ArrayWriter(folder, "values", np.uint16) as file:
        file.append(np.asarray([1, 2]))
        file.append(np.asarray([3]))


def test_ids_are_counted_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.data.array_files.PIECE", 2)
    assert count_ids(np.asarray([1, 3, -100, 1, 5]), 3).tolist() == [0, 2, 0, 1, 0, 1]
    assert count_ids(np.asarray([1], dtype=np.uint16), 3).tolist() == [0, 1, 0]


def test_entries_that_nobody_used_for_long_are_deleted() -> None:
    number([])
    os.utime(corpora_folder() / "test-number", (0, 0))
    three_documents()
    assert caches.usage()["corpora"].entries == 1


def test_the_oldest_gives_way_where_the_disk_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    number([])
    monkeypatch.setattr(corpora, "MAX_SHARE_OF_DISK", 0.0)
    found = three_documents()
    assert caches.usage()["corpora"].entries == 1 and list(found) == THREE  # what was just made stays


def test_the_command_shows_and_clears(capsys: pytest.CaptureFixture[str]) -> None:
    number([])
    assert main(["cache"]) == 0 and "texts, tokens and images of training: 0.0 MB in 1 entry" in capsys.readouterr().out
    assert main(["cache", "--clear"]) == 0 and caches.usage()["corpora"].entries == 0


# -- documents -------------------------------------------------------------------------------------------------------------

THREE = [["one two", "three"], ["four"], ["five", "six seven", "eight"]]


def three_documents() -> Documents:
    parts = [part for document in THREE for part in [*document, END]]
    return keep_documents("three", lambda: (parts, []))[0]


@pytest.fixture(params=[1, 2, 50_000])
def batch_parts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents over several batches of their file, and in one."""
    monkeypatch.setattr(documents, "BATCH_PARTS", request.param)


@pytest.mark.usefixtures("batch_parts")
def test_documents_are_read_as_they_were_written() -> None:
    found = three_documents()
    assert list(found) == THREE and [found[row] for row in (2, 0, -2)] == [THREE[2], THREE[0], THREE[1]]
    assert found.counts().tolist() == [2, 1, 3]
    assert (found.words, found.characters) == (8, sum(len(part) for parts in THREE for part in parts))


@pytest.mark.usefixtures("batch_parts")
def test_a_selection_reads_its_own_parts() -> None:
    found = three_documents().select(np.asarray([True, False, True]), "ends")
    assert list(found) == [THREE[0], THREE[2]] and list(found.parts()) == [*THREE[0], *THREE[2]]
    assert found.words == 7 and found.key != three_documents().key


def test_both_sides_of_a_split_are_all_documents_once() -> None:
    train, held = hold_out(three_documents(), 0.3, 5)
    assert (len(train), len(held)) == (2, 1) and sorted([*train, *held]) == sorted(THREE)
    assert len({train.key, held.key, three_documents().key}) == 3


def test_documents_without_parts_and_surrogates() -> None:
    parts = [END, END, "a\ud800b", END, END, "c"]
    assert list(keep_documents("odd", lambda: (parts, []))[0]) == [["a?b"], ["c"]]
    assert list(keep_documents("none", lambda: ([END] * 10, []))[0]) == []


def whole_lines(lines):
    yield from (line.rstrip("\n") for line in lines)


def read_lines(path: Path):
    return read_documents(str(path), "", "", whole_lines)


def test_a_file_is_read_again_only_if_it_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("caf\xe9 am See\n".encode("latin-1"))
    first, notices = read_lines(path)
    assert list(first) == [["caf\xe9 am See"]] and notices
    with monkeypatch.context() as patched:
        patched.setattr("training.data.text_documents.find_encoding", lambda path: pytest.fail("read again"))
        again, kept_notices = read_lines(path)
    assert list(again) == list(first) and kept_notices == notices
    path.write_text("other\n")
    assert list(read_lines(path)[0]) == [["other"]]


def test_a_line_that_is_too_long_is_cut_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.data.text_documents.MAX_LINE", 10)
    (tmp_path / "a.txt").write_text("x" * 25 + "\nshort\n")
    found, notices = read_lines(tmp_path / "a.txt")
    assert list(found) == [["x" * 10, "x" * 10, "x" * 5, "short"]]
    assert [notice.title for notice in notices] == ["Some lines are very long"]


# -- samples and progress --------------------------------------------------------------------------------------------------


def test_a_sample_is_spread_evenly() -> None:
    texts = [f"{row:04}" for row in range(1000)]
    assert list(evenly(texts, 4000, 4000)) == texts and sample_title(4000, 4000) == ""
    sample = [int(text) for text in evenly(texts, 4000, 400)]
    assert len(sample) == 100 and set(np.diff(sample)) == {10}
    assert sample_title(108_000_000, 30_000_000) == "The vocabulary is learned from 30 of 108 million characters"


def test_a_listener_is_told_and_can_end_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.data.progress.INTERVAL_SECONDS", 0.0)
    told: list[tuple[str, float]] = []

    def listen(what: str, share: float) -> None:
        told.append((what, share))
        if share >= 0.5:
            raise CancelledError

    def make(folder: Path) -> None:
        for row in range(4):
            report("counting", row, 4)

    report("nobody listens", 1, 1)
    with reporting(listen), pytest.raises(CancelledError):
        kept("test", "stopped", make, lambda folder: None)
    assert told == [("counting", 0.0), ("counting", 0.25), ("counting", 0.5)] and caches.usage()["corpora"].entries == 0


def test_keys_differ_where_values_do() -> None:
    assert key_of(a=1, b="x") == key_of(b="x", a=1) != key_of(a=1, b="y")


def test_every_cache_is_shown_and_cleared(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    number([])
    table = tmp_path / "table.csv"
    table.write_text("text,label\nwood,a\nstone,b\n")
    read_training_table(table)
    for name in ("vectors", "latents"):
        cache_folder(name).mkdir()
        np.save(cache_folder(name) / "a.npy", np.zeros(2**18))  # 2 MB
    mapped = np.load(home / "latents" / "a.npy", mmap_mode="r")
    assert {name: used.entries for name, used in caches.usage().items()} == dict.fromkeys(CACHES, 1)
    assert main(["cache"]) == 0 and f"sentence vectors: 2.0 MB in 1 entry, {home}" in capsys.readouterr().out
    assert caches.clear()["vectors"] == (1, 2 * 2**20 + 128)
    assert set(caches.usage().values()) == {(0, 0)} and mapped.sum() == 0


def test_a_file_that_is_being_written_is_not_cleared(home: Path) -> None:
    folder = cache_folder("latents")
    folder.mkdir(parents=True)
    now, left = folder / "a.17.part", folder / "b.18.part"
    for file in (now, left):
        file.write_bytes(bytes(8))
    os.utime(left, (0, 0))  # of a process that was killed
    assert caches.clear()["latents"] == (1, 8) and list(folder.iterdir()) == [now]


def test_a_cache_that_is_not_in_the_list_has_no_folder(home: Path) -> None:
    with pytest.raises(KeyError):
        cache_folder("others")
