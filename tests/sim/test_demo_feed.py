"""Demo channels post every few seconds, mostly calls that the parser reads exactly as they were meant."""

from collections.abc import Sequence
from itertools import pairwise

import pytest

from levibotd.domain.posts.reading import read
from levibotd.domain.records import TgCursor
from levibotd.domain.signal import Kind, Side
from levibotd.kernel.clock import Clock
from levibotd.kernel.virtual_time import EPOCH, run_virtual
from levibotd.ports.as_of import MarketAsOf
from levibotd.ports.posts import Posted
from levibotd.sim.demo_feed import CHANNELS, DemoFeed
from levibotd.sim.demo_market import DemoMarket

ROUND_TRIP_COST = 0.0014


async def posts(clock: Clock, count: int, *, seed: int = 0, cursors: dict[str, TgCursor] | None = None) -> list[Posted]:
    market = DemoMarket(0)
    told: list[Posted] = []
    async for event in DemoFeed(market, symbols=market.symbols, clock=clock, seed=seed).events(cursors or {}):
        assert isinstance(event, Posted)
        told.append(event)
        if len(told) == count:
            break
    return told


def feed(count: int, *, seed: int = 0, cursors: dict[str, TgCursor] | None = None) -> list[Posted]:
    return run_virtual(lambda clock: posts(clock, count, seed=seed, cursors=cursors))


def cursors_after(told: Sequence[Posted]) -> dict[str, TgCursor]:
    return {posted.cursor.channel: posted.cursor for posted in told if posted.cursor is not None}


@pytest.fixture(scope="module")
def told() -> list[Posted]:
    return feed(600)


@pytest.mark.parametrize("seed", range(8))
def test_the_first_post_comes_within_three_seconds_and_is_a_call(seed: int) -> None:
    (first,) = feed(1, seed=seed)

    assert EPOCH < first.received_at <= EPOCH + 3.0
    assert read(first.post, MarketAsOf(DemoMarket(0), at=first.received_at)).kind is Kind.NEW


def test_one_post_every_two_to_five_seconds(told: Sequence[Posted]) -> None:
    gaps = [later.received_at - earlier.received_at for earlier, later in pairwise(told)]

    assert min(gaps) >= 2.0
    assert max(gaps) <= 5.0


def test_about_two_thirds_are_calls_and_all_of_those_are_read_as_meant(told: Sequence[Posted]) -> None:
    market = DemoMarket(0)
    readings = [(posted, read(posted.post, MarketAsOf(market, at=posted.received_at))) for posted in told]
    calls = [(posted, reading.legs) for posted, reading in readings if reading.kind is Kind.NEW]

    assert 0.58 < len(calls) / len(told) < 0.72
    assert {leg.side for _, legs in calls for leg in legs} == {Side.BUY, Side.SELL}
    assert len({leg.symbol for _, legs in calls for leg in legs}) == len(market.symbols)
    for posted, (leg,) in calls:
        symbol = market.symbol(leg.base, leg.quote or "USDT")
        assert symbol is not None
        mark = market.mark(symbol, posted.received_at)
        assert mark is not None
        assert isinstance(leg.sl, float)
        sign, best = leg.side.sign, leg.side.sign * max(leg.side.sign * price for price in leg.entry)
        # Beyond the market, so that it fills at once; wide enough for the costs, near enough to end soon.
        assert 0.0 < sign * (best / float(mark.price) - 1) < 0.002
        assert all(0.0056 < sign * (price - leg.sl) / price < 0.0105 for price in leg.entry)
        assert all(abs(price - leg.sl) / price > 4 * ROUND_TRIP_COST for price in leg.entry)
        assert 0.004 < sign * (leg.tps[0] / best - 1) < 0.0075
        assert list(leg.tps) == sorted(leg.tps, reverse=sign < 0)


def test_every_language_and_every_kind_of_noise_is_heard(told: Sequence[Posted]) -> None:
    market = DemoMarket(0)
    kinds = {read(posted.post, MarketAsOf(market, at=posted.received_at)).kind for posted in told}

    assert {posted.post.language for posted in told} == {"en", "es", "ru", "tr", "ar", "fa"}
    assert {posted.post.channel for posted in told} == set(CHANNELS)
    assert kinds >= {Kind.NEW, Kind.RESULT, Kind.CLOSE, Kind.IDEA, Kind.CHATTER, Kind.AMBIGUOUS}


def test_each_channel_counts_on_without_a_gap(told: Sequence[Posted]) -> None:
    for channel in CHANNELS:
        own = [posted for posted in told if posted.post.channel == channel]
        assert [posted.post.message_id for posted in own] == list(range(1, len(own) + 1))
        assert [posted.cursor and posted.cursor.upto for posted in own] == list(range(1, len(own) + 1))


def test_the_same_seed_gives_the_same_posts_and_another_one_others() -> None:
    assert feed(40, seed=1) == feed(40, seed=1)
    assert [each.post.text for each in feed(40, seed=1)] != [each.post.text for each in feed(40, seed=2)]


def test_a_restart_numbers_onward_and_goes_on_with_the_same_choices(told: Sequence[Posted]) -> None:
    before, after = told[:20], told[20:40]
    again = feed(20, cursors=cursors_after(before))

    assert [(each.post.channel, each.post.message_id) for each in again] == [
        (each.post.channel, each.post.message_id) for each in after
    ]
    assert [each.post.language for each in again[1:]] == [each.post.language for each in after[1:]]


async def test_without_prices_it_only_talks(clock: Clock) -> None:
    market = DemoMarket(0)
    talk = DemoFeed(market, symbols=["NOSUCHCOIN"], clock=clock).events({})  # type: ignore[list-item]
    texts = [(await anext(talk)).post.text for _ in range(30)]  # type: ignore[union-attr]

    assert not any("{" in text or "NOSUCH" in text for text in texts)
