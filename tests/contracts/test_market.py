"""What every market promises, whoever implements it."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from levibotd.adapters.candle_files import CandleFiles
from levibotd.domain.signal import Symbol
from levibotd.ports.market import Market
from levibotd.sim.demo_market import DemoMarket
from levibotd.sim.recorded_market import RecordedMarket
from tests.sim.memory_candles import MemoryCandles, hourly

BTC = Symbol("BTCUSDT")
START = 1_700_006_400.0  # Midnight, UTC.
HOUR = 3600.0
PRICES = tuple((100.0 + n % 7, 109.0, 95.0, 101.0 + n % 5) for n in range(72))
AT = st.floats(START - 2 * HOUR, START + 80 * HOUR)
SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)


@pytest.fixture(params=["demo", "memory", "files"])
def market(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Market]:
    bars = hourly(START, *PRICES, volume=3.0)
    match request.param:
        case "demo":
            yield DemoMarket(seed=2)
        case "memory":
            yield RecordedMarket(MemoryCandles({BTC: bars}))
        case _:
            path = tmp_path / "candles.csv"
            lines = (f"BTC/USDT,{int(bar.ts * 1000)},{bar.open},{bar.high},{bar.low},{bar.close},3\n" for bar in bars)
            path.write_text("symbol,ts,open,high,low,close,volume\n" + "".join(lines))
            with CandleFiles([path]) as candles:
                yield RecordedMarket(candles)


def test_a_known_symbol_has_an_instrument_that_can_be_traded(market: Market) -> None:
    symbol = market.symbol("BTC", market.stable_quote)

    assert symbol == BTC
    instrument = market.instrument(BTC)
    assert instrument is not None
    assert (instrument.symbol, instrument.base, instrument.quote) == (BTC, "BTC", market.stable_quote)
    steps = (instrument.tick, instrument.step, instrument.min_qty, instrument.min_notional)
    assert all(number > 0 for number in steps)
    assert instrument.max_qty > instrument.min_qty
    assert 0 <= instrument.maker_fee <= instrument.taker_fee < Decimal("0.01")
    assert market.is_base("BTC", START)
    assert market.symbol("BTC", market.stable_quote, START) == BTC


def test_what_is_not_known_has_nothing(market: Market) -> None:
    other = Symbol("NOSUCH")

    assert market.symbol("NO", "SUCH") is None
    assert not market.is_base("NO", START)
    assert market.instrument(other) is None
    assert market.mark(other, START) is None
    assert market.bar_interval_s(other) is None
    assert list(market.bars(other, since=START, until=START + HOUR)) == []
    assert list(market.closed_bars(other, interval_s=HOUR, until=START, limit=5)) == []
    assert market.volume_24h(other, START) is None


@SHARED
@given(at=AT)
def test_the_mark_is_the_open_of_the_bar_that_contains_the_moment(market: Market, at: float) -> None:
    mark = market.mark(BTC, at)

    if mark is None:
        return
    assert mark.at <= at < mark.fresh_until
    (bar,) = market.bars(BTC, since=mark.at, until=at + 1e-3, limit=1)
    assert (Decimal(repr(bar.open)), bar.ts) == (mark.price, mark.at)


@SHARED
@given(since=AT, length=st.floats(0, 10 * HOUR), limit=st.integers(1, 50))
def test_bars_are_within_what_was_asked_for(market: Market, since: float, length: float, limit: int) -> None:
    bars = market.bars(BTC, since=since, until=since + length, limit=limit)

    assert len(bars) <= limit
    assert all(since <= bar.ts < since + length for bar in bars)
    assert [bar.ts for bar in bars] == sorted({bar.ts for bar in bars})


@SHARED
@given(until=AT, limit=st.integers(1, 20), interval_s=st.sampled_from([HOUR, 4 * HOUR]))
def test_closed_bars_have_ended_and_stand_on_their_grid(
    market: Market, until: float, limit: int, interval_s: float
) -> None:
    bars = market.closed_bars(BTC, interval_s=interval_s, until=until, limit=limit)

    assert len(bars) <= limit
    assert all(bar.ts % interval_s == 0 and bar.ts + interval_s <= until for bar in bars)
    assert [bar.ts for bar in bars] == sorted({bar.ts for bar in bars})
    # More of them end with the same ones.
    assert list(market.closed_bars(BTC, interval_s=interval_s, until=until, limit=limit + 3))[
        -len(bars) or 99 :
    ] == list(bars)


def test_a_day_of_trading_has_a_volume(market: Market) -> None:
    volume = market.volume_24h(BTC, START + 30 * HOUR)

    assert volume is not None
    assert volume > 0
