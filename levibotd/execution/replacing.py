"""Another plan for a call that has not filled anything, and what says no to it."""

from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from levibotd.domain.book import CLOSING, Call
from levibotd.domain.ledger import Ledger
from levibotd.domain.order_records import OrderIntent
from levibotd.domain.orders import Order, entry_room
from levibotd.domain.records import RiskTicket
from levibotd.domain.signal import TraceId

SUPERSEDED = "superseded"


class Replacement(Struct, frozen=True, kw_only=True):
    """
    A new plan for a call that has not filled anything: `open` sends its committed intents, the stop's first.

    `over` hears how it ended: replaced, filled, closing, superseded, or the gate that closed meanwhile.
    """

    ticket: RiskTicket
    open: Callable[[TraceId | None, RiskTicket, tuple[OrderIntent, ...]], Awaitable[None]]
    over: Callable[[str], Awaitable[None]]


def may_not_begin(
    call: Call, ticket: RiskTicket, entries: Sequence[Order], ledger: Ledger, *, over: str | None, now: float
) -> str | None:
    """Why this plan may not take the place of the old one, all entries of which are over; None where it may."""
    if call.status == CLOSING or over is not None:
        return over or "closing"
    if any(order.absent for order in entries):
        return "absent"  # Inferred, not told: nobody knows for certain that it cannot fill.
    newest = ledger.ticket(call.key)
    if now > ticket.expires_at or newest is None:
        return "ticket_expired"
    if newest.plan != ticket.plan:
        return SUPERSEDED  # By a plan that is on its way here; the log would take this one for that.
    if call.stop != call.plan.stop and (ticket.plan.stop - call.stop) * call.side.sign < 0:
        return "stop_widened"  # It was tightened since; that was not said for nothing.
    if ticket.plan.qty > entry_room(tuple(entries), planned_qty=call.plan.qty):
        return "too_large"
    closed = ledger.may_open()
    return None if closed is None else closed.name
