from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from levibotd.domain.signal import Symbol
from levibotd.ports.market import Bar, Instrument, MarketList
from levibotd.sim.recorded_market import Filters, RecordedMarket
from tests.sim.memory_candles import MemoryCandles, hourly

HOUR = 3600.0
START = 1_699_999_200.0
BTC, ETH = Symbol("BTCUSDT"), Symbol("ETHUSDT")
RISING = tuple((100.0 + n, 102.0 + n, 99.0 + n, 101.0 + n) for n in range(30))


def test_the_mark_is_the_open_of_the_bar_and_fresh_until_it_ends() -> None:
    market = _market({BTC: hourly(START, *RISING)})

    for at in (START + HOUR, START + 1.5 * HOUR, START + 2 * HOUR - 0.001):
        mark = market.mark(BTC, at)
        assert mark is not None
        assert (mark.price, mark.at, mark.fresh_until) == (Decimal("101.0"), START + HOUR, START + 2 * HOUR)


@pytest.mark.parametrize("at", [START - 0.001, START + 30 * HOUR, START + 1e6])
def test_there_is_no_mark_without_a_bar(at: float) -> None:
    assert _market({BTC: hourly(START, *RISING)}).mark(BTC, at) is None


def test_there_is_no_mark_in_a_gap() -> None:
    market = _market({BTC: [*hourly(START, *RISING[:2]), *hourly(START + 5 * HOUR, *RISING[:2])]})

    assert market.mark(BTC, START + 3 * HOUR) is None
    assert market.mark(BTC, START + 5 * HOUR) is not None


def test_a_bar_of_another_length_is_fresh_for_its_own() -> None:
    day = Bar(START, 10.0, 11.0, 9.0, 10.0, 1.0, 24 * HOUR)
    market = _market({BTC: [day, *hourly(START + 24 * HOUR, *RISING[:2])]})

    mark = market.mark(BTC, START + 20 * HOUR)

    assert mark is not None
    assert mark.fresh_until == START + 24 * HOUR
    assert market.bar_interval_s(BTC) == HOUR


def test_bars_begin_at_since_and_end_before_until() -> None:
    market = _market({BTC: hourly(START, *RISING)})

    assert [bar.ts for bar in market.bars(BTC, since=START + 1, until=START + 3 * HOUR)] == [
        START + HOUR,
        START + 2 * HOUR,
    ]
    assert len(market.bars(BTC, since=START, until=START + 1e9, limit=4)) == 4


def test_longer_bars_are_put_together_from_shorter_ones() -> None:
    # 03:00 of a four-hour grid: START is a multiple of 3600 but not of 14400.
    first = START // (4 * HOUR) * (4 * HOUR) + 4 * HOUR
    market = _market({BTC: hourly(START, *RISING)})

    (bar,) = market.closed_bars(BTC, interval_s=4 * HOUR, until=first + 4 * HOUR, limit=1)

    offset = int((first - START) / HOUR)
    # Open of the first, close of the fourth, extremes of all, volumes added.
    assert bar == Bar(first, 100.0 + offset, 105.0 + offset, 99.0 + offset, 104.0 + offset, 4.0, 4 * HOUR)


def test_a_bar_that_has_not_ended_is_not_closed() -> None:
    market = _market({BTC: hourly(START, *RISING)})

    found = market.closed_bars(BTC, interval_s=HOUR, until=START + 3.5 * HOUR, limit=10)

    assert [bar.ts for bar in found] == [START, START + HOUR, START + 2 * HOUR]
    assert market.closed_bars(BTC, interval_s=60.0, until=START + 5 * HOUR, limit=10) == ()


