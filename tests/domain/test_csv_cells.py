"""CSV that no spreadsheet obeys."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.domain.csv_cells import cell_of, csv_of


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "  =1", "-", "|x"])
def test_a_formula_becomes_text(text: str) -> None:
    assert cell_of(text) == f"'{text}"


@pytest.mark.parametrize("value", ["-12.5", "0.001", "BTCUSDT", "a=b", "", "7"])
def test_numbers_and_words_stay_as_they_are(value: str) -> None:
    assert cell_of(value) == value


def test_nothing_is_an_empty_cell() -> None:
    assert cell_of(None) == ""


@given(st.text(st.characters(codec="utf-8")))
def test_a_cell_is_read_back_as_one_cell(text: str) -> None:
    rows = list(csv.reader(io.StringIO(csv_of(("a", "b"), [{"a": text, "b": 1}]).decode(), newline="")))
    assert rows == [["a", "b"], [cell_of(text), "1"]]
