"""What is around a call is told from what was there by then: no later bar and no later record changes it."""

import math
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.app.climate import ClimateWatch
from levibotd.domain.climate.hybrid import BY_HAND, probability
from levibotd.domain.climate.record import Climate, ClimateRecord
from levibotd.domain.climate.terms import Terms
from levibotd.domain.signal import Kind, Leg, Reading, Scored, Side, Symbol
from levibotd.ports.market import Bar
from levibotd.settings import FeaturesConfig
from levibotd.sim.recorded_market import RecordedMarket
from tests.sim.memory_candles import MemoryCandles

HOUR = 3600.0
END = 1_699_992_000.0  # A multiple of four hours.
ALTS = ("SOL", "XRP", "ADA", "BNB", "DOGE")
HOURS = 400
RATES = {"BTC": 0.0, "ETH": 0.0004, **dict.fromkeys(ALTS, 0.0002)}


def candles(rates: dict[str, float] = RATES, *, wiggle: float = 0.0, seed: int = 1) -> dict[str, list[Bar]]:
    """Hours until END at these rates, with chance on top."""
    chance, found = Random(seed), {}
    for base, rate in rates.items():
        price, bars = 100.0, []
        for hour in range(HOURS):
            after = price * math.exp(rate + chance.gauss(0.0, wiggle))
            high, low = max(price, after), min(price, after)
            bars.append(Bar(END + (hour - HOURS) * HOUR, price, high, low, after, 1e6, HOUR))
            price = after
        found[f"{base}USDT"] = bars
    return found


class Counting(RecordedMarket):
    """Also counts how many bars were asked for; while `is_late`, the last one has not come."""

    asked = 0
    is_late = False

    def closed_bars(self, symbol: Symbol, *, interval_s: float, until: float, limit: int) -> Sequence[Bar]:
        self.asked += limit
        found = super().closed_bars(symbol, interval_s=interval_s, until=until, limit=limit)
        return found[:-1] if self.is_late else found


def watch(
    bars: dict[str, list[Bar]], *, record: ClimateRecord | None = None, eager: bool = True, **features: object
) -> tuple[ClimateWatch, Counting]:
    market, kept = Counting(MemoryCandles(bars)), record or ClimateRecord()
    config = FeaturesConfig(alts=ALTS, **features)  # type: ignore[arg-type]
    return ClimateWatch(market=market, record=lambda: kept, features=lambda: config, eager=eager), market


def call(*symbols: str, side: Side = Side.BUY, kind: Kind = Kind.NEW, label: str = "") -> Scored:
    legs = tuple(Leg(symbol=symbol, side=side) for symbol in symbols)
    return Scored(reading=Reading(kind=kind, legs=legs), label=label or side, probs={label or side: 0.8})


def test_the_terms_of_a_call_are_what_its_score_is_made_of() -> None:
    record = ClimateRecord()
    record.crowd.hear("@a", Side.BUY, posted_at=END, at=END)
    terms = watch(candles(), record=record)[0].around(call("SOL/USDT", "BTC/USDT"), at=END)

    assert terms is not None
    sol, btc = terms.legs
    # A steady rise is as far from chance as 48 bars can be; bitcoin stands still, and nothing leads it.
    assert (terms.bias, terms.pulse, terms.source, terms.used) == (0.333333, None, "hand", False)
    assert (sol.trend, sol.eth_led) == (pytest.approx(math.sqrt(48), abs=1e-5), True)
    assert (btc.trend, btc.eth_led) == (0.0, None)
    row = (math.log(4), 0.333333, 0.0, 1.0, 1.0)
    assert sol.hybrid == pytest.approx(probability(row, BY_HAND), abs=1e-6)


def test_a_short_call_sees_the_same_terms_from_the_other_side() -> None:
    long, short = (watch(candles())[0].around(call("SOL/USDT", side=side), at=END) for side in Side)

    assert long is not None
    assert short is not None
    assert long.legs[0].trend == short.legs[0].trend
    assert long.legs[0].hybrid > short.legs[0].hybrid


