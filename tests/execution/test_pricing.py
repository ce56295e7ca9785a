"""What a call is priced on."""

from decimal import Decimal

import pytest

from levibotd.domain.leg_read import LegRead
from levibotd.domain.signal import Leg, Side, Symbol
from levibotd.execution.pricing import (
    BARS_AT_ONCE,
    DELISTED,
    NO_CANDLES,
    QUOTE,
    Pricing,
    Source,
    conditions_of,
    ended_bars,
    mark_of,
    source_of,
)
from levibotd.ports.market import Bar, Instrument, MarketList
from levibotd.sim.recorded_market import RecordedMarket
from tests.sim.memory_candles import MemoryCandles, hourly

HOUR = 3600.0
START = 1_700_006_400.0
AT = START + 30 * HOUR + 600.0


def series(price: float, *, count: int = 60, volume: float = 1e4) -> list[Bar]:
    return hourly(START, *[(price, price * 1.01, price * 0.99, price)] * count, volume=volume)


def market(listed: MarketList | None = None, **more: list[Bar]) -> RecordedMarket:
    candles = {"BTCUSDT": series(40_000.0), "ADAUSDT": series(0.4, volume=1e9), **more}
    return RecordedMarket(MemoryCandles(candles), listed=listed)


def leg(symbol: str, **changes: object) -> LegRead:
    fields: dict[str, object] = {"symbol": symbol, "side": Side.BUY, "entry": (1.0,), "sl": 0.9}
    return LegRead.of(Leg(**(fields | changes)))  # type: ignore[arg-type]


def source(one: LegRead, of: RecordedMarket | None = None, **pricing: str) -> Source:
    found = source_of(of or market(), one, at=AT, pricing=Pricing(**pricing))
    assert isinstance(found, Source), found
    return found


@pytest.mark.parametrize("symbol", ["BTC/USDT", "BTC/USD", "BTC", "XBT/USD"])
def test_a_call_is_priced_on_its_own_market(symbol: str) -> None:
    found = source(leg(symbol))

    assert (found.symbol, found.divisor, found.proxy, found.synthetic, found.fuzz) == ("BTCUSDT", None, False, False, 0)


@pytest.mark.parametrize(
    ("named", "candles", "proxy"),
    [(None, "spot", False), ("futures", "spot", True), ("spot", "spot", False), ("spot", "swap", True)],
)
def test_on_another_market_than_it_names_it_is_a_proxy(named: str | None, candles: str, proxy: bool) -> None:
    found = source(leg("BTC/USDT", market=named), candles=candles)

    assert (found.proxy, found.fuzz) == (proxy, 0.003 if proxy else 0.0)


@pytest.mark.parametrize(
    ("named", "venue", "fees"),
    [
        ("spot", "binance", (0.001, 0.001)),
        ("futures", "binance", (0.0002, 0.0005)),
        ("futures", "bybit", (0.0002, 0.00055)),
        (None, "binance", (0.0002, 0.0005)),
    ],
)
def test_fees_are_those_of_the_market_it_names(named: str | None, venue: str, fees: tuple[float, float]) -> None:
    costs = source(leg("BTC/USDT", market=named), venue=venue).costs

    assert (costs.maker_fee, costs.taker_fee) == fees
    assert costs.funded is (named != "spot")


@pytest.mark.parametrize("crossed", [False, True])
@pytest.mark.parametrize(("named", "fee"), [(None, 0.001), ("spot", 0.001), ("futures", 0.0002)])
def test_a_coin_in_another_coin_is_traded_on_spot_unless_futures_are_named(
    crossed: bool, named: str | None, fee: float
) -> None:
    of = market() if crossed else market(ADABTC=series(0.00001))
    found = source(leg("ADA/BTC", market=named), of)  # With a venue whose own market is the perpetual one.

    assert found.synthetic is crossed
    assert (found.costs.maker_fee, found.costs.funded) == (fee, named == "futures")


@pytest.mark.parametrize(("volume", "half"), [(1e9, 0.0002), (1e6, 0.0005), (1.0, 0.0015)])
def test_the_half_spread_follows_the_volume(volume: float, half: float) -> None:
    found = source(leg("DOT/USDT"), market(DOTUSDT=series(1.0, volume=volume)))

    assert found.costs.half_spread == half


def test_another_stable_coin_stands_in_as_a_proxy() -> None:
    assert (source(leg("BTC/USDC")).symbol, source(leg("BTC/USDC")).proxy) == ("BTCUSDT", True)


