"""
The honest follower: what a call would have made, told from bars, once for every channel alike.

`Terms` say what is followed: entries, targets, a stop, what trading costs. `Follow` takes bars in
order, each once, and comes to a `Result`. It looks at nothing else, so a later bar never changes what
an earlier one decided, and a call can be advanced bar by bar as the market goes on.

Prices are floats here: they come as floats, exact to the tick, and only additions, products and
comparisons in one fixed order are made of them, so two runs on any machine are the same to the bit.
Quantities are shares of the plan, which is 1. A short is a long on the mirrored price.

Inside a bar nobody knows the order of events. The figure itself takes the paper venue's view: entries
first, then the stop, and targets only for what was held when the bar began. The bounds are the worst
and the best of all orders: each order that may have been is followed on as a path of its own.
"""

import math
from collections.abc import Iterable

from levibotd.domain.exits import NO_MOVER, mover_of
from levibotd.domain.follower_path import PRICE_MOST, Candle, Mirrored, Path, Walk, is_sound, moved_stop, told
from levibotd.domain.follower_terms import (
    ENTRY_WAIT_BARS,
    FUNDING_EVERY_S,
    HORIZON_S,
    MAINTENANCE,
    RANGE_SLIP,
    SETTLE_AFTER_S,
    STOP_SLIP,
    Result,
    Terms,
)

PATHS_MAX = 32
_WEEK_BEGINS_S = 4 * 86_400.0  # Bars of a week begin on Mondays; unix time began on a Thursday.
_WEEK_S = 7 * 86_400.0


_USUAL = Walk()
_BEFORE_S = 0.001


def follow(terms: Terms, bars: Iterable[Candle], *, announced_at: float | None = None) -> Result | None:
    """Follow one call over these bars and no others; None while it is not over at the last of them."""
    one = Follow(terms)
    if announced_at is not None:
        one.announce(announced_at)
    one.advance(bars)
    return one.result() if one.over else None


