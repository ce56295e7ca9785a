"""Protection: stop before entries, targets for what is filled, nothing left, and the same question twice."""

from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from levibotd.domain.order_records import CancelIntent, OrderReject, OrderResolved, OrderUnknown
from levibotd.domain.orders import CLOSE, ENTRY, STOP, TARGET, OrderState
from levibotd.domain.protection import (
    NAKED_S_MAX,
    RETRY_S,
    STOP_FAILURES_MAX,
    Action,
    CancelAction,
    FinishAction,
    PlaceOrderAction,
    is_protected,
    next_actions,
    opening_actions,
)
from levibotd.domain.records import Control, RiskSltp
from levibotd.domain.signal import CallKey, Side
from levibotd.domain.sizing import Filters
from levibotd.domain.trade_plan import TradePlan
from tests.domain.desk import Desk, plan

D = Decimal
FILTERS = Filters(
    tick=D("0.01"),
    step=D("0.001"),
    min_qty=D("0.001"),
    max_qty=D("1000"),
    min_notional=D(5),
    taker_fee=D("0.001"),
    maker_fee=D("0.001"),
)
THREE = ("110", "120", "130")


def begin(made: TradePlan | None = None) -> tuple[Desk, CallKey]:
    desk = Desk()
    made = made or plan(rungs=(("1.5", "100"), ("1.5", "95")), targets=THREE)
    key = desk.ticket(made)
    for action in opening_actions(made):
        carry_out(desk, key, action)
    return desk, key


def carry_out(desk: Desk, key: CallKey, action: Action) -> None:
    match action:
        case PlaceOrderAction():
            cid = desk.intent(
                key,
                action.role,
                action.qty,
                price=action.trigger if action.type == "stop" else action.price,
                slot=action.slot,
                attempt=action.attempt,
                kind=action.type,
            )
            desk.ack(cid)
        case CancelAction():
            desk.cancel(action.cid)
        case FinishAction():
            desk.finish(key)


def ask(desk: Desk, key: CallKey, **more: object) -> tuple[Action, ...]:
    options: dict[str, object] = {"now": desk.now, "filters": FILTERS, **more}
    return next_actions(desk.call(key), desk.ledger.orders_of(key), **options)  # type: ignore[arg-type]


def settle(desk: Desk, key: CallKey, **more: object) -> list[Action]:
    """Ask and carry out until nothing is missing, as Exec does."""
    done: list[Action] = []
    for _ in range(20):
        if key not in desk.ledger.calls:
            return done
        actions = ask(desk, key, **more)
        if not actions:
            return done
        for action in actions:
            carry_out(desk, key, action)
        done += actions
    raise AssertionError(f"never settles: {done}")


def placed(actions: list[Action], role: str) -> list[tuple[Decimal, Decimal | None]]:
    """Quantity and price, or trigger, of what was placed."""
    return [
        (action.qty, action.price if action.trigger is None else action.trigger)
        for action in actions
        if isinstance(action, PlaceOrderAction) and action.role == role
    ]


def live(desk: Desk, key: CallKey, role: str) -> list[tuple[Decimal, Decimal | None]]:
    return [
        (order.remaining, order.price if order.trigger is None else order.trigger)
        for order in desk.ledger.orders_of(key)
        if order.role == role and order.live
    ]


def test_a_call_begins_with_a_stop_over_the_whole_plan() -> None:
    made = plan(side=Side.SELL, rungs=(("1", "100"), ("2", "105")), stop="110", targets=("90",))
    stop, *entries = opening_actions(made)

    assert (stop.role, stop.type, stop.side, stop.qty, stop.trigger) == (STOP, "stop", Side.BUY, D(3), D(110))
    assert stop.reduce_only
    assert [(entry.role, entry.slot, entry.type, entry.tif, entry.side) for entry in entries] == [
        (ENTRY, 0, "limit", "GTC", Side.SELL),
        (ENTRY, 1, "limit", "GTC", Side.SELL),
    ]
    assert not any(entry.reduce_only for entry in entries)


def test_what_rests_and_is_covered_needs_nothing() -> None:
    desk, key = begin()

    assert ask(desk, key) == ()


