"""
What a call would have made as posted, worked out a second time by somebody who had only the rules to read.

No code is shared with the daemon's follower. Prices are signed: a short is a long among negative prices. A bar is a
walk from its open: down it meets entries and stop, up targets. The figure goes down first, the bounds are all walks.
"""

from collections import namedtuple
from collections.abc import Iterator, Sequence
from math import floor, inf

HOUR, DAY, MONDAY = 3_600.0, 86_400.0, 4 * 86_400.0  # Unix time begins on a Thursday.
TIMEFRAMES = {"4h_close": 4 * HOUR, "daily_close": DAY, "weekly_close": 7 * DAY}
Bar = namedtuple("Bar", "ts open high low close")  # Opened at `ts`, unix seconds.
# At the decision. `close_atr` is of the timeframe of a candle-close stop, `median_stop` of the channel.
_TERMS = "decided_at mark posted_mark interval maker taker half_spread atr close_atr median_stop funding tick ended_at"
Terms = namedtuple("Terms", _TERMS, defaults=[HOUR, 0.0002, 0.0005, 0.0005, 0.0, 0.0, 0.07, 0.0003, 1e-8, inf])
Outcome = namedtuple("Outcome", "status reason r low high share pct", defaults=[None, None, None, 0.0, None])
# One way it may have gone so far. An order is: now | rest | trigger, its limit, its share of the plan, its trigger.
State = namedtuple("State", "orders held filled paid net done opened over funds", defaults=[0.0] * 4 + [0, 0, "", 0])


class Plan(namedtuple("Plan", "terms stop tps close_at frame leverage worst")):
    def enter(self, state: State, order: tuple, price: float, fee: float, ts: float) -> State:
        left, paid, ts = tuple(o for o in state.orders if o != order), order[2] * price, state.opened or ts
        held, filled, net = state.held + order[2], state.filled + order[2], state.net - fee * abs(paid)
        return State(left, held, filled, state.paid + paid, net, state.done, ts, "", state.funds)

    def leave(self, state: State, price: float, share: float, fee: float, why: str) -> State:
        net, held = state.net + share * (price - state.paid / state.filled - fee * abs(price)), state.held - share
        return state._replace(orders=(), held=held if held > 1e-9 else 0, net=net, over="" if held > 1e-9 else why)

    def out(self, state: State, at: float, why: str) -> State:
        return self.leave(state, at - self.terms.half_spread * abs(at), state.held, self.terms.taker, why)

    def opening(self, state: State, bar: Bar, before: Bar | None, late: float) -> State:
        """What the open itself decides. A bar is too late to enter when the day ends within `late` of its open."""
        if state.over:
            return state
        terms, at = self.terms, bar.open
        ends = self.frame and before and (bar.ts - (MONDAY if self.frame > DAY else 0)) % self.frame == 0
        if state.held and bar.ts % (8 * HOUR) == 0:
            state = state._replace(funds=state.funds + terms.funding * abs(state.paid) * state.held / state.filled)
        if bar.ts >= terms.ended_at:
            return self.out(state, at, "announced") if state.held else state._replace(over="announced")
        if ends and before.close < self.close_at:
            return self.out(state, at, "stop") if state.held else state._replace(over="stop_traded")
        if state.held and bar.ts >= state.opened + 7 * DAY:
            return self.out(state, at, "horizon")
        over = self.tps and at >= self.tps[0][0]
        if not state.held and (over or (at <= self.stop and (before is None or state.orders[0][0] == "trigger"))):
            return state._replace(over="target_traded" if over else "stop_traded")
        for order in () if before is not None else state.orders:  # The first price that the orders see.
            price = at + terms.half_spread * abs(at)
            if order[0] != "trigger" and price <= order[1]:
                state = self.enter(state, order, price, terms.taker, bar.ts)
            elif order[0] == "now":
                state = state._replace(orders=state.orders[1:], over="" if state.orders[1:] else "slippage")
        if bar.ts + late > terms.decided_at + DAY:
            state = state._replace(orders=(), over=state.over if state.filled else state.over or "lifetime")
        return state

    def down(self, state: State, bar: Bar) -> State | None:
        """What the way down meets next: the dearest entry, the stop, or the end of the margin."""
        rest = next((order for order in state.orders if order[0] == "rest" and bar.low < order[1]), None)
        middle = state.paid / state.filled if state.filled else 0.0
        limit = middle - abs(middle) * (1 / self.leverage - 0.005) if self.leverage > 1 and state.held else self.stop
        if rest is not None and (not state.held or rest[1] > max(limit, self.stop)):
            return self.enter(state, rest, rest[1], self.terms.maker, bar.ts + self.terms.interval)
        if bar.low > max(limit, self.stop):
            return None
        if not state.held:
            return state._replace(over="stop_traded") if state.orders and not state.filled else None
        if limit > self.stop:
            return self.leave(state, middle - abs(middle) / self.leverage, state.held, self.terms.taker, "liquidation")
        at, slip = min(self.stop, bar.open), 0.1 * (bar.high - bar.low)
        return self.leave(state, at - max(0.0005 * abs(at), slip), state.held, self.terms.taker, "stop")

    def up(self, state: State, bar: Bar, most: float) -> State | None:
        """What the way up meets next: a trigger, or a target, which takes its share of what is left, or of `most`."""
        order = next((order for order in state.orders if order[0] == "trigger" and bar.high > order[3]), None)
        if order is not None:
            price = max(order[3], bar.open) + self.terms.half_spread * abs(max(order[3], bar.open))
            late = self.terms.interval if bar.open <= order[3] else 0.0  # What the open passes is bought at the open.
            if price <= order[1]:
                return self.enter(state, order, price, self.terms.taker, bar.ts + late)
            left = state._replace(orders=tuple(o for o in state.orders if o != order))
            return left if left.orders or left.filled else left._replace(over="gap")
        price, share = (*self.tps, (float("inf"), 0.0))[state.done]
        if not state.filled:
            return state._replace(over="target_traded") if bar.high >= price and state.orders else None
        share = min(state.held, most) * share / (sum(part for _, part in self.tps[state.done :]) or 1.0)
        if bar.high <= price or share <= 0:
            return None
        return self.leave(state, price, share, self.terms.maker, "target")._replace(done=state.done + 1)

    def figure(self, state: State, bar: Bar) -> State:
        most = state.held  # A target pays only for what was held at the open.
        while not state.over and any(o[0] == "trigger" and bar.high > o[3] for o in state.orders):
            state = self.up(state, bar, 0)
        while not state.over and (following := self.down(state, bar)) is not None:
            state = following
        if state.filled and self.tps and bar.high >= self.tps[0][0]:
            state = state._replace(orders=())  # Traded before the entry or after it: no rung is left.
        while not state.over and (following := self.up(state, bar, most)) is not None:
            state, most = following, most - (state.held - following.held)
        return state

    def walks(self, state: State, bar: Bar) -> Iterator[State]:
        todo, seen = [state], {state}
        while todo:
            state = todo.pop()
            found = set() if state.over else {self.down(state, bar), self.up(state, bar, 1.0)} - {None}
            yield from () if found else (state,)
            todo += found - seen
            seen |= found


