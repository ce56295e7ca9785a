"""A leak is told from a figure that stays where it is."""

import pytest

from bench.flatness import Verdict, table, verdicts


def one(values: list[float]) -> Verdict:
    (found,) = verdicts({"rss_kib": values})
    return found


def test_what_stays_is_flat() -> None:
    assert one([80_000.0] * 60).is_flat


def test_what_grows_while_it_warms_up_is_flat_if_it_stays_then() -> None:
    assert one([40_000.0 + 2_000.0 * n for n in range(20)] + [80_000.0] * 40).is_flat


@pytest.mark.parametrize("step", [60.0, -60.0])
def test_what_goes_on_growing_or_shrinking_drifts(step: float) -> None:
    found = one([80_000.0 + step * n for n in range(60)])

    assert not found.is_flat
    assert found.drift * step > 0


def test_one_outlier_is_no_drift() -> None:
    assert one([80_000.0] * 59 + [160_000.0]).is_flat


def test_one_more_of_a_few_is_no_drift_and_three_more_are() -> None:
    assert one([17.0] * 40 + [18.0] * 20).is_flat
    assert not one([17.0] * 40 + [20.0] * 20).is_flat


def test_the_table_names_what_drifts() -> None:
    told = table(verdicts({"tasks": [10.0] * 60, "descriptors": [10.0] * 30 + [90.0] * 30}))

    assert "DRIFTS" in next(line for line in told.splitlines() if line.startswith("descriptors"))
    assert "flat" in next(line for line in told.splitlines() if line.startswith("tasks"))
