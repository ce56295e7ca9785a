"""
What fills do to a call's money.

Accounting is that of a linear contract: cash changes by realised profit and by fees (in the
quote), never by the value of what is bought. Quantities and what was paid are kept exactly,
averages are only derived. A partial exit takes its share of what was paid, rounded to 1e-12 in
quote; the exit that ends in flat takes all that is left, so a whole call is exact to the digit.
"""

from collections.abc import Iterable
from decimal import Context, Decimal

from levibotd.domain.book import CLOSED, CLOSING, OPEN, Call, Tally
from levibotd.domain.order_records import OrderFill, PositionClosed
from levibotd.domain.orders import CLOSE

EXACT = Context(prec=60)  # Products and sums of money are exact.

_MAGNITUDE_MIN, _MAGNITUDE_MAX = -40, 18  # Powers of ten: of nothing beyond can the sums be exact.
_SHARE = Decimal("1e-12")  # What a partial exit takes of what was paid is rounded to this.


def expect_sound(*numbers: Decimal | None) -> None:
    """Raise AssertionError for what no sum may take in: not a number, infinite, or of an absurd size."""
    for number in numbers:
        if number is not None:
            assert is_sound(number), f"no amount: {number}"


def is_sound(number: Decimal) -> bool:
    """Is this an amount that sums may take in?"""
    return number.is_finite() and (not number or _MAGNITUDE_MIN <= number.adjusted() <= _MAGNITUDE_MAX)


def bought(call: Call, fill: OrderFill) -> Decimal:
    """
    An entry of `call` has traded. Returns what that realised before fees.

    Nothing, but where an exit that sold this very quantity was told before it.
    """
    value = EXACT.multiply(fill.qty, fill.price)
    call.qty += fill.qty
    call.bought += fill.qty
    call.entry_value = EXACT.add(call.entry_value, value)
    call.bought_value = EXACT.add(call.bought_value, value)
    call.ended = False
    if call.status == CLOSED and call.exit_role == CLOSE:
        call.status = CLOSING  # What comes in late of a call that was closed goes the same way.
    elif call.status != CLOSING:
        call.status = OPEN
    if call.opened_at is None:
        call.opened_at = fill.at
    early = min(call.sold_early, fill.qty)
    if not early:
        return Decimal(0)
    worth = EXACT.divide(EXACT.multiply(call.sold_early_value, early), call.sold_early).quantize(_SHARE, context=EXACT)
    call.sold_early -= early
    call.sold_early_value = EXACT.subtract(call.sold_early_value, worth)
    return _realise(call, early, worth)


def sold(call: Call, fill: OrderFill, *, role: str, untold: Decimal = Decimal(0)) -> tuple[Decimal, Decimal]:
    """
    An exit of `call` has traded: what it realised before fees, and what of it was not there to sell.

    `untold` is what the venue has counted of the call's entries and not told yet: an exit may be told before them.
    A reduce-only order never sells more than there is; where a venue breaks that, the excess is no position of ours.
    """
    qty = min(fill.qty, call.qty)
    # What the venue has counted of the entries and not told yet may have been there to sell all the same.
    early = min(fill.qty - qty, max(untold - call.sold_early, Decimal(0)))
    call.sold_early += early
    call.sold_early_value = EXACT.add(call.sold_early_value, EXACT.multiply(early, fill.price))
    excess = fill.qty - qty - early
    if not qty:
        return Decimal(0), excess
    call.exit_role = role
    return _realise(call, qty, EXACT.multiply(qty, fill.price)), excess


def _realise(call: Call, qty: Decimal, value: Decimal) -> Decimal:
    if qty == call.qty:
        paid = call.entry_value
    else:
        paid = EXACT.divide(EXACT.multiply(call.entry_value, qty), call.qty).quantize(_SHARE, context=EXACT)
    realised = EXACT.multiply(EXACT.subtract(value, paid), call.side.sign)
    call.qty -= qty
    call.sold += qty
    call.entry_value = EXACT.subtract(call.entry_value, paid)
    call.sold_value = EXACT.add(call.sold_value, value)
    call.realised = EXACT.add(call.realised, realised)
    if not call.qty:
        call.status = CLOSED
    return realised


def count(tally: Tally, closed: PositionClosed) -> None:
    """Add a closed call to the sums of its channel, or of all."""
    tally.closed += 1
    tally.won += closed.net > 0
    tally.stopped += closed.reason == "stop"
    tally.pnl = EXACT.add(tally.pnl, closed.pnl)
    tally.fees = EXACT.add(tally.fees, closed.fees)
    tally.net = EXACT.add(tally.net, closed.net)
    tally.r += closed.r


def total(tallies: Iterable[Tally]) -> Tally:
    """Add several sums up: those of one channel under its names."""
    whole = Tally()
    for tally in tallies:
        for name in Tally.__struct_fields__:
            setattr(whole, name, getattr(whole, name) + getattr(tally, name))
    return whole
