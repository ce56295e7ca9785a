"""What must hold of every call and every run of bars."""

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from levibotd.domain.exits import BREAKEVEN, MOVING_TARGET, MOVING_TWO_TARGET, NO_MOVER, mover_of
from levibotd.domain.follower import PATHS_MAX, Follow, follow
from levibotd.domain.follower_path import Mirrored, Path, is_sound, moved_stop
from levibotd.domain.follower_terms import Aim, CloseRule, Costs, Lot, Result, Terms
from levibotd.domain.signal import Side
from levibotd.ports.market import Bar
from tests.domain.followed import DAY, HOUR, START, hours

MOVERS = (NO_MOVER, BREAKEVEN, MOVING_TARGET, MOVING_TWO_TARGET, "breakeven-tp2", "breakeven-1.5%", "trailing-3%")
STATUSES = {"filled", "unfilled", "cancelled", "unpriced"}
_steps = st.sampled_from([-6.0, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0])


@st.composite
def runs_of_bars(draw: st.DrawFn, *, most: int = 60) -> list[Bar]:
    """A walk around a hundred, with gaps between bars and holes in their times."""
    rows = draw(st.lists(st.tuples(_steps, _steps, st.integers(0, 6), st.integers(0, 6), st.booleans()), max_size=most))
    bars: list[Bar] = []
    at, price = START, 100.0
    for gap, step, up, down, hole in rows:
        first = max(price + gap / 3, 40.0)
        last = max(first + step, 40.0)
        bars.append(Bar(at, first, max(first, last) + up, min(first, last) - down, last, 1.0, HOUR))
        at += HOUR * (5 if hole else 1)
        price = last
    return bars


@st.composite
def calls(draw: st.DrawFn) -> Terms:
    style = draw(st.sampled_from(["limit", "ioc", "trigger"]))
    first = draw(st.floats(97.0, 103.0))
    count = draw(st.integers(1, 3)) if style == "limit" else 1
    lots = tuple(
        Lot(
            style=style,
            price=first - 2.0 * number if style == "limit" else first * 1.01,
            share=1.0 / count,
            trigger=first if style == "trigger" else 0.0,
        )
        for number in range(count)
    )
    wanted = draw(st.integers(0, 4))
    stop = first - 2.0 * count - draw(st.floats(0.5, 8.0))
    return Terms(
        side=Side.BUY,
        lots=lots,
        aims=tuple(Aim(price=first * 1.01 + 2.0 * (number + 1), share=1.0 / wanted) for number in range(wanted)),
        stop=stop,
        planned_loss=first - stop,
        decided_at=START,
        entry_until=START + DAY,
        costs=draw(
            st.sampled_from(
                [
                    Costs(maker_fee=0.0, taker_fee=0.0, half_spread=0.0),
                    Costs(maker_fee=0.0002, taker_fee=0.0005, half_spread=0.0015, funded=True),
                ]
            )
        ),
        close_rule=draw(st.sampled_from([None, CloseRule(level=stop + 1.0, interval_s=4 * HOUR)])),
        leverage=draw(st.sampled_from([None, 20])),
        mover=draw(st.sampled_from([*MOVERS])),
        fuzz=draw(st.sampled_from([0.0, 0.003])),
    )


def ended(one: Terms, bars: list[Bar], *, announced_at: float | None = None) -> Result:
    way = Follow(one)
    if announced_at is not None:
        way.announce(announced_at)
    way.advance(bars)
    if not way.over:
        way.settle(START + 100 * DAY)
    return way.result()


_announcements = st.one_of(st.none(), st.integers(0, 60).map(lambda number: START + number * HOUR + 1))


@given(calls(), runs_of_bars(), _announcements)
def test_every_call_ends_in_one_status_and_its_figure_lies_within_its_bounds(
    one: Terms, bars: list[Bar], announced_at: float | None
) -> None:
    result = ended(one, bars, announced_at=announced_at)

    assert result.status in STATUSES
    assert result.r_low <= result.r <= result.r_high
    assert (result.status == "filled") == (result.filled_share > 0)
    assert result.status == "filled" or result.r == 0.0
    assert 0.0 <= result.filled_share <= 1.0 + 1e-12
    assert math.isfinite(result.r_low)
    assert math.isfinite(result.r_high)


@given(calls(), runs_of_bars(), st.integers(0, 60))
def test_later_bars_change_nothing_that_was_over(one: Terms, bars: list[Bar], cut: int) -> None:
    early = follow(one, bars[:cut])

    if early is not None:
        assert follow(one, bars) == early


@given(calls(), runs_of_bars(), _announcements, st.lists(st.integers(0, 60), max_size=4))
def test_it_is_the_same_bar_by_bar_and_all_at_once(
    one: Terms, bars: list[Bar], announced_at: float | None, cuts: list[int]
) -> None:
    way = Follow(one)
    if announced_at is not None:
        way.announce(announced_at)
    places = [0, *sorted(cuts), len(bars)]
    for first, last in pairwise(places):
        way.advance(bars[first:last])
        way.advance(bars[:last])  # Told again: nothing.
    way.settle(START + 100 * DAY)

    assert way.result() == ended(one, bars, announced_at=announced_at)


