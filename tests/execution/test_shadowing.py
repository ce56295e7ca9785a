"""Open calls on their way through the market, in both ledgers."""

from decimal import Decimal
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from levibotd.domain.follower_terms import Terms
from levibotd.domain.leg_read import LegRead
from levibotd.domain.outcomes import AS_FOLLOWED, AS_POSTED, ShadowOutcome
from levibotd.domain.records import Entry
from levibotd.domain.shadow_book import ShadowCall
from levibotd.domain.signal import CallKey, Leg, Side, Symbol, TraceId
from levibotd.execution.pricing import BARS_AT_ONCE, Pricing, Source
from levibotd.execution.shadowing import Shadowing
from levibotd.journal import Preparer
from levibotd.ports.market import Bar
from levibotd.sim.recorded_market import RecordedMarket
from tests.domain.followed import DAY, FREE, aims, limits, terms
from tests.sim.memory_candles import MemoryCandles, hourly

HOUR = 3600.0
BEGIN = 1_700_006_400.0 - 80 * HOUR
START = 1_700_006_400.0
DECIDED = START - 600.0  # Within the last bar before START.
KEY = CallKey("paper|@c|7|0")


def market(*rows: tuple[float, float, float, float], before: float = 105.0) -> RecordedMarket:
    past = hourly(BEGIN, *[(before, before, before, before)] * 80)
    return RecordedMarket(MemoryCandles({"BTCUSDT": [*past, *hourly(START, *rows)]}))


def call(**changes: object) -> ShadowCall:
    leg: dict[str, object] = {
        "symbol": "BTC/USDT", "side": Side.BUY, "entry_type": "limit", "entry": (100.0,), "tps": (110.0,), "sl": 90.0,
    }  # fmt: skip
    leg |= {
        name: changes.pop(name) for name in list(changes) if name in leg or name in ("market", "margin", "leverage")
    }
    fields: dict[str, object] = {
        "key": KEY, "trace": TraceId("t"), "channel": "@c", "symbol": Symbol("BTCUSDT"),
        "leg": LegRead.of(Leg(**leg)), "posted_at": DECIDED - 1, "heard_at": DECIDED - 1, "p_call": 0.9,  # type: ignore[arg-type]
        "witnessed": True,
    }  # fmt: skip
    return ShadowCall(**(fields | changes))  # type: ignore[arg-type]


def ours(call: ShadowCall, _source: Source) -> Terms | str:
    own = terms(*limits(100.0), targets=aims(108.0), costs=FREE)
    return replace(own, decided_at=call.decided_at, entry_until=call.decided_at + DAY)


def shadowing(of: RecordedMarket, *, planned: object = ours) -> Shadowing:
    return Shadowing(of, pricing=Pricing, planned=planned)  # type: ignore[arg-type]


def to_the_end(way: Shadowing, one: ShadowCall, *, now: float = START + 100 * DAY) -> dict[str, ShadowOutcome]:
    outcomes = way.take_up(one)
    if one.key in way.followed:
        ended, again_at = way.advance(one.key, now=now)
        assert again_at is None
        outcomes += ended
    assert not way.followed
    return {outcome.ledger: outcome for outcome in outcomes}


def test_a_call_is_followed_as_posted_and_as_we_would_have() -> None:
    found = to_the_end(shadowing(market((105, 106, 99, 101), (101, 109, 101, 104), (104, 111, 104, 110))), call())

    posted, followed = found[AS_POSTED], found[AS_FOLLOWED]
    assert (posted.status, posted.ended_by, posted.at) == ("filled", "target", START + 3 * HOUR)
    assert (followed.status, followed.ended_by, followed.at) == ("filled", "target", START + 2 * HOUR)
    assert (posted.entry, posted.exit, posted.opened_at) == (Decimal(100), Decimal(110), START + HOUR)
    assert posted.r == pytest.approx((10 - 100 * 0.0002 - 110 * 0.0002) / (10 + 0.0005 * 190 + 0.09))
    assert (posted.decided_at, posted.witnessed, posted.posted_stop) == (DECIDED, True, True)


def test_a_gate_that_refuses_us_cancels_our_call_and_not_theirs() -> None:
    way = shadowing(market((105, 106, 99, 101), (101, 111, 101, 110)), planned=lambda call, source: "sl_too_tight")
    found = to_the_end(way, call())

    assert found[AS_POSTED].status == "filled"
    ours = found[AS_FOLLOWED]
    assert (ours.status, ours.reason, ours.r, ours.at) == ("cancelled", "sl_too_tight", 0.0, DECIDED)


