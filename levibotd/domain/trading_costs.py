"""What trading costs where no account says so: the venue's public fees, and spreads by traded volume."""

from decimal import Decimal
from typing import NamedTuple


class Fees(NamedTuple):
    """Shares of the notional."""

    maker: Decimal
    taker: Decimal


# Binance without discounts.
FEES = {
    "spot": Fees(Decimal("0.001"), Decimal("0.001")),
    "swap": Fees(Decimal("0.0002"), Decimal("0.0005")),
}

# Quote volume of 24 h in stable money, and the half spread that goes with at least so much.
SPREAD_TIERS = (
    (50_000_000.0, Decimal("0.0002")),
    (5_000_000.0, Decimal("0.0005")),
)
WIDEST_HALF_SPREAD = Decimal("0.0015")
USUAL_HALF_SPREAD = Decimal("0.0005")


def half_spread(volume_24h: float | None) -> Decimal:
    """Half the spread as a share of the price, by quote volume; the widest where that is not known."""
    if volume_24h is not None:
        for least, share in SPREAD_TIERS:
            if volume_24h >= least:
                return share
    return WIDEST_HALF_SPREAD
