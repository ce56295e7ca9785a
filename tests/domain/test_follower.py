"""Every rule of the follower, on bars that can be reckoned by hand."""

import pytest

from levibotd.domain.follower import follow
from levibotd.domain.follower_terms import Lot, Result, Terms
from levibotd.ports.market import Bar
from tests.domain.followed import START, aims, hours, limits, quiet, terms


def followed(one: Terms, *bars: Bar, announced_at: float | None = None) -> Result:
    result = follow(one, bars, announced_at=announced_at)
    assert result is not None, "not over"
    return result


def test_a_limit_fills_only_when_the_price_trades_through_it() -> None:
    one = terms(*limits(100.0), targets=aims(110.0))

    touched = followed(one, *hours((105, 106, 100.0, 101), (101, 111, 101, 110)))
    through = followed(one, *hours((105, 106, 99.99, 101), (101, 111, 101, 110)))

    assert (touched.status, touched.reason) == ("cancelled", "target_traded")
    assert (through.status, through.ended_by, through.r) == ("filled", "target", 1.0)


def test_a_target_fills_only_when_the_price_trades_through_it() -> None:
    one = terms(*limits(100.0), targets=aims(110.0))

    assert follow(one, hours((105, 106, 99, 101), (101, 110.0, 101, 110))) is None
    assert followed(one, *hours((105, 106, 99, 101), (101, 110.01, 101, 110))).r == 1.0


def test_a_stop_fires_when_its_price_trades() -> None:
    one = terms(*limits(100.0))

    result = followed(one, *hours((105, 106, 99, 101), (101, 101, 90.0, 95)))

    # A tenth of the range of eleven beyond the stop.
    assert (result.ended_by, result.exit) == ("stop", 90.0 - 1.1)
    assert result.r == pytest.approx(-1.11)


def test_a_stop_slips_by_five_hundredths_of_a_percent_at_least() -> None:
    result = followed(terms(*limits(100.0)), *hours((105, 106, 99, 101), (90.02, 90.05, 90.0, 90.02)))

    assert result.exit == pytest.approx(90.0 * (1 - 0.0005))


def test_a_gap_below_the_stop_fills_at_the_open() -> None:
    result = followed(terms(*limits(100.0)), *hours((105, 106, 99, 101), (80, 81, 79, 80)))

    assert result.exit == pytest.approx(80.0 - 0.2)


def test_in_one_bar_the_stop_comes_before_the_target() -> None:
    one = terms(*limits(100.0), targets=aims(110.0))

    result = followed(one, *hours((105, 106, 99, 101), (101, 111, 89, 105)))

    assert (result.ended_by, result.r_high, result.undecided) == ("stop", 1.0, True)
    assert result.r == result.r_low == pytest.approx(-1.22)


def test_an_entry_filled_inside_a_bar_meets_its_stop_there_and_none_of_its_targets() -> None:
    one = terms(*limits(100.0), targets=aims(104.0))

    stopped = followed(one, *hours((103, 103.5, 89, 95)))
    waited = followed(one, *hours((103, 103.9, 99, 101), (101, 105, 101, 104)))

    assert stopped.ended_by == "stop"
    assert waited.opened_at == START + 3600


def test_no_bar_before_the_decision_counts() -> None:
    one = terms(*limits(100.0), targets=aims(110.0))
    before = hours((105, 106, 99, 101), begin=START - 1)

    assert follow(one, [*before, *quiet(105.0, 3)]) is None


def test_what_takes_at_once_pays_the_first_open_and_waits_for_no_other_price() -> None:
    taken = followed(
        terms(Lot(style="ioc", price=100.5, share=1.0), targets=aims(110.0)), *hours((100.4, 111, 100, 110))
    )
    missed = followed(terms(Lot(style="ioc", price=100.5, share=1.0)), *hours((100.6, 111, 95, 110)))

    assert (taken.entry, taken.ended_by) == (100.4, "target")
    assert (missed.status, missed.reason, missed.r) == ("unfilled", "slippage", 0.0)