def test_what_we_would_have_been_too_late_for_is_cancelled() -> None:
    found = to_the_end(shadowing(market((105, 106, 99, 101), (101, 111, 101, 110))), call(expired=True))

    assert (found[AS_FOLLOWED].status, found[AS_FOLLOWED].reason) == ("cancelled", "ttl")


def test_what_cannot_be_priced_is_unpriced_in_both_ledgers() -> None:
    found = to_the_end(shadowing(market((105, 106, 99, 101))), call(symbol="NOSUCH/USDT"))

    assert {(one.status, one.reason, one.r) for one in found.values()} == {("unpriced", "no_candles", None)}
    assert len(found) == 2


def test_a_text_nobody_knows_is_unknown_in_both_ledgers() -> None:
    found = to_the_end(shadowing(market((105, 106, 99, 101))), call(fate="unknown"))

    assert [(one.status, one.reason) for one in found.values()] == [("unknown", "unknown")] * 2


def test_a_call_without_a_stop_stands_in_percent_as_posted_and_in_r_as_followed() -> None:
    found = to_the_end(shadowing(market((105, 106, 99, 101), (101, 111, 94, 110))), call(sl=None))

    posted = found[AS_POSTED]
    assert (posted.posted_stop, posted.r, posted.r_low, posted.r_high) == (False, None, None, None)
    assert posted.return_pct == pytest.approx(10 - 0.02 - 0.022)
    assert posted.worst_pct == pytest.approx(-6.0)
    assert found[AS_FOLLOWED].r is not None


def test_a_call_that_ran_away_is_unfilled() -> None:
    found = to_the_end(shadowing(market((105, 106, 99, 101))), call(entry_type="above", entry=(102.0,), tps=(120.0,)))

    assert (found[AS_POSTED].status, found[AS_POSTED].reason) == ("unfilled", "chased")


def test_an_outcome_that_is_written_is_not_told_again() -> None:
    one = call(done=(AS_FOLLOWED,))

    assert list(to_the_end(shadowing(market((105, 106, 99, 101), (101, 111, 101, 110))), one)) == [AS_POSTED]


def test_an_announced_exit_takes_the_next_open() -> None:
    rows = [(105.0, 106.0, 99.0, 101.0), *[(101.0, 101.0, 101.0, 101.0)] * 3, (103.0, 103.0, 103.0, 103.0)]
    found = to_the_end(shadowing(market(*rows)), call(announced_at=START + 3.5 * HOUR))

    assert (found[AS_POSTED].ended_by, found[AS_POSTED].at) == ("announced", START + 4 * HOUR)


def test_looks_come_on_one_grid_and_end_with_the_call() -> None:
    rows = [(105.0, 106.0, 99.0, 101.0), *[(101.0, 101.0, 101.0, 101.0)] * 9, (101.0, 111.0, 101.0, 110.0)]
    way = shadowing(market(*rows))
    assert way.take_up(call()) == []

    now: float | None = DECIDED
    looks = []
    outcomes: list[ShadowOutcome] = []
    while now is not None:
        looks.append(now)
        ended, now = way.advance(KEY, now=now)
        outcomes += ended

    assert looks[1:] == [START + 4 * HOUR * number for number in range(4)]
    assert [one.at for one in outcomes if one.ledger == AS_POSTED] == [START + 11 * HOUR]


def test_it_is_the_same_whenever_it_is_looked_at() -> None:
    rows = [(105.0, 106.0, 99.0, 101.0), (101.0, 103.0, 95.0, 102.0), (102.0, 111.0, 100.0, 104.0)]
    rows += [(104.0, 104.0, 104.0, 104.0)] * 9
    at_once = to_the_end(shadowing(market(*rows)), call(tps=(108.0, 130.0)))
    way = shadowing(market(*rows))
    way.take_up(call(tps=(108.0, 130.0)))
    bit_by_bit: dict[str, ShadowOutcome] = {}
    now = DECIDED
    while KEY in way.followed:
        now += 1234.5
        way.forget_bars()
        bit_by_bit |= {one.ledger: one for one in way.advance(KEY, now=now)[0]}

    assert bit_by_bit == at_once


