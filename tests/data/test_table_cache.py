"""One parse per file: the data sheet, the start of a run and its trainer share it, and nothing of another file is taken for it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plugins.ae_anomaly import PLUGIN
from plugins.ae_anomaly.fit.settings import FitSettings
from tests.files import rows_of, write
from tests.orders import write_orders
from training.artifact.lineage import describe_run
from training.data import table, table_cache, table_stream
from training.data.table import Table, fingerprint, read_table
from training.data.table_cache import FOLDER, carry_over, file_fingerprint, read_training_table
from training.errors import UserError
from training.runs.registry import Runs

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that `read_training_table` parsed, in order."""
    return count_calls(monkeypatch, table_cache, "read_table")


def count_calls(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[str]:
    """Names of the files that a module's reader is called with."""
    names: list[str] = []
    reader = getattr(module, name)

    def counted(path: Path, *args: Any, **limits: Any) -> Any:
        names.append(path.name)
        return reader(path, *args, **limits)

    monkeypatch.setattr(module, name, counted)
    return names


def same(left: Table, right: Table) -> bool:
    facts = [(each.names, each.lines.tolist(), each.notices, each.source, each.fingerprint) for each in (left, right)]
    return facts[0] == facts[1] and rows_of(left) == rows_of(right)


def test_the_sheet_the_start_and_the_trainer_share_one_parse(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parses = [count_calls(monkeypatch, module, "read_chunks") for module in (table, table_stream)]
    data = write_orders(home / "orders.csv", 300, 20)
    [kind] = PLUGIN.kinds
    settings = FitSettings(data=str(data), steps=2)
    kind.examine(settings)  # "Check the data"
    kind.examine(settings)  # "Start"
    run = Runs().create(PLUGIN.name, kind.name, settings)
    of_run = run.settings(FitSettings)
    kind.build(kind.read(of_run), of_run)
    describe_run(run.id, PLUGIN, kind, of_run, None)
    assert parses == [["orders.csv"], []]


FILES = {
    "a.csv": "text;n\n\"a\nb\";1\n;2\n",
    "a.tsv": "text\tn\na\t1\n",
    "a.jsonl": '{"text": "a", "n": 1, "more": {"x": [1, 2]}}\n{"text": null, "n": 2.5, "more": null}\n',
    "no_header.csv": "good film,1\nbad film,0\nnice,1\npoor,0\n",
}  # fmt: skip


@pytest.mark.parametrize("name", [*FILES, "repeated.csv", "x.parquet"])
def test_a_large_file_is_parsed_piece_by_piece_into_the_same_table(
    tmp_path: Path, parses: list[str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    repeated = ("text,n\n" + "a,1\n" * 3000) * 2  # said in a notice that comes with the last rows
    path = write(tmp_path / name, (FILES | {"repeated.csv": repeated}).get(name, ""))
    if name == "x.parquet":
        pq.write_table(pa.table({"text": ["a", None, "b"], "n": [1.5, 2.0, None]}), path)
    monkeypatch.setattr(table_cache, "STREAMED_BYTES", 0)
    assert same(read_training_table(path), read_table(path)) and same(read_training_table(path), read_table(path))
    assert parses == [] and file_fingerprint(path) == fingerprint(path)


def test_a_large_file_with_a_fault_is_refused_and_leaves_nothing(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_cache, "STREAMED_BYTES", 0)
    with pytest.raises(UserError, match="line 3002 has 3 fields, 2 expected"):
        read_training_table(write(tmp_path / "a.csv", "text,n\n" + "a,1\n" * 3000 + "b,1,2\n"))
    assert not list((home / "parsed").iterdir())


def test_a_large_file_is_parsed_in_memory_where_the_disk_has_no_room(
    tmp_path: Path, parses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_cache, "STREAMED_BYTES", 0)
    monkeypatch.setattr(table_cache, "_has_room", lambda *_: False)
    path = write(tmp_path / "a.csv", FILES["a.csv"])
    assert same(read_training_table(path), read_table(path)) and parses == ["a.csv"]


@pytest.mark.parametrize("name", FILES)
def test_a_kept_table_is_the_one_that_was_parsed(tmp_path: Path, parses: list[str], name: str) -> None:
    path = write(tmp_path / name, FILES[name])
    assert same(read_training_table(path), read_table(path)) and same(read_training_table(path), read_table(path))
    assert parses == [name]


def test_types_of_parquet_are_kept(tmp_path: Path, parses: list[str]) -> None:
    columns = {"line": pa.array([["a"], None]), "label": pa.array(["x", "y"]).dictionary_encode(), "n": [1.5, None]}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    first, again = read_training_table(tmp_path / "a.parquet"), read_training_table(tmp_path / "a.parquet")
    assert same(first, again) and len(parses) == 1
    assert [column.type for column in again.columns.values()] == [column.type for column in first.columns.values()]
    assert rows_of(again.select(np.array([1]))) == [(None, "y", None)]


def test_a_changed_file_is_parsed_again(tmp_path: Path, parses: list[str]) -> None:
    path = write(tmp_path / "a.csv", "text,n\na,1\n")
    read_training_table(path)
    os.utime(write(path, "text,n\na,2\n"), ns=(0, 0))
    assert rows_of(read_training_table(path)) == [("a", "2")] and len(parses) == 2


def test_a_file_of_another_name_is_parsed_by_its_own_rules(tmp_path: Path, parses: list[str]) -> None:
    path = write(tmp_path / "a.csv", "only\nx\n")
    read_training_table(path)
    path.rename(tmp_path / "a")
    read_training_table(tmp_path / "a")
    assert parses == ["a.csv", "a"]


def test_the_copy_of_a_run_has_its_own_name_and_no_second_parse(tmp_path: Path, parses: list[str]) -> None:
    path, copy = write(tmp_path / "a.csv", "text,n\na,1\n"), tmp_path / "run" / "data" / "eval_data-a.csv"
    copy.parent.mkdir(parents=True)
    read_training_table(path)
    shutil.copyfile(path, copy)
    carry_over(path, copy)
    for name in table_cache.RUN_FILES:
        write(copy.parents[1] / name, "")
    assert read_training_table(copy).source == "eval_data-a.csv" and parses == ["a.csv"]


def test_a_folder_called_data_that_is_no_runs_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "project" / "data").mkdir(parents=True)
    write(tmp_path / "project" / "config.yaml", "{}")
    read_training_table(write(tmp_path / "project" / "data" / "a.csv", "text,n\na,1\n"))
    assert [path.name for path in (tmp_path / "project" / "data").iterdir()] == ["a.csv"]


def test_a_damaged_kept_table_is_parsed_again(tmp_path: Path, home: Path, parses: list[str]) -> None:
    path = write(tmp_path / "a.csv", "text,n\na,1\n")
    read_training_table(path)
    [kept] = (home / "parsed").iterdir()
    kept.write_bytes(kept.read_bytes()[:-7])
    assert rows_of(read_training_table(path)) == [("a", "1")] and len(parses) == 2
    kept.write_bytes(b"")
    assert file_fingerprint(path) == fingerprint(path)


def test_what_does_not_fit_is_read_all_the_same(
    tmp_path: Path, home: Path, parses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home / "parsed", "a file where a folder belongs")
    path = write(tmp_path / "a.csv", "text,n\na,1\n")
    assert same(read_training_table(path), read_training_table(path)) and len(parses) == 2
    (home / "parsed").unlink()
    monkeypatch.setattr(table_cache, "MAX_CACHE_BYTES", 10)
    read_training_table(path)
    assert not list((home / "parsed").iterdir())


def test_the_oldest_tables_give_way(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [write(tmp_path / f"{number}.csv", f"text,n\n{'x' * 2000},1\n") for number in range(4)]
    for number, path in enumerate(paths[:3]):
        read_training_table(path)
        newest = max((home / "parsed").iterdir(), key=lambda kept: kept.stat().st_mtime_ns)
        os.utime(newest, (newest.stat().st_mtime - 100 + number,) * 2)
    monkeypatch.setattr(table_cache, "MAX_CACHE_BYTES", 8000)
    read_training_table(paths[3])
    kept = [path for path in paths if table_cache._home_place(path).exists()]
    assert kept == paths[2:]


def test_tables_of_another_day_are_deleted(tmp_path: Path, home: Path) -> None:
    read_training_table(write(tmp_path / "a.csv", "text,n\na,1\n"))
    [old] = (home / "parsed").iterdir()
    os.utime(old, (0, 0))
    read_training_table(write(tmp_path / "b.csv", "text,n\na,1\n"))
    assert not old.exists()


def test_a_file_that_was_refused_is_refused_again(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text,n\n" + "a,1\n" * 3)
    read_training_table(path)
    for _ in range(2):
        with pytest.raises(UserError, match="more than"):
            read_training_table(path, max_bytes=5)
    with pytest.raises(UserError, match="There is no file"):
        read_training_table(tmp_path / "none.csv")


def test_a_table_beside_a_restored_run_is_nowhere_taken_from_a_backup() -> None:
    from training.backup.contents import is_backed_up

    assert is_backed_up("data/a.csv") and not is_backed_up(f"data/{FOLDER}/a.csv.arrow")


def test_a_table_written_by_another_version_is_not_read(
    tmp_path: Path, parses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.csv", json.dumps({"text": "a"}))
    read_training_table(path)
    monkeypatch.setattr(table_cache, "VERSION", table_cache.VERSION + 1)
    read_training_table(path)
    assert len(parses) == 2
