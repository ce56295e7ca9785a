"""Orders: identity, lawful moves, and the cap on what a call may enter."""

from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from levibotd.domain.order_records import (
    CancelDone,
    CancelIntent,
    OrderAbandoned,
    OrderAck,
    OrderDone,
    OrderFill,
    OrderFilled,
    OrderIntent,
    OrderNew,
    OrderPartialFill,
    OrderReject,
    OrderResolved,
    OrderUnknown,
)
from levibotd.domain.orders import (
    ENTRY,
    POINTS,
    ROLES,
    TERMINAL,
    Order,
    OrderState,
    advance,
    client_order_id,
    entry_room,
    fence,
    ours,
    planned,
)
from levibotd.domain.records import Record, SafeMode
from levibotd.domain.signal import CallKey, Side, Symbol, call_key

CALL = call_key("paper", "@c", 7, 0)
CID = client_order_id(env="d", installation="a7", call=CALL, role=ENTRY, slot=0, attempt=0)
INTENT = OrderIntent(
    cid=CID,
    call=CALL,
    role=ENTRY,
    slot=0,
    attempt=0,
    side=Side.BUY,
    type="limit",
    tif="GTC",
    qty=Decimal(3),
    price=Decimal(100),
    venue="paper",
    at=1.0,
)


def order(state: OrderState = OrderState.READY, **changes: object) -> Order:
    return replace(planned(INTENT, symbol=Symbol("BTCUSDT")), state=state, **changes)


def fill(trade_id: str, qty: str, *, price: str = "100", whole: bool = False) -> OrderPartialFill | OrderFilled:
    kind = OrderFilled if whole else OrderPartialFill
    return kind(
        cid=CID,
        trade_id=trade_id,
        side=Side.BUY,
        qty=Decimal(qty),
        price=Decimal(price),
        fee=Decimal("0.1"),
        fee_currency="USDT",
        liquidity="taker",
        cum_qty=Decimal(qty),
        at=2.0,
    )


def done(final: str, cum_qty: str = "0") -> OrderDone:
    return OrderDone(cid=CID, final=final, cum_qty=Decimal(cum_qty))


NEW = OrderNew(cid=CID)
ACK = OrderAck(cid=CID, venue_id="v1", status="open", at=2.0)
REJECT = OrderReject(cid=CID, code="-2019", message="no margin", category="REJECTED")
UNKNOWN = OrderUnknown(cid=CID, cause="timeout", fence_at=9.0)
ADOPTED = OrderResolved(cid=CID, outcome="ADOPTED", evidence=("order by cid",))
ABSENT = OrderResolved(cid=CID, outcome="ABSENT", evidence=("a", "b", "c"))
ABANDONED = OrderAbandoned(cid=CID, why="expired")
RECORDS: tuple[Record, ...] = (
    INTENT,
    NEW,
    ACK,
    REJECT,
    UNKNOWN,
    ADOPTED,
    ABSENT,
    ABANDONED,
    CancelIntent(cid=CID, why="test"),
    CancelDone(cid=CID, found=True),
    fill("t1", "1"),
    fill("t2", "3", whole=True),
    done("filled", "3"),
    done("cancelled"),
    done("expired"),
    done("rejected"),
)


def test_a_client_id_is_the_same_in_every_life() -> None:
    assert "lvd1a7" + CID[6:30] + "e0" == CID
    assert client_order_id(env="d", installation="a7", call=CALL, role="e", slot=0, attempt=0) == CID
    assert ours(CID, env="d", installation="a7")
    assert not ours(CID, env="d", installation="a8")


@given(
    call=st.text(min_size=1).map(CallKey),
    role=st.sampled_from(ROLES),
    slot=st.integers(0, 99),
    attempt=st.integers(0, 99),
    env=st.sampled_from("ptd"),
    installation=st.from_regex(r"[a-z0-9]{2}", fullmatch=True),
)
def test_a_client_id_has_32_lower_case_letters_and_digits(
    call: CallKey, role: str, slot: int, attempt: int, env: str, installation: str
) -> None:
    cid = client_order_id(env=env, installation=installation, call=call, role=role, slot=slot, attempt=attempt)

    assert len(cid) == 32
    assert set(cid) <= set("abcdefghijklmnopqrstuvwxyz0123456789")


def test_coins_roles_slots_and_attempts_have_ids_of_their_own() -> None:
    calls = [call_key("paper", channel, n, leg) for channel in ("@a", "@b") for n in (1, 2) for leg in (0, 1)]
    made = {
        client_order_id(env="d", installation="00", call=call, role=role, slot=slot, attempt=attempt)
        for call, role, slot, attempt in product(calls, ROLES, range(10), range(40))
    }

    assert len(made) == len(calls) * len(ROLES) * 10 * 40


@pytest.mark.parametrize("installation", ["A7", "a", "abc", "ä7", ""])
def test_an_installation_is_two_characters_a_venue_takes(installation: str) -> None:
    with pytest.raises(AssertionError):
        client_order_id(env="d", installation=installation, call=CALL, role=ENTRY, slot=0, attempt=0)


def test_an_order_goes_from_plan_to_filled() -> None:
    moved = planned(INTENT, symbol=Symbol("BTCUSDT"))
    states = []
    for record in (INTENT, NEW, ACK, fill("a", "1"), fill("b", "2", price="103", whole=True), done("filled", "3")):
        moved = advance(moved, record)
        states.append(moved.state)

    assert states == ["ready", "sent", "acked", "partial", "filled", "filled"]
    assert moved.filled == 3
    assert moved.average == Decimal(102)
    assert moved.fees == Decimal("0.2")
    assert moved.venue_id == "v1"
    assert moved.remaining == 0


