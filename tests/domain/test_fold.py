"""The fold: every record type is either folded or named as one that changes nothing; memory is bounded."""

from collections.abc import Iterator
from copy import deepcopy
from decimal import Decimal
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from levibotd.domain import fold, order_records, records
from levibotd.domain.exits import position_closed
from levibotd.domain.ledger import Ledger
from levibotd.domain.order_records import (
    OrderAbandoned,
    OrderDone,
    OrderFill,
    OrderIntent,
    OrderReject,
    OrderResolved,
    OrderUnknown,
    Protect,
)
from levibotd.domain.orders import ENTRY, STOP
from levibotd.domain.records import Entry, Heartbeat, Record, RiskSltp, RiskTicket
from levibotd.domain.trade_plan import Target
from tests.domain.desk import BTC, Desk, plan, random_history

ROOTS = {records.Record, order_records.OrderFill}  # Never logged themselves.


def all_records() -> set[type[Record]]:
    found: set[type[Record]] = set()
    waiting: list[type[Record]] = [Record]
    while waiting:
        kind = waiting.pop()
        found.add(kind)
        waiting += kind.__subclasses__()
    return {kind for kind in found if kind.__module__.startswith("levibotd.domain")} - ROOTS


def test_no_record_type_is_forgotten() -> None:
    assert all_records() - fold.IGNORED == fold.FOLDED
    assert not fold.IGNORED & fold.FOLDED


def test_what_may_be_shed_is_never_folded() -> None:
    desk = Desk()
    before = desk.ledger.copy()
    desk.write(Heartbeat(equity=Decimal(1), open_positions=9, pending_posts=9))

    assert desk.ledger == before


def test_of_ended_calls_the_newest_orders_and_trades_are_kept() -> None:
    desk = Desk()
    for message_id in range(600):
        key = desk.opened(message_id=message_id)
        desk.fill(desk.cids(key, ENTRY)[0], "1", "100")
        desk.fill(desk.cids(key, STOP)[0], "1", "90")
        desk.finish(key)
    assert fold.FINISHED_MAX <= len(desk.ledger.finished_orders()) <= fold.FINISHED_MAX * 9 / 8
    assert desk.ledger.finished_orders()[-1].call == key
    assert not desk.ledger.orders
    assert not desk.ledger.calls

    for trade in desk.ledger.trades:
        desk.write(replace(trade, channel="@twice"))
    assert len(desk.ledger.trades) == fold.TRADES_MAX
    assert desk.ledger.total.closed == 1_200


def test_expired_tickets_are_forgotten_an_hour_later() -> None:
    desk = Desk()
    first = desk.ticket(plan(), message_id=1)
    desk.now += 61.0
    desk.ticket(plan(), message_id=2)
    assert desk.ledger.ticket(first) is not None

    desk.now += fold.TICKET_KEEP_S
    desk.ticket(plan(), message_id=3)
    assert desk.ledger.ticket(first) is None


def test_a_late_word_about_an_order_nobody_knows_changes_nothing() -> None:
    desk = Desk()
    before = desk.ledger.copy()
    desk.write(OrderUnknown(cid="lvd100", cause="timeout", fence_at=1.0))

    assert desk.ledger == before


def test_a_reduce_only_exit_never_sells_more_than_is_held() -> None:
    desk = Desk()
    key = desk.opened()
    desk.fill(desk.cids(key, ENTRY)[0], "0.4", "100")
    desk.fill(desk.cids(key, STOP)[0], "1", "90")

    assert desk.call(key).qty == 0
    assert desk.ledger.realised == Decimal(-4)
    assert desk.ledger.orphan_fills == 1


def lost_races(cid: str) -> tuple[Record, ...]:
    """Answers that were on their way to the log when a trade came in."""
    return (
        OrderUnknown(cid=cid, cause="timeout", fence_at=1.0),
        OrderResolved(cid=cid, outcome="ABSENT", evidence=()),
        OrderAbandoned(cid=cid, why="absent"),
        OrderReject(cid=cid, code="x", message="", category="REJECTED"),
    )


