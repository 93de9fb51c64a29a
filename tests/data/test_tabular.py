"""Typed columns: what is guessed, read, scaled and remembered, and what the networks learn of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.files import write
from training.data.table import Table, read_table
from training.data.tabular.column_types import guess_column_types, parse_column_types
from training.data.tabular.coverage import Tally
from training.data.tabular.encoder import TableEncoder, fitted_rows, sample_findings
from training.data.tabular.features import EncodedParts
from training.data.tabular.scaling import Scaler
from training.errors import UserError
from training.nn.tabular_autoencoder import NetworkConfig, TableAutoencoder, corrupt, feature_errors, spread


def people(path: Path, rows: int = 60) -> Table:
    """Ids, amounts as text, dates of three spellings, a category, holes, a constant, an empty column, prose."""
    lines = ["id,amount,share,joined,town,married,nothing,always,note"]
    for n in range(rows):
        joined = [f"2024-01-{n % 28 + 1:02d}", f"{n % 28 + 1}.01.2024", f"2024-01-{n % 28 + 1:02d}T10:00:00Z"][n % 3]
        amount = "NA" if n % 10 == 3 else f'"{1000 + n * 37:,}"'
        lines.append(
            f"{n},{amount},{n % 7}%,{joined},{'abc'[n % 3]},{'yn'[n % 2]},,9,the {n}th of many long remarks here"
        )
    return read_table(write(path, "\n".join(lines) + "\n"))


def kinds_of(table: Table) -> dict[str, str]:
    return {one.name: one.kind for one in guess_column_types(table)}


@pytest.mark.parametrize(
    ("numbers", "words", "kind"),
    [
        (22, "X Y", "category"),
        (12, "K", "category"),
        (40, "N S E", "category"),
        (40, "n.a. \\N –", "number"),
        (40, "unknown", "number"),
        (40, "Unbekannt k.A.", "number"),
    ],
)
def test_only_words_for_missing_leave_a_column_its_numbers(tmp_path: Path, numbers: int, words: str, kind: str) -> None:
    cells = [*map(str, range(1, numbers + 1)), *words.split()]
    rows = "".join(f"{cells[n % len(cells)]},{n % 7}\n" for n in range(300))
    assert kinds_of(read_table(write(tmp_path / "t.csv", f"a,b\n{rows}")))["a"] == kind


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["192.168.100.101", "10.0.0.5", "172.217.100.114"], "category"),
        (["172.217.100.114", "172.217.100.115", "172.217.100.116"], "category"),
        (["1.000.000.000", "1.250.000.000", "12.100.200.150"], "number"),
        (["2.100.200.150", "1.250.100.200", "3.150.100.200"], "number"),
    ],
)
def test_addresses_are_categories_and_billions_are_numbers(tmp_path: Path, cells: list[str], kind: str) -> None:
    rows = "".join(f"{cells[n % 3]},{n % 7}\n" for n in range(60))
    assert kinds_of(read_table(write(tmp_path / "t.csv", f"a,b\n{rows}")))["a"] == kind


def test_kinds_are_guessed(tmp_path: Path) -> None:
    assert kinds_of(people(tmp_path / "a.csv")) == {
        "id": "ignore", "amount": "number", "share": "number", "joined": "date", "town": "category",
        "married": "category", "nothing": "ignore", "always": "constant", "note": "ignore",
    }  # fmt: skip


def test_a_user_can_say_otherwise_and_a_slip_is_named(tmp_path: Path) -> None:
    table = people(tmp_path / "a.csv")
    said = parse_column_types("share=category, town = ignore", table.names)
    found = {one.name: one.kind for one in guess_column_types(table, said)}
    assert (found["share"], found["town"]) == ("category", "ignore")
    with pytest.raises(UserError, match="there is no column 'city'"):
        parse_column_types("city=category", table.names)
    with pytest.raises(UserError, match="one of number, category"):
        parse_column_types("town=word", table.names)


def test_numbers_as_text_are_numbers(tmp_path: Path) -> None:
    table = people(tmp_path / "a.csv")
    encoder = TableEncoder.fit(table, guess_column_types(table))
    rows = encoder.encode(table)
    amount = next(n for n, one in enumerate(encoder.numbers) if one.column == "amount")
    restored = encoder.numbers[amount].scaler.restored(rows.numbers[:, amount])
    assert restored[:3] == pytest.approx([1000, 1037, 1074], rel=1e-5) and np.isnan(restored[3])


def test_decimal_commas_are_told_from_thousands(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "a.csv", "x;y\n" + "".join(f"{n},5;1.{n:03d},25\n" for n in range(30))))
    encoder = TableEncoder.fit(table, guess_column_types(table))
    back = [one.scaler.restored(encoder.encode(table).numbers[:, n])[7] for n, one in enumerate(encoder.numbers)]
    assert back == pytest.approx([7.5, 1007.25], rel=1e-5)


def test_dates_of_mixed_spelling_agree(tmp_path: Path) -> None:
    table = people(tmp_path / "a.csv")
    encoder = TableEncoder.fit(table, guess_column_types(table))
    day = next(n for n, one in enumerate(encoder.numbers) if one.part == "day")
    days = encoder.numbers[day].scaler.restored(encoder.encode(table).numbers[:, day])
    assert days - days[0] == pytest.approx([n % 28 for n in range(60)], abs=1e-3)


def test_the_encoder_survives_json(tmp_path: Path) -> None:
    table = people(tmp_path / "a.csv")
    encoder = TableEncoder.fit(table, guess_column_types(table))
    again = TableEncoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    first, second = encoder.encode(table), again.encode(table)
    assert np.array_equal(first.numbers, second.numbers, equal_nan=True)
    assert np.array_equal(first.categories, second.categories)


def test_what_training_never_saw_is_marked(tmp_path: Path) -> None:
    table = people(tmp_path / "a.csv")
    encoder = TableEncoder.fit(table, guess_column_types(table))
    header = "town,amount,share,joined,married,always,extra\n"
    new = read_table(write(tmp_path / "b.csv", header + "a,1000,3,2024-01-02,y,9,1\nz,,3,2024-01-02,,8,1\n"))
    rows = encoder.encode(new)
    marked = [encoder.columns[n] for n in np.flatnonzero(rows.unseen[1])]
    assert not rows.unseen[0].any() and marked == ["town", "married", "always"]  # amounts were missing in training too
    tally = Tally(encoder)
    tally.add(new, rows)
    assert "extra" in str(tally.findings()) and "50% of the cells of 'town'" in str(tally.findings())


def test_missing_columns_are_named(tmp_path: Path) -> None:
    table = people(tmp_path / "a.csv")
    encoder = TableEncoder.fit(table, guess_column_types(table))
    with pytest.raises(UserError, match="lacks 5 of the 6 columns that this model knows: amount, share"):
        encoder.encode(read_table(write(tmp_path / "b.csv", "town,other\na,1\nb,2\n")))


def test_a_table_of_constants_is_refused(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "a.csv", "a,b\n" + "1,x\n" * 30))
    with pytest.raises(UserError, match=r"No usable column in a\.csv: a: always 1; b: always 'x'"):
        TableEncoder.fit(table, guess_column_types(table))


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=50), st.sampled_from(["standard", "robust", "log", "auto"]))
def test_scaling_can_be_undone(values: list[float], scaling: Any) -> None:
    array = np.asarray(values)
    scaler = Scaler.fit(array, scaling)
    scaled = scaler.scaled(array)
    inside = np.abs(scaled) < 9e3
    slack = 1e-3 * max(1.0, float(np.abs(array).max()))
    assert scaler.restored(scaled)[inside] == pytest.approx(array[inside], abs=slack)


def test_infinity_is_far_out_and_not_lost() -> None:
    scaled = Scaler.fit(np.arange(10.0), "standard").scaled(np.asarray([np.inf, -np.inf, np.nan, 1e300]))
    assert scaled[0] == 1e4 and scaled[1] == -1e4 and np.isnan(scaled[2]) and scaled[3] == 1e4


# -- networks --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("embedding", ["plain", "piecewise_linear", "periodic"])
def test_a_network_learns_what_columns_say_of_each_other(tmp_path: Path, embedding: Any) -> None:
    """y = 2x and the letter is the sign of x: hidden cells are then far better told than by the mean and the commonest."""
    x = np.random.default_rng(0).normal(size=512)
    table = read_table(write(tmp_path / "a.csv", "x,y,c\n" + "".join(f"{v},{2 * v},{'pn'[int(v < 0)]}\n" for v in x)))
    encoder = TableEncoder.fit(table, guess_column_types(table))
    rows = encoder.encode(table)
    torch.manual_seed(0)
    config = NetworkConfig.for_encoder(encoder, noise=(0.05, 0.1), mask=(0.3, 0.3), width=32, latent_size=4, number_embedding=embedding)  # fmt: skip
    model, numbers, ids = TableAutoencoder(config), torch.tensor(rows.numbers), torch.tensor(rows.categories)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(150):
        squared, entropy = feature_errors(model, model(*corrupt(config, numbers, ids)), numbers, ids)
        optimizer.zero_grad()
        (squared.mean() + entropy.mean()).backward()
        optimizer.step()
    shown, visible, seen = (each.clone() for each in spread(config, numbers, ids))
    visible[..., 1], shown[..., 1], seen[..., 0] = 0, 0, 0  # only x is left
    squared, entropy = feature_errors(model, model(shown, visible, seen), numbers, ids)
    assert squared[..., 1].mean() < 0.25  # the mean alone: 1
    assert entropy.mean() < 0.35  # chance: 0.69


def test_log_probabilities_sum_to_one_in_each_vocabulary() -> None:
    model = TableAutoencoder(NetworkConfig(0, (4, 5), (0.0,), (0.2,), width=8, latent_size=2))
    found = model.log_probabilities(torch.randn(1, 3, 9) * 50).exp()
    assert torch.allclose(found[..., :4].sum(-1), torch.ones(1, 3)) and torch.allclose(
        found[..., 4:].sum(-1), torch.ones(1, 3)
    )


def test_each_embedding_table_is_the_one_that_is_looked_up() -> None:
    model = TableAutoencoder(NetworkConfig(0, (4, 40, 5, 4), (0.0,), (0.2,), width=8, latent_size=2))
    inside = model.embeddings(torch.tensor([[[1, 7, 2, 3]]]))[0, 0]
    vectors = [model.embeddings.vectors(n)[i] for n, i in enumerate((1, 7, 2, 3))]
    assert sorted(inside.tolist()) == sorted(torch.cat(vectors).tolist())


def test_rows_encoded_piece_by_piece_are_those_of_one_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"{n * 0.5},{'ab'[n % 2]},{n % 7 or ''},2020-01-{n % 28 + 1:02}" for n in range(100)]
    table = read_table(write(tmp_path / "a.csv", "x,kind,holes,day\n" + "\n".join(lines) + "\n"))
    encoder = TableEncoder.fit(table, guess_column_types(table))
    order = np.random.default_rng(0).permutation(100)[:70]
    expected = encoder.encode(table).select(order)
    monkeypatch.setattr("training.data.tabular.encoder.ENCODED_ROWS", 7)
    monkeypatch.setattr("training.data.array_files.LARGE_BYTES", 0)
    monkeypatch.setenv("SELFSUP_HOME", str(tmp_path / "home"))
    mapped = encoder.encode_in_order(table, order)
    for name in ("numbers", "categories", "unseen"):
        assert np.array_equal(getattr(mapped, name), getattr(expected, name), equal_nan=name == "numbers")
        assert isinstance(getattr(mapped, name).base, np.memmap) and not list((tmp_path / "home").iterdir())
    parts = EncodedParts(mapped.select(slice(0, 30)), mapped.select(slice(30, None)))
    numbers, categories = parts.take([69, 0, 31])
    assert np.array_equal(numbers, expected.numbers[[69, 0, 31]], equal_nan=True)
    assert np.array_equal(categories, expected.categories[[69, 0, 31]])


def test_an_encoder_of_many_rows_is_fitted_on_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.data.tabular.encoder.FITTED_ROWS", 10)
    rows = np.arange(50, 90)
    sample = fitted_rows(rows, seed=1)
    assert len(set(sample)) == 10 and set(sample) <= set(rows) and np.array_equal(sample, fitted_rows(rows, seed=1))
    assert np.array_equal(fitted_rows(rows[:10], seed=1), rows[:10]) and sample_findings(10) == []
    assert "10 of the 40 training rows" in sample_findings(40)[0].title


def test_one_column_at_a_time_is_in_memory_while_types_are_guessed() -> None:
    """The cells of all columns, and their text, were kept until the last was judged."""
    rows = 20_000
    cells = {f"c{n}": pa.chunked_array([[f"{number % 997} words {n}" for number in range(rows)]]) for n in range(12)}
    table = Table(cells, np.arange(rows), (), "a.csv", "")
    before, most = pa.total_allocated_bytes(), []

    class Watched(Table):
        def column(self, name: str) -> pa.ChunkedArray:
            most.append(pa.total_allocated_bytes() - before)
            return super().column(name)

    watched = Watched(**vars(table.view(np.arange(rows))))
    TableEncoder.fit(watched, guess_column_types(watched))
    assert len(most) >= 24 and max(most) < 4 * cells["c0"].nbytes
