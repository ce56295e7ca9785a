"""Bars and terms to follow: one hour a bar, no costs unless said."""

from levibotd.domain.exits import NO_MOVER
from levibotd.domain.follower_terms import Aim, CloseRule, Costs, Lot, Terms
from levibotd.domain.signal import Side
from levibotd.ports.market import Bar

HOUR = 3600.0
DAY = 86_400.0
START = 1_700_006_400.0  # 00:00 UTC, so that bars of four hours and of a day begin here.
FREE = Costs(maker_fee=0.0, taker_fee=0.0, half_spread=0.0)


def hours(*rows: tuple[float, float, float, float], begin: float = START, interval_s: float = HOUR) -> list[Bar]:
    """Open, high, low and close of one bar after the other."""
    return [Bar(begin + number * interval_s, *row, 1.0, interval_s) for number, row in enumerate(rows)]


def quiet(price: float, count: int, *, begin: float = START) -> list[Bar]:
    """Bars in which next to nothing happens."""
    return hours(*[(price, price * 1.001, price * 0.999, price)] * count, begin=begin)


def limits(*prices: float) -> tuple[Lot, ...]:
    return tuple(Lot(style="limit", price=price, share=1.0 / len(prices)) for price in prices)


def aims(*prices: float) -> tuple[Aim, ...]:
    return tuple(Aim(price=price, share=1.0 / len(prices)) for price in prices)


def terms(
    *lots: Lot,
    side: Side = Side.BUY,
    targets: tuple[Aim, ...] = (),
    stop: float = 90.0,
    costs: Costs = FREE,
    mover: str = NO_MOVER,
    close_rule: CloseRule | None = None,
    leverage: int | None = None,
) -> Terms:
    """A long (or its mirror) that risks ten a unit, decided on at `START`, its entries good for a day."""
    return Terms(
        side=side,
        lots=lots,
        aims=targets,
        stop=stop,
        planned_loss=10.0,
        decided_at=START,
        entry_until=START + DAY,
        costs=costs,
        mover=mover,
        close_rule=close_rule,
        leverage=leverage,
    )