@pytest.mark.parametrize("number", range(4))
def test_an_answer_that_lost_the_race_against_a_trade_stops_no_fold(number: int) -> None:
    desk = Desk()
    key = desk.opened()
    cid = desk.cids(key, ENTRY)[0]
    desk.fill(cid, "1", "100")
    desk.write(lost_races(cid)[number])

    assert desk.order(cid).state == "filled"
    assert desk.call(key).qty == 1
    assert desk.ledger.contradictions == 1


def test_an_end_of_an_order_that_was_given_up_as_absent_stops_no_fold() -> None:
    desk = Desk()
    key = desk.opened()
    cid = desk.intent(key, ENTRY, "1", price="100", slot=1)
    desk.write(OrderUnknown(cid=cid, cause="timeout", fence_at=1.0))
    desk.write(OrderResolved(cid=cid, outcome="ABSENT", evidence=()))
    desk.fill(cid, "1", "100")
    desk.write(OrderDone(cid=cid, final="filled", cum_qty=Decimal(1)))

    assert desk.call(key).qty == 1


def test_a_call_that_filled_once_more_while_its_end_was_written_goes_on() -> None:
    desk = Desk()
    key = desk.opened(plan(rungs=(("1", "100"), ("1", "98"))))
    first, second = desk.cids(key, ENTRY)
    desk.fill(first, "1", "100")
    desk.fill(desk.cids(key, STOP)[0], "1", "90")
    closed = position_closed(desk.call(key), at=desk.now)
    desk.fill(second, "1", "98")
    desk.write(closed, symbol=BTC)
    desk.write(Protect(call=key, state="ended", sl_cids=(), tp_cids=()))

    assert desk.call(key).qty == 1
    assert not desk.call(key).ended


# Damage. A record that is missing or bent is told of elsewhere (the daemon starts and opens nothing); the fold goes on.


BENT = (
    "", "x", "NaN", "Infinity", "-1", "0", "1E+999999", "filled", "buy", "e", 0, -1, 1e300, True, None, [], {},
)  # fmt: skip


def control_history() -> list[Entry]:
    """What an operator, the disk and the archive leave in a log."""
    written: tuple[Record, ...] = (
        records.Control(command="leverage", by="me", effect="3"),
        records.Control(command="confirm", by="me", effect="57000000"),
        records.Control(command="call", by="me", effect="0123456789abcdef 250"),
        records.Control(command="stop", by="me"),
        records.ChannelStage(stage="paper", before="observe", by="me", reason=""),
        records.ChannelStage(stage="paper", before="observe", by="me", reason="", channel="@c"),
        records.KillSwitch(tripped=True, why="equity", by="equity", equity=Decimal(9), anchor=Decimal(10)),
        records.DayAnchor(day="2026-11-21", equity=Decimal(10), at=1.0),
        records.ConfigUpdate(sha="0", changed=(), risk={"leverage": 3}, by="me"),
    )
    return [Entry(record) for record in written]


def bent(random: Random, entry: Entry) -> Entry | None:
    """The entry with one value of its record replaced by another; None where no reader could open that."""
    payload = msgspec.json.decode(msgspec.json.encode(entry.record))
    places = list(_places(payload))
    if not places:
        return entry
    node, key = random.choice(places)
    node[key] = random.choice((*BENT, deepcopy(random.choice([node[key] for node, key in places]))))
    try:
        record = msgspec.json.decode(msgspec.json.encode(payload), type=type(entry.record))
    except msgspec.DecodeError:
        return None
    return replace(entry, record=record)


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
        yield node, key
        if isinstance(value, dict | list):
            yield from _places(value)


