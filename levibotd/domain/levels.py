"""
From what a leg says to prices that orders can have: entries, stop and targets on the venue's ticks.

Prices here are Decimals in the quote's own unit. Nothing in here knows about size.
"""

from decimal import Decimal

from msgspec import Struct

from levibotd.domain.exits import EVEN, Split, split
from levibotd.domain.gates import GateName, Refusal
from levibotd.domain.signal import Leg, Side, Symbol
from levibotd.domain.steps import limit_price, stop_price, target_price, trigger_price
from levibotd.domain.trade_plan import CLOSES_S, CloseStop, StopTerms, Target

RUNGS_MAX = 10
ZONE_WIDTH = Decimal("0.03")  # A zone wider than this gets a third rung.
CHASE_CAP = Decimal("0.005")
CHASE_OF_STOP = Decimal("0.25")  # Share of the stop distance that an entry may run after the price.
NO_STOP_DISTANCE = Decimal("0.07")  # Where a channel has posted too few stops to have a median.
NO_STOP_DISTANCE_MAX = Decimal("0.15")
DISASTER_ATRS = 2
DISASTER_SHARE = Decimal("0.03")

_BREAKOUTS = {(Side.BUY, "above"), (Side.SELL, "below"), (Side.BUY, "stop"), (Side.SELL, "stop")}


class Wanted(Struct, frozen=True, kw_only=True):
    """A leg with its numbers in the quote's own unit. Percents and multiples stay what they are."""

    symbol: Symbol
    side: Side
    entry_type: str
    entry: tuple[Decimal, ...] = ()
    tps: tuple[Decimal, ...] = ()
    tp_unit: str = "price"  # price | pct | multiple
    sl: Decimal | None = None
    sl_kind: str = "price"  # price | pct | 4h_close | daily_close | weekly_close
    leverage: int | None = None  # The post's lower bound: a ceiling.
    zone: bool = False


class Conditions(Struct, frozen=True, kw_only=True):
    """What the market says at the decision. Prices and ranges in the quote; None = not known."""

    mark: Decimal
    posted_mark: Decimal | None = None  # The price when the post was written.
    mark_precedes_post: bool = False  # The open of a bar that the post falls into: it tells nothing of what came after.
    atr: Decimal | None = None  # Of the last bar closed before the decision.
    close_atr: Decimal | None = None  # Of the timeframe of a candle-close stop.
    channel_median_stop: float | None = None
    volume_24h: Decimal | None = None
    funding: Decimal = Decimal(0)  # Expected over the horizon, against us, as share of the price.


class Level(Struct, frozen=True, kw_only=True):
    """A rung before it has a quantity. `weight` is its share of the whole."""

    style: str  # limit | ioc | trigger
    price: Decimal
    weight: Decimal
    trigger: Decimal | None = None


class Stop(Struct, frozen=True, kw_only=True):
    """A stop on the tick, and where it comes from."""

    price: Decimal
    source: str  # signal | imputed
    terms: StopTerms | None = None
    close: CloseStop | None = None
    notes: tuple[str, ...] = ()


def wanted(leg: Leg, *, symbol: Symbol, cross: Decimal = Decimal(1)) -> Wanted:
    """
    Bring a leg's written numbers into the quote's unit; `cross` rescales levels of a mapped quote.

    Of a percent stop with two bounds the wider one counts, of a leverage range the lower.
    """
    unit = leg.factor * cross
    sl_kind = leg.sl_kind or "price"
    sl: Decimal | None = None
    if isinstance(leg.sl, tuple):
        sl = _decimal(max(leg.sl)) if leg.sl else None
    elif leg.sl is not None:
        sl = _decimal(leg.sl) if sl_kind == "pct" else _decimal(leg.sl) * unit
    return Wanted(
        symbol=symbol,
        side=leg.side,
        entry_type=leg.entry_type or ("market", "limit", "ladder")[min(len(leg.entry), 2)],
        entry=tuple(_decimal(price) * unit for price in leg.entry),
        tps=tuple(_decimal(tp) * (unit if leg.tp_unit == "price" else 1) for tp in leg.tps),
        tp_unit=leg.tp_unit,
        sl=sl,
        sl_kind=sl_kind,
        leverage=int(leg.leverage[0]) if leg.leverage and leg.leverage[0] >= 1 else None,
        zone=leg.zone,
    )


def is_breakout(want: Wanted) -> bool:
    """
    Does it wait for the price to go beyond a level, instead of coming back to one?

    "Below A-B" names a band, whichever the side: one sells into it.
    """
    if want.entry_type == "below" and len(set(want.entry)) > 1:
        return False
    return (want.side, want.entry_type) in _BREAKOUTS and bool(want.entry)


