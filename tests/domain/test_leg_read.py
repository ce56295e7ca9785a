"""What the log keeps of a leg."""

from decimal import Decimal

from levibotd.domain.leg_read import LegRead
from levibotd.domain.signal import Leg, Side


def test_prices_are_kept_as_they_were_written() -> None:
    leg = Leg(symbol="SHIB/USDT", side=Side.BUY, entry=(7000.0, 0.00000705), tps=(109234.567,), sl=(5.5,))
    read = LegRead.of(leg)

    assert [str(price) for price in (*read.entry, *read.tps)] == ["7000", "0.00000705", "109234.567"]
    assert read.sl == (Decimal("5.5"),)
    assert LegRead.of(Leg(symbol="A/USDT", side=Side.SELL)).sl is None
