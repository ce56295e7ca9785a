"""What is read off a leg for its card."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from levibotd.domain.cards.calls import CallKept, Ended, reward, stop_distance
from levibotd.domain.leg_read import LegRead
from levibotd.domain.signal import Leg, Side


def leg(side: Side = Side.BUY, **parts: object) -> LegRead:
    return LegRead.of(Leg(symbol="BTC/USDT", side=side, **parts))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("read", "distance", "paid"),
    [
        (leg(entry=(100.0, 98.0), sl=95.0, tps=(105.0, 115.0)), 0.05, 2.0),
        (leg(Side.SELL, entry=(100.0,), sl=104.0, tps=(92.0,)), 0.04, 2.0),
        (leg(entry=(100.0,), sl=(5.0,), sl_kind="pct", tps=(10.0,), tp_unit="pct"), 0.05, 2.0),
        (leg(entry=(100.0,), sl=90.0, tps=(1.2, 1.4), tp_unit="multiple"), 0.1, 3.0),
        (leg(entry=(100.0,), sl=101.0, tps=(110.0,)), None, None),  # On the wrong side it stops nothing.
        (leg(entry=(100.0,), tps=(110.0,)), None, None),
        (leg(entry=(100.0,), sl=90.0), 0.1, None),
    ],
)
def test_the_stop_and_the_reward_are_shares_of_the_worst_entry(
    read: LegRead, distance: float | None, paid: float | None
) -> None:
    assert stop_distance(read) == (None if distance is None else pytest.approx(distance))
    assert reward(read) == (None if paid is None else pytest.approx(paid))


@pytest.mark.parametrize(
    ("status", "r", "counts"),
    [
        ("filled", -1.0, -1.0),
        ("unfilled", None, 0.0),
        ("cancelled", None, 0.0),
        ("unknown", 2.0, 0.0),
        ("unpriced", 2.0, None),
    ],
)
def test_what_was_not_filled_counts_nothing_and_what_has_no_price_is_not_counted(
    status: str, r: float | None, counts: float | None
) -> None:
    call = CallKept(id="1|0", coin="BTC", side=Side.BUY, posted_at=0.0, witnessed=True, first="1|0")
    assert call.r is None

    call = replace(call, as_posted=Ended(status=status, at=9.0, r=r))

    assert call.r == counts
    assert call.moved_at == 9.0
    assert Decimal(call.lifetime_s) == 86_400
