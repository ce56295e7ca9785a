"""
What a channel may still change about one of its open calls, and what of it is only noted.

A stop may be tightened and targets that have not filled may change; a part may be closed. Nothing here
ever widens a stop, turns a side or adds to what is held: such wishes come back as `review`. A stop that
would lie beyond the market is a way out.
"""

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct

from levibotd.domain.book import CLOSING, Call
from levibotd.domain.exits import EVEN, Split, breakeven, split
from levibotd.domain.leg_read import LegRead
from levibotd.domain.levels import target_level, wanted
from levibotd.domain.orders import ENTRY, TARGET, Order
from levibotd.domain.signal import Change, Leg
from levibotd.domain.sizing import Filters, is_thin
from levibotd.domain.steps import floor_step, stop_price, target_price
from levibotd.domain.trade_plan import Target

# As written, in satoshi, in thousands, with leading zeros left out: a thousand apart, so at most one brings it near.
_UNITS = tuple(Decimal(unit) for unit in ("1", "1e-8", "1e-3", "1e3", "1e-6"))
_STOP_REACH = Decimal(2)  # A stop is at most so many times the entry, or this share of it.
_TARGET_REACH = Decimal(5)
_SHARE = Decimal("1e-8")

# Why a wish is left to people.
REVIEWS = (
    "burst", "closing", "entry_filled", "entry_not_planned", "no_price", "no_target_left", "not_filled", "side_flipped",
    "stop_beyond_entry", "stop_beyond_targets", "stop_conditional", "stop_unclear", "stop_widened", "target_unclear",
    "target_wrong_side", "too_small", "unclear", "which_call",
)  # fmt: skip


class Wish(Struct, frozen=True, kw_only=True):
    """What is asked of an open call, prices in the quote. `unclear` names what no price could be made of."""

    stop: Decimal | None = None
    breakeven: bool = False
    targets: tuple[Decimal, ...] = ()
    entry: bool = False  # Other entries than those that rest.
    close_share: Decimal | None = None
    unclear: tuple[str, ...] = ()


class Rulings(Struct, frozen=True, kw_only=True):
    """
    What rules an amendment: the venue's steps, how targets share, the price now (None: not known).

    `only_protects`: of all wishes only tighter stops and ways out are granted.
    """

    filters: Filters
    mark: Decimal | None
    tp_split: Split = EVEN
    max_tps: int = 5
    only_protects: bool = False


class Amendment(Struct, frozen=True, kw_only=True):
    """
    What is done about a wish. Nothing at all: it is so already, or `review` says why not.

    `reduce` is what to close of the position, `close` that all of it goes, `end_entries` that rungs would be
    bought into the new stop.
    """

    stop: Decimal | None = None
    targets: tuple[Target, ...] | None = None
    close: bool = False
    reduce: Decimal = Decimal(0)
    end_entries: bool = False
    review: tuple[str, ...] = ()

    @property
    def effect(self) -> str:
        """The strongest of what is done: closed, reduced, moved or targets; empty where nothing is."""
        if self.close:
            return "closed"
        if self.reduce:
            return "reduced"
        if self.stop is not None:
            return "moved"
        return "targets" if self.targets is not None else ""


def wish_of_change(change: Change, call: Call) -> Wish:
    """
    Bring what an update asks into the quote's unit.

    A number is read in the unit of the call; failing that, in the one unit that brings it near the entry.
    """
    unclear: list[str] = []
    stop = None
    if change.stop is not None and (stop := _in_quote(change.stop, call, _STOP_REACH)) is None:
        unclear.append("stop_unclear")
    targets = [_in_quote(written, call, _TARGET_REACH) for written in change.targets]
    if any(target is None for target in targets):
        unclear.append("target_unclear")
        targets = []
    return Wish(
        stop=stop,
        breakeven=change.breakeven,
        targets=tuple(target for target in targets if target is not None),
        entry=bool(change.entry),
        close_share=None if change.close_share is None else Decimal(str(change.close_share)),
        unclear=tuple(unclear),
    )


