from decimal import Decimal as D

import pytest

from levibotd.app.paper import recorded_market
from levibotd.domain.book import CLOSING, Call
from levibotd.domain.signal import CallKey, Side, Symbol
from levibotd.domain.trade_plan import CloseStop, TradePlan
from levibotd.execution.close_watch import LATE_S, SOON_S, ClosedBeyond, CloseWatch
from levibotd.kernel.clock import Clock
from levibotd.ports.market import Bar
from tests.scenarios.bench import BTC, config_of
from tests.sim.memory_candles import MemoryCandles

FOUR_S, DAY_S, WEEK_S = 14_400.0, 86_400.0, 604_800.0
MONDAY = 1_700_438_400.0  # 2023-11-20 00:00 UTC.


def call_of(price: str = "98", *, interval_s: float = FOUR_S, at: float, side: Side = Side.BUY) -> Call:
    plan = TradePlan(
        symbol=BTC, side=side, rungs=(), targets=(), stop=D(90), stop_source="signal", targets_source="signal",
        qty=D(1), notional=D(100), planned_loss=D(10), leverage=1, mark=D(100), price_cap=D(100),
        close_stop=CloseStop(price=D(price), interval_s=interval_s),
    )  # fmt: skip
    return Call(
        key=CallKey("paper|@calls|1|0"), channel="@calls", trace=None, symbol=Symbol(BTC), side=side, plan=plan,
        ticket_at=at, entry_valid_until=at, stop=plan.stop, stop_source="signal", targets=(), targets_source="signal",
        close_stop=plan.close_stop,
    )  # fmt: skip


def watch(clock: Clock, closes: dict[float, float], *, interval_s: float = 3600.0) -> CloseWatch:
    """Bars by when they begin, in hours from Monday on, and at what they close."""
    bars = [Bar(MONDAY + 3600.0 * hour, p, p, p, p, 1.0, interval_s) for hour, p in sorted(closes.items())]
    return CloseWatch(recorded_market(config_of(), MemoryCandles({BTC: bars})), clock)


def hours(*closes: float, first: float = 0.0) -> dict[float, float]:
    return {first + number: close for number, close in enumerate(closes)}


async def test_the_first_close_beyond_is_told_and_none_before_the_plan(clock: Clock) -> None:
    await clock.sleep_until(MONDAY + 12 * 3600.0 + SOON_S)
    found = watch(clock, hours(*[97.0] * 4, *[99.0] * 4, *[96.0] * 4))
    assert found.beyond(call_of(at=MONDAY)) == ClosedBeyond(MONDAY + FOUR_S, D("97.0"))
    assert found.beyond(call_of(at=MONDAY + FOUR_S)) == ClosedBeyond(MONDAY + 3 * FOUR_S, D("96.0"))
    assert found.beyond(call_of("96", at=MONDAY)) is None
    assert found.beyond(call_of("96.5", at=MONDAY, side=Side.SELL)) == ClosedBeyond(MONDAY + FOUR_S, D("97.0"))
    assert found.stopped(call_of(at=MONDAY + FOUR_S), until=MONDAY + 3 * FOUR_S)
    assert not found.stopped(call_of(at=MONDAY + FOUR_S), until=MONDAY + 3 * FOUR_S - 1)


async def test_a_bar_under_way_and_one_whose_end_has_not_come_say_nothing_yet(clock: Clock) -> None:
    await clock.sleep_until(MONDAY + FOUR_S - 1)
    late = watch(clock, hours(99.0, 99.0, 97.0))
    assert late.beyond(call_of(at=MONDAY)) is None
    await clock.sleep_until(MONDAY + FOUR_S + SOON_S)
    assert late.beyond(call_of(at=MONDAY)) is None, "its last hour is still to come"
    await clock.sleep_until(MONDAY + FOUR_S + LATE_S)
    assert late.beyond(call_of(at=MONDAY)) == ClosedBeyond(MONDAY + FOUR_S, D("97.0")), "it never came"


async def test_what_was_looked_at_is_not_looked_at_again_except_for_another_plan(clock: Clock) -> None:
    await clock.sleep_until(MONDAY + FOUR_S + LATE_S)
    found = watch(clock, hours(*[97.0] * 4))
    assert found.beyond(call_of("96", at=MONDAY)) is None
    assert found.beyond(call_of("98", at=MONDAY)) is None
    assert found.beyond(call_of("98", at=MONDAY + 1)) is not None
    found.forget("paper|@calls|1|0")
    assert found.beyond(call_of("98", at=MONDAY)) is not None


async def test_weeks_end_with_their_sundays(clock: Clock) -> None:
    await clock.sleep_until(MONDAY + WEEK_S + LATE_S)
    days = {24.0 * day: 97.0 if day in (2, 3, 6) else 99.0 for day in range(7)}
    found = watch(clock, days, interval_s=DAY_S)
    week = call_of(interval_s=WEEK_S, at=MONDAY + 3600)
    assert found.beyond(week) == ClosedBeyond(MONDAY + WEEK_S, D("97.0"))
    assert found.beyond(call_of(interval_s=DAY_S, at=MONDAY)) == ClosedBeyond(MONDAY + 3 * DAY_S, D("97.0"))


async def test_bars_that_are_longer_than_those_of_the_stop_are_all_there_is(clock: Clock) -> None:
    await clock.sleep_until(MONDAY + DAY_S + LATE_S)
    found = watch(clock, {0.0: 97.0}, interval_s=DAY_S)
    assert found.beyond(call_of(at=MONDAY)) == ClosedBeyond(MONDAY + DAY_S, D("97.0"))


@pytest.mark.parametrize(
    ("after_s", "left_s"),
    [(0.0, SOON_S), (SOON_S, LATE_S - SOON_S), (LATE_S, FOUR_S + SOON_S - LATE_S), (FOUR_S - 1, SOON_S + 1)],
)
async def test_the_next_look_is_soon_after_a_bar_has_ended(clock: Clock, after_s: float, left_s: float) -> None:
    await clock.sleep_until(MONDAY + after_s)
    found, call = watch(clock, {}), call_of(at=MONDAY)
    assert found.next_look_s(call) == pytest.approx(left_s)
    call.status = CLOSING
    assert found.next_look_s(call) is None
    call.close_stop = None
    assert found.next_look_s(call) is None
    assert found.beyond(call) is None
