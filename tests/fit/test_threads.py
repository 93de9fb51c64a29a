"""Waiting threads give their cores back, unless the user has said otherwise."""

from __future__ import annotations

import os

import pytest

from training.threads import share_cores

NAMES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")


@pytest.mark.parametrize("said", [None, *NAMES])
def test_threads_spin_little_unless_told_otherwise(said: str | None, monkeypatch: pytest.MonkeyPatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    if said:
        monkeypatch.setenv(said, "7")
    share_cores()
    assert {name: os.environ.get(name) for name in NAMES} == {
        "OMP_WAIT_POLICY": "7" if said == "OMP_WAIT_POLICY" else None,
        "GOMP_SPINCOUNT": {"GOMP_SPINCOUNT": "7", "OMP_WAIT_POLICY": None}.get(said or "", "2000"),
    }
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)  # monkeypatch gives back only what it has set itself
