"""A call is brought to where it should be, whatever the venue answers, and asked again nothing is left to do."""

from collections.abc import Callable
from decimal import Decimal as D

import pytest
from msgspec.structs import replace

from levibotd.domain.order_records import (
    CancelDone,
    CancelIntent,
    OrderDone,
    OrderFilled,
    OrderIntent,
    PositionClosed,
    Protect,
)
from levibotd.domain.orders import OrderState
from levibotd.domain.records import Control, KillSwitch, RiskSltp
from levibotd.domain.signal import Side
from levibotd.errors import OutcomeUnknown, Refused, Unavailable
from levibotd.execution.replacing import Replacement
from levibotd.execution.settler import Naming, Settler, always, filters_of
from levibotd.kernel.clock import Clock
from levibotd.ports.venue import Fill, OrderEnded
from tests.execution.orders import KEY, PLAN, TRACE, Desk
from tests.scenarios.bench import BTC

NAMING = Naming(env="d", installation="aa", venue="paper")


class Bench:
    """A settler over a desk; what the venue tells is booked when it is asked for."""

    def __init__(self, desk: Desk, *, mover: str = "none") -> None:
        self.desk = desk
        self.fills: list[Fill] = []
        self.settler = Settler(
            protocol=desk.protocol,
            ledger=desk.state.ledger,
            market=desk.market,
            clock=desk.clock,
            naming=NAMING,
            stop_mover=lambda channel: mover,
            on_fill=self._on_fill,
        )

    async def _on_fill(self, fill: Fill) -> None:
        self.fills.append(fill)
        await self.book(fill)

    async def book(self, fill: Fill) -> None:
        record = OrderFilled(
            cid=fill.cid, trade_id=fill.trade_id, side=fill.side, qty=fill.qty, price=fill.price, fee=fill.fee,
            fee_currency=fill.fee_currency, liquidity=fill.liquidity, cum_qty=fill.qty, at=fill.at,
        )  # fmt: skip
        await self.desk.protocol.commit(TRACE, BTC, record)

    async def hear(self) -> None:
        """Book the ends of all that is over at the venue."""
        ledger = self.desk.state.ledger()
        for order in ledger.open_orders():
            state = await self.desk.venue.order(BTC, order.cid)
            if state is not None and state.status != "open":
                await self._ended(OrderEnded(cid=order.cid, symbol=BTC, final=state.status, cum_qty=D(0), at=0.0))

    async def _ended(self, ended: OrderEnded) -> None:
        await self.desk.protocol.commit(TRACE, BTC, OrderDone(cid=ended.cid, final=ended.final, cum_qty=ended.cum_qty))

    async def opened(self, *, stop: bool = True) -> str:
        """A call with its entry at the venue, and its stop there as well."""
        if stop:
            intent = await self.desk.intend("s")
            await self.settler.send(intent, trace=TRACE, symbol=BTC, may_send=always)
        intent = await self.desk.intend()
        await self.settler.send(intent, trace=TRACE, symbol=BTC, may_send=always)
        return intent.cid

    async def fill(self, cid: str) -> None:
        """The entry trades at 99, as the ledger hears it; and at the venue the position is there."""
        fill = Fill(
            cid=cid, trade_id=f"{cid}-2", symbol=BTC, side=Side.BUY, qty=D(2), price=D(99), fee=D("0.04"),
            fee_currency="USDT", liquidity="maker", remaining=D(0), at=self.desk.clock.time(),
        )  # fmt: skip
        await self.book(fill)

    def live(self, role: str) -> list[str]:
        orders = self.desk.state.ledger().orders_of(KEY)
        return [f"{order.slot}.{order.attempt}" for order in orders if order.role == role and order.live]


MakeDesk = Callable[[], Desk]


@pytest.fixture
def desk(clock: Clock) -> Desk:
    return Desk(clock)


async def test_a_symbol_that_nobody_owns_needs_nothing(desk: Desk) -> None:
    async with desk.open():
        assert await Bench(desk).settler.settle(BTC) is None


async def test_a_filled_entry_gets_its_target_and_then_nothing_more(desk: Desk) -> None:
    async with desk.open():
        bench = Bench(desk)
        await bench.fill(await bench.opened())
        assert await bench.settler.settle(BTC) is None
        assert bench.live("t") == ["0.0"]
        seen = len(desk.journal.logged)
        assert await bench.settler.settle(BTC) is None
        assert len(desk.journal.logged) == seen


