"""
Fills from bars: what the orders of one symbol do in one bar, told pessimistically.

A bar is told twice. At its open, orders that were accepted by then meet the first price: market
and IOC orders take it, limits that it satisfies take it too. At its end, when high and low are
known, resting orders fill. The order of events inside a bar is unknown, so the worst is taken:

- a limit fills only when the price trades *through* it, at its own price, as maker;
- an entry filled inside the bar meets its stop in the same bar, and none of its targets;
- a stop comes before every target; it fills at the worse of trigger and open, and slips by
  max(0.05 %, a tenth of the bar's range) against us, as taker;
- on the way to a stop, entries nearer to the price fill before it, entries beyond it after it;
- a breakout entry fires on the first trade beyond its trigger, pays the half spread, and expires
  (`gap`) when that is beyond its price.

An order takes part in bars that open at or after its acceptance. Reduce-only limits and stops
accepted within `join_s` after the open of a bar of a minute or more take part in that bar: they
answer a fill at that open. Reduce-only orders never exceed or turn the position; without one,
limits and stops rest (a stop whose trigger trades meanwhile rests on) and takers expire.
A cancelled order does nothing more, in the bar of its cancellation too.
"""

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from msgspec import Struct

from levibotd.domain.signal import Symbol
from levibotd.ports.market import Bar
from levibotd.ports.venue import Fill, OrderEnded, OrderState, VenueOrder
from levibotd.sim.resting import Resting

_STOP_SLIP = Decimal("0.0005")
_RANGE_SLIP = Decimal("0.1")
_JOIN_INTERVAL_S = 60.0
# Two sums of floats may name one instant; no bar is this short.
_SAME_INSTANT_S = 1e-5
_PRICE_LEAST = 1e-15
_PRICE_MOST = 1e12
_ZERO = Decimal(0)


class Terms(Struct, frozen=True, kw_only=True):
    """What trading a symbol costs at one moment. Rates and spreads are shares of the price."""

    tick: Decimal
    maker_fee: Decimal
    taker_fee: Decimal
    half_spread: Decimal
    slippage: Decimal
    fee_currency: str
    filters: str = "venue"