def entry_prices(want: Wanted, *, mark: Decimal) -> tuple[Decimal, ...]:
    """The prices a leg means to pay, the one that is reached first in front. At market: the mark."""
    if want.entry_type == "market" or not want.entry:
        return (mark,)
    ordered = sorted(set(want.entry), reverse=want.side is Side.BUY)
    if is_breakout(want):
        return tuple(reversed(ordered))[:RUNGS_MAX]
    if want.entry_type == "range" or len(ordered) == 2:
        near, far = ordered[0], ordered[-1]
        if want.zone and abs(near - far) / max(near, far) > ZONE_WIDTH:
            return (near, (near + far) / 2, far)
        return (near, far) if near != far else (near,)
    return tuple(ordered[:RUNGS_MAX])


def chase_cap(distance: Decimal, *, cap: Decimal = CHASE_CAP) -> Decimal:
    """How far an entry may run after the price, as share of it: a quarter of the stop distance at most."""
    return min(cap, CHASE_OF_STOP * distance)


def entry_levels(
    want: Wanted, prices: tuple[Decimal, ...], *, mark: Decimal, cap: Decimal, tick: Decimal, how: Split = EVEN
) -> tuple[Level, ...]:
    """
    Turn entry prices into rungs, nearest first.

    What the market has passed already becomes one immediate order up to the cap; the others rest.
    A breakout waits for its trigger.
    """
    side = want.side
    shares = split(how, len(prices))
    reach = mark * (1 + side.sign * cap)
    if want.entry_type == "market" or not want.entry:
        return (Level(style="ioc", price=limit_price(reach, side=side, tick=tick), weight=Decimal(1)),)
    if is_breakout(want):
        return _joined([_trigger(price, share, side, cap, tick) for price, share in zip(prices, shares, strict=True)])

    levels: list[Level] = []
    passed = [(price, share) for price, share in zip(prices, shares, strict=True) if (price - mark) * side.sign >= 0]
    if passed:
        bound = min(passed[0][0], reach) if side is Side.BUY else max(passed[0][0], reach)
        weight = sum((share for _, share in passed), Decimal(0))
        levels.append(Level(style="ioc", price=limit_price(bound, side=side, tick=tick), weight=weight))
    for price, share in zip(prices[len(passed) :], shares[len(passed) :], strict=True):
        levels.append(Level(style="limit", price=limit_price(price, side=side, tick=tick), weight=share))
    return _joined([level for level in levels if level.weight > 0])


def worst_price(levels: tuple[Level, ...], *, side: Side) -> Decimal:
    """The most a buy, or the least a sell, of these rungs can come to."""
    prices = [level.price for level in levels]
    return max(prices) if side is Side.BUY else min(prices)


def average_price(levels: tuple[Level, ...]) -> Decimal:
    whole = sum((level.weight for level in levels), Decimal(0))
    return sum((level.price * level.weight for level in levels), Decimal(0)) / whole


def imputed_distance(
    want: Wanted, conditions: Conditions, *, worst: Decimal, atrs: Decimal
) -> tuple[Decimal, StopTerms]:
    """
    The stop distance of a leg that names none, as share of the worst entry, and its three terms.

    The largest rules: `atrs` ranges, the channel's median (7 % without one), half the way to the first target.
    """
    by_range = None if conditions.atr is None else atrs * conditions.atr / worst
    median = conditions.channel_median_stop
    by_channel = NO_STOP_DISTANCE if median is None else _decimal(median)
    by_target = None
    if want.tps:
        by_target = abs(target_level(want.tps[0], want, entry=worst) - worst) / worst / 2
    terms = StopTerms(
        atr=None if by_range is None else float(by_range),
        channel_median=median,
        half_first_target=None if by_target is None else float(by_target),
    )
    return max(term for term in (by_range, by_channel, by_target) if term is not None), terms


def first_distance(want: Wanted, prices: tuple[Decimal, ...], conditions: Conditions, *, atrs: Decimal) -> Decimal:
    """The stop distance before there are rungs, as share of the worst entry: the cap on chasing follows from it."""
    worst = max(prices) if want.side is Side.BUY else min(prices)
    if want.sl is None:
        return imputed_distance(want, conditions, worst=worst, atrs=atrs)[0]
    if want.sl_kind == "pct":
        return abs(want.sl) / 100
    return abs(worst - want.sl) / worst


def chase_start(want: Wanted, prices: tuple[Decimal, ...], conditions: Conditions) -> Decimal:
    """The price that an entry must not run after: the broken level, or the post's own; the mark without either."""
    if is_breakout(want):
        return prices[0]
    if want.entry_type == "market":
        return want.entry[0] if want.entry else conditions.posted_mark or conditions.mark
    return conditions.mark


