"""
What a call still needs at the venue: its stop before anything else, targets for what is filled,
nothing left behind once it is flat.

`opening_actions` says what a new call begins with. From then on `next_actions` looks at the call
and its orders and says what is missing; carried out and folded in, the same question gives
nothing. So it can be asked after every fill, end, price and start, as often as one likes.

A stop is reduce-only and rests at the venue before the first entry does. It covers the whole plan
from the start, so that no partial fill is ever larger than it; being reduce-only, what it covers
too much can neither open nor turn a position. Once a part was closed, or entries have ended
unfilled, it is made as large as what is left; not with each target that fills, or it would be
on the move all the time. A stop is moved by placing the new one first, and on the way out it
stays until the position is flat.
"""

from collections.abc import Iterator
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from levibotd.domain.book import CLOSING, Call
from levibotd.domain.exits import entries_over
from levibotd.domain.orders import CLOSE, CLOSE_SLOT, ENTRY, PART_SLOT, STOP, TARGET, Order, OrderState
from levibotd.domain.signal import Side
from levibotd.domain.sizing import Filters, target_quantities
from levibotd.domain.trade_plan import Rung, TradePlan

NAKED_S_MAX = 5.0  # A position without a stop at the venue for longer is closed.
STOP_FAILURES_MAX = 3
TARGET_FAILURES_MAX = 3
RETRY_S = 1.0  # After a refusal the next attempt waits this long.
STOP_SLOT = 0

_NONE = Decimal(0)
_REACHABLE = (OrderState.SENT, OrderState.ACKED, OrderState.PARTIAL)
_UNSURE = (OrderState.UNKNOWN, OrderState.FENCED)
_ENTRY_TYPES = {"limit": ("limit", "GTC"), "ioc": ("limit", "IOC"), "trigger": ("trigger", "IOC")}


class PlaceOrderAction(Struct, frozen=True, kw_only=True):
    """Commit the intent of this order, then send it."""

    role: str
    slot: int
    attempt: int
    type: str  # limit | market | stop | trigger
    tif: str
    side: Side
    qty: Decimal
    price: Decimal | None = None
    trigger: Decimal | None = None
    reduce_only: bool = False
    why: str = ""


class CancelAction(Struct, frozen=True, kw_only=True):
    """End this order at the venue."""

    cid: str
    why: str


class FinishAction(Struct, frozen=True, kw_only=True):
    """
    Nothing is open, nothing can fill: the call is over.

    Write POSITION_CLOSED if it ever held something, and PROTECT with state `ended`.
    """

    why: str


Action = PlaceOrderAction | CancelAction | FinishAction


def opening_actions(plan: TradePlan, *, orders: tuple[Order, ...] = ()) -> tuple[PlaceOrderAction, ...]:
    """
    What a call begins with: the stop over the whole plan, then every rung. Send no rung before the stop rests.

    `orders` are those of the plan before, every entry of which is over and none filled: attempts go on from there.
    """
    entries = [order for order in orders if order.role == ENTRY]
    assert not any(order.live or order.cum_qty for order in entries), "the old plan is not over"
    actions = (
        _stop(plan.side, trigger=plan.stop, qty=plan.qty, attempt=0, why="planned"),
        *(_entry(plan.side, rung, slot=slot) for slot, rung in enumerate(plan.rungs)),
    )
    made = [(order.role, order.slot, order.attempt) for order in orders]
    return tuple(
        replace(
            action,
            attempt=max((n for *place, n in made if place == [action.role, action.slot]), default=-1) + 1,
        )
        for action in actions
    )


def next_actions(
    call: Call,
    orders: tuple[Order, ...],
    *,
    now: float,
    filters: Filters,
    over: str | None = None,
    close: bool = False,
    naked_since: float | None = None,
    cancel_again: bool = False,
) -> tuple[Action, ...]:
    """
    Say what must be done for a call now: protection and exits first, then cancels, then targets.

    `over` is why unfilled entries must go (their lifetime is looked at here), `close` asks for the way
    out, `naked_since` is since when the position has had no stop at the venue, in running time.
    `cancel_again` repeats cancels whose outcome is not known, as after a start.
    """
    view = _View(call, orders, now, cancel_again=cancel_again)
    closing = close or call.status == CLOSING
    why_over = over or entries_over(call, orders, now=now) or ("closing" if closing else None)
    actions: list[Action] = []
    if call.qty:
        emergency = _emergency(view, naked_since)
        if emergency is not None or closing:
            actions += _closing(view, why=emergency or "close")
            closing = True
    if call.qty or view.entries or view.untold:
        actions += _stops(view, filters, closing=closing)
        if why_over is not None or (call.bought and not call.qty):
            actions += _cancels(view, view.entries, why_over or "flat")
        if call.qty:
            resting = [order for order in view.live if order.role == TARGET]
            actions += _cancels(view, resting, "closing") if closing else (*_parts(view), *_targets(view, filters))
    else:
        actions += _leftovers(view)
        if not actions and not view.live and not call.ended:
            actions.append(FinishAction(why=call.exit_role or why_over or "unfilled"))
    return tuple(actions)


