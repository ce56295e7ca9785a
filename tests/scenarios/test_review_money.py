"""Money at the seams: a death in a cancel, a command between commit and socket, a second delivery."""

from decimal import Decimal

import pytest

from levibotd.domain.book import REDUCING
from levibotd.domain.order_records import (
    CancelIntent,
    OrderAbandoned,
    OrderBlocked,
    OrderFill,
    OrderIntent,
    PositionClosed,
)
from levibotd.domain.protection import is_protected
from levibotd.domain.records import AutoRouteExecuted, Entry, RiskState, RiskTicket, SignalRejected
from levibotd.kernel.clock import Clock
from levibotd.messages import Append, PlaceOrder, SetKillSwitch
from levibotd.ports.venue import OrderEnded
from tests.execution.orders import KEY, PLAN
from tests.scenarios.bench import BTC, CHANNEL, T0, Life, World, config_of, flat, minutes

LIMIT = "BTC/USDT LONG\nEntry: 98\nTargets: 105, 110\nStop Loss: 95"
MARKET = "BTC/USDT LONG\nEntry: market\nTargets: 105, 110\nStop Loss: 95"


@pytest.mark.fault("F2")
def test_an_entry_that_was_being_cancelled_when_the_process_died_is_cancelled_by_the_next_life() -> None:
    through_the_target, back_to_the_entry = (100.0, 106.0, 100.0, 101.0), (101.0, 101.0, 97.0, 98.0)
    prices = (*flat(100.0, 2), through_the_target, *flat(101.0, 2), back_to_the_entry, *flat(98.0, 4))
    world = World({BTC: minutes(*prices)})
    world.post(LIMIT, at=T0 + 10)

    async def until_the_target_trades(life: Life) -> None:
        await life.minute(4)
        assert not life.ledger.calls

    world.run(until_the_target_trades)
    intended, why = next(
        (one, one.entry.record.why) for one in world.records() if isinstance(one.entry.record, CancelIntent)
    )
    assert why == "target_traded"
    died = world.after_kill(intended.seq)

    async def go_on(life: Life) -> None:
        await life.minute(8)
        assert not life.of(OrderFill)
        assert not life.ledger.calls

    died.run(go_on, at=intended.ts + 1.0)
    died.verify()


async def test_an_entry_that_is_cancelled_before_it_is_sent_is_never_sent(clock: Clock) -> None:
    config = config_of({"LEVI_PAPER__LATENCY_MS": "5000"})
    world = World({BTC: minutes(*flat(100.0, 6))}, config=config)
    async with world.life(clock) as life:
        await life.until(T0 + 10)
        life.say(MARKET)
        await life.until(T0 + 12)
        life.say("cancel", reply_to=1)
        await life.minute(4)
        assert [one.why for one in life.of(OrderAbandoned)] == ["close"]
        assert not life.of(OrderFill)
        assert not life.ledger.calls
    entries = {one.cid for one in life.of(OrderIntent) if one.role == "e"}
    assert not entries & {sent.order.cid for sent in world.sent}
    world.verify()


@pytest.mark.fault("C8")
async def test_a_call_that_was_blocked_before_a_crash_is_not_told_as_executed_after_it(clock: Clock) -> None:
    ticket = RiskTicket(
        call=KEY,
        channel=CHANNEL,
        plan=PLAN,
        gates=(),
        policy="moderate",
        policy_hash="0",
        equity=Decimal(10_000),
        exposure_seq=0,
        entry_valid_until=T0 + 3600.0,
        expires_at=T0 + 30.0,
        at=T0,
    )
    world = World({BTC: minutes(*flat(100.0, 6))})
    async with world.life(clock) as life:
        trace = world.post("hello", at=T0, number=1).post.trace
        blocked = OrderBlocked(call=ticket.call, gate="switch", value="off", limit="on")
        entries = tuple(Entry(record, trace, BTC) for record in (ticket, blocked))
        await life.wired.logger.ask(Append(trace=trace, entries=entries), timeout_s=5.0)
        await life.wired.exec_.tell(PlaceOrder(trace=trace, tickets=(ticket,)))
        await life.clock.sleep(5.0)
        decision = life.decision(trace)
        assert isinstance(decision, SignalRejected)
        assert decision.gate == "ticket_spent"
        assert not life.of(OrderIntent)


