"""
The judgement of a call.

`judge` asks its gates in one fixed order, that of `GateName`; the first that closes is named with
value and limit, and all that were passed before stand in the ticket. What a call may cost is
`sizing.py`'s; what is held comes from the ledger.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import msgspec
from msgspec import Struct

from levibotd.domain.book import Held
from levibotd.domain.exits import EVEN, Split
from levibotd.domain.gates import GateName, Refusal
from levibotd.domain.levels import CHASE_CAP, Conditions, wanted
from levibotd.domain.records import Gate
from levibotd.domain.signal import CallKey, Leg, Side, Symbol
from levibotd.domain.sizing import Filters, Limits, plan_trade
from levibotd.domain.trade_plan import TradePlan

STAGES = ("observe", "paper", "ask", "canary", "live")
PAPER = "paper"
LIVE = "live"
PRICE_DEVIATION_MAX = Decimal("0.01")
LISTED_MIN_S = 7 * 86_400.0  # What is younger has no price that anybody knows.

_STABLE_QUOTES = ("USD", "USDT", "USDC", "FDUSD", "BUSD")


class PolicyValues(Struct, frozen=True, kw_only=True):
    """One policy as it rules: the rows of its table under the keys of the configuration."""

    name: str
    risk_per_trade: Decimal
    heat_max: Decimal
    max_open: int
    max_leverage: int
    notional_max: str  # A quote amount, or a share of equity: "5%".
    daily_loss_limit: Decimal
    cooldown_s: float
    cooldown_stop_s: float
    no_sl_atr: Decimal
    no_tp_r: Decimal
    min_volume_24h: Decimal
    no_sl_rr_min: Decimal = Decimal(1)
    heat_channel_share: Decimal = Decimal("0.3")
    heat_side_share: Decimal = Decimal("0.6")

    @classmethod
    def of(cls, rows: object) -> "PolicyValues":
        """Take the rows from anything that has them as attributes; floats become what they are written as."""
        values: dict[str, Any] = {}
        for field in msgspec.structs.fields(cls):
            value = getattr(rows, field.name)
            values[field.name] = Decimal(str(value)) if field.type is Decimal else value
        return cls(**values)


class Rules(Struct, frozen=True, kw_only=True):
    """What the configuration and the channel say beside the policy; the channel's value goes first."""

    confidence_min: float
    signal_ttl_s: float
    hybrid_min: float | None = None
    unproven: bool = False  # In live by the operator's word.
    stage: str = "paper"  # The lower of the global one and the channel's.
    no_sl: str = "impute"
    notional_min: Decimal = Decimal(0)
    quotes: tuple[str, ...] = _STABLE_QUOTES
    symbols_allow: tuple[str, ...] = ()
    symbols_deny: tuple[str, ...] = ()
    sides: tuple[str, ...] = ("BUY", "SELL")
    risk: Decimal | None = None  # The channel's share of equity per call; never above the policy's.
    heat_share: Decimal | None = None  # The channel's share of the heat.
    max_leverage: int | None = None
    max_tps: int = 5
    entry_split: Split = EVEN
    tp_split: Split = EVEN
    chase_cap: Decimal = CHASE_CAP


class Facts(Struct, frozen=True, kw_only=True):
    """
    One leg and all that is known about it at the decision.

    `symbol` and `filters` are None for what no market lists, `conditions` without a fresh mark.
    `cross` rescales levels that were written in another quote.
    """

    call: CallKey
    channel: str
    leg: Leg
    p_call: float
    age_s: float
    now: float
    equity: Decimal
    hybrid: float | None = None  # Only where the score has proved itself.
    ev_r: float | None = None  # R that a call of this channel makes on average, as held now; None: not known.
    regardless: bool = False  # Let through before, or only followed: what is held of its channel is not asked.
    symbol: Symbol | None = None
    filters: Filters | None = None
    tradable: bool = True
    listed_s: float | None = None  # For how long the venue has listed it; None where it does not say.
    has_list: bool = True  # Is there a list of what the venue trades?
    conditions: Conditions | None = None
    last: Decimal | None = None  # The last trade, where the feed tells it apart from the mark.
    cross: Decimal = Decimal(1)
    closed: Gate | None = None  # What the ledger says no with: `Ledger.may_open`.
    owner: CallKey | None = None
    repost_of: CallKey | None = None  # The call that this channel opened before with the same words.
    held: tuple[Held, ...] = ()
    last_close: float | None = None
    last_stop_out: float | None = None
    tp_weights: tuple[float, ...] = ()  # Of the targets, nearest first, as the post itself has them.
    loss_max: Decimal | None = None  # What the plan may lose whose place this one would take.
    notional_cap: Decimal | None = None  # What whoever gave the call wants to spend at most.