def test_targets_are_placed_for_what_is_filled_and_resized_when_more_is() -> None:
    desk, key = begin()
    first, second = desk.cids(key, ENTRY)
    desk.fill(first, "1", "100")
    settle(desk, key)
    assert live(desk, key, TARGET) == [(D("0.333"), D(110)), (D("0.333"), D(120)), (D("0.334"), D(130))]

    desk.fill(first, "0.5", "100")
    desk.fill(second, "1.5", "95")
    settle(desk, key)
    assert sum(qty for qty, _ in live(desk, key, TARGET)) == 3
    assert live(desk, key, TARGET)[0] == (D("0.999"), D(110))
    assert live(desk, key, STOP) == [(D(3), D(90))], "it covers the plan from the start and stays"


def test_a_target_that_has_filled_is_not_placed_again() -> None:
    desk, key = begin(plan(rungs=(("3", "100"),), targets=THREE))
    desk.fill(desk.cids(key, ENTRY)[0], "3", "100")
    settle(desk, key)
    first = desk.cids(key, TARGET)[0]
    desk.fill(first, desk.order(first).qty, "110")

    assert settle(desk, key) == []
    assert [price for _, price in live(desk, key, TARGET)] == [D(120), D(130)]


@pytest.mark.fault("C12")
def test_targets_too_thin_for_the_venue_join_the_one_nearer_to_the_entry() -> None:
    desk, key = begin(plan(rungs=(("0.005", "100"), ("0.995", "95")), targets=THREE))
    desk.fill(desk.cids(key, ENTRY)[0], "0.005", "100")
    filters = {"filters": Filters(**{**_fields(FILTERS), "min_qty": D("0.002")})}
    settle(desk, key, **filters)

    # 0.005 in thirds is 0.001, 0.001 and 0.003: the first two are too thin alone.
    assert live(desk, key, TARGET) == [(D("0.002"), D(110)), (D("0.003"), D(130))]


def _fields(filters: Filters) -> dict[str, object]:
    return {name: getattr(filters, name) for name in filters.__struct_fields__}


def test_a_moved_stop_is_placed_before_the_old_one_goes() -> None:
    desk, key = begin()
    desk.fill(desk.cids(key, ENTRY)[0], "1.5", "100")
    settle(desk, key)
    call = desk.call(key)
    desk.write(
        RiskSltp(
            call=key,
            stop=D("100.2"),
            stop_source="breakeven",
            targets=call.targets,
            targets_source="signal",
            why="moved",
        )
    )

    first = ask(desk, key)
    assert [type(action) for action in first] == [PlaceOrderAction]
    carry_out(desk, key, first[0])
    assert sorted(level for _, level in live(desk, key, STOP) if level is not None) == [D(90), D("100.2")]
    second = ask(desk, key)
    assert [type(action) for action in second] == [CancelAction]
    carry_out(desk, key, second[0])
    assert live(desk, key, STOP) == [(D(3), D("100.2"))]
    assert ask(desk, key) == ()


def test_the_old_stop_stays_until_the_new_one_rests() -> None:
    desk, key = begin()
    desk.fill(desk.cids(key, ENTRY)[0], "1.5", "100")
    settle(desk, key)
    call = desk.call(key)
    desk.write(
        RiskSltp(
            call=key,
            stop=D(95),
            stop_source="signal",
            targets=call.targets,
            targets_source="signal",
            why="moved",
        )
    )
    cid = desk.intent(key, STOP, "3", price="95", attempt=1)
    assert ask(desk, key) == ()

    desk.ack(cid)
    assert ask(desk, key) == (CancelAction(cid=desk.cids(key, STOP)[0], why="replaced"),)


def test_a_stop_that_covers_less_than_is_held_is_replaced() -> None:
    desk = Desk()
    key = desk.ticket(plan(rungs=(("3", "100"),)))
    desk.rest(key, STOP, "1", price="90")
    desk.fill(desk.rest(key, ENTRY, "3", price="100"), "3", "100")
    assert not is_protected(desk.call(key), desk.ledger.orders_of(key))

    settle(desk, key)
    assert live(desk, key, STOP) == [(D(3), D(90))]


def reduce(desk: Desk, key: CallKey, qty: str, *, fill: bool = True) -> None:
    """A part is asked to be closed, and is."""
    desk.write(Control(command="reduce", by="@c", reason=f"said {desk.now}", effect=f"{key} {qty}"))
    if fill:
        settle(desk, key)
        desk.fill(desk.cids(key, CLOSE)[-1], qty, "101")


def half_closed() -> tuple[Desk, CallKey, str]:
    """Both rungs filled, half of it closed since, and the stop still the one over the whole."""
    desk, key = begin()
    desk.fill(desk.cids(key, ENTRY)[0], "1.5", "100")
    desk.fill(desk.cids(key, ENTRY)[1], "1.5", "95")
    settle(desk, key)
    (old,) = desk.cids(key, STOP)
    reduce(desk, key, "1.5")
    return desk, key, old