async def test_an_end_that_overtakes_its_trade_leaves_no_position_without_a_stop(clock: Clock) -> None:
    world = World({BTC: minutes(*flat(100.0, 3), (100.0, 100.0, 97.0, 98.0), *flat(98.0, 2), (98.0, 98.0, 94.0, 94.0))})
    async with world.life(clock) as life:
        await life.until(T0 + 10)
        life.say(LIMIT)
        await life.minute(2)
        entry = next(order for order in life.ledger.open_orders() if order.role == "e")
        await life.wired.exec_.tell(
            OrderEnded(cid=entry.cid, symbol=BTC, final="filled", cum_qty=entry.qty, at=clock.time())
        )
        await life.minute(5)
        call = life.ledger.calls[entry.call]
        assert call.qty == entry.qty
        assert is_protected(call, life.ledger.orders_of(call.key))
        await life.minute(8)
        assert [closed.reason for closed in life.of(PositionClosed)] == ["stop"]
        assert not life.ledger.calls
        assert life.naked.look() <= 1.0
    assert life.ledger.orphan_fills == 0
    assert life.venue.account.positions == {}


@pytest.mark.parametrize("command", ["cancel", "close BTC now", "close all trades now"])
def test_a_command_that_comes_right_behind_its_call_is_not_overtaken_by_it(command: str) -> None:
    world = World({BTC: minutes(*flat(100.0, 6))})
    world.post(MARKET, at=T0 + 10)
    world.post(command, at=T0 + 10, reply_to=1 if command == "cancel" else None)

    async def wait(life: Life) -> None:
        await life.minute(3)
        assert not life.of(OrderFill)
        assert not life.ledger.calls
        (executed,) = life.of(AutoRouteExecuted)
        assert executed.effect == "cancelled"
        assert [rejected.gate for rejected in life.of(SignalRejected)] == ["ticket_spent"]

    world.run(wait)
    assert not world.sent
    world.verify()


@pytest.mark.fault("F2")
def test_a_call_and_its_cancel_that_come_together_after_a_gap_open_nothing() -> None:
    world = World({BTC: minutes(*flat(100.0, 6))})
    world.post(MARKET, at=T0 + 10, received=T0 + 40)
    world.post("cancel", at=T0 + 20, received=T0 + 40, reply_to=1)

    async def wait(life: Life) -> None:
        await life.minute(3)
        assert not life.of(OrderFill)
        assert not life.ledger.calls

    world.run(wait, stumbles={"scorer": [1, 2]})
    assert not world.sent
    world.verify()


def test_what_was_lost_while_nobody_looked_trips_before_anything_is_opened() -> None:
    config = config_of({"LEVI_RISK__DAILY_LOSS_LIMIT": "0.005"})
    world = World({BTC: minutes(*flat(100.0, 5), *flat(94.0, 10))}, config=config)
    world.post("BTC/USDT LONG\nEntry: market\nTargets: 105, 110\nStop Loss: 90", at=T0 + 10)

    async def hold(life: Life) -> None:
        await life.minute(3)
        assert life.ledger.positions

    async def look(life: Life) -> None:
        await life.clock.sleep(1.0)
        assert life.ledger.control.kill.why == "equity"

    world.run(hold)
    world.run(look, at=T0 + 310.0)


@pytest.mark.parametrize(("why", "left"), [("disk", [("risk_state", REDUCING)]), ("log_damage", []), ("rollback", [])])
async def test_re_arming_lifts_what_waits_for_a_human_and_never_a_full_disk(
    clock: Clock, why: str, left: list[tuple[str, str]]
) -> None:
    world = World({BTC: minutes(*flat(100.0, 6))})
    async with world.life(clock) as life:
        restrained = RiskState(state=REDUCING, why=why, by="boot")
        await life.wired.logger.ask(Append(entries=(Entry(restrained),)), timeout_s=5.0)
        await life.wired.exec_.ask(SetKillSwitch(tripped=True, by="op", reason="test"), timeout_s=5.0)
        assert {gate.name for gate in life.ledger.says_no()} == {"kill_switch", "risk_state"}
        await life.wired.exec_.ask(SetKillSwitch(tripped=False, by="op", reason="test"), timeout_s=5.0)
        assert [(gate.name, gate.value) for gate in life.ledger.says_no()] == left
