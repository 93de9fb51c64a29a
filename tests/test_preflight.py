"""What the sheet says and when it stops a run."""

import json

import pytest

from training.errors import UserError
from training.preflight import Finding, Sheet


def test_red_rows_block_with_every_reason() -> None:
    sheet = Sheet((Finding("green", "fine"), Finding("red", "One class", "add another"), Finding("red", "No rows")))
    with pytest.raises(UserError, match=r"^One class: add another; No rows$"):
        sheet.raise_if_blocked()
    assert (sheet.blocked, sheet.to_dict()["verdict"]) == (True, "red")


def test_sheet_without_rows_is_green() -> None:
    Sheet(()).raise_if_blocked()
    assert json.dumps(Sheet(()).to_dict()) == '{"verdict": "green", "findings": [], "columns": [], "sample": []}'
