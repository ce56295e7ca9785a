"""Bias and pulse, by hand; nothing later changes what was said before."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.domain.climate.crowd import (
    CALLS_KEPT,
    HALF_LIFE_S,
    WINDOW_S,
    WINDOWS,
    WINDOWS_MIN,
    Crowd,
    bias,
    pulse,
)
from levibotd.domain.copies import SAME_CALL_S
from levibotd.domain.signal import Side

T0 = 1_700_000_000.0
LONG, SHORT = Side.BUY, Side.SELL


def heard(*calls: tuple[str, Side], at: float = T0) -> Crowd:
    crowd = Crowd()
    crowd.wake(at)
    for channel, side in calls:
        crowd.hear(channel, side, posted_at=at, at=at)
    return crowd


def value(crowd: Crowd, at: float = T0) -> float:
    found = bias(crowd, at=at)
    assert found is not None
    return found.value


def test_nobody_heard_is_no_bias() -> None:
    assert bias(Crowd(), at=T0) is None


# One call is 1/2 of a say; over 1 + 1/2. Two channels: 1 over 2.
@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([("a", LONG)], 1 / 3),
        ([("a", SHORT)], -1 / 3),
        ([("a", LONG), ("b", LONG)], 1 / 2),
        ([("a", LONG), ("b", SHORT)], 0.0),
        ([("a", LONG), ("a", LONG), ("a", SHORT)], (1 / 4) / (1 + 3 / 4)),
        ([("a", LONG)] * 50 + [("b", SHORT)], (50 / 51 - 1 / 2) / (1 + 50 / 51 + 1 / 2)),
    ],
)
def test_bias_is_what_one_can_work_out_by_hand(calls: list[tuple[str, Side]], expected: float) -> None:
    assert value(heard(*calls)) == pytest.approx(expected)


def test_a_voice_halves_in_its_half_life() -> None:
    crowd = heard(("a", LONG))

    # Half a call: 0.5 / 1.5 = 1/3, over 4/3.
    assert value(crowd, T0 + HALF_LIFE_S) == pytest.approx(1 / 4)


def test_no_voice_is_louder_before_it_was_heard() -> None:
    crowd = heard(("a", LONG))
    assert value(crowd, at=T0 - HALF_LIFE_S) == value(crowd)


def test_a_call_that_came_late_has_the_weight_of_its_age() -> None:
    crowd = Crowd()
    crowd.hear("a", LONG, posted_at=T0 - HALF_LIFE_S, at=T0)

    assert value(crowd) == pytest.approx(1 / 4)


def test_a_copy_is_no_second_opinion_and_no_rush() -> None:
    crowd = heard()
    for channel in ("a", "b", "a"):
        crowd.hear(channel, LONG, posted_at=T0, at=T0, prints=("same",))

    assert (value(crowd), crowd.copies, len(crowd.times)) == (pytest.approx(1 / 3), 2, 1)
    assert crowd.hear("c", LONG, posted_at=T0, at=T0 + SAME_CALL_S + 1, prints=("same",))
    assert bias(crowd, at=T0 + SAME_CALL_S + 1) is None  # And as old as that, it is not heard any more.


def test_calls_without_numbers_are_no_copies() -> None:
    crowd = heard()

    assert [crowd.hear(name, LONG, posted_at=T0, at=T0, prints=(None,)) for name in "ab"] == [True, True]


def test_a_post_with_one_new_coin_is_no_copy() -> None:
    crowd = heard()
    crowd.hear("a", LONG, posted_at=T0, at=T0, prints=("one",))

    assert crowd.hear("b", LONG, posted_at=T0, at=T0, prints=("one", "two"))
    assert not crowd.hear("c", LONG, posted_at=T0, at=T0, prints=("one", "two"))


def test_leaning_long_outlasts_the_level_it_began_at() -> None:
    crowd = heard(*((name, LONG) for name in "abc"))  # 1.5 over 2.5.
    states = [found.state for hours in (0, 12, 24, 48) if (found := bias(crowd, at=T0 + hours * 3600)) is not None]

    # 0.6, 0.5, 0.375 and 0.158: entered at 0.4, left below 0.2.
    assert states == ["long", "long", "long", "none"]


def steady(calls: int, *, windows: int) -> Crowd:
    """As many calls in each window; the last window ends at T0."""
    crowd = Crowd()
    crowd.wake(T0 - (windows + 1) * WINDOW_S)
    for number in range(windows, -1, -1):
        for call in range(calls):
            at = T0 - number * WINDOW_S - call * 60.0
            crowd.hear("a", LONG, posted_at=at, at=at)
    return crowd


def test_pulse_is_how_far_now_is_from_the_windows_before() -> None:
    crowd = steady(4, windows=WINDOWS_MIN)
    for _ in range(4):
        crowd.hear("b", LONG, posted_at=T0, at=T0)

    found = pulse(crowd, at=T0)

    # Eight calls where four are usual, and four vary by two: two deviations.
    assert (found.calls, found.usual, found.windows) == (8, 4.0, WINDOWS_MIN)
    assert (found.value, found.state) == (pytest.approx(2.0), "busy")


def test_a_long_past_counts_as_far_as_its_windows_go() -> None:
    found = pulse(steady(4, windows=WINDOWS + 3), at=T0)

    assert (found.calls, found.usual, found.windows) == (4, 4.0, WINDOWS)


def test_silence_after_steady_calls_is_quiet() -> None:
    crowd = steady(4, windows=WINDOWS_MIN)
    later = pulse(crowd, at=T0 + WINDOW_S)

    # Of 29 windows each had four calls, and none came since: -4 / 2.
    assert (later.value, later.state) == (pytest.approx(-2.0), "quiet")


@pytest.mark.parametrize(("calls", "windows"), [(4, WINDOWS_MIN - 1), (0, WINDOWS)])
def test_a_past_that_is_short_or_empty_says_nothing(calls: int, windows: int) -> None:
    found = pulse(steady(calls, windows=windows), at=T0)

    assert (found.value, found.usual, found.state) == (None, None, "unknown")


def test_a_flood_of_calls_within_days_is_bounded_too_and_what_made_room_is_counted() -> None:
    crowd = Crowd()
    for number in range(CALLS_KEPT + CALLS_KEPT // 8 + 1):
        crowd.hear("a", LONG, posted_at=T0, at=T0, prints=(str(number),))

    assert len(crowd.said) == CALLS_KEPT
    assert crowd.forgotten == CALLS_KEPT // 8 + 1
    assert crowd.hear("b", LONG, posted_at=T0, at=T0, prints=("0",)), "too long ago to be known as a copy"
    assert not crowd.hear("b", LONG, posted_at=T0, at=T0, prints=(str(CALLS_KEPT),))


def test_what_is_kept_is_bounded() -> None:
    crowd = Crowd()
    for number in range(CALLS_KEPT + 50):
        crowd.hear("a", LONG, posted_at=T0, at=T0 + number * 0.001, prints=(str(number),))

    assert len(crowd.times) == CALLS_KEPT
    later = T0 + (WINDOWS + 2) * WINDOW_S
    crowd.hear("b", LONG, posted_at=later, at=later, prints=("new",))
    assert (len(crowd.times), list(crowd.voices), list(crowd.said)) == (1, ["b"], ["new"])


CALLS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(Side), st.floats(0.0, 20_000.0), st.sampled_from("wxyz")),
    min_size=1,
    max_size=60,
)


@given(calls=CALLS, cut=st.integers(0, 60))
def test_what_comes_later_changes_nothing_that_was_seen_before(
    calls: list[tuple[str, Side, float, str]], cut: int
) -> None:
    def seen(of: list[tuple[str, Side, float, str]]) -> list[object]:
        crowd, at, found = Crowd(), T0, []
        crowd.wake(at)
        for channel, side, wait_s, numbers in of:
            at += wait_s
            found.append((bias(crowd, at=at), pulse(crowd, at=at)))
            crowd.hear(channel, side, posted_at=at, at=at, prints=(numbers,))
        return found

    assert seen(calls[:cut]) == seen(calls)[:cut]


@given(calls=CALLS)
def test_bias_is_a_direction(calls: list[tuple[str, Side, float, str]]) -> None:
    crowd = Crowd()
    for number, (channel, side, _, _) in enumerate(calls):
        crowd.hear(channel, side, posted_at=T0, at=T0 + number)

    assert -1.0 < value(crowd, T0 + len(calls)) < 1.0
    assert not math.isnan(value(crowd, T0 + 1e9))