async def test_a_missing_stop_is_placed_before_any_target(desk: Desk) -> None:
    async with desk.open():
        bench = Bench(desk)
        await bench.fill(await bench.opened(stop=False))
        await bench.settler.settle(BTC)

        roles = [order.role for order in desk.state.ledger().orders_of(KEY)]
        assert roles == ["e", "s", "t"]
        protect = [one.entry.record for one in desk.journal.logged if isinstance(one.entry.record, Protect)]
        assert [one.state for one in protect] == ["protected"]
        assert bench.settler.naked_since() == {}


async def test_a_lost_answer_to_a_stop_does_not_keep_the_next_attempt_waiting(desk: Desk) -> None:
    async with desk.open():
        bench = Bench(desk)
        await bench.fill(await bench.opened(stop=False))
        desk.venue.fail_next(OutcomeUnknown("lost"), accepted=True)
        desk.venue.fail_next(Unavailable("down"), method="order")
        assert await bench.settler.settle(BTC) == 1.0
        assert await bench.settler.settle(BTC) is None

        # The second stop first, then the first one is resolved, and the surplus goes.
        stops = [order for order in desk.state.ledger().orders_of(KEY) if order.role == "s"]
        assert [order.attempt for order in stops] == [0, 1]
        assert sum(order.resting and not order.cancelling for order in stops) == 1


async def test_a_refused_target_is_tried_again_by_itself(desk: Desk) -> None:
    async with desk.open():
        bench = Bench(desk)
        await bench.fill(await bench.opened())
        desk.venue.fail_next(Refused("busy", reason="busy"))
        assert await bench.settler.settle(BTC) == 1.0
        await desk.clock.sleep(1.0)
        assert await bench.settler.settle(BTC) is None
        assert bench.live("t") == ["0.1"]


async def test_a_cancel_that_an_earlier_life_only_wrote_down_is_sent(desk: Desk) -> None:
    async with desk.open():
        cid = await Bench(desk).opened()
        await desk.protocol.commit(TRACE, BTC, CancelIntent(cid=cid, why="expired"))
        later = Bench(desk)
        later.settler.end_entries(KEY, why="expired")
        await later.settler.settle(BTC)

        outcomes = [one.entry.record for one in desk.journal.logged if isinstance(one.entry.record, CancelDone)]
        assert (cid, True) in [(one.cid, one.found) for one in outcomes]


async def test_a_cancel_is_sent_once_in_a_life(desk: Desk) -> None:
    async with desk.open():
        bench = Bench(desk)
        cid = await bench.opened()
        bench.settler.end_entries(KEY, why="expired")
        for _ in range(3):
            await bench.settler.settle(BTC)

        assert desk.story(cid).count("CancelIntent") == 1


async def test_a_cancel_whose_answer_is_lost_is_sent_again(desk: Desk) -> None:
    async with desk.open():
        bench = Bench(desk)
        cid = await bench.opened()
        bench.settler.end_entries(KEY, why="expired")
        desk.venue.fail_next(OutcomeUnknown("lost"), method="cancel")
        assert await bench.settler.settle(BTC) == 1.0
        await bench.settler.settle(BTC)

        assert desk.story(cid).count("CancelDone") == 1


async def test_an_unfilled_call_that_is_over_ends_without_a_trade(desk: Desk) -> None:
    async with desk.open():
        bench = Bench(desk)
        await bench.opened()
        bench.settler.close(KEY, why="close")
        for _ in range(3):
            await bench.settler.settle(BTC)
            await bench.hear()
        await bench.settler.settle(BTC)

        records = [one.entry.record for one in desk.journal.logged]
        assert not [record for record in records if isinstance(record, PositionClosed)]
        assert [record.state for record in records if isinstance(record, Protect)] == ["ended"]
        assert KEY not in desk.state.ledger().calls


async def test_a_position_without_a_stop_is_sold_after_five_seconds(desk: Desk) -> None:
    async with desk.open():
        bench = Bench(desk)
        await bench.fill(await bench.opened(stop=False))
        for _ in range(9):
            desk.venue.fail_next(Refused("no", reason="margin"))
        for _ in range(5):
            await bench.settler.settle(BTC)
            await desk.clock.sleep(1.5)
        assert len(bench.settler.naked_since()) == 1

        closes = [order for order in desk.state.ledger().orders_of(KEY) if order.role == "c"]
        assert closes
        assert {order.type for order in closes} == {"market"}
        assert all(order.reduce_only for order in closes)