def follow(leg: dict, bars: Sequence[Bar], terms: Terms) -> Outcome:
    """The outcome of `leg`, as SIGNAL_SCORED shows it. The first of `bars` opens at or after the decision."""
    plan, orders, chased = planned(leg, terms)
    if any(order[1] <= plan.stop for order in orders) or any(price <= plan.worst for price, _ in plan.tps):
        return Outcome("unfilled", "levels")
    if chased or not bars or bars[0].ts - terms.decided_at > 2 * terms.interval:
        return Outcome("unfilled", "chased") if chased and bars else Outcome("unpriced", "no_price")
    if leg["side"] == "SELL":
        bars = [Bar(bar.ts, -bar.open, -bar.low, -bar.high, -bar.close) for bar in bars]
    ways = {figure := State(tuple(orders))}
    for before, bar in zip([None, *bars], bars, strict=False):
        figure = plan.figure(plan.opening(figure, bar, before, terms.interval), bar)
        begun = {plan.opening(way, bar, before, late) for way in ways for late in (0.0, terms.interval)}
        ways = {end for way in begun for end in plan.walks(way, bar)}
        if figure.over and all(way.over for way in ways):
            break
    last = Bar(bars[-1].ts + terms.interval, *[bars[-1].close] * 4)
    ends = [plan.opening(way, last, bars[-1], 0.0) for way in (figure, *sorted(ways))]
    figure, *others = [plan.out(way, last.open, "candles_end") if way.held else way for way in ends]
    if not figure.filled:
        return Outcome("cancelled" if figure.over[-6:] in ("traded", "ounced") else "unfilled", figure.over)
    loss = max(0.001 * abs(plan.stop), 0.1 * terms.atr)
    risk = sum(w * (p - plan.stop + terms.taker * (abs(p) + abs(plan.stop)) + loss) for _, p, w, _ in orders)
    nets = [net for way in (figure, *others) for net in (way.net - way.funds, way.net + way.funds)]
    in_r = [None] * 3 if leg["sl"] is None else [net / risk for net in (figure.net, min(nets), max(nets))]
    return Outcome("filled", figure.over, *in_r, figure.filled, 100 * figure.net / abs(figure.paid))