def is_protected(call: Call, orders: tuple[Order, ...]) -> bool:
    """Does a stop at the venue cover all that is held? True while flat."""
    return not call.qty or any(
        order.role == STOP and order.resting and order.qty - order.cum_qty >= call.qty for order in orders
    )


class _View:
    """A call's orders, sorted by what they are for."""

    def __init__(self, call: Call, orders: tuple[Order, ...], now: float, *, cancel_again: bool) -> None:
        self.call = call
        self.orders = orders
        self.now = now
        self.cancel_again = cancel_again
        self.live = [order for order in orders if order.live]
        self.entries = [order for order in self.live if order.role == ENTRY]

    def of(self, role: str, slot: int | None = None) -> list[Order]:
        return [order for order in self.orders if order.role == role and slot in (None, order.slot)]

    def next_attempt(self, role: str, slot: int) -> int:
        return max((order.attempt for order in self.of(role, slot)), default=-1) + 1

    # A refusal is not answered with the same order in the same moment.
    def may_retry(self, role: str, slot: int) -> bool:
        last = self.of(role, slot)[-1:]
        return not last or last[0].state is not OrderState.REJECTED or self.now >= last[0].at + RETRY_S

    @property
    def exit_side(self) -> Side:
        return self.call.side.opposite

    @property
    def untold(self) -> Decimal:
        """Trades of entries that the venue has counted and not told yet."""
        return sum((order.untold for order in self.of(ENTRY)), _NONE)

    @property
    def to_cover(self) -> Decimal:
        """What is held and what entries may still add."""
        return self.call.qty + self.untold + sum((order.remaining for order in self.entries), _NONE)

    @property
    def beside(self) -> Decimal:
        """What was closed beside stop and targets."""
        return sum((order.filled for order in self.of(CLOSE)), _NONE)

    @property
    def part_left(self) -> Decimal:
        """What was asked to be closed of the position and is not yet."""
        done = sum((order.cum_qty for order in self.of(CLOSE, PART_SLOT)), _NONE)
        return min(self.call.to_reduce - done, self.call.qty)

    @property
    def is_changing(self) -> bool:
        """Is a part being closed, or an entry cancelled, so that nobody knows yet what is left?"""
        return (
            self.part_left > 0
            or any(order.live for order in self.of(CLOSE))
            or any(order.cancelling for order in self.entries)
        )


def _stop(side: Side, *, trigger: Decimal, qty: Decimal, attempt: int, why: str) -> PlaceOrderAction:
    return PlaceOrderAction(
        role=STOP,
        slot=STOP_SLOT,
        attempt=attempt,
        type="stop",
        tif="GTC",
        side=side.opposite,
        qty=qty,
        trigger=trigger,
        reduce_only=True,
        why=why,
    )


def _entry(side: Side, rung: Rung, *, slot: int) -> PlaceOrderAction:
    kind, tif = _ENTRY_TYPES[rung.style]
    return PlaceOrderAction(
        role=ENTRY,
        slot=slot,
        attempt=0,
        type=kind,
        tif=tif,
        side=side,
        qty=rung.qty,
        price=rung.price,
        trigger=rung.trigger,
    )


def _emergency(view: _View, naked_since: float | None) -> str | None:
    stops = view.of(STOP)
    if stops and stops[-1].state is OrderState.REJECTED and stops[-1].why == "EXIT_NOW":
        return "beyond the stop"
    if is_protected(view.call, view.orders):
        return None
    failures = [order for order in stops if order.state is OrderState.REJECTED]
    if len(failures) >= STOP_FAILURES_MAX:
        return "no stop could be placed"
    if naked_since is not None and view.now - naked_since > NAKED_S_MAX:
        return "naked for too long"
    return None


def _closing(view: _View, *, why: str) -> Iterator[Action]:
    under_way = sum((order.remaining for order in view.of(CLOSE) if order.state not in _UNSURE), _NONE)
    if under_way >= view.call.qty or not view.may_retry(CLOSE, CLOSE_SLOT):
        return
    yield _market_close(view, CLOSE_SLOT, qty=view.call.qty, why=why)