def test_stop_and_targets_are_as_large_as_what_is_left_once_a_part_was_closed() -> None:
    desk, key = begin()
    for cid in desk.cids(key, ENTRY):
        desk.fill(cid, "1.5", "100")
    settle(desk, key)
    (old,) = desk.cids(key, STOP)
    reduce(desk, key, "1.2")

    first = ask(desk, key)
    assert [(one.role, one.qty, one.why) for one in first if isinstance(one, PlaceOrderAction)] == [
        (STOP, D("1.8"), "resized")
    ]
    assert old not in [one.cid for one in first if isinstance(one, CancelAction)], "the new one is there first"
    settle(desk, key)
    assert desk.order(old).terminal
    assert live(desk, key, STOP) == [(D("1.8"), D(90))]
    assert live(desk, key, TARGET) == [(D("0.599"), D(110)), (D("0.599"), D(120)), (D("0.602"), D(130))]

    desk.fill(desk.cids(key, TARGET)[-3], "0.599", "110")
    assert settle(desk, key) == [], "a target that fills moves no stop"
    reduce(desk, key, "0.6")
    settle(desk, key)
    assert live(desk, key, STOP) == [(D("0.601"), D(90))]


def test_while_a_part_is_being_closed_the_stop_stays_as_it_is() -> None:
    desk, key = begin()
    for cid in desk.cids(key, ENTRY):
        desk.fill(cid, "1.5", "100")
    settle(desk, key)
    reduce(desk, key, "1.2", fill=False)
    settle(desk, key)
    desk.fill(desk.cids(key, CLOSE)[-1], "0.5", "101")
    assert placed(list(ask(desk, key)), STOP) == []
    desk.done(desk.cids(key, CLOSE)[-1])  # The rest is asked for again.
    assert placed(settle(desk, key), STOP) == []
    desk.fill(desk.cids(key, CLOSE)[-1], "0.7", "101")
    assert placed(settle(desk, key), STOP) == [(D("1.8"), D(90))]


def test_entries_that_end_unfilled_are_covered_no_more() -> None:
    desk, key = begin()
    desk.fill(desk.cids(key, ENTRY)[0], "1.5", "100")
    settle(desk, key)
    assert live(desk, key, STOP) == [(D(3), D(90))]

    settle(desk, key, over="expired")
    assert live(desk, key, STOP) == [(D("1.5"), D(90))]


def test_a_resized_stop_that_is_refused_leaves_the_one_there_was() -> None:
    desk, key, old = half_closed()
    refused = desk.intent(key, STOP, "1.5", price="90", attempt=1)
    desk.write(OrderReject(cid=refused, code="-2010", message="no", category="REJECTED"))
    desk.now += RETRY_S

    assert placed(settle(desk, key), STOP) == []
    assert live(desk, key, STOP) == [(D(3), D(90))]
    assert not desk.order(old).cancelling


def test_a_resized_stop_whose_answer_was_lost_is_not_placed_over_and_over() -> None:
    desk, key, old = half_closed()
    lost = desk.intent(key, STOP, "1.5", price="90", attempt=1)
    desk.write(OrderUnknown(cid=lost, cause="timeout", fence_at=desk.now + 9))

    assert placed(settle(desk, key), STOP) == []
    assert desk.order(old).resting

    desk.write(OrderResolved(cid=lost, outcome="ADOPTED", evidence=()))
    settle(desk, key)
    assert desk.order(old).terminal
    assert live(desk, key, STOP) == [(D("1.5"), D(90))]


def test_a_rest_that_no_order_can_be_small_enough_for_keeps_its_stop() -> None:
    desk, key = begin()
    for cid in desk.cids(key, ENTRY):
        desk.fill(cid, "1.5", "100")
    settle(desk, key)
    reduce(desk, key, "2.5")

    large = replace(FILTERS, min_qty=D("0.6"))
    assert placed(settle(desk, key, filters=large), STOP) == []
    assert placed(settle(desk, key), STOP) == [(D("0.5"), D(90))]


def test_a_stop_that_vanished_is_placed_again() -> None:
    desk, key = begin()
    desk.fill(desk.cids(key, ENTRY)[0], "1", "100")
    desk.done(desk.cids(key, STOP)[0])
    assert not is_protected(desk.call(key), desk.ledger.orders_of(key))

    actions = settle(desk, key)
    assert placed(actions, STOP) == [(D(3), D(90))]
    assert is_protected(desk.call(key), desk.ledger.orders_of(key))


