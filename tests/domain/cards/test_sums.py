"""Sums over calls, and what stays bounded in them."""

from levibotd.domain.cards.calls import DAY_S, CallKept, Ended
from levibotd.domain.cards.sums import (
    NAMES_KEPT,
    POINTS_KEPT,
    WEEKS_KEPT,
    Curve,
    Sums,
    add,
    add_claim,
    add_unreadable,
    count,
)
from levibotd.domain.signal import Side


def call(number: int, r: float, **more: object) -> CallKept:
    ended = Ended(status="filled", at=number * 7 * DAY_S + 60, r=r, opened_at=number * 7 * DAY_S)
    known = {"id": f"{number}|0", "first": f"{number}|0", "as_posted": ended, **more}
    return CallKept(coin="BTC", side=Side.BUY, posted_at=number * 7 * DAY_S, witnessed=True, **known)  # type: ignore[arg-type]


def test_a_curve_keeps_its_end_and_its_deepest_fall_in_bounded_room() -> None:
    curve = Curve()
    for number in range(10_000):
        curve.add(float(number), -1.0 if number == 7_000 else 0.001)

    assert len(curve.points) <= POINTS_KEPT
    assert curve.points[-1] == (9_999.0, curve.r)
    assert round(curve.drawdown, 9) == 1.0
    assert [at for at, _ in curve.points] == sorted(at for at, _ in curve.points)


def test_weeks_and_names_are_bounded_and_nothing_is_lost() -> None:
    sums = Sums()
    for number in range(WEEKS_KEPT + 50):
        add(sums, call(number, 1.0))
    names: dict[str, int] = {}
    for number in range(NAMES_KEPT + 50):
        count(names, str(number))

    assert len(sums.weeks) == WEEKS_KEPT
    assert sum(week.calls for week in sums.weeks.values()) == WEEKS_KEPT + 50
    assert sum(week.r for week in sums.weeks.values()) == WEEKS_KEPT + 50
    assert len(names) <= NAMES_KEPT + 1
    assert sum(names.values()) == NAMES_KEPT + 50


def test_bounds_and_placebo_stand_beside_the_figure() -> None:
    sums = Sums()
    ended = Ended(status="filled", at=9.0, opened_at=1.0, r=0.5, r_low=-1.0, r_high=0.5, undecided=True)
    add(sums, call(0, 0.0, as_posted=ended, placebo_r=0.2))
    add(sums, call(1, -1.0, as_followed=Ended(status="filled", at=9.0, r=-0.5)))

    assert (sums.low, sums.high, sums.undecided) == (-2.0, -0.5, 1)
    assert (sums.placebo, sums.weeks[0].excess, sums.weeks[0].compared) == (0.2, 0.3, 1)
    assert (sums.followed, sums.followed_r) == (1, -0.5)


def test_a_copy_of_sums_goes_its_own_way() -> None:
    sums = Sums()
    add(sums, call(0, 1.0))
    other = sums.copy()
    add(other, call(1, 1.0))
    add_unreadable(other, at=5.0)
    add_claim(other, call(1, 1.0, claimed=True, claimed_at=3.0, reward=2.5))

    assert (sums.calls, other.calls, other.priced) == (1, 3, 2)
    assert (sums.claims, other.claims, other.claimed.r) == (0, 1, 2.5)
    assert sums.weeks.keys() == {0}
