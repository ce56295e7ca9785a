"""
What a call would have made as posted, worked out a second time by somebody who had only the rules to read.

No code is shared with the daemon's follower. Prices are signed: a short is a long among negative prices, up is good.
A bar is a walk from its open: down it meets entries and stop, up triggers and targets, each side in its order. The
figure is the walk that goes down first, the bounds are all walks there are.
"""

from collections import namedtuple
from collections.abc import Iterator, Sequence
from typing import Any

HOUR, DAY = 3_600.0, 86_400.0
TIMEFRAMES = {"4h_close": 4 * HOUR, "daily_close": DAY, "weekly_close": 7 * DAY}
MONDAY = 4 * DAY  # The first one of unix time.
Order = tuple[str, float, float, float]  # now | rest | trigger, its limit, its weight, its trigger.
Levels = tuple[tuple[float, float], ...]  # Prices and shares.
Bar = namedtuple("Bar", "ts open high low close")  # Opened at `ts`, unix seconds.
# What holds at the decision. `atr` is of hours, `close_atr` of the timeframe of a candle-close stop, `median_stop` of
# the channel; `funding` is unknown, so a band, every eight hours (nothing on spot).
_TERMS = "decided_at mark posted_mark interval maker taker half_spread atr close_atr median_stop funding"
Terms = namedtuple("Terms", _TERMS, defaults=[HOUR, 0.0002, 0.0005, 0.0005, 0.0, 0.0, 0.07, 0.0003])
Outcome = namedtuple("Outcome", "status reason r low high share pct", defaults=[None, None, None, 0.0, None])
# One way it may have gone so far; quantities are shares of the plan, `net` is of what is closed, after all costs.
State = namedtuple("State", "orders held filled paid net done opened over funds", defaults=[0.0] * 4 + [0, 0, "", 0])