class Approved(Struct, frozen=True, kw_only=True):
    """A yes: the plan, and every gate that was passed. In stage observe it is a dry run."""

    plan: TradePlan
    gates: tuple[Gate, ...]


class Rejected(Struct, frozen=True, kw_only=True):
    """A no: the gate that closed, and those passed before it."""

    refusal: Refusal
    gates: tuple[Gate, ...] = ()


def judge(facts: Facts, *, policy: PolicyValues, rules: Rules) -> Approved | Rejected:
    """Apply every gate to one leg and plan it. The first gate that closes is named, with value and limit."""
    passed: list[Gate] = []
    for name, check in _checks(facts, policy, rules):
        if isinstance(check, Refusal):
            return Rejected(refusal=check, gates=tuple(passed))
        value, limit = check
        passed.append(Gate(name=name, value=value, limit=limit))
    assert facts.symbol is not None, "the gates let only known symbols through"
    assert facts.filters is not None, "the gates let only known symbols through"
    assert facts.conditions is not None, "the gates let only priced symbols through"
    plan = plan_trade(
        wanted(facts.leg, symbol=facts.symbol, cross=facts.cross),
        filters=facts.filters,
        limits=limits_of(facts, policy=policy, rules=rules),
        conditions=facts.conditions,
    )
    if isinstance(plan, Refusal):
        return Rejected(refusal=plan, gates=tuple(passed))
    if plan.stop_terms is not None and plan.stop_terms.reward is not None:
        passed.append(Gate(name=GateName.NO_SL_RR, value=plan.stop_terms.reward, limit=policy.no_sl_rr_min))
    return Approved(plan=plan, gates=tuple(passed))


def limits_of(facts: Facts, *, policy: PolicyValues, rules: Rules) -> Limits:
    """What sizing must keep to for this leg: policy and channel, whichever is lower."""
    left = [limit - held for limit, held in _heats(facts, policy, rules).values()]
    channel_cap = rules.max_leverage or policy.max_leverage
    notional_max = notional(policy.notional_max, equity=facts.equity)
    return Limits(
        equity=facts.equity,
        risk_per_trade=_risk_per_trade(policy, rules),
        notional_max=notional_max if facts.notional_cap is None else min(notional_max, facts.notional_cap),
        no_sl_atr=policy.no_sl_atr,
        no_tp_r=policy.no_tp_r,
        no_sl_rr_min=policy.no_sl_rr_min,
        max_leverage=min(policy.max_leverage, channel_cap),
        notional_min=rules.notional_min,
        p_call=facts.p_call,
        no_sl=rules.no_sl,
        loss_max=facts.loss_max,
        heat_left=min(left),
        max_tps=rules.max_tps,
        entry_split=rules.entry_split,
        tp_split=facts.tp_weights or rules.tp_split,
        chase_cap=rules.chase_cap,
    )


# Who is in live without evidence costs half.
def _risk_per_trade(policy: PolicyValues, rules: Rules) -> Decimal:
    share = min(policy.risk_per_trade, rules.risk or policy.risk_per_trade)
    return share / 2 if rules.unproven and rules.stage == LIVE else share


def try_out(facts: Facts, *, policy: PolicyValues, rules: Rules) -> TradePlan | Refusal:
    """Plan one leg by what the venue allows, whatever the policy says: as large as `notional_cap` at most."""
    checks = (*_lists(facts, policy, rules), *_prices(facts, policy))
    venue = (GateName.NOT_TRADABLE, GateName.CANNOT_SHORT, GateName.NO_PRICE)
    for name, check in checks:
        if isinstance(check, Refusal) and name in venue and check.reason != "volume":
            return check
    assert facts.symbol is not None, "unknown symbols are not tradable"
    assert facts.filters is not None, "unknown symbols are not tradable"
    assert facts.conditions is not None, "without conditions there is no price"
    limits = limits_of(facts, policy=policy, rules=rules)
    if facts.notional_cap is not None:
        limits = msgspec.structs.replace(
            limits, risk_per_trade=Decimal(1), heat_left=None, notional_max=facts.notional_cap, no_sl="impute"
        )
    leg = wanted(facts.leg, symbol=facts.symbol, cross=facts.cross)
    return plan_trade(leg, filters=facts.filters, limits=limits, conditions=facts.conditions)


def notional(text: str, *, equity: Decimal) -> Decimal:
    """Read "25" as an amount in the quote and "5%" as a share of equity."""
    if text.endswith("%"):
        return equity * Decimal(text[:-1]) / 100
    return Decimal(text)


def loosens(wanted: PolicyValues, ruling: PolicyValues, *, equity: Decimal) -> bool:
    """Would `wanted` let anything pass that `ruling` refuses?"""
    return bool(loosened_rows(wanted, ruling, equity=equity))