@given(calls(), runs_of_bars(), st.integers(0, 60))
def test_what_is_known_at_a_bar_hangs_on_no_later_one(one: Terms, bars: list[Bar], cut: int) -> None:
    short, long = Follow(one), Follow(one)
    short.advance(bars[:cut])
    long.advance(bars[:cut])
    before = long.so_far(99.0)
    long.advance(bars[cut:])

    assert short.so_far(99.0) == before


@given(calls(), runs_of_bars(), _announcements)
def test_a_short_on_mirrored_prices_comes_to_the_same(one: Terms, bars: list[Bar], announced_at: float | None) -> None:
    # Mirrored at a hundred, where shares of the price differ; so without costs, slips of a share and margins.
    free = replace(one, costs=Costs(maker_fee=0.0, taker_fee=0.0, half_spread=0.0), leverage=None, fuzz=0.0)
    free = replace(free, mover=NO_MOVER)
    # The range of each bar is so wide that its tenth rules the slip.
    wide = [bar._replace(high=max(bar.high, bar.low + 2.0)) for bar in bars]
    long, short = ended(free, wide, announced_at=announced_at), None
    short = ended(mirrored(free), [flipped(bar) for bar in wide], announced_at=announced_at)

    assert short.status == long.status
    assert short.ended_by == long.ended_by
    assert (short.r, short.r_low, short.r_high) == pytest.approx((long.r, long.r_low, long.r_high), abs=1e-9)


def mirrored(one: Terms) -> Terms:
    def at(price: float) -> float:
        return 200.0 - price if price else 0.0

    return replace(
        one,
        side=Side.SELL,
        lots=tuple(replace(lot, price=at(lot.price), trigger=at(lot.trigger)) for lot in one.lots),
        aims=tuple(replace(aim, price=at(aim.price)) for aim in one.aims),
        stop=at(one.stop),
        close_rule=None if one.close_rule is None else replace(one.close_rule, level=at(one.close_rule.level)),
    )


def flipped(bar: Bar) -> Bar:
    return bar._replace(open=200.0 - bar.open, high=200.0 - bar.low, low=200.0 - bar.high, close=200.0 - bar.close)


@settings(max_examples=50)
@given(calls(), runs_of_bars(most=200))
def test_the_orders_of_events_that_are_followed_are_bounded(one: Terms, bars: list[Bar]) -> None:
    way = Follow(replace(one, fuzz=0.05))
    way.advance(bars)

    assert len(way._paths) <= PATHS_MAX


def test_a_mirrored_bar_turns_high_and_low() -> None:
    (bar,) = hours((10.0, 12.0, 9.0, 11.0))

    assert Mirrored.of(bar, -1)[1:5] == (-10.0, -9.0, -12.0, -11.0)
    assert Mirrored.of(bar, 1).end == START + HOUR


@pytest.mark.parametrize(
    ("row", "sound"),
    [
        ((10.0, 12.0, 9.0, 11.0), True),
        ((10.0, 9.0, 12.0, 11.0), False),
        ((10.0, 12.0, 0.0, 11.0), False),
        ((10.0, math.inf, 9.0, 11.0), False),
        ((math.nan, 12.0, 9.0, 11.0), False),
    ],
)
def test_only_prices_make_a_bar(row: tuple[float, float, float, float], sound: bool) -> None:
    assert is_sound(hours(row)[0]) is sound


def test_a_copied_path_goes_its_own_way() -> None:
    path = Path(lots=2, stop=90.0)
    other = path.copy()
    other.bring(0, 0.5, 100.0, at=START, fee=0.1)

    assert (path.pending, path.qty, path.opened_at) == ((0, 1), 0.0, None)
    assert (other.pending, other.qty, other.opened_at) == ((1,), 0.5, START)


def at(path: Path, aims: tuple[tuple[float, float], ...], mover: str) -> float:
    return moved_stop(path, aims, mover=mover_of(mover), fee=0.0, trail=0.02)


def test_a_stop_moves_behind_the_targets_that_have_traded() -> None:
    path = Path(lots=1, stop=90.0)
    path.bring(0, 1.0, 100.0, at=START, fee=0.0)
    aims = ((105.0, 0.5), (110.0, 0.5))

    path.hits = 1
    assert at(path, aims, MOVING_TARGET) == 100.0
    path.hits = 2
    assert at(path, aims, MOVING_TARGET) == 105.0
    assert at(path, aims, MOVING_TWO_TARGET) == 100.0
    assert at(path, aims, NO_MOVER) == -math.inf


def test_a_stop_moves_once_the_price_has_gone_far_enough() -> None:
    path = Path(lots=1, stop=90.0)
    path.bring(0, 1.0, 100.0, at=START, fee=0.0)

    path.best = 101.4
    assert at(path, (), "breakeven-1.5%") == -math.inf
    path.best = 101.5
    assert at(path, (), "breakeven-1.5%") == 100.0


def test_a_trailing_stop_follows_the_best_price_in_steps() -> None:
    path = Path(lots=1, stop=97.9)
    path.bring(0, 1.0, 100.0, at=START, fee=0.0)

    path.best = 100.0
    assert at(path, (), "trailing-2%") == -math.inf  # A tenth of a percent only.
    path.best = 110.0
    assert at(path, (), "trailing-2%") == pytest.approx(107.8)
