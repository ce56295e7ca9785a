"""The records of what the venue has told, and of how a leg came out."""

from levibotd.domain.book import Call
from levibotd.domain.gates import Refusal
from levibotd.domain.order_records import EntryArmed, OrderFilled, OrderIntent, OrderPartialFill, PositionOpened
from levibotd.domain.orders import Order
from levibotd.domain.records import Gate, LegOutcome, RiskSltp, RiskTicket, SignalRejected
from levibotd.ports.venue import Fill


def outcome(ticket: RiskTicket, gate: Gate | None) -> LegOutcome:
    """How a leg came out whose ticket was spent, or stopped by `gate`."""
    if gate is not None:
        return LegOutcome(symbol=ticket.plan.symbol, outcome="blocked", gate=gate.name)
    waits = all(rung.style == "trigger" for rung in ticket.plan.rungs)
    return LegOutcome(symbol=ticket.plan.symbol, outcome="armed" if waits else "intent")


def rejection(refusal: Refusal, legs: tuple[LegOutcome, ...]) -> SignalRejected:
    """The end of a call that a gate refused."""
    return SignalRejected(
        gate=refusal.gate,
        value=refusal.value,
        limit=refusal.limit,
        owner=refusal.owner,
        side=refusal.side,
        reason=refusal.reason,
        legs=legs,
    )


def levels_of(ticket: RiskTicket, *, why: str) -> RiskSltp:
    """Stop and targets that a ticket's plan gives its call."""
    plan = ticket.plan
    return RiskSltp(
        call=ticket.call,
        stop=plan.stop,
        stop_source=plan.stop_source,
        targets=plan.targets,
        targets_source=plan.targets_source,
        why=why,
        stop_terms=plan.stop_terms,
        close_stop=plan.close_stop,
    )


def armed(ticket: RiskTicket, intent: OrderIntent) -> EntryArmed:
    """An entry that waits for its trigger."""
    price = intent.price if intent.price is not None else ticket.plan.price_cap
    trigger = intent.trigger if intent.trigger is not None else price
    valid_until = ticket.entry_valid_until
    return EntryArmed(call=ticket.call, cid=intent.cid, trigger=trigger, price=price, valid_until=valid_until)


def fill_record(order: Order, fill: Fill) -> OrderPartialFill | OrderFilled:
    """A trade of an order of ours."""
    record = OrderFilled if fill.remaining <= 0 else OrderPartialFill
    return record(
        cid=fill.cid,
        trade_id=fill.trade_id,
        side=fill.side,
        qty=fill.qty,
        price=fill.price,
        fee=fill.fee,
        fee_currency=fill.fee_currency,
        liquidity=fill.liquidity,
        cum_qty=order.filled + fill.qty,
        at=fill.at,
        filters=fill.filters,
    )


def opened(call: Call, fill: Fill) -> PositionOpened:
    """The first fill of an entry."""
    return PositionOpened(
        call=call.key, channel=call.channel, side=call.side, qty=fill.qty, price=fill.price, at=fill.at
    )
