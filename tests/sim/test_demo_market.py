import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.domain.signal import Symbol
from levibotd.sim.demo_market import DemoMarket
from levibotd.sim.matching import is_sound

NOW = 1_763_700_000.0
MARKET = DemoMarket(seed=5)
SYMBOLS = MARKET.symbols


@given(st.integers(1_300_000_000, 4_000_000_000), st.sampled_from(SYMBOLS))
def test_there_is_a_bar_for_every_second_and_each_begins_where_the_last_one_ended(second: int, symbol: Symbol) -> None:
    one, two = MARKET.bars(symbol, since=second, until=second + 2)

    assert (one.ts, two.ts) == (float(second), second + 1.0)
    assert one.close == two.open
    assert is_sound(one)
    assert one.interval_s == 1.0
    mark = MARKET.mark(symbol, second + 0.7)
    assert mark is not None
    assert (float(mark.price), mark.at, mark.fresh_until) == (one.open, float(second), second + 1.0)


def test_the_same_seed_gives_the_same_prices_in_any_order() -> None:
    other = DemoMarket(seed=5)
    backwards = [other.bars(SYMBOLS[0], since=NOW + back, until=NOW + back + 1)[0] for back in range(99, -1, -1)]

    assert list(MARKET.bars(SYMBOLS[0], since=NOW, until=NOW + 100)) == backwards[::-1]
    assert DemoMarket(seed=6).bars(SYMBOLS[0], since=NOW, until=NOW + 1) != [backwards[-1]]


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_a_bracket_of_one_percent_resolves_within_a_minute_or_two(symbol: Symbol) -> None:
    bars = MARKET.bars(symbol, since=NOW, until=NOW + 8_000, limit=8_000)
    waits = []
    for first in range(0, 7_000, 50):
        entry = bars[first].open
        waits.append(
            next(
                number for number, bar in enumerate(bars[first:]) if bar.high >= entry * 1.01 or bar.low <= entry * 0.99
            )
        )

    assert 10 < statistics.median(waits) < 45
    assert sorted(waits)[int(0.9 * len(waits))] < 150


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_no_second_is_a_jump(symbol: Symbol) -> None:
    bars = MARKET.bars(symbol, since=NOW, until=NOW + 5_000, limit=5_000)

    assert max(abs(bar.close / bar.open - 1) for bar in bars) < 0.006


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_an_imputed_stop_stays_possible(symbol: Symbol) -> None:
    bars = MARKET.closed_bars(symbol, interval_s=3600.0, until=NOW, limit=48)
    ranges = [(bar.high - bar.low) / bar.close for bar in bars]

    # 2.5 average ranges stay below 15 %.
    assert 0.01 < statistics.mean(ranges) < 0.05
    assert all(is_sound(bar) for bar in bars)


def test_longer_bars_are_closed_aligned_and_fit_their_seconds() -> None:
    bars = MARKET.closed_bars(SYMBOLS[0], interval_s=60.0, until=NOW + 30.0, limit=3)

    assert [bar.ts for bar in bars] == [NOW - 180.0, NOW - 120.0, NOW - 60.0]
    seconds = MARKET.bars(SYMBOLS[0], since=NOW - 60.0, until=NOW)
    assert (bars[-1].open, bars[-1].close) == (seconds[0].open, seconds[-1].close)
    assert min(bar.low for bar in seconds) <= bars[-1].low
    assert bars[-1].high <= max(bar.high for bar in seconds)


def test_limits_of_a_read_are_kept() -> None:
    assert [bar.ts for bar in MARKET.bars(SYMBOLS[0], since=NOW + 0.5, until=NOW + 3.0)] == [NOW + 1, NOW + 2]
    assert len(MARKET.bars(SYMBOLS[0], since=NOW, until=NOW + 1e9, limit=7)) == 7


def test_every_demo_coin_passes_the_strictest_volume_gate() -> None:
    assert all((MARKET.volume_24h(symbol, NOW) or 0) > 20_000_000 for symbol in SYMBOLS)
    assert len(SYMBOLS) == 8