@pytest.mark.parametrize("scored", [call("SOL/USDT", kind=Kind.RESULT), call("SOL/USDT", label="NO-TRADE"), call()])
def test_what_is_no_actionable_call_is_not_looked_at(scored: Scored) -> None:
    climate, market = watch(candles())

    assert climate.around(scored, at=END) is None
    assert market.asked == 0


def test_switched_off_it_looks_at_nothing() -> None:
    climate, market = watch(candles(), enabled=False)

    assert climate.around(call("SOL/USDT"), at=END) is None
    climate.warm(at=END)
    assert market.asked == 0


def test_bars_are_read_once_and_then_only_new_ones() -> None:
    climate, market = watch(candles())
    climate.around(call("SOL/USDT"), at=END - 5 * HOUR)
    once = market.asked

    climate.around(call("SOL/USDT"), at=END - 5 * HOUR + 60)
    assert market.asked == once
    climate.around(call("SOL/USDT"), at=END - 4 * HOUR)
    # One more hour of the coin, and of each of the seven coins one more bar of four.
    assert market.asked == once + 1 + 7


def test_what_was_read_bit_by_bit_is_what_is_read_at_once() -> None:
    bars = candles(wiggle=0.01)
    climate, _ = watch(bars)
    walked = [climate.seen(at=END - hour * HOUR) for hour in range(60, -1, -1)]

    assert walked == [watch(bars)[0].seen(at=END - hour * HOUR) for hour in range(60, -1, -1)]


def test_a_coin_without_bars_or_with_old_ones_has_no_trend() -> None:
    bars = candles()
    bars["SOLUSDT"] = bars["SOLUSDT"][:-3]
    bars["ADAUSDT"] = bars["ADAUSDT"][-40:]
    bars["XRPUSDT"] = bars["XRPUSDT"][:-20] + bars["XRPUSDT"][-10:]
    terms = watch(bars)[0].around(call("SOL/USDT", "ADA/USDT", "XRP/USDT", "NOSUCH/USDT"), at=END)

    assert terms is not None
    assert [leg.trend for leg in terms.legs] == [None] * 4


def test_without_ether_or_bitcoin_nothing_is_led() -> None:
    bars = {symbol: one for symbol, one in candles().items() if symbol != "ETHUSDT"}

    assert watch(bars)[0].seen(at=END).eth_led is None


def test_a_daemon_reads_what_the_lead_needs_a_coin_at_a_time_and_no_post_waits_for_it() -> None:
    climate, market = watch(candles(), eager=False)
    first = climate.around(call("BTC/USDT", "SOL/USDT"), at=END)
    asked = market.asked
    assert first is not None
    assert (first.legs[1].eth_led, asked) == (None, 2 * 72)

    for number in range(1, 8):
        climate.warm(at=END)
        assert market.asked == asked + number * 84
    climate.warm(at=END)
    assert market.asked == asked + 7 * 84
    later = climate.around(call("SOL/USDT"), at=END)
    assert later is not None
    assert later.legs[0].eth_led is True


def test_live_a_bar_that_is_late_is_asked_for_again() -> None:
    climate, market = watch(candles(), eager=False)
    market.is_late = True
    before = climate.around(call("SOL/USDT"), at=END)
    market.is_late = False
    after = climate.around(call("SOL/USDT"), at=END)

    assert before is not None
    assert after is not None
    assert (before.legs[0].trend, after.legs[0].trend) == (None, pytest.approx(math.sqrt(48), abs=1e-5))


def cut(bars: dict[str, list[Bar]], at: float) -> dict[str, list[Bar]]:
    return {symbol: [bar for bar in found if bar.ts + HOUR <= at] for symbol, found in bars.items()}


@given(hours=st.integers(0, 200), part=st.floats(0.0, 0.99), seed=st.integers(0, 20))
def test_candles_cut_off_at_any_moment_leave_all_that_was_seen_before(hours: int, part: float, seed: int) -> None:
    bars, at = candles(wiggle=0.02, seed=seed), END - hours * HOUR - part * HOUR

    def seen(of: dict[str, list[Bar]]) -> tuple[Climate, Terms | None]:
        climate, _ = watch(of)
        return climate.seen(at=at), climate.around(call("SOL/USDT", "XRP/USDT"), at=at)

    assert seen(cut(bars, at)) == seen(bars)
