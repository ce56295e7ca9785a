"""What holding makes."""

import pytest

from levibotd.domain.signal import Symbol
from levibotd.execution.holding import COSTS, equal_weight_pct, held_pct
from levibotd.sim.recorded_market import RecordedMarket
from tests.sim.memory_candles import MemoryCandles, hourly

T0 = 1_700_006_400.0
BTC, GONE, NEVER = Symbol("BTCUSDT"), Symbol("GONEUSDT"), Symbol("NEVERUSDT")


@pytest.fixture
def market() -> RecordedMarket:
    steady = [(100.0 + n, 101.0 + n, 100.0 + n, 101.0 + n) for n in range(10)]
    return RecordedMarket(MemoryCandles({BTC: hourly(T0, *steady), GONE: hourly(T0, (10.0, 10.0, 5.0, 5.0))}))


def test_bought_at_the_first_bar_and_sold_at_the_last(market: RecordedMarket) -> None:
    whole = held_pct(market, BTC, since=T0, until=T0 + 10 * 3600)
    part = held_pct(market, BTC, since=T0 + 3600, until=T0 + 3 * 3600)

    assert whole == pytest.approx(100 * (1.10 * (1 - COSTS) - 1), rel=1e-5)
    assert part == pytest.approx(100 * (103 / 101 * (1 - COSTS) - 1), rel=1e-4)
    assert held_pct(market, NEVER, since=T0, until=T0 + 3600) is None


def test_what_is_delisted_counts_at_its_last_price(market: RecordedMarket) -> None:
    end = T0 + 10 * 3600
    both = equal_weight_pct(market, [GONE, BTC, BTC, NEVER], since=T0, until=end)
    gone, held = held_pct(market, GONE, since=T0, until=end), held_pct(market, BTC, since=T0, until=end)

    assert gone is not None
    assert gone < -50
    assert held is not None
    assert both == pytest.approx((gone + held) / 2, rel=1e-5)
    assert equal_weight_pct(market, [NEVER], since=T0, until=end) is None