def test_protection_does_not_wait_for_a_stop_whose_answer_was_lost() -> None:
    desk, key = begin()
    desk.fill(desk.cids(key, ENTRY)[0], "1", "100")
    desk.write(OrderUnknown(cid=desk.cids(key, STOP)[0], cause="timeout", fence_at=desk.now + 9))

    (action, *_) = ask(desk, key)
    assert isinstance(action, PlaceOrderAction)
    assert (action.role, action.attempt) == (STOP, 1)


def reject(desk: Desk, cid: str, category: str = "REJECTED") -> None:
    desk.write(OrderReject(cid=cid, code="-2019", message="no", category=category))


def test_a_refused_stop_is_tried_three_times_and_then_the_position_is_closed() -> None:
    desk, key = begin()
    desk.fill(desk.cids(key, ENTRY)[0], "1", "100")
    desk.done(desk.cids(key, STOP)[0])
    for attempt in range(1, STOP_FAILURES_MAX + 1):
        reject(desk, desk.intent(key, STOP, "3", price="90", attempt=attempt))
        assert not [action for action in ask(desk, key, now=desk.now - 1.5) if _is(action, STOP)], (
            "not in the same moment"
        )
        desk.now += RETRY_S

    actions = ask(desk, key)
    (close,) = (action for action in actions if _is(action, CLOSE))
    assert isinstance(close, PlaceOrderAction)
    assert (close.type, close.qty, close.reduce_only) == ("market", D(1), True)
    assert not [action for action in actions if _is(action, STOP)]


def _is(action: Action, role: str) -> bool:
    return isinstance(action, PlaceOrderAction) and action.role == role


def test_without_a_stop_no_entry_stays() -> None:
    desk, key = begin()
    desk.done(desk.cids(key, STOP)[0])
    for attempt in range(1, STOP_FAILURES_MAX + 1):
        reject(desk, desk.intent(key, STOP, "3", price="90", attempt=attempt))
    desk.now += RETRY_S

    assert {action.cid for action in ask(desk, key) if isinstance(action, CancelAction)} == set(desk.cids(key, ENTRY))


def test_a_price_beyond_the_stop_is_an_exit_at_once() -> None:
    desk, key = begin()
    desk.fill(desk.cids(key, ENTRY)[0], "1", "100")
    desk.done(desk.cids(key, STOP)[0])
    reject(desk, desk.intent(key, STOP, "3", price="90", attempt=1), "EXIT_NOW")

    assert placed(list(ask(desk, key)), CLOSE) == [(D(1), None)]


@pytest.mark.parametrize(("naked_s", "closes"), [(NAKED_S_MAX, 0), (NAKED_S_MAX + 0.001, 1)])
def test_a_position_that_is_naked_for_too_long_is_closed(naked_s: float, closes: int) -> None:
    desk, key = begin()
    desk.fill(desk.cids(key, ENTRY)[0], "1", "100")
    desk.done(desk.cids(key, STOP)[0])

    actions = ask(desk, key, naked_since=desk.now - naked_s)
    assert len(placed(list(actions), CLOSE)) == closes
    assert len(placed(list(actions), STOP)) == 1, "the stop is tried all the same"


def test_a_close_goes_on_until_flat_and_then_everything_is_ended() -> None:
    desk, key = begin()
    desk.fill(desk.cids(key, ENTRY)[0], "1.5", "100")
    settle(desk, key)

    actions = settle(desk, key, close=True)
    assert placed(actions, CLOSE) == [(D("1.5"), None)]
    assert live(desk, key, ENTRY) == live(desk, key, TARGET) == []
    assert live(desk, key, STOP) == [(D(3), D(90))]
    close = desk.cids(key, CLOSE)[0]
    desk.fill(close, "1", "99")
    desk.done(close, "expired")
    assert placed(settle(desk, key), CLOSE) == [(D("0.5"), None)], "closing is remembered in the log"
    desk.fill(desk.cids(key, CLOSE)[1], "0.5", "98.5")

    ended = settle(desk, key)
    assert ended[-1] == FinishAction(why=CLOSE)
    assert key not in desk.ledger.calls
    assert desk.ledger.trades[-1].reason == "close"