class Plan(namedtuple("Plan", "terms sign stop tps close_at frame leverage")):
    def walk(self, bar: Bar) -> tuple[float, float, float]:
        low, high = sorted((self.sign * bar.low, self.sign * bar.high))
        return self.sign * bar.open, low, high

    def enter(self, state: State, order: Order, price: float, fee: float, ts: float) -> State:
        left = tuple(other for other in state.orders if other != order)
        filled, value = state.filled + order[2], order[2] * price
        net, ts = state.net - fee * abs(value), state.opened if state.filled else ts
        return State(left, state.held + order[2], filled, state.paid + value, net, state.done, ts, "", state.funds)

    def leave(self, state: State, price: float, share: float, fee: float, why: str) -> State:
        gain = share * (price - state.paid / state.filled - fee * abs(price))
        held = state.held - share if state.held - share > 1e-9 else 0
        return state._replace(orders=(), held=held, net=state.net + gain, over="" if held else why)

    def out(self, state: State, at: float, why: str) -> State:
        return self.leave(state, at - self.terms.half_spread * abs(at), state.held, self.terms.taker, why)

    def opening(self, state: State, bar: Bar, before: Bar | None) -> State:
        """What the open itself decides."""
        terms, at = self.terms, self.sign * bar.open
        if state.over:
            return state
        if state.held:
            if bar.ts % (8 * HOUR) == 0 and state.opened < bar.ts:
                value = abs(state.paid) * state.held / state.filled
                state = state._replace(funds=state.funds + terms.funding * value)
            ends = self.frame and (bar.ts - (MONDAY if self.frame > DAY else 0)) % self.frame == 0
            if ends and before is not None and self.sign * before.close < self.close_at:
                return self.out(state, at, "stop")
            if bar.ts >= state.opened + 7 * DAY:
                return self.out(state, at, "horizon")
        elif self.tps and at >= self.tps[0][0]:
            return state._replace(over="target_traded")
        elif at <= self.stop and (before is None or state.orders[0][0] == "trigger"):
            return state._replace(over="stop_traded")
        if state.orders and state.orders[0][0] == "now":
            order, price = state.orders[0], at + terms.half_spread * abs(at)
            gone = state._replace(orders=state.orders[1:], over="" if state.orders[1:] else "slippage")
            state = gone if price > order[1] else self.enter(state, order, price, terms.taker, bar.ts)
        if bar.ts + terms.interval > terms.decided_at + DAY:
            state = state._replace(orders=(), over=state.over if state.filled else state.over or "lifetime")
        return state

    def down(self, state: State, bar: Bar) -> State | None:
        """What the way down meets next: the dearest entry, the stop, or the end of the margin."""
        at, low, _ = self.walk(bar)
        rest = next((order for order in state.orders if order[0] == "rest" and low < order[1]), None)
        middle = state.paid / state.filled if state.filled else 0.0
        limit = middle - abs(middle) * (1 / self.leverage - 0.005) if self.leverage > 1 and state.held else self.stop
        if rest is not None and (not state.held or rest[1] > max(limit, self.stop)):
            return self.enter(state, rest, rest[1], self.terms.maker, bar.ts + self.terms.interval)
        if low > max(limit, self.stop):
            return None
        if not state.held:
            return state._replace(over="stop_traded") if state.orders and not state.filled else None
        base = min(self.stop, at)
        price, why = base - max(0.0005 * abs(base), 0.1 * (bar.high - bar.low)), "stop"
        if limit > self.stop:
            price, why = middle - abs(middle) / self.leverage, "liquidation"
        return self.leave(state, price, state.held, self.terms.taker, why)

    def up(self, state: State, bar: Bar, most: float) -> State | None:
        """What the way up meets next: a trigger, or a target, which closes `most` at most."""
        at, _, high = self.walk(bar)
        order = next((order for order in state.orders if order[0] == "trigger" and high > order[3]), None)
        if order is not None:
            price = max(order[3], at) + self.terms.half_spread * abs(max(order[3], at))
            left = tuple(other for other in state.orders if other != order)
            if price > order[1]:
                return state._replace(orders=left, over="" if left or state.filled else "gap")
            return self.enter(state, order, price, self.terms.taker, bar.ts + self.terms.interval)
        if state.done == len(self.tps):
            return None
        price, share = self.tps[state.done]
        if not state.filled:
            return state._replace(over="target_traded") if high >= price and state.orders else None
        share = min(state.held if state.done + 1 == len(self.tps) else share * state.filled, most)
        if high <= price or share <= 0:
            return None
        return self.leave(state, price, share, self.terms.maker, "target")._replace(done=state.done + 1)

    def figure(self, state: State, bar: Bar) -> State:
        """The walk that counts: triggers, then down, then up; a target pays only for what was held at the open."""
        most = state.held
        while not state.over and any(o[0] == "trigger" and self.walk(bar)[2] > o[3] for o in state.orders):
            state = self.up(state, bar, 0)
        while not state.over and (following := self.down(state, bar)) is not None:
            state = following
        while not state.over and (following := self.up(state, bar, most)) is not None:
            state, most = following, most - (state.held - following.held)
        return state

    def walks(self, state: State, bar: Bar) -> Iterator[State]:
        """Where every walk through the levels of a bar may end."""
        todo, seen = [state], {state}
        while todo:
            state = todo.pop()
            found = [] if state.over else [way for way in (self.down(state, bar), self.up(state, bar, 1.0)) if way]
            if not found:
                yield state
            todo += [way for way in found if way not in seen]
            seen.update(found)


