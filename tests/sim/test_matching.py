"""
Outcomes computed by hand: tick 0.01, half spread 0.05 %, taker 0.05 %, maker 0.02 %, no further slippage.

A bar is (open, high, low, close); all orders are accepted before the first one. Each case says what fills
(order, quantity, price, fee) and how the orders end; the arithmetic stands beside it.
"""

from decimal import Decimal
from typing import NamedTuple

import pytest

from levibotd.domain.signal import Side
from levibotd.ports.market import Bar
from levibotd.ports.venue import Fill, OrderEnded, VenueOrder
from levibotd.sim.matching import Matcher, Terms
from tests.sim.orders import BTC, breakout, close, limit, stop, target

BUY, SELL = Side.BUY, Side.SELL
HOUR = 3600.0
START = 1_699_999_200.0

TERMS = Terms(
    tick=Decimal("0.01"),
    maker_fee=Decimal("0.0002"),
    taker_fee=Decimal("0.0005"),
    half_spread=Decimal("0.0005"),
    slippage=Decimal(0),
    fee_currency="USDT",
)


class Case(NamedTuple):
    """What is sent, what the market does, what must come of it."""

    name: str
    orders: tuple[VenueOrder, ...]
    bars: tuple[tuple[float, float, float, float], ...]
    fills: tuple[tuple[str, str, str, str], ...]
    ends: tuple[tuple[str, str, str], ...] = ()


LONG = limit("e", BUY, "101", tif="IOC")  # Fills at the open of the first bar.
# Open 100: 100 x 1.0005 = 100.05; fee 100.05 x 0.0005 = 0.050025.
LONG_FILL = ("e", "1", "100.05", "0.050025")
SHORT = limit("e", SELL, "99", tif="IOC")
# Open 100: 100 x 0.9995 = 99.95; fee 99.95 x 0.0005 = 0.049975.
SHORT_FILL = ("e", "1", "99.95", "0.049975")
DONE = ("e", "filled", "")
FLAT = (100.0, 100.5, 99.5, 100.0)

