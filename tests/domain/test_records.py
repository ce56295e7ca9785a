"""What the log keeps of a reading, and under which symbol."""

from decimal import Decimal

import pytest

from levibotd.domain.records import LegRead, one_symbol
from levibotd.domain.signal import Leg, Side


@pytest.mark.parametrize(
    ("symbols", "expected"),
    [
        (("BTCUSDT",), "BTCUSDT"),
        (("BTCUSDT", "BTCUSDT"), "BTCUSDT"),
        (("BTCUSDT", "ETHUSDT"), None),
        (("BTCUSDT", None), None),
        ((None,), None),
        ((), None),
    ],
)
def test_a_record_about_one_coin_is_filed_under_it(symbols: tuple[str | None, ...], expected: str | None) -> None:
    assert one_symbol(symbols) == expected


def test_prices_are_kept_as_they_were_written() -> None:
    leg = Leg(symbol="SHIB/USDT", side=Side.BUY, entry=(7000.0, 0.00000705), tps=(109234.567,), sl=(5.5,))
    read = LegRead.of(leg)

    assert [str(price) for price in (*read.entry, *read.tps)] == ["7000", "0.00000705", "109234.567"]
    assert read.sl == (Decimal("5.5"),)
    assert LegRead.of(Leg(symbol="A/USDT", side=Side.SELL)).sl is None