def below(price: float, tick: float) -> float:
    return round(floor(price / tick + 1e-6) * tick, 12)  # As a decimal is written: a level is met or not to the digit.


def planned(leg: dict, terms: Terms) -> tuple[Plan, list, bool]:
    unit = (sign := 1.0 if leg["side"] == "BUY" else -1.0) * float(leg["factor"])
    tick, mark, asked = terms.tick, sign * terms.mark, [price * unit for price in leg["entry"]]
    kind = leg["entry_type"] or ("market", "limit", "ladder")[min(len(asked), 2)]
    market = kind == "market" or not asked
    kind = "range" if kind == "below" and len(set(asked)) > 1 else kind  # Below A-B: a band, of a short as well.
    breakout = not market and kind in ("stop", "above" if sign > 0 else "below")
    levels = {price if breakout else below(price, tick) for price in asked}
    prices = [mark] if market else sorted(levels, reverse=not breakout)[:10]
    if not breakout and len(prices) > 1 and (kind == "range" or len(prices) == 2):
        near, far = prices[0], prices[-1]
        wide = leg["zone"] and (near - far) / max(abs(near), abs(far)) > 0.03
        prices = [near, below((near + far) / 2, tick), far] if wide else [near, far]
    worst, share, tps = max(prices), 1 / len(prices), targets(leg, unit, sum(prices) / len(prices), tick)

    def imputed(dearest: float) -> float:
        return max(2.5 * terms.atr / abs(dearest), abs(tps[0][0] / dearest - 1) / 2 if tps else 0.0, terms.median_stop)

    frame, percent = TIMEFRAMES.get(leg["sl_kind"], 0.0), max(leg["sl"]) / 100 if leg["sl_kind"] == "pct" else 0.0
    level = 0.0 if leg["sl"] is None or percent else leg["sl"] * unit
    stop = -below(max(2 * terms.close_atr, 0.03 * abs(level)) - level if frame else -level, tick)
    cap = min(0.005, (imputed(worst) if leg["sl"] is None else percent or (worst - stop) / abs(worst)) / 4)
    begun = (asked[0] if asked else sign * terms.posted_mark) if market else prices[0]
    gone = [price for price in prices if price >= mark]
    orders = [("now", min(prices[0], below(mark + cap * abs(mark), tick)), share * len(gone), 0.0)] if gone else []
    orders += [("rest", price, share, 0.0) for price in prices[len(gone) :]]
    if market or breakout:
        style, points = ("now", [min(begun, mark)]) if market else ("trigger", prices)
        orders = [(style, below(at + cap * abs(at), tick), share, -below(-at, tick)) for at in points]
    if percent:
        stop = -below(sum(order[1] * order[2] for order in orders) * (sign * percent - 1), tick)
    elif leg["sl"] is None:
        dearest = max(order[1] for order in orders)
        stop = -below(abs(dearest) * min(0.9, imputed(dearest)) - dearest, tick)
    if percent or leg["sl"] is None:
        kept, rest = [o for o in orders if o[1] > stop], [o for o in orders if o[1] <= stop]
        orders = [*kept[:-1], (*kept[-1][:2], kept[-1][2] + sum(o[2] for o in rest), kept[-1][3])]
    leverage = leg["leverage"][0] if leg["leverage"] and leg["margin"] != "cross" else 0.0
    ran = (market or breakout) and mark > begun + cap * abs(begun)
    return Plan(terms, stop, tps, level, frame, leverage, float("-inf") if market else worst), orders, ran


def targets(leg: dict, unit: float, mean: float, tick: float) -> tuple[tuple[float, float], ...]:
    levels, ends, pct = [unit * tp for tp in leg["tps"]], {}, leg["tp_unit"] == "pct"
    if leg["tp_unit"] != "price":
        levels = [mean + abs(mean) * tp / 100 if pct else mean * tp ** (mean / abs(mean)) for tp in leg["tps"]]
    for level in sorted(below(level, tick) for level in levels):
        end = level if len(ends) < 5 else min(level, max(ends))
        ends[end] = ends.get(end, 0.0) + 1 / len(levels)
    return tuple(ends.items())