async def test_the_stop_stays_where_it_is_until_a_target_has_traded(desk: Desk) -> None:
    async with desk.open():
        bench = Bench(desk, mover="moving-target")
        await bench.fill(await bench.opened())
        await bench.settler.settle(BTC)
        moved = [one.entry.record for one in desk.journal.logged if isinstance(one.entry.record, RiskSltp)]
        assert moved == []  # No target has traded.


async def test_names_of_orders_follow_from_what_is_on_disk(desk: Desk) -> None:
    async with desk.open():
        first, second = Bench(desk), Bench(desk)
        await first.fill(await first.opened())
        await first.settler.settle(BTC)
        cids = [order.cid for order in desk.state.ledger().orders_of(KEY)]
        assert len(set(cids)) == 3
        assert all(len(cid) == 32 and cid.startswith("lvd1aa") for cid in cids)
        # Another incarnation names nothing anew.
        await second.settler.settle(BTC)
        assert [order.cid for order in desk.state.ledger().orders_of(KEY)] == cids
        assert all(order.state is not OrderState.UNKNOWN for order in desk.state.ledger().orders_of(KEY))


def test_a_market_without_shorts_is_a_spot_market(clock: Clock) -> None:
    desk = Desk(clock)
    instrument = desk.market.instrument(BTC)
    assert instrument is not None
    filters = filters_of(instrument)
    assert (filters.can_short, filters.spot, filters.tick) == (True, False, instrument.tick)


def replacement(desk: Desk, over: list[str], opened: list[list[str]]) -> Replacement:
    """A plan at 97 in place of the one at 99."""
    plan = replace(PLAN, rungs=(replace(PLAN.rungs[0], price=D(97)),), stop=D(94))

    async def begin(trace: object, ticket: object, intents: tuple[OrderIntent, ...]) -> None:
        opened.append([f"{one.role}{one.attempt}@{one.price or one.trigger}" for one in intents])

    async def ended(why: str) -> None:
        over.append(why)

    return Replacement(ticket=replace(desk.ticket(), plan=plan, revision=1), open=begin, over=ended)


@pytest.mark.parametrize(
    ("meanwhile", "ends", "begins"),
    [
        ("nothing", "replaced", [["s1@94", "e1@97"]]),
        ("filled", "filled", []),
        ("closed", "close", []),
        ("kill_switch", "kill_switch", []),
        ("expired", "ticket_expired", []),
        ("absent", "absent", []),
    ],
)
async def test_another_plan_begins_once_the_old_one_is_over_for_certain(
    desk: Desk, meanwhile: str, ends: str, begins: list[list[str]]
) -> None:
    over: list[str] = []
    opened: list[list[str]] = []
    async with desk.open():
        bench = Bench(desk)
        if meanwhile == "absent":
            stop, entry = await desk.intend("s"), await desk.intend()
            await bench.settler.send(stop, trace=TRACE, symbol=BTC, may_send=always)
            desk.venue.fail_next(OutcomeUnknown("lost"), accepted=False)
            await bench.settler.send(entry, trace=TRACE, symbol=BTC, may_send=always)
            cid = entry.cid
        else:
            cid = await bench.opened()
        by = replacement(desk, over, opened)
        await desk.protocol.commit(TRACE, BTC, by.ticket)
        bench.settler.replace(KEY, by)
        assert bench.settler.given_up(KEY) == "replaced"
        await bench.settler.settle(BTC)
        assert meanwhile == "absent" or over == []
        if meanwhile == "filled":
            await bench.fill(cid)
        elif meanwhile == "closed":
            bench.settler.close(KEY, why="close")
        elif meanwhile == "kill_switch":
            await desk.protocol.commit(None, None, KillSwitch(tripped=True, why="stop", by="operator"))
        elif meanwhile == "expired":
            await desk.clock.sleep(31.0)
        if meanwhile != "filled":
            await bench.hear()
        await bench.settler.settle(BTC)

    assert (over, opened) == ([ends], begins)


async def test_a_part_is_closed_once_and_what_is_left_keeps_its_target(desk: Desk) -> None:
    async with desk.open():
        bench = Bench(desk)
        await bench.fill(await bench.opened())
        command = Control(command="reduce", by="channel", reason="x.0", effect=f"{KEY} 0.5")
        for _ in range(2):
            await desk.protocol.commit(TRACE, BTC, command)
            await bench.settler.settle(BTC)

        closes = [order for order in desk.state.ledger().orders_of(KEY) if order.role == "c"]
        assert [(order.slot, order.attempt, order.qty) for order in closes] == [(1, 0, D("0.5"))]
        assert desk.state.ledger().calls[KEY].status == "open"
