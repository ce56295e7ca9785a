"""
How much: from a leg and a risk budget to a plan, or to the gate that says no.

The size follows from the loss at the stop, never from leverage. It is only ever lowered: what
falls below the venue's minimum is refused, not rounded up.
"""

from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from levibotd.domain.exits import EVEN, Split
from levibotd.domain.gates import GateName, Refusal
from levibotd.domain.geometry import misplaced, reward_of
from levibotd.domain.levels import (
    CHASE_CAP,
    NO_STOP_DISTANCE_MAX,
    Conditions,
    Level,
    Stop,
    Wanted,
    chase_cap,
    chase_start,
    entry_levels,
    entry_prices,
    first_distance,
    imputed_distance,
    signal_stop,
    target_level,
    targets,
    worst_price,
)
from levibotd.domain.signal import Side
from levibotd.domain.steps import floor_step, plain, stop_price
from levibotd.domain.trade_plan import Rung, Target, TradePlan

STOP_DISTANCE_MIN = Decimal("0.004")
STOP_COSTS_MIN = 4  # A stop nearer than so many round trips is noise.
STOP_SLIP = Decimal("0.001")
STOP_SLIP_ATRS = Decimal("0.1")
LIQUIDATION_ROOM = Decimal("1.5")  # Liquidation lies this many stop distances away.
LIQUIDATION_MARGIN = Decimal("0.005")
DUST_FACTOR = Decimal("1.1")  # An order must be this much above the venue's minimum to be closed again.
VOLUME_SHARE_MAX = Decimal("0.005")
SURE = 0.9  # Below this probability half the budget is risked.


class Filters(Struct, frozen=True, kw_only=True):
    """What the venue allows on the symbol. `half_spread` and fees are shares of the price."""

    tick: Decimal
    step: Decimal
    min_qty: Decimal
    max_qty: Decimal
    min_notional: Decimal
    taker_fee: Decimal
    maker_fee: Decimal
    half_spread: Decimal = Decimal(0)
    maintenance_margin: Decimal = Decimal("0.005")
    max_leverage: int = 1
    can_short: bool = False
    spot: bool = False

    @property
    def order_notional_min(self) -> Decimal:
        return self.min_notional * DUST_FACTOR


class Limits(Struct, frozen=True, kw_only=True):
    """What the policy, the channel and the exposure allow for one call. Amounts are in the quote."""

    equity: Decimal
    risk_per_trade: Decimal
    notional_max: Decimal
    no_sl_atr: Decimal
    no_tp_r: Decimal
    max_leverage: int
    no_sl_rr_min: Decimal = Decimal(1)  # What targets must bring over an imputed stop, in its distances; 0: anything.
    notional_min: Decimal = Decimal(0)
    p_call: float = 1.0
    no_sl: str = "impute"  # impute | skip
    loss_max: Decimal | None = None  # Of the plan whose place this one takes.
    heat_left: Decimal | None = None  # Planned loss that may still be added.
    max_tps: int = 5
    entry_split: Split = EVEN
    tp_split: Split = EVEN
    chase_cap: Decimal = CHASE_CAP

    @property
    def budget(self) -> Decimal:
        """What a call may lose at its stop. A less certain reading halves it; nothing raises it."""
        budget = self.equity * self.risk_per_trade
        budget = budget / 2 if self.p_call < SURE else budget
        return budget if self.loss_max is None else min(budget, self.loss_max)


class _Size(Struct, frozen=True):
    levels: tuple[Level, ...]
    quantities: tuple[Decimal, ...]
    planned_loss: Decimal
    notes: tuple[str, ...]

    @property
    def qty(self) -> Decimal:
        return sum(self.quantities, Decimal(0))

    @property
    def notional(self) -> Decimal:
        pairs = zip(self.levels, self.quantities, strict=True)
        return sum((level.price * qty for level, qty in pairs), Decimal(0))