def follow(leg: dict[str, Any], bars: Sequence[Bar], terms: Terms) -> Outcome:
    """The outcome of `leg`, as SIGNAL_SCORED shows it. The first of `bars` opens at or after the decision."""
    sign = 1.0 if leg["side"] == "BUY" else -1.0
    unit = sign * float(leg.get("factor") or 1)
    asked = [price * unit for price in leg["entry"]]
    kind = leg["entry_type"] or ("market", "limit", "ladder")[min(len(asked), 2)]
    market = kind == "market" or not asked
    breakout = not market and kind in ("stop", "above" if sign > 0 else "below")
    mark, posted = sign * terms.mark, sign * terms.posted_mark
    prices = [mark] if market else sorted(set(asked), reverse=not breakout)[:10]
    if not breakout and len(prices) > 1 and (kind == "range" or len(prices) == 2):
        near, far = prices[0], prices[-1]
        wide = leg.get("zone") and (near - far) / max(abs(near), abs(far)) > 0.03
        prices = [near, (near + far) / 2, far] if wide else [near, far]
    worst, tps = max(prices), targets(leg, unit, sum(prices) / len(prices))

    def imputed(dearest: float) -> float:
        half = abs(tps[0][0] - dearest) / abs(dearest) / 2 if tps else 0.0
        return max(2.5 * terms.atr / abs(dearest), terms.median_stop, half)

    percent = max(leg["sl"]) / 100 if leg["sl_kind"] == "pct" else 0.0
    level = 0.0 if leg["sl"] is None or percent else leg["sl"] * unit
    stop = level - max(2 * terms.close_atr, 0.03 * abs(level)) if leg["sl_kind"] in TIMEFRAMES else level
    far = imputed(worst) if leg["sl"] is None else percent or (worst - stop) / abs(worst)
    cap, share = min(0.005, far / 4), 1 / len(prices)
    gone = [price for price in prices if price >= mark]
    orders: list[Order] = [("now", min(prices[0], mark + cap * abs(mark)), share * len(gone), 0.0)] if gone else []
    orders += [("rest", price, share, 0.0) for price in prices[len(gone) :]]
    if market or breakout:
        orders = [("trigger", price + cap * abs(price), share, price) for price in prices]
        orders = [("now", posted + cap * abs(posted), 1.0, 0.0)] if market else orders
    if percent:
        stop = sum(order[1] * order[2] for order in orders) * (1 - sign * percent)
    elif leg["sl"] is None:
        dearest = max(order[1] for order in orders)
        stop = dearest - abs(dearest) * min(0.9, imputed(dearest))
        kept = [order for order in orders if order[1] > stop]
        kind, limit, weight, trigger = kept[-1]
        orders = [*kept[:-1], (kind, limit, weight + sum(order[2] for order in orders[len(kept) :]), trigger)]
    if any(order[1] <= stop for order in orders) or any(price <= worst for price, _ in tps):
        return Outcome("unpriced", "levels")
    if not bars or bars[0].ts - terms.decided_at > 2 * terms.interval:
        return Outcome("unpriced", "no_price")
    begun = (asked[0] if asked else posted) if market else prices[0]
    if (market or breakout) and mark > begun + cap * abs(begun):
        return Outcome("unfilled", "chased")
    ceiling = float((leg.get("leverage") or [0])[0]) if leg.get("margin") != "cross" else 0.0
    plan = Plan(terms, sign, stop, tps, level, TIMEFRAMES.get(leg["sl_kind"] or "", 0.0), ceiling)
    figure = State(tuple(orders))
    ways = {figure}
    for before, bar in zip([None, *bars], bars, strict=False):
        figure = plan.figure(plan.opening(figure, bar, before), bar)
        ways = {end for way in ways for end in plan.walks(plan.opening(way, bar, before), bar)}
        if figure.over and all(way.over for way in ways):
            break
    last = sign * bars[-1].close
    figure, *others = [plan.out(way, last, "candles_end") if way.held else way for way in (figure, *sorted(ways))]
    if not figure.filled:
        return Outcome("cancelled" if figure.over.endswith("_traded") else "unfilled", figure.over)
    loss = max(0.001 * abs(stop), 0.1 * terms.atr)
    risk = sum(w * (price - stop + terms.taker * (abs(price) + abs(stop)) + loss) for _, price, w, _ in orders)
    low = min(way.net - way.funds for way in (figure, *others)) / risk
    high = max(way.net + way.funds for way in (figure, *others)) / risk
    in_r = (None, None, None) if leg["sl"] is None else (figure.net / risk, low, high)
    return Outcome("filled", figure.over, *in_r, figure.filled, 100 * figure.net / abs(figure.paid))


def targets(leg: dict[str, Any], unit: float, middle: float) -> Levels:
    levels = [tp * unit for tp in leg["tps"]]
    if leg.get("tp_unit") == "pct":
        levels = [middle + abs(middle) * tp / 100 for tp in leg["tps"]]
    elif leg.get("tp_unit") == "multiple":
        levels = [middle * (tp if middle > 0 else 1 / tp) for tp in leg["tps"]]
    ends: dict[float, float] = {}
    for level in sorted(levels):
        level = level if len(ends) < 5 else min(level, max(ends))
        ends[level] = ends.get(level, 0.0) + 1 / len(levels)
    return tuple(ends.items())