def test_where_candles_end_a_held_call_is_settled_when_its_time_is_over() -> None:
    found = to_the_end(shadowing(market((105, 106, 99, 101), (101, 102, 97, 98))), call())

    posted = found[AS_POSTED]
    assert (posted.ended_by, posted.reason, posted.at) == ("delisted", "candles_end", START + 2 * HOUR)


def test_days_are_waited_for_where_there_are_no_hours() -> None:
    days = [Bar(START + DAY * number, 105.0, 106.0, 104.0, 105.0, 1.0, DAY) for number in range(-20, 5)]
    way = shadowing(RecordedMarket(MemoryCandles({"BTCUSDT": days})))
    way.take_up(call(heard_at=START + 3 * HOUR))

    ended, again_at = way.advance(KEY, now=START + DAY + 5 * HOUR)
    assert (ended, again_at is None) == ([], False)
    ended, _ = way.advance(KEY, now=START + 2 * DAY)
    assert {one.reason for one in ended} == {"expired"}


def test_many_bars_are_taken_in_pieces() -> None:
    seconds = [Bar(START + number - 100, 105.0, 105.0, 105.0, 105.0, 1.0, 1.0) for number in range(3_000)]
    way = shadowing(RecordedMarket(MemoryCandles({"BTCUSDT": seconds})))
    way.take_up(call(heard_at=START - 50))

    now = START + 2_900
    looks = 0
    again_at: float | None = now
    while again_at == now:
        looks += 1
        _, again_at = way.advance(KEY, now=now)

    assert looks == ceil(2_950 / BARS_AT_ONCE)


def test_r_so_far_is_at_the_mark_and_looks_at_nothing_later() -> None:
    rows = [(105.0, 106.0, 99.0, 101.0), (96.0, 97.0, 95.0, 96.0), (101.0, 111.0, 101.0, 110.0)]
    way = shadowing(market(*rows))
    way.take_up(call())

    assert not list(way.standings("@d", at=START + 600))
    before = {one.ledger: one.r for one in way.standings("@c", at=START + 600)}
    held = {one.ledger: one for one in way.standings("@c", at=START + HOUR + 600)}

    assert before == {AS_POSTED: 0.0, AS_FOLLOWED: 0.0}
    # The open of the bar it is in, less what leaving would cost.
    assert held[AS_FOLLOWED].r == pytest.approx(-0.4)
    assert held[AS_POSTED].r < -0.4
    assert held[AS_POSTED].opened_at == START + HOUR


@pytest.mark.parametrize(("margin", "ended_by"), [("isolated", "liquidation"), ("cross", "stop")])
def test_of_a_cross_margin_nobody_knows_when_it_is_gone(margin: str, ended_by: str) -> None:
    rows = ((105.0, 106.0, 99.0, 101.0), (101.0, 101.0, 89.0, 90.0))

    found = to_the_end(shadowing(market(*rows)), call(margin=margin, leverage=(20.0, 20.0)))

    assert found[AS_POSTED].ended_by == ended_by


_STEPS = st.lists(st.sampled_from([-3.0, -1.0, -0.3, 0.0, 0.3, 1.0, 3.0]), min_size=30, max_size=120)


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[Bar], list[ShadowCall]]:
    """Hours of one coin, with holes, and calls of all kinds on it and on coins that nobody knows."""
    price, at, bars = 100.0, START - 20 * HOUR, []
    for step in draw(_STEPS):
        last = max(price + step, 20.0)
        bars.append(Bar(at, price, max(price, last) + 0.7, min(price, last) - 0.7, last, 1e3, HOUR))
        at, price = at + HOUR * draw(st.sampled_from([1, 1, 1, 1, 4])), last
    calls = []
    for number in range(draw(st.integers(1, 6))):
        heard_at = START + draw(st.integers(0, 60)) * 1800.0
        entry = draw(st.floats(90.0, 110.0).map(lambda price: round(price, 2)))
        side = draw(st.sampled_from(list(Side)))
        calls.append(
            call(
                key=CallKey(f"paper|@c|{number}|0"),
                heard_at=heard_at,
                posted_at=heard_at - 1,
                symbol=draw(st.sampled_from(["BTC/USDT", "BTC/USDT", "BTC/USDC", "NOSUCH/USDT", "ADA/EUR"])),
                side=side,
                entry_type=draw(st.sampled_from(["limit", "market", "above", "below"])),
                entry=(entry,),
                tps=draw(st.sampled_from([(), (entry * (1 + 0.03 * side.sign),)])),
                sl=draw(st.sampled_from([None, entry * (1 - 0.04 * side.sign)])),
                fate=draw(st.sampled_from([None, None, None, "unknown"])),
                announced_at=draw(st.sampled_from([None, None, heard_at + 5 * HOUR])),
                expired=draw(st.booleans()),
            )
        )
    return bars, calls