@pytest.mark.parametrize("state", [OrderState.SENT, OrderState.ACKED, OrderState.UNKNOWN, OrderState.FENCED])
def test_nothing_is_sent_a_second_time(state: OrderState) -> None:
    with pytest.raises(AssertionError, match="OrderNew may not follow"):
        advance(order(state), NEW)


@pytest.mark.parametrize("state", sorted(TERMINAL))
@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_no_record_takes_an_order_out_of_a_terminal_state(state: OrderState, record: Record) -> None:
    try:
        moved = advance(order(state), record)
    except AssertionError:
        return
    assert moved.state is state


@given(st.lists(st.sampled_from(RECORDS), max_size=12))
def test_whatever_comes_filled_and_terminal_only_grow(records: list[Record]) -> None:
    moved = order()
    for record in records:
        before = moved
        try:
            moved = advance(before, record)
        except AssertionError:
            continue
        assert moved.filled >= before.filled
        assert moved.cum_qty >= before.cum_qty >= before.filled
        assert not before.terminal or moved.state is before.state
        assert len(set(moved.trade_ids)) == len(moved.trade_ids)
        assert moved.filled == sum({"t1": 1, "t2": 3}[trade] for trade in moved.trade_ids)


def test_a_trade_told_twice_counts_once() -> None:
    once = advance(order(OrderState.ACKED), fill("a", "1"))

    assert advance(once, fill("a", "1")) is once


@pytest.mark.parametrize("state", [state for state in OrderState if state is not OrderState.PLANNED])
def test_a_fill_is_booked_in_every_state(state: OrderState) -> None:
    assert advance(order(state), fill("a", "1")).filled == 1


def test_a_fill_before_the_answer_is_no_reason_to_lose_the_answer() -> None:
    partial = advance(order(), fill("a", "1"))
    acked = advance(advance(partial, NEW), ACK)

    assert acked.state is OrderState.PARTIAL
    assert acked.venue_id == "v1"


def test_a_cancel_that_races_a_fill_ends_filled() -> None:
    filled = advance(advance(order(OrderState.ACKED), CancelIntent(cid=CID, why="x")), fill("a", "3", whole=True))

    assert advance(filled, done("cancelled", "3")).state is OrderState.FILLED


def test_an_end_may_name_trades_that_have_not_come_yet() -> None:
    ended = advance(order(OrderState.ACKED), done("expired", "2"))

    assert (ended.filled, ended.cum_qty, ended.remaining) == (0, 2, 0)
    assert advance(ended, fill("late", "2")).filled == 2


def test_an_unknown_order_is_adopted_with_what_it_has() -> None:
    unknown = advance(order(OrderState.SENT), UNKNOWN)
    assert advance(unknown, ADOPTED).state is OrderState.ACKED
    assert advance(replace(unknown, filled=Decimal(1)), ADOPTED).state is OrderState.PARTIAL
    # A trade proves it before the query does.
    assert advance(advance(unknown, fill("a", "1")), ADOPTED).state is OrderState.PARTIAL


def test_what_has_trades_is_never_absent() -> None:
    with pytest.raises(AssertionError):
        advance(advance(advance(order(), UNKNOWN), fill("a", "1")), ABSENT)


def test_an_order_is_fenced_only_after_its_fence() -> None:
    unknown = advance(order(OrderState.SENT), UNKNOWN)

    assert fence(unknown, now=9.0).state is OrderState.UNKNOWN
    assert fence(unknown, now=9.001).state is OrderState.FENCED
    assert fence(order(OrderState.ACKED), now=99.0).state is OrderState.ACKED


def test_after_a_lost_answer_a_cancel_may_be_asked_for_again() -> None:
    cancelling = advance(order(OrderState.ACKED), CancelIntent(cid=CID, why="x"))

    assert cancelling.cancelling
    assert not advance(cancelling, UNKNOWN).cancelling


def test_another_kind_of_record_is_not_about_an_order() -> None:
    with pytest.raises(AssertionError, match="not about an order"):
        advance(order(), SafeMode(on=True, group="trading"))


@given(
    moves=st.lists(st.tuples(st.integers(0, 5), st.sampled_from(RECORDS), st.integers(1, 5).map(Decimal)), max_size=40),
    most=st.integers(1, 12).map(Decimal),
)
def test_no_interleaving_enters_more_than_planned(moves: list[tuple[int, Record, Decimal]], most: Decimal) -> None:
    """Entries are sent only into the room there is; whatever the answers are, the fills stay below the plan."""
    orders: list[Order] = []
    for number, (index, record, wanted) in enumerate(moves):
        room = entry_room(tuple(orders), planned_qty=most)
        qty = min(wanted, room)
        if qty > 0 and not isinstance(record, OrderIntent):
            orders.append(order(cid=f"{number}", qty=qty, slot=number))
        if not orders:
            continue
        # The venue keeps its word: no fill beyond what an order still has to do.
        chosen = orders[index % len(orders)]
        if isinstance(record, OrderFill):
            if not chosen.remaining:
                continue
            record = replace(record, qty=min(Decimal(1), chosen.remaining), trade_id=str(number))
        elif isinstance(record, OrderDone):
            record = replace(record, cum_qty=chosen.filled)
        try:
            orders[index % len(orders)] = advance(chosen, record)
        except AssertionError:
            continue
        assert sum((one.cum_qty + one.remaining for one in orders), Decimal(0)) <= most


def test_there_are_forty_points_at_which_a_crash_is_tried_and_no_two_are_one() -> None:
    assert len(POINTS) >= 40
    assert len(set(POINTS)) == len(POINTS)