@pytest.mark.fault("D2")
@given(st.integers(0, 10_000_000))
@settings(max_examples=100, deadline=None)
def test_whatever_of_a_log_is_missing_bent_or_told_twice_the_fold_goes_on(seed: int) -> None:
    random = Random(seed)
    ledger = Ledger(balance=Decimal(10_000))
    for entry in (*random_history(seed, steps=30), *control_history()):
        chance = random.random()
        damaged = None if chance < 0.05 else bent(random, entry) if chance < 0.2 else entry
        for _ in range(1 + (0.2 < chance < 0.22)):
            if damaged is not None:
                ledger.apply(damaged)

    assert Ledger.from_bytes(ledger.to_bytes()) == ledger
    assert ledger.equity({BTC: Decimal(100)}).is_finite()
    assert all(call.qty >= 0 for call in ledger.calls.values())
    assert {ledger.owner(call.symbol) for call in ledger.calls.values()} == set(ledger.calls)


@pytest.mark.fault("D2")
def test_an_intent_whose_ticket_is_lost_is_counted_and_its_call_never_gets_another() -> None:
    whole = Desk()
    key = whole.opened()
    ledger = Ledger(balance=Decimal(10_000))
    for entry in whole.entries:
        if not isinstance(entry.record, records.RiskTicket):
            ledger.apply(entry)

    assert ledger.contradictions == 2, "the stop's intent and the entry's"
    assert ledger.ticket_spent(key)
    assert not ledger.calls
    assert not ledger.orders


@pytest.mark.fault("D2")
@pytest.mark.parametrize("bad", ["NaN", "Infinity", "-1", "0", "1E+999999"])
def test_a_trade_of_an_impossible_size_is_counted_and_books_nothing(bad: str) -> None:
    desk = Desk()
    key = desk.opened()
    desk.fill(desk.cids(key, ENTRY)[0], "1", "100")
    fill = desk.entries[-1].record
    assert isinstance(fill, OrderFill)
    before = desk.ledger.copy()
    desk.write(replace(fill, trade_id="bent", qty=Decimal(bad)))

    assert desk.ledger.contradictions == 1
    assert (desk.ledger.cash, desk.call(key)) == (before.cash, before.calls[key])


def test_levels_that_were_reckoned_with_an_older_stop_take_nothing_back() -> None:
    desk = Desk()
    key = desk.ticket(plan(targets=("110", "120")))
    desk.intent(key, ENTRY, "1", price="100")
    targets = (Target(price=Decimal(112), share=Decimal(1)),)

    def moved(stop: str, why: str = "moved") -> Decimal:
        level = RiskSltp(
            call=key, stop=Decimal(stop), stop_source="reply", targets=targets, targets_source="reply", why=why
        )
        desk.write(level)
        return desk.ledger.calls[key].stop

    assert moved("95") == 95
    assert moved("93") == 95
    assert desk.ledger.calls[key].targets == targets
    assert moved("96") == 96
    assert moved("91", why="replaced") == 91


@pytest.mark.parametrize("filled", [False, True])
def test_another_plan_takes_the_place_of_one_that_has_not_filled_alone(filled: bool) -> None:
    desk = Desk()
    key = desk.ticket(plan())
    cid = desk.rest(key, ENTRY, "2", price="100")
    first = next(one.record for one in desk.entries if isinstance(one.record, RiskTicket))
    if filled:
        desk.fill(cid, "1", "100")
    again = replace(first, plan=plan(rungs=(("1", "97"),), stop="88"), revision=1)
    desk.write(again, trace=desk.entries[0].trace)
    intent = next(one.record for one in desk.entries if isinstance(one.record, OrderIntent))
    desk.write(replace(intent, cid=intent.cid[:-1] + "1", attempt=1, revision=1), symbol=BTC)

    call = desk.ledger.calls[key]
    assert (call.revision, call.stop, call.plan.qty) == ((0, 90, 1) if filled else (1, 88, 1))
    assert desk.ledger.contradictions == int(filled)
    assert len(call.orders) == 2 - filled
