"""The only spender: a ticket once, the stop first, two looks at whatever forbids opening."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal as D

import msgspec
import pytest

from levibotd.config import Config
from levibotd.domain.order_records import OrderAbandoned, OrderAck, OrderBlocked, OrderIntent, PosRecon
from levibotd.domain.records import (
    AutoRouteExecuted,
    ChannelStage,
    Control,
    DayAnchor,
    Entry,
    Gate,
    KillSwitch,
    LegOutcome,
    RiskState,
    RiskTicket,
    SignalIngest,
    SignalRejected,
)
from levibotd.domain.signal import Post, Side, Symbol, call_key, trace_id
from levibotd.kernel.clock import Clock
from levibotd.kernel.mailbox import Rejected
from levibotd.messages import Append, ClosePosition, EndCalls, PlaceOrder, SetKillSwitch, SetStage, Switch
from levibotd.ports.journal_file import DiskState
from levibotd.ports.venue import Fill
from tests.execution.orders import PLAN
from tests.scenarios.bench import BTC, CHANNEL, ETH, T0, Life, World, config_of, flat, minutes

POST = Post(channel=CHANNEL, message_id=1, posted_at=T0, text="as Risk has read it")


@asynccontextmanager
async def spending(clock: Clock, *, config: Config | None = None) -> AsyncIterator[Life]:
    """A life whose exec is told what to do directly."""
    world = World({BTC: minutes(*flat(100.0, 20)), ETH: minutes(*flat(100.0, 20))}, config=config)
    async with world.life(clock) as life:
        await life.until(T0 + 10)
        yield life
    world.verify()


async def ticket(life: Life, number: int = 1, *, symbol: Symbol = BTC, valid_s: float = 30.0) -> RiskTicket:
    """A committed ticket of a committed post."""
    now = life.clock.time()
    post = msgspec.structs.replace(POST, message_id=number)
    made = RiskTicket(
        call=call_key("paper", CHANNEL, number, 0),
        channel=CHANNEL,
        plan=msgspec.structs.replace(PLAN, symbol=symbol),
        gates=(),
        policy="moderate",
        policy_hash="",
        equity=D(10_000),
        exposure_seq=0,
        entry_valid_until=now + 3600,
        expires_at=now + valid_s,
        at=now,
    )
    entries = (
        Entry(SignalIngest(post=post, received_at=now, source="test"), post.trace),
        Entry(made, post.trace, symbol),
    )
    await life.wired.logger.ask(Append(trace=post.trace, entries=entries), timeout_s=5)
    return made


async def place(life: Life, made: RiskTicket, *, refused: tuple[LegOutcome, ...] = ()) -> str:
    trace = msgspec.structs.replace(POST, message_id=int(made.call.split("|")[2])).trace
    await life.wired.exec_.tell(PlaceOrder(trace=trace, tickets=(made,), refused=refused))
    await life.clock.sleep(0.01)
    return trace


async def test_the_stop_is_written_first_and_stands_before_the_entry_goes_out(clock: Clock) -> None:
    async with spending(clock) as life:
        await place(life, await ticket(life))
        intents = life.of(OrderIntent)
        assert [intent.role for intent in intents] == ["s", "e"]
        assert (intents[0].qty, intents[0].reduce_only, intents[0].trigger) == (D(2), True, D(95))
        await life.clock.sleep(0.5)

    stop, entry = life.world.sent
    acked = {record.cid: record.at for record in life.of(OrderAck)}
    assert (stop.order.cid, entry.order.cid) == (intents[0].cid, intents[1].cid)
    assert entry.at >= acked[stop.order.cid]


async def test_a_ticket_is_spent_once(clock: Clock) -> None:
    async with spending(clock) as life:
        made = await ticket(life)
        traces = [await place(life, made) for _ in range(3)]
        await life.clock.sleep(1.0)

    assert len(life.of(OrderIntent)) == 2
    assert len(life.of(AutoRouteExecuted)) == 1
    assert set(traces) == {POST.trace}


async def test_a_ticket_past_its_time_is_blocked(clock: Clock) -> None:
    async with spending(clock) as life:
        made = await ticket(life, valid_s=5.0)
        await life.clock.sleep(5.5)
        await place(life, made)

    (blocked,) = life.of(OrderBlocked)
    assert (blocked.gate, blocked.limit) == ("ticket_expired", made.expires_at)
    (rejected,) = life.of(SignalRejected)
    assert rejected.gate == "ticket_expired"
    assert [leg.outcome for leg in rejected.legs] == ["blocked"]


@pytest.mark.fault("B24")
async def test_exec_looks_at_its_own_ledger_again(clock: Clock) -> None:
    async with spending(clock) as life:
        first, second = await ticket(life), await ticket(life, 2)
        await place(life, first)
        await place(life, second)

    (blocked,) = life.of(OrderBlocked)
    assert (blocked.call, blocked.gate, blocked.value) == (second.call, "symbol_busy", first.call)


async def test_no_more_calls_than_the_policy_allows(clock: Clock) -> None:
    async with spending(clock, config=config_of({"LEVI_RISK__MAX_OPEN": "1"})) as life:
        await place(life, await ticket(life))
        await place(life, await ticket(life, 2, symbol=ETH))

    (blocked,) = life.of(OrderBlocked)
    assert (blocked.gate, blocked.value, blocked.limit) == ("max_open", 1.0, 1.0)


async def test_what_forbids_opening_is_looked_at_before_the_intent(clock: Clock) -> None:
    async with spending(clock) as life:
        made = await ticket(life)
        await life.wired.exec_.ask(SetKillSwitch(tripped=True, by="operator", reason="stop"), timeout_s=5)
        await place(life, made)

    assert life.of(OrderIntent) == []
    assert [(one.gate, one.value) for one in life.of(OrderBlocked)] == [("kill_switch", "stop")]


@pytest.mark.parametrize("what", ["kill_switch", "switch", "risk_state"])
async def test_and_again_between_the_commit_and_the_socket(clock: Clock, what: str) -> None:
    async with spending(clock) as life:
        await place(life, await ticket(life))
        # The stop is on its way; the entry is committed and not sent.
        if what == "kill_switch":
            await life.wired.exec_.ask(SetKillSwitch(tripped=True, by="operator", reason="stop"), timeout_s=5)
        elif what == "switch":
            await life.wired.exec_.ask(Switch(on=False, by="operator", reason="stop"), timeout_s=5)
        else:
            reducing = RiskState(state="REDUCING", why="disk", by="log")
            await life.wired.logger.ask(Append(entries=(Entry(reducing),)), timeout_s=5)
        await life.clock.sleep(2.0)

    assert [one.why for one in life.of(OrderAbandoned)] == [what]
    assert [sent.order.type for sent in life.world.sent] == ["stop"]
    assert not life.ledger.calls


async def test_legs_that_risk_refused_stand_in_the_one_decision(clock: Clock) -> None:
    other = LegOutcome(symbol="ETH/USDT", outcome="rejected", gate="symbols")
    async with spending(clock) as life:
        await place(life, await ticket(life), refused=(other,))

    (executed,) = life.of(AutoRouteExecuted)
    assert executed.legs == (other, LegOutcome(symbol=BTC, outcome="intent"))


async def test_a_fill_of_nobodys_order_is_no_position_of_ours(clock: Clock) -> None:
    async with spending(clock) as life:
        stray = Fill(
            cid="x", trade_id="x-1", symbol=BTC, side=Side.BUY, qty=D(1), price=D(100), fee=D(0),
            fee_currency="USDT", liquidity="taker", remaining=D(0), at=clock.time(),
        )  # fmt: skip
        await life.wired.exec_.tell(stray)
        await life.clock.sleep(0.1)

    assert [(one.venue, one.action) for one in life.of(PosRecon)] == [(D(1), "orphan")]
    assert life.ledger.positions == {}


async def test_commands_answer_with_what_was_before_and_stand_in_the_log(clock: Clock) -> None:
    async with spending(clock) as life:
        ask = life.wired.exec_.ask
        assert await ask(Switch(on=False, by="a", reason="r"), timeout_s=5) is True
        assert await ask(Switch(on=True, by="a", reason="r"), timeout_s=5) is False
        assert await ask(SetStage(stage="observe", by="a", reason="r"), timeout_s=5) == "paper"
        assert await ask(SetStage(stage="paper", by="a", reason="r"), timeout_s=5) == "observe"
        assert await ask(SetKillSwitch(tripped=True, by="a", reason="r"), timeout_s=5) is False
        assert await ask(SetKillSwitch(tripped=True, by="a", reason="r"), timeout_s=5) is True
        assert await ask(SetKillSwitch(tripped=False, by="a", reason="fine"), timeout_s=5) is True
        assert await ask(ClosePosition(by="a", reason="r"), timeout_s=5) == ()

    assert [one.command for one in life.of(Control)] == ["stop", "start"]
    assert [(one.before, one.stage) for one in life.of(ChannelStage)] == [("paper", "observe"), ("observe", "paper")]
    assert [one.tripped for one in life.of(KillSwitch)] == [True, False]
    assert [one.state for one in life.of(RiskState)] == ["HALTED", "ACTIVE"]


async def test_a_command_for_a_call_that_is_over_changes_nothing(clock: Clock) -> None:
    async with spending(clock) as life:
        made = await ticket(life)
        gone = call_key("paper", CHANNEL, 99, 0)
        spent = Entry(OrderBlocked(call=gone, gate="switch"))
        await life.wired.logger.ask(Append(entries=(spent,)), timeout_s=5)
        command = EndCalls(trace=POST.trace, calls=(gone,), received_at=T0)
        await life.wired.exec_.tell(command)
        await life.clock.sleep(0.1)
        await place(life, made)

    assert life.types().count("AUTO_ROUTE_SKIPPED") == 1
    assert life.of(OrderIntent) == []  # The post has its decision: nothing else follows from it.


async def test_a_call_that_its_channel_took_back_on_its_way_is_not_opened(clock: Clock) -> None:
    async with spending(clock) as life:
        made = await ticket(life)
        trace = trace_id(CHANNEL, 77)
        await life.wired.exec_.tell(EndCalls(trace=trace, calls=(made.call,), received_at=T0))
        await place(life, made)

    assert [(one.call, one.gate) for one in life.of(OrderBlocked)] == [(made.call, "recalled")]
    assert life.of(OrderIntent) == []
    assert [one.gate for one in life.of(SignalRejected)] == ["ticket_spent"]
    assert [(one.legs, one.effect) for one in life.of(AutoRouteExecuted)] == [((), "cancelled")]


async def test_a_day_begins_at_midnight_with_its_anchor(clock: Clock) -> None:
    world = World({BTC: minutes(*flat(100.0, 2))})
    async with world.life(clock) as life:
        await life.until(1_700_006_400.0 + 86_400.0 + 1)

    assert [(one.day, one.at % 86_400.0) for one in life.of(DayAnchor)][1:] == [("2023-11-15", 0), ("2023-11-16", 0)]


async def rearm(life: Life) -> object:
    return await life.wired.exec_.ask(SetKillSwitch(tripped=False, by="operator", reason="looked at it"), timeout_s=5)


async def restrain(life: Life, why: str) -> None:
    reducing = RiskState(state="REDUCING", why=why, by="boot")
    await life.wired.logger.ask(Append(entries=(Entry(reducing),)), timeout_s=5)


@pytest.mark.parametrize("why", ["log_damage", "rollback"])
async def test_re_arming_lifts_what_waits_for_a_human(clock: Clock, why: str) -> None:
    async with spending(clock) as life:
        await restrain(life, why)
        assert await rearm(life) is False  # The switch itself had not tripped.
        assert life.ledger.may_open() is None
        lifted = life.of(RiskState)[-1]
        assert (lifted.state, lifted.why, lifted.by) == ("ACTIVE", "re-armed", "operator")
        assert life.of(KillSwitch) == []


async def test_re_arming_lifts_switch_and_restraint_in_one_go(clock: Clock) -> None:
    async with spending(clock) as life:
        await restrain(life, "log_damage")
        await life.wired.exec_.ask(SetKillSwitch(tripped=True, by="operator", reason="stop"), timeout_s=5)
        assert life.ledger.control.risk_why == "log_damage"  # The switch took nothing's place.
        assert await rearm(life) is True
        assert life.ledger.may_open() is None


async def test_a_low_disk_is_lifted_by_room_alone(clock: Clock) -> None:
    async with spending(clock) as life:
        await restrain(life, "disk")
        refused = await rearm(life)
        assert isinstance(refused, Rejected)
        assert "disk" in refused.reason
        assert life.ledger.control.risk_state == "REDUCING"
        await life.wired.exec_.ask(SetKillSwitch(tripped=True, by="operator", reason="stop"), timeout_s=5)
        assert await rearm(life) is True
        assert life.ledger.says_no() == (Gate(name="risk_state", value="REDUCING", limit="ACTIVE"),)


async def test_what_is_lifted_while_the_disk_is_low_leaves_the_disk_restraining(clock: Clock) -> None:
    async with spending(clock) as life:
        await restrain(life, "log_damage")
        life.log.disk = DiskState.REDUCING
        await rearm(life)
        assert (life.ledger.control.risk_state, life.ledger.control.risk_why) == ("REDUCING", "disk")


async def test_re_arming_what_is_armed_writes_nothing(clock: Clock) -> None:
    async with spending(clock) as life:
        written = len(life.records)
        assert await rearm(life) is False
        assert len(life.records) == written


async def test_a_channel_has_a_stage_of_its_own_in_the_log(clock: Clock) -> None:
    async with spending(clock) as life:
        wish = SetStage(stage="observe", by="operator", reason="odd", channel=CHANNEL)
        assert await life.wired.exec_.ask(wish, timeout_s=5) == "paper"
        assert await life.wired.exec_.ask(msgspec.structs.replace(wish, unproven=True), timeout_s=5) == "observe"
        assert [(one.channel, one.stage, one.unproven) for one in life.of(ChannelStage)] == [
            (CHANNEL, "observe", False), (CHANNEL, "observe", True),
        ]  # fmt: skip
        assert life.wired.rulebook.stage == "paper"
