"""An order that rests: which bars reach it, what it would refuse to pay, what is left of it."""

from decimal import Decimal

import pytest

from levibotd.domain.signal import Side
from levibotd.ports.market import Bar
from levibotd.ports.venue import VenueOrder
from levibotd.sim.resting import Resting
from tests.sim.orders import breakout, close, limit, stop

BUY, SELL = Side.BUY, Side.SELL


def resting(order: VenueOrder, *, filled: str = "0") -> Resting:
    return Resting(order, number=1, accepted_at=0.0, filled=Decimal(filled))


def bar(low: float, high: float) -> Bar:
    return Bar(ts=0.0, open=100.0, high=high, low=low, close=100.0, volume=1.0)


@pytest.mark.parametrize(
    ("order", "low", "high", "reached"),
    [
        (limit("e", BUY, "99"), 99.0, 101.0, False),  # Through it, not at it.
        (limit("e", BUY, "99"), 98.99, 101.0, True),
        (limit("e", SELL, "101"), 99.0, 101.0, False),
        (limit("e", SELL, "101"), 99.0, 101.01, True),
        (stop("s", SELL, "99"), 99.0, 101.0, True),  # A stop fires when its level trades.
        (stop("s", SELL, "99"), 99.01, 101.0, False),
        (stop("s", BUY, "101"), 99.0, 101.0, True),
        (breakout("e", BUY, "101", "102"), 99.0, 101.0, False),
        (breakout("e", BUY, "101", "102"), 99.0, 101.01, True),
    ],
)
def test_a_limit_and_a_breakout_are_traded_through_and_a_stop_is_touched(
    order: VenueOrder, low: float, high: float, reached: bool
) -> None:
    assert resting(order).reached(bar(low, high)) is reached


def test_who_buys_finds_more_worse_and_who_sells_less() -> None:
    buys, sells = resting(limit("e", BUY, "100")), resting(limit("e", SELL, "100"))

    assert (buys.price, sells.price) == (Decimal(100), Decimal(100))
    assert buys.worse(Decimal(101), buys.price)
    assert not buys.worse(Decimal(100), buys.price)
    assert sells.worse(Decimal(99), sells.price)


def test_a_stop_that_a_gap_jumped_over_gets_the_first_price() -> None:
    assert resting(stop("s", SELL, "99")).behind(95.0) == 95.0
    assert resting(stop("s", SELL, "99")).behind(100.0) == 99.0
    assert resting(stop("s", BUY, "101")).behind(105.0) == 105.0


def test_only_what_opens_something_waits_for_its_first_price() -> None:
    taker = resting(limit("e", BUY, "101", tif="IOC"))
    assert taker.unpriced
    assert not resting(limit("e", BUY, "99")).unpriced
    assert not resting(close("c", SELL)).unpriced

    taker.live = True
    assert not taker.unpriced


def test_what_remains_is_what_was_not_filled() -> None:
    one = resting(limit("e", BUY, "99", qty="3"), filled="1")

    assert one.remaining == Decimal(2)
    assert one.state("open").cum_qty == Decimal(1)
