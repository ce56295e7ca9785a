"""
What one leg may do at most: its entries, its targets and its stop, as a ticket carries them to Exec.

Parts of records (`levibotd/domain/records.py`), so what is added here needs a default.
"""

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from levibotd.domain.signal import Side, Symbol

# Kinds of stops that look at closes alone, and how long their bars are.
CLOSES_S: Mapping[str, float] = {"4h_close": 14_400.0, "daily_close": 86_400.0, "weekly_close": 604_800.0}


class Rung(Struct, frozen=True, kw_only=True):
    """
    One entry order of a plan.

    `limit` rests at `price`; `ioc` takes at once up to `price`; `trigger` waits until a trade
    beyond `trigger` and then takes up to `price`.
    """

    style: str  # limit | ioc | trigger
    qty: Decimal
    price: Decimal
    trigger: Decimal | None = None


class Target(Struct, frozen=True, kw_only=True):
    """One take-profit: `share` of the position at `price`. Shares of a plan sum to 1."""

    price: Decimal
    share: Decimal


class StopTerms(Struct, frozen=True, kw_only=True):
    """
    The three terms of an imputed stop distance, as shares of the entry; the largest rules.

    `reward`: what the average target brings, in such distances, where the post names targets.
    """

    atr: float | None = None
    channel_median: float | None = None
    half_first_target: float | None = None
    reward: float | None = None


class CloseStop(Struct, frozen=True, kw_only=True):
    """Out at the first close of a bar of `interval_s` beyond `price`; the stop at the venue lies further away."""

    price: Decimal
    interval_s: float


class TradePlan(Struct, frozen=True, kw_only=True):
    """What one leg may do at most, in quote prices and base quantities on the venue's steps."""

    symbol: Symbol
    side: Side
    rungs: tuple[Rung, ...]
    targets: tuple[Target, ...]
    stop: Decimal
    stop_source: str  # signal | imputed
    targets_source: str  # signal | imputed
    qty: Decimal  # Sum of the rungs.
    notional: Decimal  # Sum of rung price x quantity.
    planned_loss: Decimal  # All rungs filled, stopped out, costs included.
    leverage: int
    mark: Decimal  # Price at decision; the slippage cap is measured from it.
    price_cap: Decimal  # The worst price an entry may pay.
    stop_terms: StopTerms | None = None
    close_stop: CloseStop | None = None
    notes: tuple[str, ...] = ()  # Which legs were merged, which cap lowered the size.
