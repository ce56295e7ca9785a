"""How far a symbol may go at once: to the first bar that somebody may have to hear of."""

import math
from decimal import Decimal

import pytest

from levibotd.domain.signal import Side
from levibotd.ports.market import Bar
from levibotd.sim.lane import END, Lane
from levibotd.sim.matching import Matcher, Terms
from levibotd.sim.recorded_market import RecordedMarket
from tests.sim.memory_candles import MemoryCandles
from tests.sim.orders import BTC, stop

START = 1_700_000_040.0
FAR = (0.0, math.inf)


def terms_at(at: float) -> Terms:
    raise AssertionError("nothing fills")


def lane(bars: list[Bar], *, protected_at: str | None = None) -> Lane:
    """One that holds a bitcoin and stands in the first bar."""
    matcher = Matcher(BTC, terms_at=terms_at, position=Decimal(1))
    if protected_at is not None:
        matcher.accept(stop("s", Side.SELL, protected_at), at=START - 1.0)
    made = Lane(RecordedMarket(MemoryCandles({BTC: bars})), matcher, interval_s=60.0, cursor=START)
    made.opened = first = made.next_bar()
    assert first is not None
    matcher.open_bar(first)
    made.due, made.phase = first.ts + first.interval_s, END
    return made


def minutes(*opens: float, low: float = 1.0) -> list[Bar]:
    return [Bar(START + 60.0 * number, price, 200.0, low, price, 1.0, 60.0) for number, price in enumerate(opens)]


def test_a_calm_ends_with_the_bar_after_which_one_opens_beyond_the_bounds() -> None:
    bars = minutes(100.0, 101.0, 99.0, 98.0, 100.0, 100.0)

    assert lane(bars).calm_end((99.0, 101.0), until=math.inf) == START + 3 * 60.0
    assert lane(bars).calm_end((99.0, 101.0), until=START + 120.0) == START + 120.0
    assert lane(bars).calm_end((101.0, 102.0), until=math.inf) == -math.inf


def test_a_bar_that_reaches_an_order_is_not_calm() -> None:
    bars = minutes(100.0, 100.0, 100.0, 100.0, low=95.0)
    bars[1] = bars[1]._replace(low=90.0)

    assert lane(bars, protected_at="90").calm_end(FAR, until=math.inf) == START + 120.0
    assert lane(bars, protected_at="95").calm_end(FAR, until=math.inf) == START + 60.0


def test_the_last_two_bars_before_a_gap_are_told() -> None:
    bars = minutes(100.0, 100.0, 100.0, 100.0, 100.0, 100.0)
    del bars[4]

    assert lane(bars).calm_end(FAR, until=math.inf) == START + 3 * 60.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0])
def test_a_bar_that_is_none_is_not_calm(bad: float) -> None:
    bars = minutes(100.0, 100.0, 100.0, 100.0, 100.0)
    bars[1] = bars[1]._replace(high=bad)

    assert lane(bars).calm_end(FAR, until=math.inf) == START + 120.0


def test_gliding_leaves_the_lane_in_the_bar_that_is_open_then() -> None:
    calm = lane(minutes(*[100.0] * 300))
    end = calm.calm_end(FAR, until=math.inf)

    assert START + 60.0 < end < START + 300 * 60.0
    calm.glide(START + 150.0)

    assert calm.opened is not None
    assert (calm.opened.ts, calm.cursor, calm.due) == (START + 120.0, START + 120.0, START + 180.0)
    assert calm.calm_end(FAR, until=math.inf) >= end