def signal_stop(want: Wanted, conditions: Conditions, *, levels: tuple[Level, ...], tick: Decimal) -> Stop | Refusal:
    """The stop a post names; of a candle-close stop the disaster stop beyond it, which rests at the venue."""
    assert want.sl is not None, "the post names no stop"
    side = want.side
    price = want.sl
    notes: tuple[str, ...] = ()
    close: CloseStop | None = None
    if want.sl_kind == "pct":
        price = average_price(levels) * (1 - side.sign * want.sl / 100)
    if price <= 0 or any((level.price - price) * side.sign <= 0 for level in levels):
        return Refusal(gate=GateName.SL_WRONG_SIDE, value=price, limit=levels[-1].price)
    if (interval_s := CLOSES_S.get(want.sl_kind)) is not None:
        close = CloseStop(price=price, interval_s=interval_s)
        beyond = max(DISASTER_ATRS * (conditions.close_atr or Decimal(0)), DISASTER_SHARE * price)
        notes = (f"{want.sl_kind} beyond {price}: disaster stop {beyond:.8g} further",)
        price -= side.sign * beyond
        worst = worst_price(levels, side=side)
        distance = abs(worst - price) / worst
        if distance > NO_STOP_DISTANCE_MAX:
            return Refusal(gate=GateName.SL_CONDITIONAL, value=_short(distance), limit=NO_STOP_DISTANCE_MAX)
    return Stop(price=stop_price(price, side=side, tick=tick), source="signal", close=close, notes=notes)


def target_level(target: Decimal, want: Wanted, *, entry: Decimal) -> Decimal:
    """A target's price; percents and multiples count from `entry`."""
    if want.tp_unit == "pct":
        return entry * (1 + want.side.sign * target / 100)
    if want.tp_unit == "multiple":
        return entry * target if want.side is Side.BUY else entry / target
    return target


def targets(
    want: Wanted, *, prices: tuple[Decimal, ...], stop: Decimal, tick: Decimal, no_tp_r: Decimal, how: Split, most: int
) -> tuple[Target, ...] | Refusal:
    """
    The targets of a plan, nearest first, on the tick; shares sum to 1.

    Those beyond `most` join the last one. None named: one at `no_tp_r` stop distances. Percents count
    from the middle of the entry `prices`; no target may lie before the worst of them.
    """
    entry = sum(prices, Decimal(0)) / len(prices)
    worst = max(prices) if want.side is Side.BUY else min(prices)
    side = want.side
    if not want.tps:
        price = target_price(entry + no_tp_r * (entry - stop), side=side, tick=tick)
        if price <= 0:
            return Refusal(gate=GateName.TP_WRONG_SIDE, value=price, limit=worst)
        return (Target(price=price, share=Decimal(1)),)
    named = sorted((target_level(tp, want, entry=entry) for tp in want.tps), reverse=side is Side.SELL)
    shares = split(how, len(named))
    found: list[Target] = []
    for price, share in zip(named, shares, strict=True):
        price = target_price(price, side=side, tick=tick)
        if price <= 0 or (price - worst) * side.sign <= 0:
            return Refusal(gate=GateName.TP_WRONG_SIDE, value=price, limit=worst)
        if not share:
            continue
        if found and (len(found) == most or found[-1].price == price):
            found[-1] = Target(price=found[-1].price, share=found[-1].share + share)
        else:
            found.append(Target(price=price, share=share))
    return tuple(found)


def _trigger(price: Decimal, share: Decimal, side: Side, cap: Decimal, tick: Decimal) -> Level:
    trigger = trigger_price(price, side=side, tick=tick)
    reach = limit_price(price * (1 + side.sign * cap), side=side, tick=tick)
    reach = max(reach, trigger) if side is Side.BUY else min(reach, trigger)
    return Level(style="trigger", price=reach, weight=share, trigger=trigger)


# Two rungs that fall on the same tick are one.
def _joined(levels: list[Level]) -> tuple[Level, ...]:
    joined: list[Level] = []
    for level in levels:
        last = joined[-1] if joined else None
        if last is not None and (last.style, last.price, last.trigger) == (level.style, level.price, level.trigger):
            joined[-1] = Level(
                style=last.style, price=last.price, weight=last.weight + level.weight, trigger=last.trigger
            )
        else:
            joined.append(level)
    return tuple(joined)


def _decimal(number: float) -> Decimal:
    return Decimal(str(number))


def _short(number: Decimal) -> Decimal:
    return Decimal(f"{number:.8g}")
