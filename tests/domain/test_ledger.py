"""The ledger: what it says after records, money to the digit, snapshots."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from levibotd.domain.exits import position_closed
from levibotd.domain.ledger import Ledger
from levibotd.domain.order_records import EntryArmed, OrderBlocked, OrderDone, OrderIntent
from levibotd.domain.orders import CLOSE, ENTRY, STOP, TARGET
from levibotd.domain.records import (
    AutoRouteSkipped,
    ChannelStage,
    Control,
    DayAnchor,
    Gate,
    KillSwitch,
    RiskPolicyChanged,
    RiskSltp,
    RiskState,
    SafeMode,
    SignalEdited,
    TgCursor,
)
from levibotd.domain.signal import Leg, Side, call_key, trace_id
from levibotd.domain.trade_plan import Target
from tests.domain.desk import BALANCE, BTC, ETH, Desk, plan, random_history
from tests.domain.readings import scored

D = Decimal


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_cash_is_the_start_plus_what_was_realised_less_fees(seed: int) -> None:
    ledger = Ledger(balance=BALANCE)
    for entry in random_history(seed):
        ledger.apply(entry)
        assert ledger.cash == BALANCE + ledger.realised - ledger.fees
        assert all(held.planned_loss >= 0 for held in ledger.held(at=0.0))
        assert all(call.qty >= 0 for call in ledger.calls.values())
        if not ledger.positions:
            assert ledger.equity({}) == ledger.cash


@pytest.mark.fault("C13")
@given(st.integers(0, 10_000), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_a_snapshot_and_the_records_after_it_give_the_state_of_all_records(seed: int, where: float) -> None:
    entries = random_history(seed)
    cut = int(len(entries) * where)
    whole = Ledger(balance=BALANCE)
    for entry in entries:
        whole.apply(entry)
    first = Ledger(balance=BALANCE)
    for entry in entries[:cut]:
        first.apply(entry)

    resumed = Ledger.from_bytes(first.to_bytes())
    for entry in entries[cut:]:
        resumed.apply(entry)

    assert resumed == whole
    assert resumed.to_bytes() == whole.to_bytes()


def test_a_copy_goes_its_own_way() -> None:
    desk = Desk()
    copy = desk.ledger.copy()
    assert copy == desk.ledger

    desk.opened()
    assert copy != desk.ledger
    assert not copy.calls


def test_equity_counts_what_is_open_at_its_mark() -> None:
    desk = Desk()
    key = desk.opened(plan(side=Side.SELL, stop="110", targets=("90",)))
    desk.fill(desk.cids(key, ENTRY)[0], "1", "100", fee="0.5")

    assert desk.ledger.equity({BTC: D("97")}) == D("10002.5")
    assert desk.ledger.equity({BTC: D("104")}) == D("9995.5")
    assert desk.ledger.equity({}) == D("9999.5")
    position = desk.ledger.positions[BTC]
    assert (position.qty, position.entry_price, position.owner) == (D(-1), D(100), key)


def test_a_trade_is_booked_once_however_often_it_is_told() -> None:
    desk = Desk()
    key = desk.opened()
    cid = desk.cids(key, ENTRY)[0]
    for _ in range(3):
        desk.fill(cid, "0.5", "100", fee="0.1", trade_id="same")

    assert desk.call(key).qty == D("0.5")
    assert desk.ledger.fees == D("0.1")


def test_a_trade_told_again_after_its_call_is_over_changes_nothing() -> None:
    desk = Desk()
    key = desk.opened()
    cid = desk.cids(key, ENTRY)[0]
    desk.fill(cid, "1", "100", trade_id="a")
    desk.fill(desk.cids(key, STOP)[0], "1", "90", trade_id="b")
    desk.finish(key)
    before = desk.ledger.copy()

    desk.fill(cid, "1", "100", trade_id="a")
    assert desk.ledger == before
    desk.fill(cid, "1", "100", trade_id="never seen")
    assert desk.ledger.orphan_fills == 1
    assert desk.ledger.cash == before.cash


# Ownership and tickets.


@pytest.mark.fault("B24")
def test_a_symbol_has_one_owner_from_its_ticket_until_nothing_of_it_can_fill() -> None:
    desk = Desk()
    ledger = desk.ledger
    key = desk.ticket(plan())
    assert ledger.owner(BTC) is None
    assert ledger.owner(BTC, at=desk.now) == key
    assert ledger.owner(ETH, at=desk.now) is None

    stop = desk.rest(key, STOP, "1", price="90")
    assert ledger.owner(BTC) == key
    entry = desk.rest(key, ENTRY, "1", price="100")
    desk.fill(entry, "1", "100")
    desk.fill(stop, "0.4", "90")
    assert ledger.owner(BTC) == key
    desk.fill(stop, "0.6", "90")
    assert ledger.owner(BTC) == key, "flat, and not over yet"
    desk.finish(key)
    assert ledger.owner(BTC) is None


@pytest.mark.fault("B24")
def test_an_intent_on_another_calls_symbol_is_a_bug_and_changes_nothing_of_the_owner() -> None:
    desk = Desk()
    desk.opened(message_id=1)
    other = desk.ticket(plan(side=Side.SELL, stop="110", targets=("90",)), message_id=2)
    before = desk.ledger.calls[call_key("paper", "@c", 1, 0)]

    desk.intent(other, ENTRY, "1", price="100")
    assert desk.ledger.contradictions == 1
    assert other not in desk.ledger.calls
    assert desk.ledger.owner(BTC) == before.key
    assert before.qty == 0


def test_a_call_stays_while_an_order_of_it_can_still_fill() -> None:
    desk = Desk()
    key = desk.opened(plan(rungs=(("0.5", "100"), ("0.5", "95"))))
    first, second = desk.cids(key, ENTRY)
    desk.fill(first, "0.5", "100")
    desk.fill(desk.cids(key, STOP)[0], "0.5", "90")
    call = desk.call(key)
    assert (call.flat, call.status) == (True, "closed")

    # The second rung fills before its cancel arrives: the call holds something again.
    desk.fill(second, "0.5", "95")
    assert desk.call(key).status == "open"
    assert desk.ledger.positions[BTC].qty == D("0.5")


def test_a_closed_call_keeps_its_symbol_until_its_last_rung_is_gone() -> None:
    desk = Desk()
    key = desk.opened(plan(rungs=(("0.5", "100"), ("0.5", "95"))))
    first, second = desk.cids(key, ENTRY)
    desk.fill(first, "0.5", "100")
    stop = desk.cids(key, STOP)[0]
    desk.fill(stop, "0.5", "90")
    desk.done(stop)
    desk.write(position_closed(desk.call(key), at=desk.now), symbol=BTC)
    assert desk.ledger.owner(BTC) == key, "the second rung can still fill"
    assert desk.ledger.held() == ()

    desk.fill(second, "0.5", "95")
    assert len(desk.ledger.held()) == 1, "and it did"
    close = desk.rest(key, CLOSE, "0.5", price="94")
    desk.fill(close, "0.5", "94")
    assert desk.ledger.owner(BTC) == key, "until it is closed a second time"
    desk.finish(key)
    assert desk.ledger.owner(BTC) is None
    assert desk.ledger.total.closed == 2


@pytest.mark.fault("C13")
def test_a_ticket_is_spent_once() -> None:
    desk = Desk()
    key = desk.ticket(plan())
    assert not desk.ledger.ticket_spent(key)
    assert desk.ledger.ticket(key) is not None

    desk.intent(key, STOP, "1", price="90")
    assert desk.ledger.ticket_spent(key)
    assert desk.ledger.ticket(key) is None

    # The same post judged again: its second ticket is none.
    desk.ticket(plan())
    assert desk.ledger.ticket(key) is None
    resumed = Ledger.from_bytes(desk.ledger.to_bytes())
    assert resumed.ticket_spent(key)


def test_after_a_call_is_over_its_ticket_is_still_spent() -> None:
    desk = Desk()
    key = desk.opened()
    for cid in (*desk.cids(key, ENTRY), *desk.cids(key, STOP)):
        desk.cancel(cid)
    desk.finish(key)

    assert key not in desk.ledger.calls
    assert desk.ledger.ticket_spent(key)
    desk.ticket(plan())
    first = desk.entries[1].record
    assert isinstance(first, OrderIntent)
    before = desk.ledger.copy()
    desk.write(replace(first, cid="another", attempt=1))
    desk.write(first)
    assert desk.ledger.contradictions == 2
    assert (desk.ledger.calls, desk.ledger.orders) == (before.calls, before.orders) == ({}, {})


def test_a_ticket_that_was_refused_or_armed_is_spent_too() -> None:
    desk = Desk()
    blocked = desk.ticket(plan(), message_id=1)
    desk.write(OrderBlocked(call=blocked, gate="kill_switch"))
    assert desk.ledger.ticket_spent(blocked)
    assert desk.ledger.owner(BTC, at=desk.now) is None

    armed = desk.ticket(plan(), message_id=2)
    desk.write(EntryArmed(call=armed, cid="x", trigger=D(101), price=D(102), valid_until=9e9))
    assert desk.ledger.ticket_spent(armed)
    assert desk.ledger.owner(BTC) == armed


def test_a_ticket_holds_its_symbol_and_its_heat_until_it_expires() -> None:
    desk = Desk()
    key = desk.ticket(plan(loss="12"), valid_s=30.0)
    expires_at = desk.now - 1.0 + 30.0

    assert [held.planned_loss for held in desk.ledger.held(at=expires_at - 0.001)] == [D(12)]
    assert desk.ledger.held(at=expires_at) == ()
    assert desk.ledger.owner(BTC, at=expires_at) is None
    assert desk.ledger.held() == ()
    assert desk.ledger.ticket(key) is not None


def test_what_is_held_is_counted_until_the_call_is_over() -> None:
    desk = Desk()
    key = desk.opened(plan(loss="12"))
    desk.fill(desk.cids(key, ENTRY)[0], "1", "100")
    assert [(held.call, held.side, held.planned_loss) for held in desk.ledger.held()] == [(key, Side.BUY, D(12))]

    desk.fill(desk.cids(key, STOP)[0], "1", "90")
    desk.finish(key)
    assert desk.ledger.held() == ()


# Control.


def test_the_first_of_what_says_no_is_named_and_all_are_listed() -> None:
    desk = Desk()
    ledger = desk.ledger
    assert ledger.may_open() is None

    desk.write(SafeMode(on=True, group="trading"))
    assert ledger.may_open() == Gate(name="safe_mode", value="trading", limit="off")
    desk.write(RiskState(state="REDUCING", why="disk", by="logger"))
    assert ledger.may_open() == Gate(name="risk_state", value="REDUCING", limit="ACTIVE")
    desk.write(KillSwitch(tripped=True, why="equity", by="risk"))
    assert ledger.may_open() == Gate(name="kill_switch", value="equity", limit="armed")
    desk.write(Control(command="stop", by="admin"))
    assert [gate.name for gate in ledger.says_no()] == ["switch", "kill_switch", "risk_state", "safe_mode"]

    desk.write(Control(command="flatten", by="admin"))
    desk.write(Control(command="start", by="admin"))
    desk.write(KillSwitch(tripped=False, why="looked at it", by="admin"))
    desk.write(RiskState(state="ACTIVE", why="disk", by="logger"))
    desk.write(SafeMode(on=False, group="trading"))
    assert ledger.may_open() is None


@pytest.mark.fault("C1")
def test_a_tripped_kill_switch_outlives_restart_midnight_and_restart() -> None:
    desk = Desk()
    desk.write(DayAnchor(day="2026-01-01", equity=BALANCE, at=0.0))
    for _ in range(2):
        desk.write(KillSwitch(tripped=True, why="realised", by="risk", equity=D(9600), anchor=BALANCE, limit=D(9700)))

    once = Ledger.from_bytes(desk.ledger.to_bytes())
    assert once.control.kill.tripped
    desk.write(DayAnchor(day="2026-01-02", equity=D(9600), at=86_400.0))
    once.apply(desk.entries[-1])
    twice = Ledger.from_bytes(once.to_bytes())
    gate = twice.may_open()
    assert gate is not None
    assert gate.name == "kill_switch"
    assert twice.control.kill.limit == D(9700)

    desk.write(KillSwitch(tripped=False, why="found the cause", by="admin"))
    twice.apply(desk.entries[-1])
    assert twice.may_open() is None


@pytest.mark.fault("C7")
def test_a_day_begins_once_and_never_goes_back() -> None:
    desk = Desk()
    key = desk.opened()
    desk.fill(desk.cids(key, ENTRY)[0], "1", "100", fee="1")
    desk.write(DayAnchor(day="2026-01-02", equity=D(9999), at=1.0))
    desk.fill(desk.cids(key, STOP)[0], "1", "90", fee="2")
    assert desk.ledger.realised_today == D(-12)

    for day in ("2026-01-01", "2026-01-02", "2025-12-31"):
        desk.write(DayAnchor(day=day, equity=D(5), at=2.0))
    anchor = desk.ledger.day_anchor
    assert anchor is not None
    assert (anchor.day, anchor.equity) == ("2026-01-02", D(9999))
    assert desk.ledger.realised_today == D(-12)


def test_stage_policy_and_cursors_are_those_last_written() -> None:
    desk = Desk()
    assert (desk.ledger.control.stage, desk.ledger.control.policy) == (None, None)

    desk.write(ChannelStage(stage="observe", before="paper", by="admin", reason="x"))
    desk.write(ChannelStage(stage="paper", before="observe", by="admin", reason="x", channel="@c"))
    desk.write(RiskPolicyChanged(policy="aggressive", before="moderate", by="admin", reason="x"))
    desk.write(TgCursor(channel="@c", upto=7))
    desk.write(TgCursor(channel="@c", upto=9, holes=((8, 8),)))
    assert desk.ledger.control.stage == "observe"
    assert desk.ledger.control.channel_stages == {"@c": "paper"}
    assert desk.ledger.control.policy == "aggressive"
    assert desk.ledger.cursors["@c"].upto == 9


# Work list, cooldowns, channels.


def test_a_post_is_pending_until_its_one_decision() -> None:
    desk = Desk()
    trace = desk.post(5)
    assert list(desk.ledger.pending) == [trace]
    desk.write(
        SignalEdited(channel="@c", message_id=5, revision=1, text="better", edited_at=9.0, effect="pending"),
        trace=trace,
    )
    assert desk.ledger.pending[trace].post.text == "better"
    assert desk.ledger.pending[trace].ingest.post.text == "call 5"

    desk.write(AutoRouteSkipped(reason="kind.chatter"), trace=trace)
    assert not desk.ledger.pending
    assert desk.ledger.decision(trace) == "AUTO_ROUTE_SKIPPED"
    desk.post(5)
    assert not desk.ledger.pending, "ingested again, and decided already"


def test_levels_are_those_last_set_and_the_plan_keeps_its_own() -> None:
    desk = Desk()
    key = desk.opened()
    moved = (Target(price=D(112), share=D(1)),)
    desk.write(
        RiskSltp(
            call=key, stop=D("100.2"), stop_source="breakeven", targets=moved, targets_source="signal", why="moved"
        )
    )

    call = desk.call(key)
    assert (call.stop, call.stop_source, call.targets) == (D("100.2"), "breakeven", moved)
    assert call.plan.stop == D(90)


@pytest.mark.fault("C13")
def test_cooldowns_come_out_of_the_log() -> None:
    desk = Desk()
    key = desk.opened()
    desk.fill(desk.cids(key, ENTRY)[0], "1", "100")
    desk.fill(desk.cids(key, STOP)[0], "1", "90")
    closed_at = desk.now + 1.0  # The target-less finish ends no order first.
    desk.finish(key)

    resumed = Ledger.from_bytes(desk.ledger.to_bytes())
    assert resumed.last_close(BTC) == resumed.last_stop_out(BTC) == closed_at - 1.0
    assert resumed.last_close(ETH) is None


def test_a_target_is_no_stop_out() -> None:
    desk = Desk()
    key = desk.opened()
    desk.fill(desk.cids(key, ENTRY)[0], "1", "100")
    desk.fill(desk.rest(key, TARGET, "1", price="110"), "1", "110")
    desk.finish(key)

    assert desk.ledger.last_close(BTC) is not None
    assert desk.ledger.last_stop_out(BTC) is None


def test_old_cooldowns_are_forgotten() -> None:
    desk = Desk()
    desk.ledger = Ledger(balance=BALANCE, cooldown_keep_s=100.0)
    for message_id, symbol in ((1, ETH), (2, BTC)):
        key = desk.opened(plan(symbol=symbol), message_id=message_id)
        desk.fill(desk.cids(key, ENTRY)[0], "1", "100")
        desk.fill(desk.cids(key, STOP)[0], "1", "90")
        desk.finish(key)
        desk.now += 200.0

    assert desk.ledger.last_close(ETH) is None
    assert desk.ledger.last_close(BTC) is not None


def test_closed_calls_are_counted_for_their_channel_and_in_all() -> None:
    desk = Desk()
    for message_id, (channel, role, price) in enumerate(
        [("@a", TARGET, "110"), ("@a", STOP, "90"), ("@b", CLOSE, "101")]
    ):
        key = desk.opened(message_id=message_id, channel=channel)
        desk.fill(desk.cids(key, ENTRY)[0], "1", "100", fee="0.5")
        cid = desk.cids(key, STOP)[0] if role == STOP else desk.rest(key, role, "1", price=price)
        desk.fill(cid, "1", price, fee="0.5")
        desk.finish(key)

    a, total = desk.ledger.channels["@a"], desk.ledger.total
    assert (a.closed, a.won, a.stopped, a.pnl, a.fees, a.net) == (2, 1, 1, D(0), D(2), D(-2))
    assert (total.closed, total.net) == (3, D(-2))
    assert total.r == pytest.approx(-0.2)
    assert [trade.reason for trade in desk.ledger.trades] == ["target", "stop", "close"]


def test_the_median_of_posted_stops_needs_ten_of_them() -> None:
    desk = Desk()
    for number in range(9):
        desk.write(scored("@c", Leg(symbol="A/USDT", side=Side.BUY, entry=(100.0,), sl=95.0 - number)))
    assert desk.ledger.channel_median_stop("@c") is None

    # A band counts from its worst entry; percents are what they say; no stop and nonsense count for nothing.
    desk.write(scored("@c", Leg(symbol="A/USDT", side=Side.SELL, entry=(100.0, 110.0), sl=130.0)))
    desk.write(scored("@c", Leg(symbol="A/USDT", side=Side.BUY, entry=(100.0,))))
    desk.write(scored("@c", Leg(symbol="A/USDT", side=Side.BUY, entry=(100.0,), sl=150.0)))
    assert desk.ledger.channel_median_stop("@c") == pytest.approx(0.095)
    desk.write(scored("@c", Leg(symbol="A/USDT", side=Side.BUY, sl=(7.0,), sl_kind="pct")))
    assert desk.ledger.channel_median_stop("@c") == pytest.approx(0.09)
    assert desk.ledger.channel_median_stop("@d") is None


def test_the_trace_of_a_call_is_that_of_its_ticket() -> None:
    desk = Desk()
    key = desk.opened(message_id=3)

    assert desk.call(key).trace == trace_id("@c", 3)


@pytest.mark.parametrize("closed_first", [True, False])
def test_an_exit_that_is_told_before_its_entry_is_booked_when_that_comes(closed_first: bool) -> None:
    desk = Desk()
    key = desk.opened(plan(rungs=(("1", "100"), ("1", "98"))))
    first, second = desk.cids(key, ENTRY)
    desk.fill(first, "1", "100")
    desk.write(OrderDone(cid=second, final="filled", cum_qty=Decimal(1)))
    if closed_first:
        desk.fill(desk.cids(key, STOP)[0], "2", "90")
        desk.fill(second, "1", "98")
    else:
        desk.fill(second, "1", "98")
        desk.fill(desk.cids(key, STOP)[0], "2", "90")

    call = desk.call(key)
    assert (call.qty, call.bought, call.sold, call.realised) == (0, 2, 2, -18)
    assert (call.status, call.exit_role) == ("closed", "s")
    assert desk.ledger.cash == 10_000 - 18
    assert desk.ledger.orphan_fills == 0