def plan_trade(want: Wanted, *, filters: Filters, limits: Limits, conditions: Conditions) -> TradePlan | Refusal:
    """
    Plan one leg completely, or name the first gate that closes, with value and limit.

    Guarantees of a plan: all rungs filled and stopped out lose at most the budget, costs included;
    the rungs sum to `qty` on the venue's step; the stop lies beyond every rung and the mark before it;
    no rung pays more than `price_cap`.
    """
    mark = conditions.mark
    if not mark.is_finite() or mark <= 0:
        return Refusal(gate=GateName.NO_PRICE, value=mark)
    prices = entry_prices(want, mark=mark)
    if not all(price.is_finite() and price > 0 for price in prices):
        return Refusal(gate=GateName.ENTRY, value=min(prices))
    start = chase_start(want, prices, conditions)
    cap = chase_cap(first_distance(want, prices, conditions, atrs=limits.no_sl_atr), cap=limits.chase_cap)
    cap = min(cap, _half_way(want, prices, start, cap))
    ran = (mark - start) / start * want.side.sign
    if ran > cap:
        return Refusal(gate=GateName.CHASED, value=_short(ran), limit=_short(cap))
    # A market entry is bounded from the price at the post's time, so that ours can not run after it twice.
    bound = start if want.entry_type == "market" and ran > 0 else mark
    levels = entry_levels(want, prices, mark=bound, cap=cap, tick=filters.tick, how=limits.entry_split)
    if worst_price(levels, side=Side.SELL) <= 0:
        return Refusal(gate=GateName.TICK, value=min(prices), limit=filters.tick)

    found = _stop(want, levels, filters, limits, conditions)
    if isinstance(found, Refusal):
        return found
    stop, levels = found
    aims = targets(
        want,
        prices=prices,
        stop=stop.price,
        tick=filters.tick,
        no_tp_r=limits.no_tp_r,
        how=limits.tp_split,
        most=limits.max_tps,
    )
    if isinstance(aims, Refusal):
        return aims
    narrowest = max(STOP_DISTANCE_MIN, STOP_COSTS_MIN * 2 * (filters.taker_fee + filters.half_spread))
    refusal = misplaced(levels, stop=stop, aims=aims, side=want.side, conditions=conditions, narrowest=narrowest)
    if refusal is not None:
        return refusal
    rewarded = _rewarded(want, levels, stop, aims, limits.no_sl_rr_min)
    if isinstance(rewarded, Refusal):
        return rewarded
    stop = rewarded
    leverage = _leverage(want, levels, stop, filters, limits)
    if isinstance(leverage, Refusal):
        return leverage
    size = _size(levels, stop, filters, limits, conditions)
    if isinstance(size, Refusal):
        return size
    return _plan(want, size, stop, aims, leverage, filters, mark)


# An entry that pays more than its first target brings has nothing to win: one near by leaves it less to run.
def _half_way(want: Wanted, prices: tuple[Decimal, ...], start: Decimal, cap: Decimal) -> Decimal:
    if not want.tps:
        return cap
    entry = sum(prices, Decimal(0)) / len(prices)
    nearest = min((target_level(tp, want, entry=entry) - start) * want.side.sign for tp in want.tps)
    return nearest / start / 2 if nearest > 0 else cap


def _stop(
    want: Wanted, levels: tuple[Level, ...], filters: Filters, limits: Limits, conditions: Conditions
) -> tuple[Stop, tuple[Level, ...]] | Refusal:
    if want.sl is not None:
        stop = signal_stop(want, conditions, levels=levels, tick=filters.tick)
        return stop if isinstance(stop, Refusal) else (stop, levels)
    if limits.no_sl != "impute":
        return Refusal(gate=GateName.NO_SL, value="none", limit=limits.no_sl)
    side = want.side
    worst = worst_price(levels, side=side)
    distance, terms = imputed_distance(want, conditions, worst=worst, atrs=limits.no_sl_atr)
    if distance > NO_STOP_DISTANCE_MAX:
        return Refusal(gate=GateName.NO_SL_TOO_WIDE, value=_short(distance), limit=NO_STOP_DISTANCE_MAX)
    price = stop_price(worst * (1 - side.sign * distance), side=side, tick=filters.tick)
    kept = tuple(level for level in levels if (level.price - price) * side.sign > 0)
    if not kept:
        return Refusal(gate=GateName.TICK, value=worst, limit=filters.tick)
    notes: tuple[str, ...] = ()
    if len(kept) < len(levels):
        # A rung beyond our own stop would be bought into the stop; its share joins the last one before it.
        beyond = sum((level.weight for level in levels[len(kept) :]), Decimal(0))
        kept = (*kept[:-1], _heavier(kept[-1], beyond))
        notes = (f"{len(levels) - len(kept)} rungs beyond the imputed stop joined the one before it",)
    return Stop(price=price, source="imputed", terms=terms, notes=notes), kept