def test_a_quote_without_candles_is_priced_through_the_cross() -> None:
    found = source(leg("ADA/BTC"))

    assert (found.symbol, found.divisor, found.synthetic) == ("ADAUSDT", "BTCUSDT", True)
    assert (found.costs.half_spread, found.fuzz) == (0.0015, 0.003)
    assert mark_of(market(), found, AT) == Decimal(repr(0.4 / 40_000.0))


def test_its_own_candles_go_before_the_cross() -> None:
    assert source(leg("ADA/BTC"), market(ADABTC=series(0.00001))).symbol == "ADABTC"


def test_of_a_cross_only_opens_and_closes_are_known() -> None:
    ada = hourly(START, *[(0.4, 0.5, 0.3, 0.42)] * 40)
    btc = hourly(START, *[(40_000.0, 50_000.0, 30_000.0, 40_000.0)] * 40)
    del btc[3]
    found = market(ADAUSDT=ada, BTCUSDT=btc)

    bars = ended_bars(found, source(leg("ADA/BTC"), found), since=START, now=START + 5 * HOUR).bars

    assert [bar.ts for bar in bars] == [START, START + HOUR, START + 2 * HOUR, START + 4 * HOUR]
    assert bars[0][1:5] == pytest.approx((1e-5, 1.05e-5, 1e-5, 1.05e-5))


@pytest.mark.parametrize(
    ("symbol", "reason"), [("ADA/EUR", QUOTE), ("NOSUCH/USDT", NO_CANDLES), ("NOSUCH/BTC", NO_CANDLES)]
)
def test_what_cannot_be_priced_says_why(symbol: str, reason: str) -> None:
    assert source_of(market(), leg(symbol), at=AT, pricing=Pricing()) == reason


def test_what_the_list_no_longer_trades_is_delisted() -> None:
    gone = Instrument(
        symbol=Symbol("OLDUSDT"), base="OLD", quote="USDT", tick=Decimal("0.01"), step=Decimal("0.01"),
        min_qty=Decimal("0.01"), max_qty=Decimal(1000), min_notional=Decimal(5), maker_fee=Decimal(0),
        taker_fee=Decimal(0), half_spread=Decimal(0), can_short=True, tradable=False,
    )  # fmt: skip
    found = market(MarketList(as_of="2023-11-01", instruments=(gone,)))

    assert source_of(found, leg("OLD/USDT"), at=AT, pricing=Pricing()) == DELISTED


def test_a_hole_in_the_candles_is_no_price() -> None:
    bars = series(1.0)
    found = market(DOTUSDT=bars[:20] + bars[40:])

    assert source_of(found, leg("DOT/USDT"), at=AT, pricing=Pricing()) == NO_CANDLES


def test_conditions_look_at_nothing_after_the_decision() -> None:
    calm, wild = series(100.0), series(100.0)
    wild[30:] = [bar._replace(high=900.0, low=1.0, close=1.0) for bar in wild[30:]]
    seen = []
    for bars in (calm, wild):
        of = market(DOTUSDT=bars)
        one = leg("DOT/USDT", entry_type="market", sl_kind="4h_close")
        seen.append(conditions_of(of, source(one, of), one, at=AT, posted_at=AT - 1, median_stop=0.05))

    assert seen[0] == seen[1]
    assert seen[0] is not None
    assert (seen[0].mark, seen[0].posted_mark, seen[0].channel_median_stop) == (Decimal(100), Decimal(100), 0.05)
    assert seen[0].atr == pytest.approx(Decimal(2))


def test_a_bar_counts_once_it_has_ended() -> None:
    found = ended_bars(market(), source(leg("BTC/USDT")), since=START + HOUR, now=START + 3.5 * HOUR)

    assert [bar.ts for bar in found.bars] == [START + HOUR, START + 2 * HOUR]
    assert not found.more


@pytest.mark.parametrize("symbol", ["BTC/USDT", "ADA/BTC"])
def test_many_bars_come_in_pieces(symbol: str) -> None:
    minutes = [Bar(START + 60.0 * number, 1.0, 1.0, 1.0, 1.0, 1.0, 60.0) for number in range(10 * BARS_AT_ONCE + 100)]
    found = market(BTCUSDT=minutes, ADAUSDT=minutes)
    one = source(leg(symbol), found)

    since, pieces = START, []
    while True:
        read = ended_bars(found, one, since=since, now=START + 60.0 * len(minutes))
        pieces.append(len(read.bars))
        if not read.more:
            break
        since = read.bars[-1].ts + 60.0

    assert pieces == [BARS_AT_ONCE] * 10 + [100]