def leg_of_change(change: Change, call: Call) -> Leg | None:
    """The call as it would be with other entries, in the quote's unit; None where a price is unclear."""
    entries = [_in_quote(written, call, _STOP_REACH) for written in change.entry]
    if call.leg is None or not entries or any(price is None for price in entries):
        return None
    return Leg(
        symbol=call.leg.symbol,
        side=call.side,
        market=call.leg.market,
        entry=tuple(float(price) for price in entries if price is not None),
        tps=tuple(float(target.price) for target in call.targets),
        sl=float(call.stop),
        sl_kind="price",
        leverage=call.leg.leverage,
    )


def wish_of_edit(leg: Leg, call: Call) -> Wish:
    """What an edited call asks for: only what is not as it was judged; what is left out stays as it is."""
    before, now = call.leg, LegRead.of(leg)
    want = wanted(leg, symbol=call.symbol)
    unclear: list[str] = []
    if now.side is not call.side:
        return Wish(unclear=("side_flipped",))
    stop = None
    if want.sl is not None and (before is None or (now.sl, now.sl_kind) != (before.sl, before.sl_kind)):
        if want.sl_kind == "price":
            stop = want.sl
        elif want.sl_kind == "pct":
            stop = _reference(call) * (1 - call.side.sign * want.sl / 100)
        else:
            # Of an open call a stop is only ever tightened. Another kind of stop is no tighter one: it takes away what
            # protects within a bar, but for a stop at the venue 3 % or more beyond that level, and size and R were
            # made for the one that rests. That one stays, and people are told. What has not filled is planned anew.
            unclear.append("stop_conditional")
    targets: tuple[Decimal, ...] = ()
    if want.tps and (before is None or (now.tps, now.tp_unit) != (before.tps, before.tp_unit)):
        targets = tuple(target_level(tp, want, entry=_reference(call)) for tp in want.tps)
    return Wish(stop=stop, targets=targets, entry=entry_changed(before, now), unclear=tuple(unclear))


def entry_changed(before: LegRead | None, now: LegRead) -> bool:
    """Does an edit name other entries than those that were judged?"""
    return before is not None and (before.entry, before.entry_type) != (now.entry, now.entry_type)


def stop_widened(now: LegRead, before: LegRead, *, stop: Decimal, planned: Decimal) -> bool:
    """
    Does an edit ask for a stop that only another plan could have: one further away than `stop`, or of another kind?

    Not where the stop has left its place in the plan (`planned`): what was tightened stays tightened.
    """
    if now.sl is None or (now.sl, now.sl_kind) == (before.sl, before.sl_kind) or stop != planned:
        return False
    if (now.sl_kind or "price") != "price" or isinstance(now.sl, tuple):
        return True
    return (now.sl * now.factor - stop) * now.side.sign < 0


def amend(call: Call, orders: Sequence[Order], wish: Wish, rules: Rulings) -> Amendment:
    """
    Say what of a wish is done.

    Guarantees: the stop is never further from the entry than before, targets keep what they have filled and
    share what is left exactly, nothing is bought.
    """
    review = list(wish.unclear)
    if call.status == CLOSING:
        return Amendment(review=("closing",))
    if wish.entry:
        review.append("entry_filled" if call.bought else "burst" if rules.only_protects else "entry_not_planned")
    stop, close = _stop(call, wish, rules, review)
    targets = None
    if wish.targets and not rules.only_protects:
        targets = _targets(call, orders, wish.targets, rules, review, stop=call.stop if stop is None else stop)
    elif wish.targets:
        review.append("burst")
    reduce = Decimal(0)
    if wish.close_share is not None and not close:
        reduce, close = _part(call, wish.close_share, rules, review)
    bought_into = stop is not None and any((_price(order) - stop) * call.side.sign <= 0 for order in _resting(orders))
    if bought_into and not call.qty:
        review.append("stop_beyond_entry")
        stop, bought_into = None, False
    return Amendment(
        stop=None if close else stop,
        targets=None if close else targets,
        close=close,
        reduce=Decimal(0) if close else reduce,
        end_entries=bought_into and not close,
        review=tuple(review),
    )