class Matcher:
    """
    Open orders and position of one symbol, driven bar by bar: `open_bar`, then `close_bar`.

    Pure: knows no clock and no market. `terms_at` is asked only when something fills.
    """

    def __init__(
        self,
        symbol: Symbol,
        *,
        terms_at: Callable[[float], Terms],
        position: Decimal = _ZERO,
        join_s: float = 1.0,
    ) -> None:
        self.symbol = symbol
        self.position = position
        self.bad_bars = 0
        self._terms_at = terms_at
        self._join_s = join_s
        self._orders: dict[str, Resting] = {}
        self._accepted = 0
        self._bar: Bar | None = None
        self._costs_at = 0.0  # The open of the bar that is told: its costs are those of all its fills.
        self._held = position  # Since the open of this bar: all that targets may close in it.
        self._stopped = _ZERO  # Closed by stops in this bar.
        self._waiting = False  # Is there an order that has not seen an open?
        self._armed = False  # Is there a breakout entry, which must see every open?
        self._low_watch = 0.0  # Nothing happens in a bar that stays between these two.
        self._high_watch = _PRICE_MOST
        self._updates: list[Fill | OrderEnded] = []

    @property
    def idle(self) -> bool:
        """Neither orders nor a position: no bar can change anything."""
        return not self._orders and not self.position

    def ignores(self, bar: Bar) -> bool:
        """Would nothing happen in this bar, were it the next?"""
        between = bar.low > self._low_watch and bar.high < self._high_watch
        return between and not (self._waiting or self._armed) and is_sound(bar)

    def open_orders(self) -> list[OrderState]:
        return [resting.state("open") for resting in self._orders.values()]

    def order(self, cid: str) -> OrderState | None:
        """An open order; None for all others."""
        resting = self._orders.get(cid)
        return resting.state("open") if resting is not None else None

    def accept(self, order: VenueOrder, *, at: float, filled: Decimal = _ZERO) -> None:
        """Take an order that was checked before. `filled` is what an earlier life of it did."""
        assert order.cid not in self._orders
        resting = Resting(order, number=self._accepted, accepted_at=at, filled=filled)
        self._accepted += 1
        self._orders[order.cid] = resting
        resting.live = self._joins(resting)
        self._watch()

    def cancel(self, cid: str, *, at: float) -> OrderEnded | None:
        """End an open order; None when there is none."""
        resting = self._orders.get(cid)
        if resting is None:
            return None
        ended = self._drop(resting, "cancelled", "", at)
        self._watch()
        return ended

    def unpriced_since(self) -> float | None:
        """When the oldest IOC entry was accepted that has not seen a single open."""
        if not self._waiting:
            return None
        return min((one.accepted_at for one in self._orders.values() if one.unpriced), default=None)

    def expire_unpriced(self, *, accepted_by: float, at: float) -> list[Fill | OrderEnded]:
        """Give up IOC entries that were accepted by then and have not seen a single open."""
        waiting = [one for one in self._orders.values() if one.unpriced and one.accepted_at <= accepted_by]
        ended: list[Fill | OrderEnded] = [self._drop(one, "expired", "no_price", at) for one in waiting]
        self._watch()
        return ended

    def open_bar(self, bar: Bar) -> list[Fill | OrderEnded]:
        """The first price of `bar` (with its own `interval_s`) is known. A bar that is none is counted and skipped."""
        if not is_sound(bar):
            self.bad_bars += 1
            self._bar = None
            return []
        self._bar = bar
        self._costs_at = bar.ts
        self._stopped = _ZERO
        if not (self._waiting or self._armed):
            self._held = self.position
            return []
        self._updates = []
        for resting in list(self._orders.values()):
            if not resting.live and resting.accepted_at <= bar.ts + _SAME_INSTANT_S:
                resting.live = True
                self._meet_open(resting, bar)
            elif not resting.live:
                resting.live = self._joins(resting)  # Accepted since, and told of this open only now.
            elif resting.order.type == "trigger":
                self._fire_at_open(resting, bar)
        self._held = self.position
        self._watch()
        return self._updates

    def close_bar(self) -> list[Fill | OrderEnded]:
        """High, low and close of the bar are known. Without a sound open bar nothing happens."""
        bar = self._bar
        self._bar = None
        if bar is None or (bar.low > self._low_watch and bar.high < self._high_watch):
            return []
        self._updates = []
        for resting in self._inside(bar):
            match resting.order.type:
                case "trigger":
                    self._fire(resting, resting.behind(bar.open), bar.ts + bar.interval_s)
                case "stop":
                    self._stop_out(resting, bar)
                case _:
                    self._fill(resting, resting.remaining, resting.price, at=bar.ts + bar.interval_s)
        self._reach_targets(bar)
        self._watch()
        return self._updates

    # A reduce-only order that answers a fill at the open of the bar we are in.
    def _joins(self, resting: Resting) -> bool:
        bar = self._bar
        return (
            bar is not None
            and resting.order.reduce_only
            and not resting.takes
            and bar.interval_s >= _JOIN_INTERVAL_S
            and resting.accepted_at - bar.ts <= self._join_s + _SAME_INSTANT_S
        )

    def _meet_open(self, resting: Resting, bar: Bar) -> None:
        if resting.takes:
            self._take(resting, bar)
        elif resting.order.type == "limit":
            self._arrive(resting, bar)
        elif resting.order.type == "trigger":
            self._fire_at_open(resting, bar)

    def _take(self, resting: Resting, bar: Bar) -> None:
        quantity = self._room(resting)
        if not quantity:
            self._end(resting, "expired", "no_position", bar.ts)
            return
        limit = resting.order.price
        price = self._taken(resting, bar.open)
        if limit is not None and resting.worse(price, limit):
            gone = resting.worse(_of(bar.open), limit)
            self._end(resting, "expired", "not_marketable" if gone else "slippage", bar.ts)
            return
        self._fill(resting, quantity, price, at=bar.ts, taker=True)
        if resting.remaining:
            self._end(resting, "expired", "reduce_only", bar.ts)

    # A limit meets its first price: one that it satisfies is taken, at that price.
    def _arrive(self, resting: Resting, bar: Bar) -> None:
        limit = resting.price
        quantity = self._room(resting)
        if not quantity or resting.worse(self._taken(resting, bar.open, slips=False), limit):
            return
        if resting.order.tif == "GTX":
            self._end(resting, "rejected", "post_only", bar.ts)
            return
        price = self._taken(resting, bar.open)
        self._fill(resting, quantity, limit if resting.worse(price, limit) else price, at=bar.ts, taker=True)

    def _fire_at_open(self, resting: Resting, bar: Bar) -> None:
        if bar.open > resting.trigger if resting.buys else bar.open < resting.trigger:
            self._fire(resting, bar.open, bar.ts)

    def _fire(self, resting: Resting, first: float, at: float) -> None:
        price = self._taken(resting, first)
        if resting.worse(price, resting.price):
            self._end(resting, "expired", "gap", at)
            return
        quantity = self._room(resting)
        if quantity:
            self._fill(resting, quantity, price, at=at, taker=True)
        if resting.remaining:
            self._end(resting, "expired", "reduce_only", at)

    # Entries and stops that the bar reaches, in the order in which a falling, then a rising price meets them.
    def _inside(self, bar: Bar) -> list[Resting]:
        fired: list[Resting] = []
        below: list[Resting] = []
        above: list[Resting] = []
        for resting in self._orders.values():
            order = resting.order
            if not resting.live or not resting.reached(bar) or (order.type == "limit" and order.reduce_only):
                continue
            if order.type == "trigger":
                fired.append(resting)
            elif resting.watches_low:
                below.append(resting)
            else:
                above.append(resting)
        below.sort(key=lambda one: (-one.level, one.order.type == "stop", one.number))
        above.sort(key=lambda one: (one.level, one.order.type == "stop", one.number))
        return fired + below + above

    def _stop_out(self, resting: Resting, bar: Bar) -> None:
        quantity = self._room(resting)
        if not quantity:
            return
        terms = self._terms_at(self._costs_at)
        base = _of(resting.behind(bar.open))
        slip = max(_STOP_SLIP * base, _RANGE_SLIP * (_of(bar.high) - _of(bar.low))) + terms.slippage * base
        price = _against(resting.buys, base, slip, terms.tick)
        at = bar.ts + bar.interval_s
        self._stopped += quantity
        self._fill(resting, quantity, price, at=at, taker=True)
        if resting.remaining:
            self._end(resting, "expired", "reduce_only", at)

    def _reach_targets(self, bar: Bar) -> None:
        reached = [
            resting
            for resting in self._orders.values()
            if resting.live and resting.order.type == "limit" and resting.order.reduce_only and resting.reached(bar)
        ]
        reached.sort(key=lambda one: (-one.level if one.buys else one.level, one.number))
        budget = abs(self._held) - self._stopped
        for resting in reached:
            quantity = min(self._room(resting), budget)
            if quantity > 0:
                budget -= quantity
                self._fill(resting, quantity, resting.price, at=bar.ts + bar.interval_s)

    # What an order may still do now.
    def _room(self, resting: Resting) -> Decimal:
        if not resting.order.reduce_only:
            return resting.remaining
        reducible = -self.position if resting.buys else self.position
        return max(_ZERO, min(resting.remaining, reducible))

    # What a taker pays when the first price is this.
    def _taken(self, resting: Resting, first: float, *, slips: bool = True) -> Decimal:
        terms = self._terms_at(self._costs_at)
        base = _of(first)
        share = terms.half_spread + terms.slippage if slips else terms.half_spread
        return _against(resting.buys, base, base * share, terms.tick)

    def _fill(self, resting: Resting, quantity: Decimal, price: Decimal, *, at: float, taker: bool = False) -> None:
        order = resting.order
        terms = self._terms_at(self._costs_at)
        resting.filled += quantity
        self.position += quantity if resting.buys else -quantity
        fill = Fill(
            cid=order.cid,
            # The quantity done so far names a trade also after a restart that has forgotten the earlier ones.
            trade_id=f"{order.cid}-{resting.filled.normalize():f}",
            symbol=order.symbol,
            side=order.side,
            qty=quantity,
            price=price,
            fee=quantity * price * (terms.taker_fee if taker else terms.maker_fee),
            fee_currency=terms.fee_currency,
            liquidity="taker" if taker else "maker",
            remaining=resting.remaining,
            at=at,
            filters=terms.filters,
        )
        self._updates.append(fill)
        if not resting.remaining:
            self._end(resting, "filled", "", at)

    def _end(self, resting: Resting, final: str, why: str, at: float) -> None:
        self._updates.append(self._drop(resting, final, why, at))

    def _drop(self, resting: Resting, final: str, why: str, at: float) -> OrderEnded:
        del self._orders[resting.order.cid]
        order = resting.order
        return OrderEnded(cid=order.cid, symbol=order.symbol, final=final, cum_qty=resting.filled, at=at, why=why)

    def _watch(self) -> None:
        self._waiting = self._armed = False
        self._low_watch, self._high_watch = 0.0, _PRICE_MOST
        for resting in self._orders.values():
            if not resting.live:
                self._waiting = True
            elif resting.watches_low:
                self._low_watch = max(self._low_watch, resting.level)
            else:
                self._high_watch = min(self._high_watch, resting.level)
            self._armed = self._armed or resting.order.type == "trigger"


def is_sound(bar: Bar) -> bool:
    """Can these be prices? Zero, NaN, infinite, absurd or crossed ones cannot."""
    return (
        _PRICE_LEAST < bar.low <= bar.open <= bar.high < _PRICE_MOST
        and bar.low <= bar.close <= bar.high
        and bar.volume >= 0
    )


def _of(price: float) -> Decimal:
    return Decimal(repr(price))


# Moved against whoever trades, onto the tick, and never to zero.
def _against(buys: bool, base: Decimal, by: Decimal, tick: Decimal) -> Decimal:
    if buys:
        return ((base + by) / tick).to_integral_value(ROUND_CEILING) * tick
    return max(tick, ((base - by) / tick).to_integral_value(ROUND_FLOOR) * tick)
