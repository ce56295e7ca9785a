"""The same trade at random times, and later: what is timing, and what is the market's."""

import math
from random import Random

import pytest

from levibotd.domain.leg_read import LegRead
from levibotd.domain.records import Entry, Logged, SignalIngest, SignalScored
from levibotd.domain.shadow_book import ShadowCall
from levibotd.domain.signal import NO_TRADE, Leg, Post, Side, Symbol, call_key
from levibotd.execution.placebo import TIMES_MAX, TIMES_MIN, OtherTimesBench, calls_of
from levibotd.execution.pricing import Pricing
from levibotd.ports.market import Bar
from levibotd.sim.recorded_market import RecordedMarket
from tests.sim.memory_candles import MemoryCandles

BTC = Symbol("BTCUSDT")
HOUR = 3600.0
DAY = 86_400.0
T0 = 1_700_006_400.0
POSTED = T0 + 20 * DAY
UNTIL = T0 + 60 * DAY


def market(close: list[float], *, interval_s: float = HOUR) -> RecordedMarket:
    bars, before = [], close[0]
    for number, price in enumerate(close):
        high, low = max(before, price) * 1.001, min(before, price) * 0.999
        bars.append(Bar(T0 + number * interval_s, before, high, low, price, 1e6, interval_s))
        before = price
    return RecordedMarket(MemoryCandles({BTC: bars}))


def drifting(share_per_hour: float, *, jump_at: float | None = None, seed: int = 1) -> list[float]:
    chance, price, found = Random(seed), 100.0, []
    for number in range(60 * 24):
        price *= math.exp(share_per_hour + chance.gauss(0, 0.004))
        if jump_at is not None and number == int((jump_at - T0) // HOUR):
            price *= 1.15
        found.append(price)
    return found


def call(price: float, *, side: Side = Side.BUY, number: int = 1) -> ShadowCall:
    sign = side.sign
    leg = Leg(
        symbol="BTC/USDT", side=side, entry_type="market", entry=(price,), tps=(price * (1 + 0.1 * sign),),
        sl=price * (1 - 0.05 * sign), sl_kind="price",
    )  # fmt: skip
    key = call_key("paper", "@c", number, 0)
    return ShadowCall(
        key=key, trace=Post(channel="@c", message_id=number, posted_at=POSTED, text="").trace, channel="@c", symbol=BTC,
        leg=LegRead.of(leg), posted_at=POSTED, heard_at=POSTED, p_call=1.0, witnessed=True,
    )  # fmt: skip


def bench(of: RecordedMarket, *, until: float = UNTIL, calls: int = 1) -> OtherTimesBench:
    return OtherTimesBench(of, pricing=Pricing(), until=until, calls=calls)


def price_at(of: RecordedMarket, at: float) -> float:
    mark = of.mark(BTC, at)
    assert mark is not None
    return float(mark.price)


def test_who_calls_the_jump_is_better_than_the_same_trade_at_random_times() -> None:
    jumpy = market(drifting(0.0, jump_at=POSTED + 5 * HOUR))

    found = bench(jumpy).of(call(price_at(jumpy, POSTED)))

    assert found is not None
    assert found.times > 150
    assert found.placebo_r is not None
    assert -0.5 < found.placebo_r < 1.0  # The call itself makes nearly 2 R.


def test_who_buys_what_rises_anyway_makes_what_the_placebo_makes() -> None:
    rising = market(drifting(0.002))

    found = bench(rising).of(call(price_at(rising, POSTED)))

    assert found is not None
    assert found.placebo_r is not None
    assert found.placebo_r > 1.0
    falling = bench(rising).of(call(price_at(rising, POSTED), side=Side.SELL))
    assert falling is not None
    assert falling.placebo_r is not None
    assert falling.placebo_r < -0.7


def test_the_same_call_has_the_same_placebo_and_another_one_its_own() -> None:
    flat = market(drifting(0.0))
    price = price_at(flat, POSTED)

    first, again, other = (bench(flat).of(call(price, number=number)) for number in (1, 1, 2))

    assert first == again
    assert other is not None
    assert first is not None
    assert first.placebo_r != other.placebo_r


@pytest.mark.parametrize("days", [15, 20])
def test_nothing_after_the_end_is_looked_at(days: int) -> None:
    closes = drifting(0.0)
    until = POSTED + days * DAY
    cut = closes[: int((until - T0) // HOUR)]

    whole, part = market(closes), market(cut)

    assert bench(whole, until=until).of(call(price_at(whole, POSTED))) == bench(part, until=until).of(
        call(price_at(part, POSTED))
    )


def test_a_call_without_a_price_has_no_placebo() -> None:
    flat = market(drifting(0.0))
    unknown = call(100.0)
    unknown.leg = LegRead.of(Leg(symbol="NOPE/USDT", side=Side.BUY, entry=(1.0,)))

    assert bench(flat).of(unknown) is None


def test_delays_are_told_only_where_bars_are_fine_enough() -> None:
    coarse = market(drifting(0.0))
    fine = market([100.0 + n * 0.02 for n in range(20 * 24 * 60 + 60 * 24 * 9)], interval_s=60.0)

    unknown = bench(coarse).of(call(price_at(coarse, POSTED)))
    told = bench(fine, until=POSTED + 8 * DAY).of(call(price_at(fine, POSTED)))

    assert unknown is not None
    assert set(unknown.delayed_r.values()) == {None}
    assert told is not None
    early, late = told.delayed_r[0.2], told.delayed_r[120.0]
    assert early is not None
    assert late is not None
    assert late < early  # It rises all the time: who comes later pays more.


def test_the_more_calls_the_fewer_times_and_never_too_few() -> None:
    flat = market([100.0])

    assert bench(flat, calls=1).times(HOUR) == TIMES_MAX
    assert TIMES_MIN <= bench(flat, calls=5_000).times(60.0) < TIMES_MAX
    assert bench(flat, calls=100_000).times(60.0) == TIMES_MIN


def test_the_calls_of_a_log_are_read_once_and_chatter_is_none() -> None:
    log, leg = [], LegRead.of(Leg(symbol="BTC/USDT", side=Side.BUY, entry=(1.0,)))
    for number, label in ((1, "BUY"), (2, NO_TRADE), (3, "BUY")):
        post = Post(channel="@c", message_id=number, posted_at=POSTED, text="t")
        read = SignalScored(
            channel="@c", kind="new" if label == "BUY" else "chatter", label=label, probs={}, p_call=1.0, stale=False,
            legs=(leg, leg) if label == "BUY" else (), reasons=(), revision=0, last_price={}, markets_as_of=None,
            model_sha="", trained_until=None,
        )  # fmt: skip
        for record in (SignalIngest(post=post, received_at=POSTED, source="demo"), read, read):
            log.append(Logged(seq=1, ts=POSTED, event_type="", entry=Entry(record, post.trace)))

    assert [call.key for call in calls_of(log)] == [
        call_key("paper", "@c", 1, 0), call_key("paper", "@c", 1, 1),
        call_key("paper", "@c", 3, 0), call_key("paper", "@c", 3, 1),
    ]  # fmt: skip