# The new stop, and whether it is a way out; None where it stays.
def _stop(call: Call, wish: Wish, rules: Rulings, review: list[str]) -> tuple[Decimal | None, bool]:
    sign, tick = call.side.sign, rules.filters.tick
    wished = [] if wish.stop is None else [stop_price(wish.stop, side=call.side, tick=tick)]
    if wish.breakeven:
        level = breakeven(call, fee=rules.filters.taker_fee, tick=tick)
        if level is None:
            review.append("not_filled")
        else:
            wished.append(level)
    if not wished:
        return None, False
    level = max(wished, key=lambda one: one * sign)
    if level <= 0 or (call.targets and (level - call.targets[-1].price) * sign >= 0):
        review.append("stop_beyond_targets")
        return None, False
    if (level - call.stop) * sign <= 0:
        if wish.stop is not None and level != call.stop:
            review.append("stop_widened")
        return None, False
    if call.qty and rules.mark is not None and (rules.mark - level) * sign <= 0:
        return None, True
    return level, False


def _targets(
    call: Call,
    orders: Sequence[Order],
    wished: Sequence[Decimal],
    rules: Rulings,
    review: list[str],
    *,
    stop: Decimal,
) -> tuple[Target, ...] | None:
    sign, tick = call.side.sign, rules.filters.tick
    filled = max((order.slot + 1 for order in orders if order.role == TARGET and order.cum_qty), default=0)
    kept = call.targets[:filled]
    prices = {target_price(price, side=call.side, tick=tick) for price in wished}
    bar = _reference(call)
    if any((price - bar) * sign <= 0 or (price - stop) * sign <= 0 for price in prices):
        review.append("target_wrong_side")
        return None
    beyond = [price for price in prices if not kept or (price - kept[-1].price) * sign > 0]
    ahead = sorted(beyond, reverse=sign < 0)
    left = 1 - sum((target.share for target in kept), Decimal(0))
    if not ahead or not left:
        review.append("no_target_left")
        return None
    ahead = ahead[: max(rules.max_tps - len(kept), 1)]
    shares = [(share * left).quantize(_SHARE) for share in split(rules.tp_split, len(ahead))]
    last = max(i for i, share in enumerate(shares) if share > 0)
    shares[last] += left - sum(shares)
    made = [Target(price=price, share=share) for price, share in zip(ahead, shares, strict=True) if share]
    found = (*kept, *made)
    return None if found == call.targets else found


# What goes of the position, and whether that is all of it.
def _part(call: Call, share: Decimal, rules: Rulings, review: list[str]) -> tuple[Decimal, bool]:
    if not call.qty:
        review.append("not_filled")
        return Decimal(0), False
    if share >= 1:
        return Decimal(0), True
    qty = floor_step(call.qty * share, rules.filters.step)
    price = rules.mark or _reference(call)
    if share <= 0 or is_thin(qty, price, rules.filters):
        review.append("too_small")
        return Decimal(0), False
    return qty, is_thin(call.qty - qty, price, rules.filters)


def _resting(orders: Sequence[Order]) -> list[Order]:
    return [order for order in orders if order.role == ENTRY and order.live]


def _price(order: Order) -> Decimal:
    assert order.price is not None, f"an entry without a price: {order.cid}"
    return order.price


def _reference(call: Call) -> Decimal:
    if call.entry_price is not None:
        return call.entry_price
    rungs = call.plan.rungs
    return sum((rung.price * rung.qty for rung in rungs), Decimal(0)) / call.plan.qty


def _in_quote(written: float, call: Call, reach: Decimal) -> Decimal | None:
    number, entry = Decimal(str(written)), _reference(call)
    own = () if call.leg is None else (call.leg.factor,)
    for unit in (*own, *_UNITS):
        price: Decimal = number * unit
        if entry / reach <= price <= entry * reach:
            return price
    return None
