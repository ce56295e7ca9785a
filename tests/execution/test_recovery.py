"""A new incarnation hears what the one before missed, and finds nothing when it asks again."""

from decimal import Decimal

import pytest

from levibotd.domain.orders import OrderState
from levibotd.domain.records import AutoRouteExecuted, SignalIngest
from levibotd.domain.signal import Post
from levibotd.errors import OutcomeUnknown, Unavailable
from levibotd.execution.protocol import venue_order
from levibotd.execution.recovery import Recovery
from levibotd.execution.settler import always
from levibotd.kernel.clock import Clock
from levibotd.ports.venue import Fill, OrderEnded
from levibotd.sim.recorded_market import RecordedMarket
from tests.execution.orders import KEY, TRACE, Desk
from tests.scenarios.bench import BTC, T0, flat, minutes
from tests.sim.memory_candles import MemoryCandles


def recovery(desk: Desk) -> Recovery:
    return Recovery(protocol=desk.protocol, venue=desk.venue, ledger=desk.state.ledger, clock=desk.clock)


async def sent(desk: Desk, role: str = "e") -> str:
    intent = await desk.intend(role)
    await desk.protocol.send(intent, trace=TRACE, symbol=BTC, may_send=always)
    return intent.cid


async def test_an_intent_that_was_never_sent_is_abandoned_and_never_sent(clock: Clock) -> None:
    async with Desk(clock).open() as desk:
        intent = await desk.intend()
        assert await recovery(desk).resolve() == []

        assert desk.story(intent.cid) == ["OrderIntent", "OrderUnknown", "OrderResolved", "OrderAbandoned"]
        assert await recovery(desk).resolve() == []
        assert len(desk.of(intent.cid)) == 4


async def test_an_order_that_was_sent_and_not_acknowledged_is_adopted(clock: Clock) -> None:
    async with Desk(clock).open() as desk:
        intent = await desk.intend()
        await desk.venue.place(venue_order(intent, BTC))
        await recovery(desk).resolve()

        assert desk.order(intent).state is OrderState.ACKED


async def test_while_the_venue_is_away_an_order_stays_unknown(clock: Clock) -> None:
    async with Desk(clock).open() as desk:
        intent = await desk.intend()
        desk.venue.fail_next(Unavailable("down"), method="order")
        await recovery(desk).resolve()

        assert desk.order(intent).state is OrderState.UNKNOWN


async def test_a_fill_and_an_end_that_nobody_heard_are_told(clock: Clock) -> None:
    falling = minutes(*flat(100.0, 1), (100.0, 100.0, 98.0, 99.0), *flat(99.0, 5))
    desk = Desk(clock, market=RecordedMarket(MemoryCandles({BTC: falling})))
    async with desk.open():
        entry, stop = await sent(desk), await sent(desk, "s")
        await clock.sleep_until(T0 + 130)
        await desk.venue.cancel(BTC, stop)
        missed = await recovery(desk).missed()

        fills = [one for one in missed if isinstance(one, Fill)]
        ends = [one for one in missed if isinstance(one, OrderEnded)]
        assert missed == [*fills, *ends]
        assert [(fill.cid, fill.remaining) for fill in fills] == [(entry, Decimal(0))]
        assert {end.cid: end.final for end in ends} == {entry: "filled", stop: "cancelled"}


async def test_nothing_was_missed_where_nothing_happened(clock: Clock) -> None:
    async with Desk(clock).open() as desk:
        assert await recovery(desk).missed() == []
        await sent(desk)
        assert await recovery(desk).missed() == []


async def test_whoever_cannot_ask_is_told_so(clock: Clock) -> None:
    async with Desk(clock).open() as desk:
        await sent(desk)
        desk.venue.fail_next(Unavailable("down"), method="snapshot")
        with pytest.raises(Unavailable):
            await recovery(desk).missed()


async def test_a_post_whose_intents_stand_did_execute(clock: Clock) -> None:
    async with Desk(clock).open() as desk:
        post = Post(channel="@calls", message_id=1, posted_at=T0, text="x")
        await desk.protocol.commit(TRACE, None, SignalIngest(post=post, received_at=T0, source="test"))
        await recovery(desk).decide()
        await desk.intend()
        await recovery(desk).decide()
        await recovery(desk).decide()  # Told, and not committed yet: the log lets it pass once.
        await desk.protocol.catch_up()

        decisions = [one.entry for one in desk.journal.logged if isinstance(one.entry.record, AutoRouteExecuted)]
        assert [entry.trace for entry in decisions] == [TRACE]
        assert desk.state.ledger().decision(TRACE) == "AUTO_ROUTE_EXECUTED"
        assert KEY in desk.state.ledger().calls


async def test_an_answer_lost_in_an_earlier_life_waits_for_its_fence(clock: Clock) -> None:
    async with Desk(clock).open() as desk:
        desk.venue.fail_next(OutcomeUnknown("lost"), accepted=True)
        desk.venue.fail_next(Unavailable("down"), method="order")
        intent = await desk.intend()
        with pytest.raises(Unavailable):
            await desk.protocol.send(intent, trace=TRACE, symbol=BTC, may_send=always)
        await recovery(desk).resolve()

        assert desk.story(intent.cid).count("OrderUnknown") == 1
        assert desk.order(intent).state is OrderState.ACKED
