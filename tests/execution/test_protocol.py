"""An order is intended on disk, sent once, and never left in a state that nobody knows."""

import pytest

from levibotd.domain.order_records import OrderAbandoned, OrderReject, OrderResolved, OrderUnknown
from levibotd.domain.orders import OrderState
from levibotd.errors import LeviError, OutcomeUnknown, Refused, Unavailable
from levibotd.execution.protocol import Fence, venue_order
from levibotd.execution.settler import always
from levibotd.kernel.clock import Clock
from tests.execution.orders import TRACE, Desk
from tests.scenarios.bench import BTC


async def send(desk: Desk, role: str = "e") -> str:
    intent = await desk.intend(role)
    await desk.protocol.send(intent, trace=TRACE, symbol=BTC, may_send=always)
    return intent.cid


async def test_an_order_that_is_taken_is_acknowledged(clock: Clock) -> None:
    async with Desk(clock).open() as desk:
        cid = await send(desk)

        assert desk.story(cid) == ["OrderIntent", "OrderNew", "OrderAck"]
        assert await desk.venue.order(BTC, cid) is not None


async def test_what_is_sent_is_what_was_written(clock: Clock) -> None:
    async with Desk(clock).open() as desk:
        intent = await desk.intend("s")
        order = venue_order(intent, BTC)

    shared = ("cid", "side", "type", "tif", "qty", "price", "trigger", "reduce_only")
    assert [getattr(order, name) for name in shared] == [getattr(intent, name) for name in shared]


async def test_the_last_look_before_the_socket_abandons(clock: Clock) -> None:
    async with Desk(clock).open() as desk:
        intent = await desk.intend()
        await desk.protocol.send(intent, trace=TRACE, symbol=BTC, may_send=lambda: "kill_switch")

        assert desk.of(intent.cid)[1:] == [OrderAbandoned(cid=intent.cid, why="kill_switch")]
        assert await desk.venue.order(BTC, intent.cid) is None


@pytest.mark.parametrize(("waited_s", "sent"), [(5.0, True), (5.5, False)])
async def test_an_intent_past_its_time_is_not_sent(clock: Clock, waited_s: float, sent: bool) -> None:
    async with Desk(clock).open() as desk:
        intent = await desk.intend(valid_until=clock.time() + 5.0)
        await clock.sleep(waited_s)
        await desk.protocol.send(intent, trace=TRACE, symbol=BTC, may_send=always)

        assert (await desk.venue.order(BTC, intent.cid) is not None) is sent
        if not sent:
            assert desk.order(intent).why == "expired"


async def test_a_definite_no_is_the_end_of_this_attempt(clock: Clock) -> None:
    async with Desk(clock).open() as desk:
        desk.venue.fail_next(Refused("not on the tick", reason="tick"))
        cid = await send(desk)

        reject = desk.of(cid)[-1]
        assert isinstance(reject, OrderReject)
        assert (reject.code, reject.message) == ("tick", "not on the tick")


@pytest.mark.parametrize("error", [OutcomeUnknown("timed out"), Unavailable("503")])
async def test_an_order_whose_answer_is_lost_is_found(clock: Clock, error: LeviError) -> None:
    async with Desk(clock).open() as desk:
        desk.venue.fail_next(error, accepted=True)
        cid = await send(desk)

        assert desk.story(cid) == ["OrderIntent", "OrderUnknown", "OrderResolved"]
        resolved = desk.of(cid)[-1]
        assert isinstance(resolved, OrderResolved)
        assert resolved.outcome == "ADOPTED"


async def test_an_entry_that_is_proven_absent_is_abandoned(clock: Clock) -> None:
    async with Desk(clock).open() as desk:
        desk.venue.fail_next(OutcomeUnknown("timed out"))
        intent = await desk.intend()
        await desk.protocol.send(intent, trace=TRACE, symbol=BTC, may_send=always)

        assert desk.story(intent.cid)[-2:] == ["OrderResolved", "OrderAbandoned"]
        assert desk.order(intent).absent
        assert len({one.order.cid for one in (await desk.venue.snapshot(since=0)).open_orders}) == 0


async def test_a_stop_that_is_proven_absent_leaves_its_slot_to_the_next_attempt(clock: Clock) -> None:
    async with Desk(clock).open() as desk:
        desk.venue.fail_next(OutcomeUnknown("timed out"))
        cid = await send(desk, "s")

        assert desk.story(cid) == ["OrderIntent", "OrderUnknown", "OrderResolved"]
        assert desk.state.ledger().order(cid).state is OrderState.ABANDONED  # type: ignore[union-attr]


async def test_nothing_is_proven_before_the_fence_and_with_fewer_than_three_reads(clock: Clock) -> None:
    fence = Fence(recv_window_s=3.0, skew_s=0.25, ingress_s=1.0, visibility_s=2.0)
    async with Desk(clock, fence=fence).open() as desk:
        desk.venue.fail_next(OutcomeUnknown("timed out"))
        begun = clock.time()
        cid = await send(desk)

        unknown = desk.of(cid)[1]
        assert isinstance(unknown, OrderUnknown)
        assert unknown.fence_at == pytest.approx(begun + 4.25)
        # The fence, and two waits of a second between three reads.
        assert clock.time() - begun == pytest.approx(4.25 + 2.0)


async def test_a_venue_that_cannot_be_asked_leaves_the_order_unknown(clock: Clock) -> None:
    async with Desk(clock).open() as desk:
        desk.venue.fail_next(OutcomeUnknown("timed out"), accepted=True)
        desk.venue.fail_next(Unavailable("down"), method="order")
        intent = await desk.intend()
        with pytest.raises(Unavailable):
            await desk.protocol.send(intent, trace=TRACE, symbol=BTC, may_send=always)
        assert desk.order(intent).state is OrderState.UNKNOWN

        await desk.protocol.resolve(intent.cid, trace=TRACE, symbol=BTC, fence_at=clock.time())
        assert desk.order(intent).state is OrderState.ACKED


@pytest.mark.parametrize("found", [True, False])
async def test_a_cancel_is_intended_and_its_outcome_written(clock: Clock, found: bool) -> None:
    async with Desk(clock).open() as desk:
        cid = await send(desk)
        if not found:
            await desk.venue.cancel(BTC, cid)
        await desk.protocol.cancel(cid, why="expired", trace=TRACE, symbol=BTC)

        intended, done = desk.of(cid)[-2:]
        assert (intended.why, done.found) == ("expired", found)  # type: ignore[attr-defined]


async def test_a_refused_commit_sends_nothing(clock: Clock) -> None:
    async with Desk(clock).open() as desk:
        with pytest.raises(Unavailable, match="OrderAbandoned"):
            await desk.protocol.commit(TRACE, BTC, OrderAbandoned(cid="\ud800", why="not writable"))


async def test_catching_up_waits_for_all_that_was_given_before(clock: Clock) -> None:
    async with Desk(clock).open() as desk:
        seen = len(desk.journal.logged)
        for _ in range(10):
            await desk.protocol.tell(TRACE, OrderAbandoned(cid="none", why="test"))
        await desk.protocol.catch_up()

        assert len(desk.journal.logged) == seen + 10
        await desk.protocol.catch_up()  # With nothing under way it returns at once.