# A stop of ours, and targets that bring less than it costs. What names no target gets one that is far enough.
def _rewarded(
    want: Wanted, levels: tuple[Level, ...], stop: Stop, aims: tuple[Target, ...], least: Decimal
) -> Stop | Refusal:
    if stop.terms is None or not want.tps:
        return stop
    reward = reward_of(levels, stop=stop.price, aims=aims, side=want.side)
    if least and reward < least:
        return Refusal(gate=GateName.NO_SL_RR, value=_short(reward), limit=least)
    return replace(stop, terms=replace(stop.terms, reward=float(_short(reward))))


def _leverage(want: Wanted, levels: tuple[Level, ...], stop: Stop, filters: Filters, limits: Limits) -> int | Refusal:
    worst = worst_price(levels, side=want.side)
    distance = abs(worst - stop.price) / worst
    room = LIQUIDATION_ROOM * distance + filters.maintenance_margin + LIQUIDATION_MARGIN
    safe = int(1 / room)
    leverage = min(limits.max_leverage, filters.max_leverage, safe, want.leverage or safe)
    if leverage >= 1:
        return leverage
    gate = GateName.SL_CONDITIONAL if want.sl_kind.endswith("_close") else GateName.LIQUIDATION
    return Refusal(gate=gate, value=_short(1 / room), limit=1)


# Rungs that come out too thin join a neighbour, which changes what a unit loses; so once more, with fewer rungs.
def _size(
    levels: tuple[Level, ...], stop: Stop, filters: Filters, limits: Limits, conditions: Conditions
) -> _Size | Refusal:
    notional_max, budget, notes = _caps(filters, limits, conditions)
    merged = 0
    while True:
        losses = tuple(_loss(level, stop, filters, conditions) for level in levels)
        quantities = _quantities(levels, losses, filters, budget=budget, notional_max=notional_max)
        lost = sum((loss * qty for loss, qty in zip(losses, quantities, strict=True)), Decimal(0))
        said = (*notes, f"{merged} thin rungs joined the one nearer to the market") if merged else notes
        size = _Size(levels, quantities, lost, said)
        thin = [
            index
            for index, (level, qty) in enumerate(zip(levels, quantities, strict=True))
            if qty < filters.min_qty or qty * level.price < filters.order_notional_min
        ]
        if not thin or len(levels) == 1:
            break
        levels = _merged(levels, thin[-1])
        merged += 1
    least = max(filters.order_notional_min, limits.notional_min)
    if size.qty < filters.min_qty:
        return Refusal(gate=GateName.TOO_SMALL, value=plain(size.qty), limit=filters.min_qty, reason="quantity")
    if size.notional < least:
        return Refusal(gate=GateName.TOO_SMALL, value=_short(size.notional), limit=least, reason="notional")
    return size


def _caps(filters: Filters, limits: Limits, conditions: Conditions) -> tuple[Decimal, Decimal, tuple[str, ...]]:
    notes: list[str] = []
    budget, notional_max = limits.budget, limits.notional_max
    if limits.heat_left is not None and limits.heat_left < budget:
        budget = limits.heat_left
        notes.append("heat lowers the size")
    if conditions.volume_24h is not None and conditions.volume_24h * VOLUME_SHARE_MAX < notional_max:
        notional_max = conditions.volume_24h * VOLUME_SHARE_MAX
        notes.append("24 h volume lowers the size")
    return max(notional_max, Decimal(0)), max(budget, Decimal(0)), tuple(notes)


# What a unit bought on this rung loses when it is stopped out.
def _loss(level: Level, stop: Stop, filters: Filters, conditions: Conditions) -> Decimal:
    slip = STOP_SLIP * stop.price
    if conditions.atr is not None:
        slip = max(slip, STOP_SLIP_ATRS * conditions.atr)
    fees = filters.taker_fee * (level.price + stop.price)
    return abs(level.price - stop.price) + fees + slip + abs(conditions.funding) * level.price


