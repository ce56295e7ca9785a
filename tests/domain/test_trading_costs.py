from decimal import Decimal

import pytest

from levibotd.domain.trading_costs import FEES, half_spread


@pytest.mark.parametrize(
    ("volume", "share"),
    [(None, "0.0015"), (0.0, "0.0015"), (4_999_999.0, "0.0015"), (5e6, "0.0005"), (5e7, "0.0002"), (1e12, "0.0002")],
)
def test_the_less_is_traded_the_wider_the_spread(volume: float | None, share: str) -> None:
    assert half_spread(volume) == Decimal(share)


def test_makers_pay_no_more_than_takers() -> None:
    assert all(fees.maker <= fees.taker for fees in FEES.values())