# What was asked to be closed of the position, until it is; each attempt once the one before is over.
def _parts(view: _View) -> Iterator[Action]:
    attempts, left = view.of(CLOSE, PART_SLOT), view.part_left
    if left <= 0 or any(order.live for order in attempts) or not view.may_retry(CLOSE, PART_SLOT):
        return
    yield _market_close(view, PART_SLOT, qty=left, why="reduce")


def _market_close(view: _View, slot: int, *, qty: Decimal, why: str) -> PlaceOrderAction:
    return PlaceOrderAction(
        role=CLOSE,
        slot=slot,
        attempt=view.next_attempt(CLOSE, slot),
        type="market",
        tif="IOC",
        side=view.exit_side,
        qty=qty,
        reduce_only=True,
        why=why,
    )


# One stop at the call's level that covers enough; whatever else there is goes once that one rests.
def _stops(view: _View, filters: Filters, *, closing: bool) -> Iterator[Action]:
    call = view.call
    stops = [order for order in view.of(STOP) if order.live]
    failures = [order for order in view.of(STOP) if order.state is OrderState.REJECTED]
    # While nobody knows whether the smaller one is there, the larger one protects, and is not made small once more.
    unsure = any(order.state in _UNSURE for order in stops)
    most = None if closing or failures or unsure else _stop_most(view, filters)
    good = [
        order
        for order in stops
        if order.trigger == call.stop and order.remaining >= view.to_cover and order.state not in _UNSURE
        if not order.cancelling and (most is None or order.remaining <= most)
    ]
    if not good:
        if len(failures) < STOP_FAILURES_MAX and view.may_retry(STOP, STOP_SLOT):
            attempt = view.next_attempt(STOP, STOP_SLOT)
            resized = any(order.trigger == call.stop and order.remaining > view.to_cover for order in stops)
            why = "resized" if resized else "moved" if stops else "missing"
            yield _stop(call.side, trigger=call.stop, qty=view.to_cover, attempt=attempt, why=why)
        elif not call.qty:
            yield from _cancels(view, view.entries, "no_stop")
        return
    kept = next((order for order in good if order.resting), None)
    if kept is not None:
        yield from _cancels(view, [order for order in stops if order is not kept], "replaced")


# More than this no stop should cover; None as long as one that is too large is the better one.
def _stop_most(view: _View, filters: Filters) -> Decimal | None:
    if not view.call.qty or view.to_cover < filters.min_qty or view.is_changing:
        return None
    entries = view.untold + sum((order.remaining for order in view.entries), _NONE)
    return view.call.bought - view.beside + entries


# Each target keeps its share of what was bought; what does not fit is ended first and placed anew.
def _targets(view: _View, filters: Filters) -> Iterator[Action]:
    call = view.call
    wanted = _target_remainders(view, filters)
    for slot, target in enumerate(call.targets):
        qty = wanted[slot]
        live = [order for order in view.of(TARGET, slot) if order.live]
        fits = [order for order in live if order.remaining == qty and order.price == target.price]
        yield from _cancels(view, [order for order in live if order not in fits], "resized")
        failures = [order for order in view.of(TARGET, slot) if order.state is OrderState.REJECTED]
        if live or not qty or len(failures) >= TARGET_FAILURES_MAX or not view.may_retry(TARGET, slot):
            continue
        yield PlaceOrderAction(
            role=TARGET,
            slot=slot,
            attempt=view.next_attempt(TARGET, slot),
            type="limit",
            tif="GTC",
            side=view.exit_side,
            qty=qty,
            price=target.price,
            reduce_only=True,
        )
    beyond = [order for order in view.live if order.role == TARGET and order.slot >= len(call.targets)]
    yield from _cancels(view, beyond, "dropped")


def _target_remainders(view: _View, filters: Filters) -> list[Decimal]:
    call = view.call
    # What was closed beside the targets goes from all of them alike.
    shares = target_quantities(call.targets, call.bought - view.beside, filters=filters)
    left = call.qty
    wanted = []
    for slot, share in enumerate(shares):
        done = sum((order.filled for order in view.of(TARGET, slot)), _NONE)
        qty = min(max(share - done, _NONE), left)
        wanted.append(qty)
        left -= qty
    if left:
        last = max((slot for slot, share in enumerate(shares) if share), default=0)
        wanted[last] += left
    return wanted


# Flat, and no entry can fill any more: what rests goes.
def _leftovers(view: _View) -> list[Action]:
    return list(_cancels(view, view.live, "flat" if view.call.bought else "unfilled"))


# What has not been sent yet is asked about again before it is; what is unknown is resolved first.
def _cancels(view: _View, orders: list[Order], why: str) -> Iterator[CancelAction]:
    for order in orders:
        if order.state in _REACHABLE and (view.cancel_again or not order.cancelling):
            yield CancelAction(cid=order.cid, why=why)