class Follow:
    """One call on its way. `advance` it, tell it of an announced exit, and `settle` it where bars no longer come."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.cursor = terms.decided_at  # No bar that begins before this one counts.
        self._sign = terms.side.sign
        self._announced_at = math.inf
        self._last_close: float | None = None
        self._last_end = terms.decided_at
        sign = self._sign
        self._lots = tuple([(lot.style, lot.price * sign, lot.share, lot.trigger * sign) for lot in terms.lots])
        self._aims = tuple([(aim.price * self._sign, aim.share) for aim in terms.aims])
        self._mover = mover_of(terms.mover)
        planned = sum([lot.price * lot.share for lot in terms.lots])
        share = abs(planned - terms.stop) / planned if planned else 0.0
        self._trail = share if self._mover.share is None else float(self._mover.share)
        self._rule = terms.close_rule
        self._rule_level = -math.inf if self._rule is None else self._rule.level * self._sign
        self._paths = [Path(lots=len(self._lots), stop=terms.stop * self._sign)]
        self._low, self._high, self._due = math.inf, -math.inf, 0.0
        self._before_s = 0.0
        if not self._lots:
            self._paths[0].end("unfilled", "no_entry", at=terms.decided_at)

    @property
    def over(self) -> bool:
        """Has every order of events come to its end?"""
        return all(path.over for path in self._paths)

    @property
    def opened_at(self) -> float | None:
        return self._paths[0].opened_at

    def announce(self, at: float) -> None:
        """The channel says that it is over: out, or entries cancelled, at the first open from `at` on."""
        self._announced_at = min(self._announced_at, max(at, self.cursor))
        self._due = min(self._due, self._announced_at)

    def advance(self, bars: Iterable[Candle]) -> None:
        """Take in bars that are over, in order. Those before the cursor, and those that are none, are left out."""
        for bar in bars:
            end = bar.ts + bar.interval_s
            if bar.low > self._low and bar.high < self._high and end <= self._due and bar.ts >= self.cursor:
                self.cursor = self._last_end = end
                self._last_close = bar.close
                self._sink(bar)
                continue
            if bar.ts < self.cursor or not is_sound(bar):
                continue
            if self.over:
                return
            self._meet(Mirrored.of(bar, self._sign))
            self.cursor = self._last_end = end
            self._last_close = bar.close
            self._watch()

    def settle(self, now: float) -> bool:
        """Where bars have ended for good: what waits is over, what is held is closed at the last close. True: over."""
        for path in self._paths:
            if not path.over and now >= self._deadline(path) + SETTLE_AFTER_S:
                self._settle(path)
        return self.over

    def stop_here(self) -> None:
        """No bar will ever come any more: settle at the last one, whatever the clock says."""
        for path in self._paths:
            if not path.over:
                self._settle(path)

    def so_far(self, price: float | None) -> float:
        """R at this price (None: at the last close): what is realised, and the rest closed now, costs included."""
        path = self._paths[0]
        gain = path.realised - path.fees
        price = self._last_close if price is None else price
        if path.qty and not path.over and price is not None:
            out = price * self._sign
            out -= abs(out) * self.terms.costs.half_spread
            gain += path.qty * out - path.open_value - path.qty * abs(out) * self.terms.costs.taker_fee
        return gain / self.terms.planned_loss

    def result(self) -> Result:
        """How it ended: by the usual order of events, and between which bounds."""
        return told(self._paths, self.terms)

    # One bar, for every order of events so far.

    def _meet(self, bar: Mirrored) -> None:
        for path in list(self._paths):
            if path.over:
                continue
            self._open(path, bar)
            if path.over:
                continue
            if path.pending and bar.end > self.terms.entry_until:
                self._expire(path, bar)
            if not path.over:
                self._branch(path, bar, self._orders(path, bar))
                self._inside(path, bar, _USUAL)

    def _branch(self, path: Path, bar: Mirrored, orders: list[Walk]) -> None:
        for order in orders[: max(PATHS_MAX - len(self._paths), 0)]:
            other = path.copy()
            self._inside(other, bar, order)
            if other.over or not order.moved:
                self._paths.append(other)

    # What still waits when its time ends within a bar fills no more: a bar is told at its end. It may have filled, too.
    def _expire(self, path: Path, bar: Mirrored) -> None:
        at = min(bar.end, max(bar.ts, self.terms.entry_until))
        if bar.ts < self.terms.entry_until and self._reached(path, bar):
            self._branch(path, bar, [_USUAL, *self._orders(path, bar)])
            for other in self._paths:
                if not other.over:
                    other.drop("expired", at=at)
                    other.settle_entries(at=at)
        path.drop("expired", at=at)
        path.settle_entries(at=at)

    # The first price of a bar is known: what is due is done, and what takes takes.
    def _open(self, path: Path, bar: Mirrored) -> None:
        self._before_s = 0.0
        if bar.ts >= self._announced_at:
            self._leave(path, bar.open, at=bar.ts, by="announced")
        elif path.close_due:
            self._leave(path, bar.open, at=bar.ts, by="stop")
        elif path.opened_at is not None and bar.ts >= path.opened_at + HORIZON_S:
            self._leave(path, bar.open, at=bar.ts, by="horizon")
        elif bar.open <= path.stop and self._is_unplaced(path):
            path.end("cancelled", "stop_traded", at=bar.ts)
        elif not path.bought and self._aims and bar.open >= self._aims[0][0]:
            path.end("cancelled", "target_traded", at=bar.ts)
        if path.over:
            return
        for number in path.pending:
            self._enter_at_open(path, number, bar)
        path.arrived = True
        path.settle_entries(at=bar.ts)

    # Nothing of it rests at the venue: it has not arrived yet, or waits for a breakout.
    def _is_unplaced(self, path: Path) -> bool:
        if path.bought:
            return False
        return not path.arrived or all(self._lots[number][0] == "trigger" for number in path.pending)

    def _enter_at_open(self, path: Path, number: int, bar: Mirrored) -> None:
        style, price, share, trigger = self._lots[number]
        taken = bar.open + abs(bar.open) * self.terms.costs.half_spread
        if style == "trigger":
            if bar.open > trigger:
                self._fire(path, number, taken, at=bar.ts)
        elif not path.arrived:
            late = bar.ts > self.terms.decided_at + ENTRY_WAIT_BARS * bar.interval_s
            if style == "ioc" and (late or taken > price):
                path.miss(number, "no_price" if late else "slippage", at=bar.ts)
            elif taken <= price:
                self._buy(path, number, share, taken, at=bar.ts, fee=self.terms.costs.taker_fee)

    def _fire(self, path: Path, number: int, taken: float, *, at: float) -> None:
        _, price, share, _ = self._lots[number]
        if taken > price:
            path.miss(number, "gap", at=at)
        else:
            self._buy(path, number, share, taken, at=at, fee=self.terms.costs.taker_fee)

    def _orders(self, path: Path, bar: Mirrored) -> list[Walk]:
        """The other orders of events that this bar allows."""
        reached = len(self._reached(path, bar))
        level = self._out_level(path)
        out, fuzz = bar.low <= level, self.terms.fuzz * abs(path.stop)
        found: list[Walk] = []
        aimed = path.hits < len(self._aims) and bar.high >= self._aims[path.hits][0]
        waits_for_trigger = any(self._lots[number][0] == "trigger" for number in path.pending)
        if reached and (aimed or (out and waits_for_trigger and not path.qty)):
            first = 1 if waits_for_trigger and not out else 0
            found += [Walk(fills=count, aims_first=True) for count in range(first, reached + 1)]
        elif path.qty and aimed and out:
            found.append(Walk(aims_first=True))
        moves = self._mover.kind != NO_MOVER and (aimed or self._mover.looks_at_prices)
        if moves and path.qty and not out:
            found.append(Walk(aims_first=True, moved=True))
        if fuzz and (path.qty or reached) and abs(bar.low - level) <= fuzz:
            found.append(Walk(stopped=not out))
        return found

    def _inside(self, path: Path, bar: Mirrored, order: Walk) -> None:
        held, self._before_s = path.qty, _BEFORE_S
        for number in self._reached(path, bar)[: order.fills]:
            style, price, share, trigger = self._lots[number]
            if style == "trigger":
                first = max(trigger, bar.open)
                self._fire(path, number, first + abs(first) * self.terms.costs.half_spread, at=bar.end)
            else:
                self._buy(path, number, share, price, at=bar.end, fee=self.terms.costs.maker_fee)
        if path.qty or held:
            path.worst = min(path.worst, bar.low)
        if order.aims_first and path.qty:
            self._reach_aims(path, bar, path.qty)
            if order.moved:
                path.best = max(path.best, bar.high)
                path.stop = max(path.stop, self._moved_stop(path))
        out = bar.low <= self._out_level(path) if order.stopped is None else order.stopped
        if out and path.qty:
            self._stop_out(path, bar)
        elif out and not path.bought and path.pending:
            path.end("cancelled", "stop_traded", at=bar.end)
        elif held and not order.aims_first:
            self._reach_aims(path, bar, held)
        if path.over:
            return
        if path.pending and self._aims and bar.high >= self._aims[0][0]:
            path.drop("target_traded", at=bar.end)
        # Of the bar that it was bought in, nobody knows whether its high came after.
        path.best = max(path.best, bar.high if held else bar.close)
        path.stop = max(path.stop, self._moved_stop(path))
        self._watch_close(path, bar)
        path.settle_entries(at=bar.end)

    # Entries that this bar reaches, the one that is met first in front. Limits fill when traded through.
    def _reached(self, path: Path, bar: Mirrored) -> list[int]:
        found = []
        for number in path.pending:
            style, price, _, trigger = self._lots[number]
            if bar.high > trigger if style == "trigger" else bar.low < price:
                found.append(number)
        return found

    # What of `quantity` its targets take. The last one takes the rest, and waits for what comes later.
    def _reach_aims(self, path: Path, bar: Mirrored, quantity: float) -> None:
        left = quantity
        while path.hits < len(self._aims) and bar.high > self._aims[path.hits][0]:
            price, share = self._aims[path.hits]
            rest = sum([one[1] for one in self._aims[path.hits :]])
            is_last = path.hits == len(self._aims) - 1
            part = left if is_last else left * share / rest
            left -= part
            self._sell(path, part, price, at=bar.end, fee=self.terms.costs.maker_fee)
            if is_last:
                if path.qty <= 0.0:
                    path.end("filled", path.reason, at=bar.end, by="target")
                return
            path.hits += 1

    def _stop_out(self, path: Path, bar: Mirrored) -> None:
        stop, by = self._out_level(path), "stop"
        if self.terms.leverage is not None and stop > path.stop:
            average = path.open_value / path.qty
            price, by = average - abs(average) / self.terms.leverage, "liquidation"
        else:
            base = min(stop, bar.open)
            price = base - max(STOP_SLIP * abs(base), RANGE_SLIP * (bar.high - bar.low))
        path.worst = max(path.worst, min(price, bar.open))
        self._sell(path, path.qty, price, at=bar.end, fee=self.terms.costs.taker_fee)
        path.end("filled", path.reason, at=bar.end, by=by)

    # The stop, or where the venue takes the margin before.
    def _out_level(self, path: Path) -> float:
        if self.terms.leverage is None or not path.qty:
            return path.stop
        average = path.open_value / path.qty
        return max(path.stop, average - abs(average) * (1.0 / self.terms.leverage - MAINTENANCE))

    def _moved_stop(self, path: Path) -> float:
        fee = self.terms.costs.taker_fee * self._sign
        return moved_stop(path, self._aims, mover=self._mover, fee=fee, trail=self._trail)

    def _watch_close(self, path: Path, bar: Mirrored) -> None:
        rule = self._rule
        if rule is None or bar.close >= self._rule_level:
            return
        offset = _WEEK_BEGINS_S if rule.interval_s == _WEEK_S else 0.0
        if (bar.end - offset) % max(rule.interval_s, bar.interval_s):
            return
        if path.qty:
            path.close_due = True
        elif not path.bought:
            path.end("cancelled", "stop_traded", at=bar.end)

    # Trades.

    def _buy(self, path: Path, number: int, share: float, price: float, *, at: float, fee: float) -> None:
        self._carry(path, at)
        path.bring(number, share, price, at=at, fee=abs(price) * share * fee)

    def _sell(self, path: Path, share: float, price: float, *, at: float, fee: float) -> None:
        self._carry(path, at)
        path.take(share, price, fee=abs(price) * share * fee)

    # Funding by the value held at each of its times, which are the same for all. What is told at the end of a bar was
    # before that moment, what takes its open after it.
    def _carry(self, path: Path, at: float) -> None:
        at -= self._before_s
        if path.qty and self.terms.costs.funded:
            times = math.floor(at / FUNDING_EVERY_S) - math.floor(path.carried_to / FUNDING_EVERY_S)
            path.carried += times * abs(path.open_value)
        path.carried_to = at

    def _leave(self, path: Path, price: float, *, at: float, by: str) -> None:
        if not path.bought:
            status = "cancelled" if by == "announced" else "unfilled"
            path.end(status, by, at=at)
            return
        if path.qty:
            out = price - abs(price) * self.terms.costs.half_spread
            path.worst = min(path.worst, price)
            self._sell(path, path.qty, out, at=at, fee=self.terms.costs.taker_fee)
        path.end("filled", path.reason, at=at, by=by)

    # Where no bars come.

    def _deadline(self, path: Path) -> float:
        end = self.terms.entry_until if path.opened_at is None else path.opened_at + HORIZON_S
        return min(end, self._announced_at)

    def _settle(self, path: Path) -> None:
        self._before_s = 0.0
        if self._last_close is None:
            path.end("unpriced", "no_candles", at=self.terms.decided_at)
        elif not path.bought:
            announced = self._announced_at <= self.terms.entry_until
            path.end(*(("cancelled", "announced") if announced else ("unfilled", "candles_end")), at=self._last_end)
        else:
            path.reason = "candles_end"
            self._leave(path, self._last_close * self._sign, at=self._last_end, by="delisted")

    # Between which prices, and until when, nothing happens.
    def _watch(self) -> None:
        low, high, due = -PRICE_MOST, PRICE_MOST, self._announced_at
        for path in self._paths:
            if path.over:
                continue
            low = max(low, self._out_level(path) + self.terms.fuzz * abs(path.stop), self._rule_level)
            if path.hits < len(self._aims):
                high = min(high, self._aims[path.hits][0])
            for number in path.pending:
                style, price, _, trigger = self._lots[number]
                if style == "trigger":
                    high = min(high, trigger)
                else:
                    low = max(low, price)
            if path.close_due or (path.qty and self._mover.looks_at_prices):
                due = 0.0
            due = min(due, self.terms.entry_until if path.pending else math.inf)
            if path.opened_at is not None:
                due = min(due, path.opened_at + HORIZON_S)
        self._due = due
        self._low, self._high = (low, high) if self._sign > 0 else (-high, -low)

    def _sink(self, bar: Candle) -> None:
        deepest = bar.low if self._sign > 0 else -bar.high
        for path in self._paths:
            if path.qty and deepest < path.worst:
                path.worst = deepest
