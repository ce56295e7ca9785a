"""
What each record does to the state.

`fold` looks at the record and at the state, and at nothing else. A record type that changes
nothing stands in `IGNORED`, so that a new one is never forgotten silently. How fills become money: `accounting.py`.

A log may be damaged, and a daemon that cannot fold it cannot start: a record that contradicts what is known changes
nothing, or as little as can be, and is counted. Whether it may be written at all is asked before it is.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from levibotd.domain import (
    acts,
    archive_fold,
    learning,
    order_records,
    outcomes,
    post_fold,
    records,
    switches,
    trade_plan,
)
from levibotd.domain.accounting import EXACT, bought, count, expect_sound, sold
from levibotd.domain.book import CLOSING, PENDING, Call, Opened, State, Tally, Ticket
from levibotd.domain.cards import trial
from levibotd.domain.copies import call_print
from levibotd.domain.orders import CLOSE, CLOSE_SLOT, ENTRY, ROLES, Order, advance, planned
from levibotd.domain.records import Entry, Record
from levibotd.domain.remembering import remember
from levibotd.domain.signal import CallKey

CHANNELS_MAX = 1_000
SPENT_MAX = 16_384  # Calls that are remembered as having spent their ticket.
OPENED_MAX = 4_096  # Calls that are known again when their channel tells them once more.
FINISHED_MAX = 1_000  # Orders of ended calls.
TRADES_MAX = 1_000
TICKET_KEEP_S = 3_600  # An expired ticket is forgotten this long after its end.
COOLDOWN_KEEP_S = 7 * 86_400.0

_Change = Callable[[State, Entry, Any], None]


def fold(state: State, entry: Entry) -> None:
    """
    Fold one committed record in.

    Never raises: what lost a race, or cannot be after what is known, is counted as a contradiction.
    """
    change = _CHANGES.get(type(entry.record))
    if change is not None:
        try:
            change(state, entry, entry.record)
        except (AssertionError, ArithmeticError, ValueError):
            # Written is written: the money is in the fills, and a fold that stopped here would stop at every start.
            state.contradictions += 1


# The day.


# A day begins once, and never one before the last: a clock that jumps back and forth rolls nothing twice.
def _anchor(state: State, entry: Entry, record: records.DayAnchor) -> None:
    expect_sound(record.equity)
    if state.anchor is None or record.day > state.anchor.day:
        state.anchor = record
        state.net_at_anchor = EXACT.subtract(state.realised, state.fees)


# Tickets and calls.


def _ticket(state: State, entry: Entry, record: records.RiskTicket) -> None:
    expect_sound(*_numbers(record.plan))
    for key in [key for key, ticket in state.tickets.items() if ticket.expires_at + TICKET_KEEP_S < record.at]:
        del state.tickets[key]
    held = state.calls.get(record.call)
    # A second one stands for a call alone that has not filled anything yet, and takes the place of its plan.
    if record.call not in state.spent or (held is not None and _may_replan(held, record.revision)):
        state.tickets[record.call] = Ticket(
            call=record.call,
            channel=record.channel,
            plan=record.plan,
            at=record.at,
            entry_valid_until=record.entry_valid_until,
            expires_at=record.expires_at,
            trace=entry.trace,
            leg=record.leg,
            said=record.said,
            revision=record.revision,
        )


def _may_replan(call: Call, revision: int) -> bool:
    return call.status == PENDING and not call.bought and revision > call.revision


def _numbers(plan: trade_plan.TradePlan) -> Iterator[Decimal]:
    yield from (plan.stop, plan.qty, plan.notional, plan.planned_loss, plan.mark, plan.price_cap)
    for rung in plan.rungs:
        yield from (rung.qty, rung.price, rung.trigger or rung.price)
    for target in plan.targets:
        yield from (target.price, target.share)


def _armed(state: State, entry: Entry, record: order_records.EntryArmed) -> None:
    _spend(state, record.call, how="armed")


def _blocked(state: State, entry: Entry, record: order_records.OrderBlocked) -> None:
    # A second ticket of an open call may be refused too; that changes nothing for the call.
    if record.call not in state.calls:
        state.tickets.pop(record.call, None)
        remember(state.spent, record.call, "blocked", limit=SPENT_MAX)


def _spend(state: State, key: CallKey, *, how: str) -> Call:
    call = state.calls.get(key)
    if call is not None:
        return call
    ticket = state.tickets.pop(key, None)
    assert key not in state.spent, f"the ticket of {key} was spent before"
    remember(state.spent, key, how, limit=SPENT_MAX)  # Whatever follows: it never gets another.
    assert ticket is not None, f"{key} has no ticket"
    plan = ticket.plan
    owner = state.owners.setdefault(plan.symbol, key)
    assert owner == key, f"{plan.symbol} belongs to {owner}, not to {key}"
    call = Call(
        key=key,
        channel=ticket.channel,
        trace=ticket.trace,
        symbol=plan.symbol,
        side=plan.side,
        plan=plan,
        ticket_at=ticket.at,
        entry_valid_until=ticket.entry_valid_until,
        stop=plan.stop,
        stop_source=plan.stop_source,
        targets=plan.targets,
        targets_source=plan.targets_source,
        close_stop=plan.close_stop,
        leg=ticket.leg,
        said=ticket.said,
    )
    state.calls[key] = call
    said = call_print(ticket.leg) if ticket.leg is not None else None
    if said is not None:
        remember(state.opened, f"{call.channel}|{said}", Opened(call=key, at=ticket.at), limit=OPENED_MAX)
    return call


# The first intent of a revision brings its plan with it. Nothing has filled: the sums stay as they are.
def _replan(state: State, call: Call, revision: int) -> None:
    ticket = state.tickets.get(call.key)
    assert ticket is not None, f"no new plan for {call.key}"
    assert ticket.revision == revision, f"no plan of revision {revision} for {call.key}"
    assert _may_replan(call, revision), f"{call.key} may not be planned anew"
    del state.tickets[call.key]
    plan = ticket.plan
    call.plan, call.leg, call.revision = plan, ticket.leg, revision
    call.entry_valid_until = ticket.entry_valid_until
    call.stop, call.stop_source = plan.stop, plan.stop_source
    call.targets, call.targets_source = plan.targets, plan.targets_source
    call.close_stop, call.ticket_at = plan.close_stop, ticket.at


def _levels(state: State, entry: Entry, record: records.RiskSltp) -> None:
    # Before its first intent a call has no levels but those of its plan.
    call = state.calls.get(record.call)
    if call is not None:
        expect_sound(record.stop, *(number for target in record.targets for number in (target.price, target.share)))
        # Whoever reckoned with a stop that has moved since does not take that back.
        if record.why != "moved" or (record.stop - call.stop) * call.side.sign >= 0:
            call.stop = record.stop
            call.stop_source = record.stop_source
        call.levels_by = record.said_by or call.levels_by
        call.targets = record.targets
        call.targets_source = record.targets_source


def _protect(state: State, entry: Entry, record: order_records.Protect) -> None:
    call = state.calls.get(record.call)
    if call is not None and record.state == "ended" and call.flat:
        call.ended = True
        _end_if_over(state, call)


# Orders.


def _intent(state: State, entry: Entry, record: order_records.OrderIntent) -> None:
    assert _order_of(state, record.cid) is None, f"{record.cid} was intended before"
    assert record.role in ROLES, f"no role: {record.role!r}"
    expect_sound(record.qty, record.price, record.trigger)
    is_new = record.call not in state.calls
    call = _spend(state, record.call, how="intent")
    if is_new:
        call.revision = record.revision
    elif record.revision > call.revision:
        _replan(state, call, record.revision)
    if record.role == CLOSE and record.slot == CLOSE_SLOT and call.qty:
        call.status = CLOSING
    call.orders.append(record.cid)
    state.orders[record.cid] = advance(planned(record, symbol=call.symbol), record)


def _order_of(state: State, cid: str) -> Order | None:
    return state.orders.get(cid) or state.finished.get(cid)


def _order(state: State, entry: Entry, record: Any) -> None:
    order = state.orders.get(record.cid)
    if order is None:
        return  # Of a call that is over: a late word, and nothing changes.
    if isinstance(record, order_records.OrderDone):
        expect_sound(record.cum_qty)
    moved = advance(order, record)
    if moved is not order:
        state.orders[record.cid] = moved
        if moved.terminal:
            _end_if_over(state, state.calls[moved.call])


def _fill(state: State, entry: Entry, record: order_records.OrderFill) -> None:
    order = state.orders.get(record.cid)
    if order is None:
        known = state.finished.get(record.cid)
        if known is None or record.trade_id not in known.trade_ids:
            state.orphan_fills += 1
        return
    expect_sound(record.qty, record.price, record.fee)
    assert record.qty > 0, f"a trade of nothing ({record.cid})"
    moved = advance(order, record)
    if moved is order:
        return  # Told before.
    state.orders[record.cid] = moved
    call = state.calls[order.call]
    call.changed_at = record.at
    call.fees = EXACT.add(call.fees, record.fee)
    state.fees = EXACT.add(state.fees, record.fee)
    state.cash = EXACT.subtract(state.cash, record.fee)
    if order.role == ENTRY:
        realised = bought(call, record)
    else:
        entries = [one for one in map(state.orders.__getitem__, call.orders) if one.role == ENTRY]
        untold = sum((one.untold for one in entries), Decimal(0))
        realised, excess = sold(call, record, role=order.role, untold=untold)
        state.orphan_fills += excess > 0
    state.realised = EXACT.add(state.realised, realised)
    state.cash = EXACT.add(state.cash, realised)
    if moved.terminal:
        _end_if_over(state, call)


# An ended call leaves when it is flat and nothing of it can fill any more.
def _end_if_over(state: State, call: Call) -> None:
    if not call.ended or call.qty or any(not state.orders[cid].terminal for cid in call.orders):
        return
    del state.calls[call.key]
    if state.owners.get(call.symbol) == call.key:
        del state.owners[call.symbol]
    for cid in call.orders:
        remember(state.finished, cid, state.orders.pop(cid), limit=FINISHED_MAX)


# Closed positions.


def _position_closed(state: State, entry: Entry, record: order_records.PositionClosed) -> None:
    expect_sound(record.qty, record.entry, record.exit, record.pnl, record.fees, record.net)
    tally = state.channels.get(record.channel)
    if tally is None:
        tally = Tally()
        remember(state.channels, record.channel, tally, limit=CHANNELS_MAX)
    for sums in (tally, state.total):
        count(sums, record)
    state.trades.append(record)
    del state.trades[:-TRADES_MAX]

    call = state.calls.get(record.call)
    symbol = call.symbol if call is not None else entry.symbol
    if symbol is not None:
        state.closed_at[symbol] = record.at
        if record.reason == "stop":
            state.stopped_at[symbol] = record.at
    for times in (state.closed_at, state.stopped_at):
        for old in [key for key, at in times.items() if at + state.cooldown_keep_s < record.at]:
            del times[old]

    if call is not None and call.flat:  # Unless an entry has filled since: then it goes on, and ends once more.
        call.ended = True
        _end_if_over(state, call)


_CHANGES: dict[type[Record], _Change] = {
    **switches.CHANGES,
    **archive_fold.CHANGES,
    **post_fold.CHANGES,
    records.DayAnchor: _anchor,
    records.RiskTicket: _ticket,
    order_records.EntryArmed: _armed,
    order_records.OrderBlocked: _blocked,
    records.RiskSltp: _levels,
    order_records.Protect: _protect,
    order_records.OrderIntent: _intent,
    order_records.OrderNew: _order,
    order_records.OrderAck: _order,
    order_records.OrderReject: _order,
    order_records.OrderUnknown: _order,
    order_records.OrderResolved: _order,
    order_records.OrderDone: _order,
    order_records.OrderAbandoned: _order,
    order_records.CancelIntent: _order,
    order_records.CancelDone: _order,
    order_records.OrderPartialFill: _fill,
    order_records.OrderFilled: _fill,
    order_records.PositionClosed: _position_closed,
}

FOLDED: frozenset[type[Record]] = frozenset(_CHANGES)

# Their truth lies in other records, or they are about the process.
IGNORED: frozenset[type[Record]] = frozenset(
    {
        order_records.PositionOpened,  # The fills say it.
        order_records.PosRecon,  # Adopted quantities come as fills.
        records.ClockStep,
        records.FileOpen,
        records.FileSeal,
        records.ActorCrash,
        records.ActorRestart,
        records.DeadLetter,
        records.LogShed,
        records.SystemNote,
        records.Heartbeat,  # May be shed: no state may rest on it.
        records.MarketQuote,
        outcomes.ShadowOutcome,  # Folded into the cards.
        acts.ActJudged,  # Folded into the acts.
        trial.Trial,
        learning.DsAppend,  # The data set and the store of models say it.
        learning.ModelTrained,
        learning.ModelPromoted,
    }
)