@given(st.floats(0, 40 * HOUR), st.integers(1, 8), st.sets(st.integers(0, 29), max_size=15))
def test_closed_bars_never_look_ahead_and_agree_with_their_parts(after: float, limit: int, missing: set[int]) -> None:
    bars = [bar for number, bar in enumerate(hourly(START, *RISING)) if number not in missing]
    market = _market({BTC: bars})
    until = START + after

    found = market.closed_bars(BTC, interval_s=3 * HOUR, until=until, limit=limit)

    assert len(found) <= limit
    for long in found:
        parts = [bar for bar in bars if long.ts <= bar.ts < long.ts + 3 * HOUR]
        assert long.ts + 3 * HOUR <= until
        assert (long.open, long.close) == (parts[0].open, parts[-1].close)
        assert (long.high, long.low) == (max(b.high for b in parts), min(b.low for b in parts))
    starts = sorted({bar.ts // (3 * HOUR) * 3 * HOUR for bar in bars})
    assert [bar.ts for bar in found] == [ts for ts in starts if ts + 3 * HOUR <= until][-limit:]


@given(
    st.lists(st.floats(-HOUR, 40 * HOUR), min_size=2, max_size=30),
    st.sets(st.integers(0, 29), max_size=15),
    st.integers(0, 30),
)
def test_no_answer_hangs_on_what_was_asked_before_of_a_later_time_or_an_earlier_one(
    after: list[float], missing: set[int], listed_after_h: int
) -> None:
    bars = [bar for number, bar in enumerate(hourly(START, *RISING)) if number not in missing]
    listed = replace(_listed(BTC), listed_at=START + listed_after_h * HOUR)
    known = MarketList(as_of="2021-09-06", instruments=(listed,))
    asked = RecordedMarket(MemoryCandles({BTC: bars}), listed=known)

    for at in (START + each for each in after):
        anew = RecordedMarket(MemoryCandles({BTC: bars}), listed=known)
        mark = asked.mark(BTC, at)
        assert mark == anew.mark(BTC, at)
        assert mark is None or mark.at <= at < mark.fresh_until
        assert asked.is_base("BTC", at) == anew.is_base("BTC", at)
        assert asked.symbol("BTC", "USDT", at) == anew.symbol("BTC", "USDT", at)
        assert asked.instrument(BTC, at) == anew.instrument(BTC, at)
        assert asked.volume_24h(BTC, at) == anew.volume_24h(BTC, at)


def test_volume_is_that_of_the_closed_bars_of_a_day_in_quote() -> None:
    market = _market({BTC: hourly(START, *RISING)})

    # The 24 bars that begin at hours 1 to 24 and have ended at hour 25: closes 102 to 125.
    assert market.volume_24h(BTC, START + 25 * HOUR) == sum(range(102, 126))
    # Half an hour later the first of them is too old, and the one of hour 25 has not ended.
    assert market.volume_24h(BTC, START + 25.5 * HOUR) == sum(range(103, 126))
    assert market.volume_24h(BTC, START + HOUR) == 101.0
    assert market.volume_24h(BTC, START) is None


@pytest.mark.parametrize(("volume", "share"), [(1e6, "0.0002"), (1e4, "0.0005"), (10.0, "0.0015")])
def test_the_spread_follows_the_volume_before(volume: float, share: str) -> None:
    market = _market({BTC: hourly(START, *RISING, volume=volume)})

    instrument = market.instrument(BTC, START + 25 * HOUR)

    assert instrument is not None
    assert instrument.half_spread == Decimal(share)


def test_the_volume_of_another_quote_is_counted_in_stable_money() -> None:
    coin = hourly(START, *((0.01, 0.01, 0.01, 0.01),) * 30, volume=1e6)
    pairs = {"ADABTC": ("ADA", "BTC")}
    alone = _market({"ADABTC": coin}, pairs=pairs)
    crossed = _market({"ADABTC": coin, BTC: hourly(START, *((500.0, 500.0, 500.0, 500.0),) * 30)}, pairs=pairs)

    # 24 x 10000 BTC a day: at 500 that is 120 million.
    for market, share in ((alone, "0.0015"), (crossed, "0.0002")):
        instrument = market.instrument(Symbol("ADABTC"), START + 25 * HOUR)
        assert instrument is not None
        assert instrument.half_spread == Decimal(share)


def test_known_is_what_is_listed_and_what_has_candles() -> None:
    market = RecordedMarket(
        MemoryCandles({ETH: hourly(START, *RISING)}), listed=MarketList(as_of="2021-09-06", instruments=(_listed(BTC),))
    )

    assert market.as_of == "2021-09-06"
    assert (market.symbol("BTC", "USDT"), market.symbol("ETH", "USDT"), market.symbol("ETH", "BTC")) == (BTC, ETH, None)
    assert market.is_base("BTC", START)
    assert not market.is_base("DOGE", START)
    listed, unlisted = market.instrument(BTC), market.instrument(ETH)
    assert listed is not None
    assert unlisted is not None
    assert (listed.filters, unlisted.filters) == ("venue", "default")
    assert market.mark(BTC, START) is None


def test_how_long_it_is_listed_only_the_venue_says() -> None:
    dated, candles = replace(_listed(BTC), listed_at=START), {ETH: hourly(START, *RISING)}
    market = RecordedMarket(MemoryCandles(candles), listed=MarketList(as_of="2021-09-06", instruments=(dated,)))
    found = [market.instrument(symbol, START + HOUR) for symbol in (BTC, ETH)]

    assert [one.listed_for_s(START + HOUR) for one in found if one is not None] == [HOUR, None]


def test_nothing_is_known_before_it_was_listed_or_had_a_price() -> None:
    listed = replace(_listed(BTC), listed_at=START + 2 * HOUR)
    market = RecordedMarket(
        MemoryCandles({BTC: hourly(START, *RISING), ETH: hourly(START + HOUR, *RISING)}),
        listed=MarketList(as_of="2021-09-06", instruments=(listed,)),
    )

    for symbol, base, at, filters in (
        (BTC, "BTC", START - 1, None),
        (BTC, "BTC", START, "default"),
        (BTC, "BTC", START + 2 * HOUR - 1, "default"),
        (BTC, "BTC", START + 2 * HOUR, "venue"),
        (ETH, "ETH", START + HOUR - 1, None),
        (ETH, "ETH", START + HOUR, "default"),
    ):
        known = market.instrument(symbol, at)
        assert (None if known is None else known.filters) == filters, (symbol, at)
        assert market.is_base(base, at) is (filters is not None)
        assert market.symbol(base, "USDT", at) == (None if filters is None else symbol)


@pytest.mark.parametrize(
    ("kind", "can_short", "taker", "leverage"), [("swap", True, "0.0005", 20), ("spot", False, "0.001", 1)]
)
def test_the_kind_of_market_decides_shorts_fees_and_leverage(
    kind: str, can_short: bool, taker: str, leverage: int
) -> None:
    market = RecordedMarket(
        MemoryCandles({}),
        listed=MarketList(as_of="2021-09-06", instruments=(_listed(BTC),)),
        market="spot" if kind == "spot" else "swap",
    )

    instrument = market.instrument(BTC)

    assert instrument is not None
    assert (instrument.can_short, instrument.taker_fee, instrument.max_leverage) == (
        can_short,
        Decimal(taker),
        leverage,
    )


def test_fees_of_the_operator_win() -> None:
    market = RecordedMarket(
        MemoryCandles({BTC: hourly(START, *RISING)}), maker_fee=Decimal(0), taker_fee=Decimal("0.01")
    )

    instrument = market.instrument(BTC)

    assert instrument is not None
    assert (instrument.maker_fee, instrument.taker_fee) == (Decimal(0), Decimal("0.01"))


@pytest.mark.parametrize(
    ("symbol", "price", "tick", "step"),
    [
        ("BTCUSDT", 9138.0, "0.01", "0.00001"),
        ("DOGEUSDT", 0.0023, "0.00000001", "10"),
        ("ADABTC", 6.1e-5, "0.00000001", "0.1"),
    ],
)
def test_default_steps_follow_the_first_price(symbol: str, price: float, tick: str, step: str) -> None:
    market = _market({symbol: hourly(START, (price, price, price, price))}, filters=None)

    instrument = market.instrument(Symbol(symbol))

    assert instrument is not None
    assert (instrument.tick, instrument.step) == (Decimal(tick), Decimal(step))


def test_configured_filters_are_used_as_they_are() -> None:
    filters = Filters(tick=Decimal("0.5"), step=Decimal(1), min_qty=Decimal(2), min_notional=Decimal(7))

    instrument = _market({BTC: hourly(START, *RISING)}, filters=filters).instrument(BTC)

    assert instrument is not None
    assert (instrument.tick, instrument.min_qty, instrument.min_notional) == (Decimal("0.5"), Decimal(2), Decimal(7))


@pytest.mark.parametrize(
    ("symbol", "base", "quote"),
    [
        ("BTCUSDT", "BTC", "USDT"),
        ("ADABTC", "ADA", "BTC"),
        ("BTCFDUSD", "BTC", "FDUSD"),
        ("1000PEPEUSDT", "1000PEPE", "USDT"),
    ],
)
def test_a_symbol_in_one_word_is_split_at_its_quote(symbol: str, base: str, quote: str) -> None:
    assert _market({symbol: hourly(START, *RISING)}).symbol(base, quote) == symbol


def _market(
    bars: dict[str, list[Bar]],
    *,
    pairs: dict[str, tuple[str, str]] | None = None,
    filters: Filters | None = None,
) -> RecordedMarket:
    return RecordedMarket(MemoryCandles(bars, pairs=pairs), default_filters=filters)


def _listed(symbol: Symbol) -> Instrument:
    return Instrument(
        symbol=symbol,
        base=symbol.removesuffix("USDT"),
        quote="USDT",
        tick=Decimal("0.1"),
        step=Decimal("0.001"),
        min_qty=Decimal("0.001"),
        max_qty=Decimal(100),
        min_notional=Decimal(5),
        maker_fee=Decimal("0.5"),
        taker_fee=Decimal("0.5"),
        half_spread=Decimal("0.0005"),
        can_short=True,
    )