def _quantities(
    levels: tuple[Level, ...],
    losses: tuple[Decimal, ...],
    filters: Filters,
    *,
    budget: Decimal,
    notional_max: Decimal,
) -> tuple[Decimal, ...]:
    loss = sum((level.weight * loss for level, loss in zip(levels, losses, strict=True)), Decimal(0))
    price = sum((level.weight * level.price for level in levels), Decimal(0))
    total = floor_step(min(budget / loss, notional_max / price, filters.max_qty), filters.step)
    while total > 0:
        parts = [floor_step(total * level.weight, filters.step) for level in levels]
        # What the steps leave over goes where a unit loses least.
        parts[losses.index(min(losses))] += total - sum(parts, Decimal(0))
        lost = sum((loss * qty for loss, qty in zip(losses, parts, strict=True)), Decimal(0))
        paid = sum((level.price * qty for level, qty in zip(levels, parts, strict=True)), Decimal(0))
        if lost <= budget and paid <= notional_max:
            return tuple(parts)
        total -= filters.step
    return tuple(Decimal(0) for _ in levels)


# Too thin a rung joins the one nearer to the market; to the nearest one comes the next.
def _merged(levels: tuple[Level, ...], index: int) -> tuple[Level, ...]:
    from_index = max(index, 1)
    kept = list(levels)
    kept[from_index - 1] = _heavier(kept[from_index - 1], kept[from_index].weight)
    del kept[from_index]
    return tuple(kept)


def _heavier(level: Level, weight: Decimal) -> Level:
    return Level(style=level.style, price=level.price, weight=level.weight + weight, trigger=level.trigger)


def _plan(
    want: Wanted, size: _Size, stop: Stop, aims: tuple[Target, ...], leverage: int, filters: Filters, mark: Decimal
) -> TradePlan:
    aims, joined = _thick_targets(aims, size.qty, filters)
    return TradePlan(
        symbol=want.symbol,
        side=want.side,
        rungs=tuple(
            Rung(style=level.style, qty=qty, price=level.price, trigger=level.trigger)
            for level, qty in zip(size.levels, size.quantities, strict=True)
        ),
        targets=aims,
        stop=stop.price,
        stop_source=stop.source,
        targets_source="signal" if want.tps else "imputed",
        qty=plain(size.qty),
        notional=plain(size.notional),
        planned_loss=plain(size.planned_loss),
        leverage=leverage,
        mark=mark,
        price_cap=worst_price(size.levels, side=want.side),
        stop_terms=stop.terms,
        close_stop=stop.close,
        notes=(*size.notes, *stop.notes, *joined),
    )


# A target that is too thin on the whole plan joins the one nearer to the entry.
def _thick_targets(
    aims: tuple[Target, ...], qty: Decimal, filters: Filters
) -> tuple[tuple[Target, ...], tuple[str, ...]]:
    kept: list[Target] = []
    for aim, part in zip(aims, target_quantities(aims, qty, filters=filters), strict=True):
        if part or not kept:
            kept.append(aim)
        else:
            kept[-1] = Target(price=kept[-1].price, share=kept[-1].share + aim.share)
    joined = len(aims) - len(kept)
    return tuple(kept), (f"{joined} thin targets joined the one nearer to the entry",) if joined else ()


def target_quantities(aims: tuple[Target, ...], qty: Decimal, *, filters: Filters) -> tuple[Decimal, ...]:
    """
    What each target gets of `qty`, on the step; the last one takes the rest.

    What would be too thin for the venue joins the target nearer to the entry and leaves a zero.
    """
    parts = [floor_step(qty * aim.share, filters.step) for aim in aims[:-1]]
    parts.append(qty - sum(parts, Decimal(0)))
    for index in range(len(parts) - 1, 0, -1):
        if is_thin(parts[index], aims[index].price, filters):
            parts[index - 1] += parts[index]
            parts[index] = Decimal(0)
    for index in range(1, len(parts)):
        if is_thin(parts[0], aims[0].price, filters):
            parts[0] += parts[index]
            parts[index] = Decimal(0)
    return tuple(parts)


def is_thin(qty: Decimal, price: Decimal, filters: Filters) -> bool:
    """Is an exit of this size below what the venue takes? What only reduces has a minimum notional on spot alone."""
    return qty < filters.min_qty or (filters.spot and qty * price < filters.order_notional_min)


def _short(number: Decimal) -> Decimal:
    return Decimal(f"{number:.8g}")
