"""Under which symbol a record is filed."""

import pytest

from levibotd.domain.records import one_symbol


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