def lived(bars: list[Bar], calls: list[ShadowCall], *, until: float) -> list[tuple[float, ShadowOutcome]]:
    """What was written, and when, by somebody who looks every two hours."""
    way = shadowing(RecordedMarket(MemoryCandles({"BTCUSDT": bars})))
    waiting, now, written = sorted(calls, key=lambda one: one.heard_at), START, []
    while now <= until:
        while waiting and waiting[0].decided_at <= now:
            written += [(now, one) for one in way.take_up(waiting.pop(0))]
        for key in list(way.followed):
            written += [(now, one) for one in way.advance(key, now=now)[0]]
        way.forget_bars()
        now += 2 * HOUR
    return written


@settings(max_examples=30, deadline=None)
@given(streams())
def test_statuses_sum_to_calls_in_both_ledgers(stream: tuple[list[Bar], list[ShadowCall]]) -> None:
    bars, calls = stream
    written = [one for _, one in lived(bars, calls, until=START + 30 * DAY)]

    for ledger in (AS_POSTED, AS_FOLLOWED):
        found = [one for one in written if one.ledger == ledger]
        assert sorted(one.call for one in found) == sorted(one.key for one in calls)
        assert {one.status for one in found} <= {"filled", "unfilled", "cancelled", "unpriced", "unknown"}
    for one in written:
        assert one.r is None or (one.r_low is not None and one.r_high is not None and one.r_low <= one.r <= one.r_high)
        assert one.opened_at is None or one.opened_at >= one.decided_at
        assert one.at >= one.decided_at


@settings(max_examples=30, deadline=None)
@given(streams(), st.integers(0, 40))
def test_cutting_the_candles_leaves_all_that_was_written_by_then(
    stream: tuple[list[Bar], list[ShadowCall]], hours: int
) -> None:
    bars, calls = stream
    cut = START + hours * 2 * HOUR
    # The bar under way has its open, as anybody would see it, and nothing else yet.
    known = [
        bar if bar.ts + HOUR <= cut else bar._replace(high=1e9, low=1e-9, close=1.0) for bar in bars if bar.ts <= cut
    ]

    assert lived(known, calls, until=cut) == lived(bars, calls, until=cut)


_numbers = st.sampled_from([0.0, -1.0, 1e-12, 0.5, 99.0, 100.0, 105.0, 1e6, 1e15, 1e300])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(_numbers, max_size=4),
    st.lists(_numbers, max_size=7),
    st.one_of(st.none(), _numbers),
    st.sampled_from(["limit", "range", "ladder", "market", "above", "below", "stop"]),
    st.sampled_from([("price", "price"), ("pct", "pct"), ("multiple", "4h_close"), ("price", "weekly_close")]),
    st.sampled_from(list(Side)),
    st.sampled_from([None, (0.0, 0.0), (20.0, 50.0), (1e9, 1e9)]),
)
def test_whatever_a_channel_writes_its_call_ends_with_numbers_that_can_be_written(
    entry: list[float],
    tps: list[float],
    sl: float | None,
    entry_type: str,
    units: tuple[str, str],
    side: Side,
    leverage: tuple[float, float] | None,
) -> None:
    leg = Leg(
        symbol="BTC/USDT", side=side, entry_type=entry_type, entry=tuple(entry), tps=tuple(tps), tp_unit=units[0],
        sl=(sl,) if units[1] == "pct" and sl is not None else sl, sl_kind=units[1], leverage=leverage,
    )  # fmt: skip
    rows = [(105.0, 106.0, 99.0, 101.0), (101.0, 111.0, 88.0, 90.0), (90.0, 120.0, 80.0, 100.0)]

    found = to_the_end(shadowing(market(*rows)), call(leg=LegRead.of(leg)))

    for one in found.values():
        Preparer().prepare(Entry(one))  # Raises Unwritable.
        assert one.r is None or abs(one.r) < 1e6