def test_entries_are_cancelled_when_they_are_over_and_an_unfilled_call_ends() -> None:
    desk, key = begin()
    assert {type(action) for action in ask(desk, key, over="target_traded")} == {CancelAction}

    actions = settle(desk, key, now=desk.call(key).entry_valid_until)
    assert actions[-1] == FinishAction(why="expired")
    assert key not in desk.ledger.calls
    assert desk.ledger.total.closed == 0
    assert not desk.ledger.open_orders()


def test_a_stopped_call_leaves_nothing_behind() -> None:
    desk, key = begin()
    desk.fill(desk.cids(key, ENTRY)[0], "1", "100")
    settle(desk, key)
    desk.fill(desk.cids(key, STOP)[0], "1", "90")

    actions = settle(desk, key)
    assert actions[-1] == FinishAction(why=STOP)
    assert not desk.ledger.open_orders()
    assert desk.ledger.total.stopped == 1


def test_what_was_not_sent_yet_is_not_cancelled_at_the_venue() -> None:
    desk = Desk()
    made = plan()
    key = desk.ticket(made)
    desk.rest(key, STOP, "1", price="90")
    desk.intent(key, ENTRY, "1", price="100")

    assert ask(desk, key, over="target_traded") == ()


def test_a_cancel_is_asked_for_once_unless_its_outcome_is_not_known() -> None:
    desk, key = begin(plan(rungs=(("1", "100"),)))
    (action,) = ask(desk, key, over="expired")
    assert isinstance(action, CancelAction)
    desk.write(CancelIntent(cid=action.cid, why="expired"))

    assert ask(desk, key, over="expired") == ()
    assert ask(desk, key, over="expired", cancel_again=True) == (action,)


@given(st.integers(0, 100_000))
@settings(max_examples=400, deadline=None)
def test_after_anything_that_can_happen_a_settled_call_is_protected_or_over(seed: int) -> None:
    """Fills in parts, vanished stops, closes and time, in any order; asked twice, nothing is missing."""
    random = Random(seed)
    side = random.choice((Side.BUY, Side.SELL))
    long = side is Side.BUY
    made = plan(
        side=side,
        rungs=(("1.2", "100"), ("0.8", "97" if long else "103"), ("1", "95" if long else "105")),
        targets=THREE if long else ("90", "80", "70"),
        stop="90" if long else "110",
    )
    desk, key = begin(made)
    closing = False
    for _ in range(25):
        if key not in desk.ledger.calls:
            break
        _happen(desk, key, random)
        if key in desk.ledger.calls:
            closing = closing or random.random() < 0.05
            settle(desk, key, close=closing)
        if key not in desk.ledger.calls:
            break
        call, orders = desk.call(key), desk.ledger.orders_of(key)
        assert ask(desk, key, close=closing) == ()
        assert is_protected(call, orders)
        covered = sum((order.remaining for order in orders if order.role == TARGET), D(0))
        assert covered == (0 if closing else call.qty)
        assert call.bought + sum((o.remaining for o in orders if o.role == ENTRY), D(0)) <= made.qty
        (stop,) = [order for order in orders if order.role == STOP and order.live]
        beside = sum((order.filled for order in orders if order.role == CLOSE), D(0))
        waits = any(order.live for order in orders if order.role == CLOSE)
        may_fill = sum((order.remaining for order in orders if order.role == ENTRY and order.live), D(0))
        assert closing or waits or not call.qty or stop.remaining <= call.bought - beside + may_fill
    assert desk.ledger.orphan_fills == 0


def _happen(desk: Desk, key: CallKey, random: Random) -> None:
    call = desk.call(key)
    orders = [order for order in desk.ledger.orders_of(key) if order.state in (OrderState.ACKED, OrderState.PARTIAL)]
    kind = random.randrange(9)
    if kind == 8 and call.qty and not call.reductions:
        part = (call.qty / 2).quantize(D("0.001"))
        desk.write(Control(command="reduce", by="@c", reason="half", effect=f"{key} {part}"))
        return
    wanted = ENTRY if kind < 3 else TARGET if kind < 5 else STOP if kind == 5 else CLOSE
    chosen = [order for order in orders if order.role == wanted]
    if kind == 7:
        for order in orders:
            if order.role == random.choice((STOP, TARGET)):
                desk.done(order.cid)
    elif chosen:
        order = random.choice(chosen)
        most = order.remaining if wanted == ENTRY else min(order.remaining, call.qty)
        part = (most * random.randrange(1, 4) / 3).quantize(D("0.001"))
        if 0 < part <= most:
            desk.fill(order.cid, part, order.price or order.trigger or D(100))