def loosened_rows(wanted: PolicyValues, ruling: PolicyValues, *, equity: Decimal) -> tuple[str, ...]:
    """Name the rows by which `wanted` would let pass what `ruling` refuses."""
    shares = ("risk_per_trade", "heat_max", "heat_channel_share", "heat_side_share", "daily_loss_limit")
    rows = [row for row in (*shares, "max_open", "max_leverage") if getattr(wanted, row) > getattr(ruling, row)]
    less = ("cooldown_s", "cooldown_stop_s", "min_volume_24h", "no_sl_rr_min")
    rows += [row for row in less if getattr(wanted, row) < getattr(ruling, row)]
    if notional(wanted.notional_max, equity=equity) > notional(ruling.notional_max, equity=equity):
        rows.append("notional_max")
    return tuple(rows)


def policy_hash(policy: PolicyValues) -> str:
    """Name the values of a policy, so that a ticket says under which ones it was given."""
    return blake2b(msgspec.json.encode(policy, order="sorted"), digest_size=8).hexdigest()


def lower_stage(first: str, second: str) -> str:
    return first if STAGES.index(first) <= STAGES.index(second) else second


def stage_in_force(highest: str, confirmed: str | None, *, file_suffices: bool = False) -> str:
    """
    The stage that rules when the file allows `highest` and an operator last confirmed `confirmed`.

    Above paper the file alone is not enough, unless money is at stake on no real venue (`file_suffices`).
    """
    if confirmed is not None:
        return lower_stage(highest, confirmed)
    return highest if file_suffices else lower_stage(highest, PAPER)


def needs_evidence(stage: str) -> bool:
    """Must a channel have proved itself before its calls act at this stage?"""
    return stage in ("canary", "live")


def needs_second_factor(*stages: str) -> bool:
    """Is one of these a stage in which loosening takes more than a reason?"""
    return any(STAGES.index(stage) > STAGES.index(PAPER) for stage in stages)