CASES = (
    Case("a taker buys at the open plus half the spread", (LONG,), (FLAT,), (LONG_FILL,), (DONE,)),
    Case("a taker sells at the open minus half the spread", (SHORT,), (FLAT,), (SHORT_FILL,), (DONE,)),
    Case(
        "a taker buys on the next tick up",
        (limit("e", BUY, "34", tif="IOC"),),
        ((33.33, 33.4, 33.3, 33.3),),
        # 33.33 x 1.0005 = 33.346665 -> 33.35; fee 33.35 x 0.0005.
        (("e", "1", "33.35", "0.016675"),),
        (DONE,),
    ),
    Case(
        "a taker sells on the next tick down",
        (limit("e", SELL, "33", tif="IOC"),),
        ((33.33, 33.4, 33.3, 33.3),),
        # 33.33 x 0.9995 = 33.313335 -> 33.31; fee 33.31 x 0.0005.
        (("e", "1", "33.31", "0.016655"),),
        (DONE,),
    ),
    Case(
        "a taker pays exactly its limit",
        (limit("e", BUY, "100.05", tif="IOC"),),
        (FLAT,),
        (LONG_FILL,),
        (DONE,),
    ),
    Case(
        "a spread beyond the limit expires the order",
        (limit("e", BUY, "100.04", tif="IOC"),),
        (FLAT,),
        (),
        (("e", "expired", "slippage"),),
    ),
    Case(
        "a price beyond the limit expires the order",
        (limit("e", BUY, "99.99", tif="IOC"),),
        (FLAT,),
        (),
        (("e", "expired", "not_marketable"),),
    ),
    Case("a limit that is only touched does not fill", (limit("e", BUY, "99"),), ((100.0, 100.0, 99.0, 99.5),), ()),
    Case(
        "a limit that is traded through fills at its price as maker",
        (limit("e", BUY, "99"),),
        ((100.0, 100.0, 98.99, 99.5),),
        # 99 x 0.0002 = 0.0198.
        (("e", "1", "99", "0.0198"),),
        (DONE,),
    ),
    Case(
        "a sell limit that is only touched does not fill",
        (limit("e", SELL, "101"),),
        ((100.0, 101.0, 99.5, 100.0),),
        (),
    ),
    Case(
        "a limit above the market takes at its first open",
        (limit("e", BUY, "99"),),
        ((98.5, 99.5, 98.0, 99.0),),
        # 98.5 x 1.0005 = 98.54925 -> 98.55, taker: x 0.0005 = 0.049275.
        (("e", "1", "98.55", "0.049275"),),
        (DONE,),
    ),
    Case(
        "a limit within the spread of its first open rests",
        (limit("e", BUY, "99"),),
        # 98.97 x 1.0005 = 99.019485 > 99: not taken; the low goes through, so it is made.
        ((98.97, 99.5, 98.9, 99.0),),
        (("e", "1", "99", "0.0198"),),
        (DONE,),
    ),
    Case(
        "a post-only limit that would take is rejected",
        (limit("e", BUY, "99", tif="GTX"),),
        ((98.5, 99.5, 98.0, 99.0),),
        (),
        (("e", "rejected", "post_only"),),
    ),
    Case(
        "a post-only limit that rests is made",
        (limit("e", BUY, "99", tif="GTX"),),
        ((100.0, 100.5, 98.5, 99.0),),
        (("e", "1", "99", "0.0198"),),
        (DONE,),
    ),
    Case(
        "a resting limit is no better off when the next bar opens beyond it",
        (limit("e", BUY, "99"),),
        (FLAT, (97.0, 98.0, 96.0, 97.5)),
        (("e", "1", "99", "0.0198"),),
        (DONE,),
    ),
    Case(
        "both rungs of a band fill in one bar, the nearer first",
        (limit("far", BUY, "98", qty="0.5"), limit("near", BUY, "99", qty="0.5")),
        ((100.0, 100.0, 97.5, 99.0),),
        # 0.5 x 99 x 0.0002 = 0.0099; 0.5 x 98 x 0.0002 = 0.0098.
        (("near", "0.5", "99", "0.0099"), ("far", "0.5", "98", "0.0098")),
        (("near", "filled", ""), ("far", "filled", "")),
    ),
    Case(
        "the far rung of a band waits for its price",
        (limit("near", BUY, "99", qty="0.5"), limit("far", BUY, "98", qty="0.5")),
        ((100.0, 100.0, 98.0, 99.0), (99.0, 99.0, 97.99, 98.5)),
        (("near", "0.5", "99", "0.0099"), ("far", "0.5", "98", "0.0098")),
        (("near", "filled", ""), ("far", "filled", "")),
    ),
    Case(
        "a stop slips by a tenth of the bar",
        (LONG, stop("s", SELL, "95")),
        (FLAT, (99.0, 99.5, 94.0, 94.5)),
        # Range 5.5: slip 0.55 > 0.05 % of 95; 95 - 0.55 = 94.45; fee 94.45 x 0.0005.
        (LONG_FILL, ("s", "1", "94.45", "0.047225")),
        (DONE, ("s", "filled", "")),
    ),
    Case(
        "a stop in a quiet bar slips by 0.05 %",
        (LONG, stop("s", SELL, "95")),
        (FLAT, (95.2, 95.3, 94.99, 95.0)),
        # Range 0.31: 0.031 < 95 x 0.0005 = 0.0475; 94.9525 -> 94.95; fee 94.95 x 0.0005.
        (LONG_FILL, ("s", "1", "94.95", "0.047475")),
        (DONE, ("s", "filled", "")),
    ),
    Case(
        "a stop fires when its trigger is touched",
        (LONG, stop("s", SELL, "95")),
        (FLAT, (95.5, 96.0, 95.0, 95.8)),
        # Range 1: 0.1; 94.9; fee 94.9 x 0.0005.
        (LONG_FILL, ("s", "1", "94.9", "0.04745")),
        (DONE, ("s", "filled", "")),
    ),
    Case(
        "a stop that is gapped over fills at the open, and slips",
        (LONG, stop("s", SELL, "95")),
        (FLAT, (90.0, 91.0, 89.0, 90.5)),
        # Range 2: 0.2; 90 - 0.2 = 89.8; fee 89.8 x 0.0005.
        (LONG_FILL, ("s", "1", "89.8", "0.0449")),
        (DONE, ("s", "filled", "")),
    ),
    Case(
        "stop and target in one bar: the stop",
        (LONG, stop("s", SELL, "95"), target("t", SELL, "105")),
        (FLAT, (100.0, 106.0, 94.0, 105.5)),
        # Range 12: 1.2; 93.8; fee 93.8 x 0.0005.
        (LONG_FILL, ("s", "1", "93.8", "0.0469")),
        (DONE, ("s", "filled", "")),
    ),
    Case(
        "a target that is only touched does not fill",
        (LONG, target("t", SELL, "105")),
        (FLAT, (100.0, 105.0, 99.0, 104.0)),
        (LONG_FILL,),
        (DONE,),
    ),
    Case(
        "a target that is traded through fills at its price as maker",
        (LONG, target("t", SELL, "105")),
        (FLAT, (100.0, 105.01, 99.0, 104.0)),
        # 105 x 0.0002 = 0.021.
        (LONG_FILL, ("t", "1", "105", "0.021")),
        (DONE, ("t", "filled", "")),
    ),
    Case(
        "several targets of one bar fill in order",
        (LONG, target("t2", SELL, "110", qty="0.4"), target("t1", SELL, "105", qty="0.6")),
        (FLAT, (100.0, 111.0, 99.0, 108.0)),
        # 0.6 x 105 x 0.0002 = 0.0126; 0.4 x 110 x 0.0002 = 0.0088.
        (LONG_FILL, ("t1", "0.6", "105", "0.0126"), ("t2", "0.4", "110", "0.0088")),
        (DONE, ("t1", "filled", ""), ("t2", "filled", "")),
    ),
    Case(
        "half at the target, the rest at the stop",
        (LONG, stop("s", SELL, "95"), target("t", SELL, "105", qty="0.5")),
        (FLAT, (100.0, 106.0, 99.0, 101.0), (101.0, 101.0, 94.0, 94.5)),
        # 0.5 x 105 x 0.0002 = 0.0105; range 7: 0.7; 94.3; 0.5 x 94.3 x 0.0005 = 0.023575.
        (LONG_FILL, ("t", "0.5", "105", "0.0105"), ("s", "0.5", "94.3", "0.023575")),
        (DONE, ("t", "filled", ""), ("s", "expired", "reduce_only")),
    ),
    Case(
        "a limit entry and its stop in one bar: in and out",
        (limit("e", BUY, "99"), stop("s", SELL, "95")),
        ((100.0, 100.5, 94.5, 98.0),),
        # Range 6: 0.6; 94.4; fee 94.4 x 0.0005.
        (("e", "1", "99", "0.0198"), ("s", "1", "94.4", "0.0472")),
        (DONE, ("s", "filled", "")),
    ),
    Case(
        "a limit entry gapped over together with its stop loses the whole gap",
        (limit("e", BUY, "99"), stop("s", SELL, "95")),
        (FLAT, (90.0, 92.0, 88.0, 91.0)),
        # Made at 99; stop at min(95, 90) - 0.4 = 89.6; fee 89.6 x 0.0005.
        (("e", "1", "99", "0.0198"), ("s", "1", "89.6", "0.0448")),
        (DONE, ("s", "filled", "")),
    ),
    Case(
        "a limit entry and its target in one bar: only in",
        (limit("e", BUY, "99"), target("t", SELL, "105")),
        ((100.0, 106.0, 98.0, 104.0), (104.0, 105.5, 103.0, 105.0)),
        (("e", "1", "99", "0.0198"), ("t", "1", "105", "0.021")),
        (DONE, ("t", "filled", "")),
    ),
    Case(
        "a market entry may reach its target in the bar of its open",
        (LONG, target("t", SELL, "105")),
        ((100.0, 105.5, 99.0, 104.0),),
        (LONG_FILL, ("t", "1", "105", "0.021")),
        (DONE, ("t", "filled", "")),
    ),
    Case(
        "a market entry, its stop and its target in one bar: in and stopped out",
        (LONG, target("t", SELL, "105"), stop("s", SELL, "99")),
        ((100.0, 105.5, 98.9, 104.0),),
        # Range 6.6: 0.66; 98.34; fee 98.34 x 0.0005.
        (LONG_FILL, ("s", "1", "98.34", "0.04917")),
        (DONE, ("s", "filled", "")),
    ),
    Case(
        "what was held before the bar reaches the target, what was bought inside it does not",
        (limit("a", BUY, "101", tif="IOC", qty="0.5"), limit("b", BUY, "99", qty="0.5"), target("t", SELL, "105")),
        (FLAT, (100.0, 106.0, 98.5, 104.0)),
        # 0.5 x 100.05 x 0.0005 = 0.0250125; 0.5 x 105 x 0.0002 = 0.0105.
        (("a", "0.5", "100.05", "0.0250125"), ("b", "0.5", "99", "0.0099"), ("t", "0.5", "105", "0.0105")),
        (("a", "filled", ""), ("b", "filled", "")),
    ),
    Case(
        "a rung beyond a moved stop fills after it, and is not sold above its own price",
        (LONG, stop("s", SELL, "99.8"), limit("b", BUY, "98")),
        (FLAT, (100.0, 100.0, 97.9, 98.5)),
        # FLAT stops at its low already: min(99.8, 100), range 1: 0.1; 99.7; fee 99.7 x 0.0005.
        (LONG_FILL, ("s", "1", "99.7", "0.04985"), ("b", "1", "98", "0.0196")),
        (DONE, ("s", "filled", ""), ("b", "filled", "")),
    ),
    Case(
        "stop and lower rung in one bar: the stop sells only what was there",
        (LONG, stop("s", SELL, "99", qty="2"), limit("b", BUY, "98")),
        (FLAT, (100.0, 100.0, 97.0, 97.5)),
        # Range 3: 0.3; 98.7; fee 98.7 x 0.0005; the rung is bought below and stays.
        (LONG_FILL, ("s", "1", "98.7", "0.04935"), ("b", "1", "98", "0.0196")),
        (DONE, ("s", "expired", "reduce_only"), ("b", "filled", "")),
    ),
    Case(
        "of two stops the nearer one fires first",
        (LONG, stop("far", SELL, "94"), stop("near", SELL, "97")),
        (FLAT, (99.0, 99.0, 93.0, 93.5)),
        # Range 6: 0.6; 96.4; fee 96.4 x 0.0005. The other rests on, without a position.
        (LONG_FILL, ("near", "1", "96.4", "0.0482")),
        (DONE, ("near", "filled", "")),
    ),
    Case(
        "a breakout fires beyond its trigger and pays half the spread",
        (breakout("e", BUY, "105", "105.5"),),
        ((104.0, 106.0, 103.0, 105.0),),
        # 105 x 1.0005 = 105.0525 -> 105.06; fee 105.06 x 0.0005.
        (("e", "1", "105.06", "0.05253"),),
        (DONE,),
    ),
    Case(
        "a breakout whose trigger is only touched waits",
        (breakout("e", BUY, "105", "105.5"),),
        ((104.0, 105.0, 103.0, 104.5),),
        (),
    ),
    Case(
        "a breakout that opens beyond its cap is a gap",
        (breakout("e", BUY, "105", "105.5"),),
        # 107 x 1.0005 = 107.0535 > 105.5.
        (FLAT, (107.0, 108.0, 106.0, 107.5)),
        (),
        (("e", "expired", "gap"),),
    ),
    Case(
        "a breakout that opens within its cap is in at the open, and may reach its target",
        (breakout("e", BUY, "105", "105.5"), target("t", SELL, "107")),
        (FLAT, (105.2, 107.5, 105.1, 107.0)),
        # 105.2 x 1.0005 = 105.2526 -> 105.26, fee 105.26 x 0.0005; 107 x 0.0002.
        (("e", "1", "105.26", "0.05263"), ("t", "1", "107", "0.0214")),
        (DONE, ("t", "filled", "")),
    ),
    Case(
        "a breakout and its stop in one bar: in and out",
        (breakout("e", BUY, "105", "105.5"), stop("s", SELL, "102")),
        ((104.0, 106.0, 101.0, 105.0),),
        # Range 5: 0.5; 101.5; fee 101.5 x 0.0005.
        (("e", "1", "105.06", "0.05253"), ("s", "1", "101.5", "0.05075")),
        (DONE, ("s", "filled", "")),
    ),
    Case(
        "a breakout inside a bar reaches no target in it",
        (breakout("e", BUY, "105", "105.5"), target("t", SELL, "107")),
        ((104.0, 108.0, 103.5, 107.5),),
        (("e", "1", "105.06", "0.05253"),),
        (DONE,),
    ),
    Case(
        "a short stops out above, at the worse of trigger and open",
        (SHORT, stop("s", BUY, "105")),
        (FLAT, (107.0, 108.0, 106.0, 107.0)),
        # Range 2: 0.2; 107.2; fee 107.2 x 0.0005.
        (SHORT_FILL, ("s", "1", "107.2", "0.0536")),
        (DONE, ("s", "filled", "")),
    ),
    Case(
        "a short stop is rounded up",
        (SHORT, stop("s", BUY, "103.33")),
        (FLAT, (103.0, 103.4, 102.9, 103.0)),
        # Range 0.5: 0.05 < 103.33 x 0.0005 = 0.051665; 103.381665 -> 103.39; fee 103.39 x 0.0005.
        (SHORT_FILL, ("s", "1", "103.39", "0.051695")),
        (DONE, ("s", "filled", "")),
    ),
    Case(
        "a short reaches its targets from above",
        (SHORT, target("t2", BUY, "90", qty="0.5"), target("t1", BUY, "95", qty="0.5")),
        (FLAT, (99.0, 99.5, 89.0, 91.0)),
        # 0.5 x 95 x 0.0002 = 0.0095; 0.5 x 90 x 0.0002 = 0.009.
        (SHORT_FILL, ("t1", "0.5", "95", "0.0095"), ("t2", "0.5", "90", "0.009")),
        (DONE, ("t1", "filled", ""), ("t2", "filled", "")),
    ),
    Case(
        "a short entry above and its stop in one bar: in and out",
        (limit("e", SELL, "101"), stop("s", BUY, "103")),
        ((100.0, 104.0, 99.0, 100.0),),
        # 101 x 0.0002; range 5: 0.5; 103.5; fee 103.5 x 0.0005.
        (("e", "1", "101", "0.0202"), ("s", "1", "103.5", "0.05175")),
        (DONE, ("s", "filled", "")),
    ),
    Case(
        "a breakdown fires below its trigger",
        (breakout("e", SELL, "95", "94.5"),),
        ((96.0, 97.0, 94.0, 95.0),),
        # 95 x 0.9995 = 94.9525 -> 94.95; fee 94.95 x 0.0005.
        (("e", "1", "94.95", "0.047475"),),
        (DONE,),
    ),
    Case(
        "a close takes the open",
        (LONG, close("c", SELL)),
        ((100.0, 101.0, 99.0, 100.5),),
        # 99.95, fee 0.049975: both sides of the spread in one instant.
        (LONG_FILL, ("c", "1", "99.95", "0.049975")),
        (DONE, ("c", "filled", "")),
    ),
    Case(
        "a close without a position does nothing",
        (close("c", SELL),),
        (FLAT,),
        (),
        (("c", "expired", "no_position"),),
    ),
    Case(
        "a close of more than there is closes what there is",
        (LONG, close("c", SELL, qty="3")),
        (FLAT,),
        (LONG_FILL, ("c", "1", "99.95", "0.049975")),
        (DONE, ("c", "expired", "reduce_only")),
    ),
    Case(
        "a target of more than there is rests with the rest",
        (LONG, target("t", SELL, "105", qty="3")),
        (FLAT, (100.0, 106.0, 99.0, 105.0)),
        (LONG_FILL, ("t", "1", "105", "0.021")),
        (DONE,),
    ),
    Case(
        "a stop whose trigger trades before there is a position rests on",
        (limit("e", BUY, "90"), stop("s", SELL, "95")),
        ((100.0, 100.0, 94.0, 96.0), (96.0, 97.0, 89.0, 90.0)),
        # Second bar: the stop comes first and finds nothing; the entry below it stays.
        (("e", "1", "90", "0.018"),),
        (DONE,),
    ),
    Case(
        "bars that are missing fill nothing, the next one does",
        (LONG, stop("s", SELL, "95"), target("t", SELL, "105")),
        (FLAT, (105.2, 106.0, 105.0, 105.5)),
        # Resting since the first bar, so made at its own price although the open is beyond it.
        (LONG_FILL, ("t", "1", "105", "0.021")),
        (DONE, ("t", "filled", "")),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_outcome(case: Case) -> None:
    matcher = _matcher()
    for order in case.orders:
        matcher.accept(order, at=START)

    fills, ends = _play(matcher, case.bars)

    told = [(fill.cid, fill.qty, fill.price, fill.fee) for fill in fills]
    assert told == [(cid, Decimal(qty), Decimal(price), Decimal(fee)) for cid, qty, price, fee in case.fills]
    assert [(end.cid, end.final, end.why) for end in ends] == list(case.ends)
    assert matcher.position == sum((fill.qty * fill.side.sign for fill in fills), Decimal(0))


def test_slippage_is_added_to_every_taker() -> None:
    matcher = _matcher(slippage="0.001")
    matcher.accept(limit("e", BUY, "101", tif="IOC"), at=START)
    matcher.accept(stop("s", SELL, "95"), at=START)

    fills, _ = _play(matcher, (FLAT, (95.5, 96.0, 95.0, 95.8)))

    # 100 x (1 + 0.0005 + 0.001) = 100.15; 95 - 0.1 - 0.095 = 94.805 -> 94.8.
    assert [fill.price for fill in fills] == [Decimal("100.15"), Decimal("94.80")]


def test_a_new_limit_never_pays_slippage_beyond_its_price() -> None:
    matcher = _matcher(slippage="0.01")
    matcher.accept(limit("e", BUY, "100.5"), at=START)

    fills, _ = _play(matcher, (FLAT,))

    # 100 x 1.0105 = 101.05 is more than it may pay.
    assert [fill.price for fill in fills] == [Decimal("100.5")]


def test_a_stop_moved_to_breakeven_closes_at_entry_and_fees() -> None:
    matcher = _matcher()
    matcher.accept(LONG, at=START)
    matcher.accept(stop("s1", SELL, "95"), at=START)
    matcher.accept(target("t", SELL, "105", qty="0.5"), at=START)
    first, _ = _play(matcher, (FLAT, (100.0, 106.0, 99.5, 104.0)))
    matcher.cancel("s1", at=START + 2 * HOUR)
    matcher.accept(stop("s2", SELL, "100.13", qty="0.5"), at=START + 2 * HOUR)

    later, _ = _play(matcher, ((104.0, 104.5, 100.0, 101.0),), first=2)

    fills = first + later
    # Range 4.5: 0.45; 100.13 - 0.45 = 99.68.
    assert [(fill.cid, fill.price) for fill in fills] == [
        ("e", Decimal("100.05")),
        ("t", Decimal("105")),
        ("s2", Decimal("99.68")),
    ]
    # -100.05 - 0.050025 + 52.5 - 0.0105 + 49.84 - 0.02492 = 2.204555.
    cash = sum((-fill.side.sign * fill.qty * fill.price - fill.fee for fill in fills), Decimal(0))
    assert cash == Decimal("2.204555")


@pytest.mark.parametrize(
    ("late_s", "interval_s", "stopped"), [(0.2, 3600.0, 1), (1.0, 60.0, 1), (1.2, 3600.0, 0), (0.2, 1.0, 0)]
)
def test_a_stop_that_answers_the_fill_at_an_open_joins_that_bar(late_s: float, interval_s: float, stopped: int) -> None:
    matcher = _matcher()
    matcher.accept(LONG, at=START)
    matcher.open_bar(Bar(START, 100.0, 100.0, 90.0, 95.0, 1.0, interval_s))
    matcher.accept(stop("s", SELL, "95"), at=START + late_s)

    fills = [update for update in matcher.close_bar() if isinstance(update, Fill)]

    assert len(fills) == stopped


def test_an_entry_never_joins_a_bar_that_has_opened() -> None:
    matcher = _matcher()
    matcher.accept(limit("first", BUY, "50"), at=START)
    matcher.open_bar(Bar(START, 100.0, 100.0, 90.0, 95.0, 1.0, HOUR))
    matcher.accept(limit("e", BUY, "99"), at=START + 0.1)

    assert matcher.close_bar() == []


def test_an_order_accepted_after_an_open_that_is_told_late_does_not_meet_it() -> None:
    matcher = _matcher()
    matcher.accept(LONG, at=START + 2.0)
    matcher.accept(stop("s", SELL, "95"), at=START + 0.5)
    bar = Bar(START, 100.0, 100.0, 90.0, 95.0, 1.0, HOUR)

    assert [*matcher.open_bar(bar), *matcher.close_bar()] == []

    fills, _ = _play(matcher, (FLAT,), first=1)
    assert [fill.at for fill in fills] == [START + HOUR]


def test_a_cancelled_order_does_nothing_in_the_bar_of_its_cancellation() -> None:
    matcher = _matcher()
    matcher.accept(limit("e", BUY, "99"), at=START)
    matcher.open_bar(Bar(START, 100.0, 100.0, 90.0, 95.0, 1.0, HOUR))

    ended = matcher.cancel("e", at=START + 10)

    assert ended is not None
    assert (ended.final, ended.cum_qty) == ("cancelled", Decimal(0))
    assert matcher.close_bar() == []
    assert matcher.cancel("e", at=START + 11) is None


@pytest.mark.fault("C4")
@pytest.mark.parametrize(
    "bad",
    [
        (0.0, 100.0, 0.0, 50.0),
        (float("nan"), 100.0, 90.0, 95.0),
        (100.0, float("nan"), 90.0, 95.0),
        (100.0, 1e308, 1.0, 95.0),
        (100.0, float("inf"), 90.0, 95.0),
        (100.0, 90.0, 110.0, 95.0),
        (-1.0, 100.0, -2.0, 50.0),
    ],
)
def test_nothing_fills_on_a_bar_that_cannot_be_prices(bad: tuple[float, float, float, float]) -> None:
    matcher = _matcher()
    matcher.accept(LONG, at=START)
    matcher.accept(stop("s", SELL, "95"), at=START)
    _play(matcher, (FLAT,))

    fills, _ = _play(matcher, (bad,), first=1)

    assert fills == []
    assert matcher.bad_bars == 1
    assert matcher.position == 1


def test_a_taker_waits_for_the_first_sound_bar() -> None:
    matcher = _matcher()
    matcher.accept(LONG, at=START)

    fills, _ = _play(matcher, ((float("nan"), 1.0, 1.0, 1.0), FLAT))

    assert [fill.at for fill in fills] == [START + HOUR]


def test_the_trade_id_names_the_quantity_done_so_far() -> None:
    matcher = _matcher()
    matcher.accept(LONG, at=START)
    matcher.accept(target("t", SELL, "105", qty="1.50"), at=START, filled=Decimal("0.25"))

    fills, _ = _play(matcher, (FLAT, (100.0, 106.0, 99.0, 105.0)))

    assert [fill.trade_id for fill in fills] == ["e-1", "t-1.25"]
    assert fills[1].remaining == Decimal("0.25")


def _matcher(*, slippage: str = "0") -> Matcher:
    terms = Terms(
        tick=TERMS.tick,
        maker_fee=TERMS.maker_fee,
        taker_fee=TERMS.taker_fee,
        half_spread=TERMS.half_spread,
        slippage=Decimal(slippage),
        fee_currency="USDT",
    )
    return Matcher(BTC, terms_at=lambda at: terms)


def _play(
    matcher: Matcher, bars: tuple[tuple[float, float, float, float], ...], *, first: int = 0
) -> tuple[list[Fill], list[OrderEnded]]:
    fills: list[Fill] = []
    ends: list[OrderEnded] = []
    for number, prices in enumerate(bars, first):
        bar = Bar(START + number * HOUR, *prices, volume=1.0, interval_s=HOUR)
        for update in [*matcher.open_bar(bar), *matcher.close_bar()]:
            if isinstance(update, Fill):
                fills.append(update)
            else:
                ends.append(update)
    return fills, ends
