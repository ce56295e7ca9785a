"""The actor that compares calls with the same trade at random times: when, with what, and only once each."""

from random import Random
from statistics import fmean

import pytest

from actors.comparer import TOO_FINE, ComparerActor
from levibotd.domain.cards.book import CardBook
from levibotd.domain.outcomes import AS_FOLLOWED, AS_POSTED, PLACEBO, ShadowOutcome
from levibotd.domain.records import Entry
from levibotd.domain.shadow_book import ShadowBook, ShadowCall
from levibotd.domain.signal import Side
from levibotd.execution.placebo import LIFE_S, WITHIN_S, OtherTimesBench
from levibotd.execution.pricing import NO_CANDLES, Pricing
from levibotd.kernel.clock import Clock
from levibotd.kernel.mailbox import Ref
from levibotd.kernel.supervisor import Child, Group, System
from levibotd.messages import CompareNext, LoggerMessage
from levibotd.sim.recorded_market import RecordedMarket
from tests.actors.listeners import box
from tests.actors.test_shadow import FoldingLog
from tests.execution.test_placebo import DAY, POSTED, T0, call, drifting, market, price_at

EARLY, LATE = POSTED + 1.0 + LIFE_S, POSTED + 1.0 + LIFE_S + WITHIN_S


class Compared:
    """The actor over calls that are over."""

    def __init__(self, clock: Clock, of: RecordedMarket, *calls: ShadowCall) -> None:
        self.book = ShadowBook()
        for one in calls:
            one.done = (AS_POSTED, AS_FOLLOWED)
            self.book.past[one.key] = one.packed()
        self.written: list[tuple[float, Entry]] = []
        self.clock, self.market = clock, of
        self.log: Ref[LoggerMessage] = box("logger")
        self.ref: Ref[CompareNext] = box("comparer")
        children = (
            Child(self.log, lambda: FoldingLog(self.book, self.written, clock)),
            Child(self.ref, self._make, waits_on=(self.log,)),
        )
        self.system = System(Group("root", children=children), clock=clock, on_event=lambda _: None, rng=Random(1))

    def _make(self) -> ComparerActor:
        return ComparerActor(
            book=lambda: self.book, market=self.market, pricing=Pricing, log=self.log, clock=self.clock
        )

    async def until(self, *times: float) -> list[ShadowOutcome]:
        for at in times:
            await self.clock.sleep_until(at)
            await self.system.start() if at == times[0] else None
        await self.system.stop()
        return [entry.record for _, entry in self.written if isinstance(entry.record, ShadowOutcome)]


@pytest.fixture(scope="module")
def prices() -> RecordedMarket:
    return market(drifting(0.0005, jump_at=POSTED + 5 * 3600.0))


async def test_a_call_is_compared_when_it_must_be_over_and_when_later_times_are_over_too(
    clock: Clock, prices: RecordedMarket
) -> None:
    one = call(price_at(prices, POSTED))
    bench = Compared(clock, prices, one)

    early, late = await bench.until(T0 + 20 * DAY, EARLY - 60, LATE + DAY)

    assert (early.ledger, early.at, late.at) == (PLACEBO, EARLY, LATE)
    for record in (early, late):
        found = OtherTimesBench(prices, pricing=Pricing(), until=record.at, calls=1).of(one)
        assert found is not None
        assert (record.r, record.times) == (found.placebo_r, found.times)
    assert early.times > 100
    assert early.r != late.r
    assert bench.book.past == {}


async def test_whoever_looks_late_finds_the_same(clock: Clock, prices: RecordedMarket) -> None:
    in_time = await Compared(clock, prices, call(price_at(prices, POSTED))).until(T0 + 20 * DAY, LATE + DAY)
    late = await Compared(clock, prices, call(price_at(prices, POSTED))).until(LATE + 10 * DAY, LATE + 11 * DAY)

    assert late == in_time


async def test_nothing_is_compared_before_it_must_be_over(clock: Clock, prices: RecordedMarket) -> None:
    assert await Compared(clock, prices, call(price_at(prices, POSTED))).until(T0 + 20 * DAY, EARLY - 1) == []


async def test_bars_that_are_too_many_and_none_at_all_are_told(clock: Clock, prices: RecordedMarket) -> None:
    fine = market(drifting(0.0), interval_s=30.0)
    quick, nowhere = call(100.0), call(100.0, number=2)
    quick.posted_at = quick.heard_at = T0 + 11 * 3600.0
    nowhere.posted_at = nowhere.heard_at = T0 - 30 * DAY

    told = await Compared(clock, fine, quick, nowhere).until(T0 + 40 * DAY, T0 + 41 * DAY)

    assert {(one.call, one.reason, one.r) for one in told} == {
        (quick.key, TOO_FINE, None),
        (nowhere.key, NO_CANDLES, None),
    }
    assert len(told) == 4


async def test_both_sides_are_compared_each_with_its_own(clock: Clock, prices: RecordedMarket) -> None:
    price = price_at(prices, POSTED)
    told = await Compared(clock, prices, call(price), call(price, side=Side.SELL, number=2)).until(LATE, LATE + DAY)

    means = {side: fmean([one.r or 0.0 for one in told if one.side is side]) for side in (Side.BUY, Side.SELL)}
    assert len(told) == 4
    assert means[Side.SELL] < means[Side.BUY]


def test_a_placebo_of_a_call_that_nobody_keeps_makes_no_call() -> None:
    book = CardBook()
    one = call(100.0)
    record = ShadowOutcome(
        call=one.key, channel="@c", ledger=PLACEBO, side=Side.BUY, status="compared", witnessed=True,
        posted_at=POSTED, decided_at=POSTED + 1.0, at=EARLY, r=0.2, times=200,
    )  # fmt: skip
    book.apply(Entry(record))

    assert book.channels == {}