def day_of(at: float) -> str:
    """The UTC day of a moment, YYYY-MM-DD."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


_Values = tuple[object, object]


def _checks(facts: Facts, policy: PolicyValues, rules: Rules) -> Iterator[tuple[GateName, _Values | Refusal]]:
    if facts.closed is not None:
        gate = GateName(facts.closed.name)
        yield gate, Refusal(gate=gate, value=facts.closed.value, limit=facts.closed.limit)
    yield GateName.STAGE, (rules.stage, STAGES[0])
    yield _not_below(GateName.CONFIDENCE, facts.p_call, rules.confidence_min)
    if rules.stage == LIVE and not rules.unproven and not facts.regardless:
        gate = GateName.EV_R
        no = Refusal(gate=gate, value=facts.ev_r, limit=0.0, reason="unproven")
        yield gate, no if facts.ev_r is None or facts.ev_r <= 0 else (facts.ev_r, 0.0)
    if rules.hybrid_min is not None and facts.hybrid is not None:
        yield _not_below(GateName.HYBRID, facts.hybrid, rules.hybrid_min)
    yield _not_above(GateName.TTL, facts.age_s, rules.signal_ttl_s)
    yield from _lists(facts, policy, rules)
    yield from _prices(facts, policy)
    yield from _cooldowns(facts, policy)
    yield from _exposure(facts, policy, rules)


def _lists(facts: Facts, policy: PolicyValues, rules: Rules) -> Iterator[tuple[GateName, _Values | Refusal]]:
    leg = facts.leg
    yield _one_of(GateName.SIDES, str(leg.side), rules.sides)
    names = {leg.symbol, leg.symbol.replace("/", ""), leg.base, facts.symbol or leg.symbol}
    if names.intersection(rules.symbols_deny):
        yield GateName.SYMBOLS, Refusal(gate=GateName.SYMBOLS, value=leg.symbol, limit="deny", reason="denied")
    if rules.symbols_allow and not names.intersection(rules.symbols_allow):
        yield GateName.SYMBOLS, Refusal(gate=GateName.SYMBOLS, value=leg.symbol, limit="allow", reason="not allowed")
    if leg.quote is not None:
        # Before the market list: a quote that is not ours is refused as such, listed or not.
        yield _one_of(GateName.QUOTE, leg.quote, rules.quotes)
    tradable = GateName.NOT_TRADABLE
    if facts.symbol is None or facts.filters is None:
        # Without a market list nobody can say that it does not trade, only that it has no price here.
        gate, limit = (tradable, "listed") if facts.has_list else (GateName.NO_PRICE, "a fresh mark")
        yield gate, Refusal(gate=gate, value=leg.symbol, limit=limit, reason="unknown")
        return
    if not facts.tradable:
        yield tradable, Refusal(gate=tradable, value=facts.symbol, limit="trading", reason="status")
    if facts.listed_s is not None and facts.listed_s < LISTED_MIN_S:
        yield tradable, Refusal(gate=tradable, value=facts.listed_s, limit=LISTED_MIN_S, reason="new")
    if leg.side is Side.SELL and not facts.filters.can_short:
        gate = GateName.CANNOT_SHORT
        yield gate, Refusal(gate=gate, value=facts.symbol, limit="a venue that shorts", side=leg.side)


def _prices(facts: Facts, policy: PolicyValues) -> Iterator[tuple[GateName, _Values | Refusal]]:
    if facts.conditions is None:
        yield GateName.NO_PRICE, Refusal(gate=GateName.NO_PRICE, value=facts.symbol, limit="a fresh mark")
        return
    mark, volume = facts.conditions.mark, facts.conditions.volume_24h
    if not mark.is_finite() or mark <= 0:
        yield GateName.NO_PRICE, Refusal(gate=GateName.NO_PRICE, value=str(mark), limit="a price")
        return
    yield GateName.NO_PRICE, (mark, "fresh")
    gate, least = GateName.NOT_TRADABLE, policy.min_volume_24h
    if volume is not None and volume >= least:
        yield gate, (volume, least)
    elif least > 0:
        # Not known is not enough: so look new listings, and markets that stood still.
        yield gate, Refusal(gate=gate, value=volume, limit=least, reason="volume")
    if facts.last is not None:
        yield _not_above(GateName.PRICE_DEVIATION, abs(mark - facts.last) / mark, PRICE_DEVIATION_MAX)


def _cooldowns(facts: Facts, policy: PolicyValues) -> Iterator[tuple[GateName, _Values | Refusal]]:
    waits = (
        (GateName.COOLDOWN, facts.last_close, policy.cooldown_s),
        (GateName.COOLDOWN_STOP, facts.last_stop_out, policy.cooldown_stop_s),
    )
    for name, since, wait_s in waits:
        if since is not None:
            yield _not_below(name, facts.now - since, wait_s)


def _exposure(facts: Facts, policy: PolicyValues, rules: Rules) -> Iterator[tuple[GateName, _Values | Refusal]]:
    held = [other for other in facts.held if other.call != facts.call]
    owner = next((other for other in held if other.symbol == facts.symbol), None)
    if owner is not None or (facts.owner is not None and facts.owner != facts.call):
        busy = GateName.SYMBOL_BUSY
        key = owner.call if owner is not None else facts.owner
        side = owner.side if owner is not None else None
        yield busy, Refusal(gate=busy, value=facts.symbol, limit="one owner", owner=key, side=side)
    if facts.repost_of is not None and facts.repost_of != facts.call:
        gate = GateName.REPOST
        yield gate, Refusal(gate=gate, value=facts.repost_of, limit="once", owner=facts.repost_of, side=facts.leg.side)
    gate = GateName.MAX_OPEN
    full = Refusal(gate=gate, value=len(held), limit=policy.max_open)
    yield gate, full if len(held) >= policy.max_open else (len(held), policy.max_open)
    for name, (limit, heat) in _heats(facts, policy, rules).items():
        yield name, (heat, limit) if heat < limit else Refusal(gate=name, value=heat, limit=limit)


# Limit and what is used of it: in all, of the channel, of the side. What is left lowers the size.
def _heats(facts: Facts, policy: PolicyValues, rules: Rules) -> Mapping[GateName, tuple[Decimal, Decimal]]:
    whole = facts.equity * policy.heat_max
    held = [other for other in facts.held if other.call != facts.call]
    channel_share = policy.heat_channel_share if rules.heat_share is None else rules.heat_share
    return {
        GateName.HEAT: (whole, _heat(held)),
        GateName.HEAT_CHANNEL: (whole * channel_share, _heat([h for h in held if h.channel == facts.channel])),
        GateName.HEAT_SIDE: (
            whole * policy.heat_side_share,
            _heat([h for h in held if h.side is facts.leg.side]),
        ),
    }


def _heat(held: list[Held]) -> Decimal:
    return sum((other.planned_loss for other in held), Decimal(0))


def _not_below(name: GateName, value: float, limit: float) -> tuple[GateName, _Values | Refusal]:
    return name, (value, limit) if value >= limit else Refusal(gate=name, value=value, limit=limit)


def _not_above(name: GateName, value: float | Decimal, limit: float | Decimal) -> tuple[GateName, _Values | Refusal]:
    return name, (value, limit) if value <= limit else Refusal(gate=name, value=value, limit=limit)


def _one_of(name: GateName, value: str, allowed: tuple[str, ...]) -> tuple[GateName, _Values | Refusal]:
    limit = ",".join(allowed)
    return name, (value, limit) if value in allowed else Refusal(gate=name, value=value, limit=limit)
