"""What a written number may be worth."""

import pytest

from levibotd.domain.posts.fields import Number
from levibotd.domain.posts.notation import (
    completed,
    lone_thousand,
    readings,
    scale_of,
    share_thousands,
    unique_edges,
    unrepeated,
    values_of,
)
from levibotd.domain.posts.refusal import Unsolved


def number(raw: str, *, thousand: bool = False) -> Number:
    return Number(raw=raw, line=1, thousand=thousand)


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        ("5", [5.0]),
        ("0.0000030", [0.000003]),
        (".85", [0.85]),
        (".200", [0.2, 200.0]),
        (".0200", [0.02]),
        ("57,450", [57450.0, 57.45]),
        ("57.450", [57.45, 57450.0]),
        ("1,234.5", [1234.5]),
        ("1.234,5", [1234.5]),
        ("0,512", [0.512]),
        ("12,5", [12.5]),
        ("1.234.567", [1234567.0]),
    ],
)
def test_a_notation_has_its_readings(raw: str, values: list[float]) -> None:
    assert readings(number(raw)) == values


def test_k_means_a_thousand() -> None:
    assert readings(number("56.7", thousand=True)) == [56700.0]


def test_what_leaves_out_the_k_beside_it_is_in_thousands_too() -> None:
    numbers = [number("50"), number("53", thousand=True), number("46919"), number("7")]
    share_thousands(numbers)
    assert [one.thousand for one in numbers] == [True, True, False, False]


def test_thousandths_share_no_k() -> None:
    numbers = [number("0.398"), number("0.41", thousand=True)]
    share_thousands(numbers)
    assert not numbers[0].thousand


def test_a_number_with_two_readings_takes_the_one_that_fits_the_others() -> None:
    numbers = [number("41.300"), number("41500")]
    assert values_of(numbers, scale_of(numbers)) == [41300.0, 41500.0]


@pytest.mark.parametrize(
    ("raws", "values"),
    [
        (["0.00027000", "28500"], [0.00027, 0.000285]),
        ([".000022", "20"], [0.000022, 0.00002]),
        (["57450", "600"], [57450.0, 57600.0]),
        (["5.1", "5.3"], [5.1, 5.3]),
        (["0.001", "11"], [0.001, 0.0011]),
        (["0.000010", "20"], [0.00001, 0.00002]),
        (["0.000167", "188", "233", "333"], [0.000167, 0.000188, 0.000233, 0.000333]),
        (["1.5", "158"], [1.5, 158.0]),
    ],
)
def test_a_half_written_edge_is_completed(raws: list[str], values: list[float]) -> None:
    numbers = [number(raw) for raw in raws]
    assert completed(numbers, values_of(numbers, None)) == pytest.approx(values)


def test_a_list_said_twice_counts_once() -> None:
    assert unrepeated([7.0, 7.5, 7.0, 7.5]) == [7.0, 7.5]
    assert unrepeated([7.0, 7.5, 8.0]) == [7.0, 7.5, 8.0]


def test_zero_is_no_price() -> None:
    with pytest.raises(Unsolved, match="zero"):
        values_of([number("0.00")], None)


def test_a_staircase_of_targets_names_each_edge_once() -> None:
    rows = [("270", "300"), ("300", "360"), ("360", "390")]
    numbers = [Number(raw=raw, line=line) for line, row in enumerate(rows) for raw in row]
    assert [number.raw for number in unique_edges(numbers)] == ["270", "300", "360", "390"]
    assert unique_edges(numbers[:2]) == numbers[:2]


@pytest.mark.parametrize(
    ("raws", "alone"),
    [
        (["2700", "2800", "3k"], False),
        (["940", "1010", "1.54k"], True),
        (["940", "5k"], True),
        (["7k", "8k"], False),
        (["0", "5k"], True),
    ],
)
def test_one_level_in_thousands_goes_on_where_the_list_is_or_is_none(raws: list[str], *, alone: bool) -> None:
    numbers = [number(raw.removesuffix("k"), thousand=raw.endswith("k")) for raw in raws]
    assert lone_thousand(numbers) == alone


def test_what_is_no_number_completes_none() -> None:
    assert completed([number("0.1.842"), number("560510")], [0.1842, 560_510.0]) == [0.1842, 560_510.0]
