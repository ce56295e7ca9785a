"""What calls say on their own: nobody is helped by what has not happened yet."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from levibotd.domain.lived import DESIGN_EFFECT, HALF_LIFE_S, HORIZON_S, Lived, entered_r, evidence

DAY = 86_400.0
NOW = 1_700_000_000.0


def lived(age_d: float, r: float | None, *, took_d: float = 1.0, placebo_r: float | None = None) -> Lived:
    posted_at = NOW - age_d * DAY
    return Lived(posted_at=posted_at, lifetime_s=DAY, over_at=posted_at + took_d * DAY, r=r, placebo_r=placebo_r)


@pytest.mark.parametrize(
    ("age_d", "r", "counts"),
    [
        (7.9, 2.0, 0.0),  # Won early: nothing yet.
        (8.0, 2.0, 2.0),  # Entry lifetime and horizon are over.
        (2.0, -1.0, -1.0),  # Lost early counts at once.
        (8.0, None, 0.0),
        (0.5, -1.0, 0.0),  # It will lose, but has not by now.
    ],
)
def test_a_young_call_enters_with_its_loss_or_with_nothing(age_d: float, r: float | None, counts: float) -> None:
    assert entered_r(lived(age_d, r), at=NOW) == counts


@pytest.mark.parametrize(("running", "counts"), [(0.8, 0.0), (-0.4, -0.4), (None, 0.0)])
def test_an_open_call_enters_at_its_mark_if_that_is_below_zero(running: float | None, counts: float) -> None:
    assert entered_r(Lived(posted_at=NOW - DAY, lifetime_s=DAY, running_r=running), at=NOW) == counts


def test_a_call_of_four_months_ago_weighs_half() -> None:
    old = NOW - HALF_LIFE_S - 20 * DAY
    calls = [lived(20, 1.0), Lived(posted_at=old, lifetime_s=DAY, over_at=old + DAY, r=-1.0)]

    found = evidence(calls, at=NOW)

    assert found is not None
    assert found.mean == pytest.approx((1 - 0.5) / 1.5)
    assert found.n_eff == pytest.approx(1.5**2 / 1.25 / DESIGN_EFFECT)
    assert found.pays == pytest.approx(1 / 1.5)


def test_calls_of_one_week_that_go_one_way_count_as_fewer() -> None:
    chance = Random(3)
    alike, alone = [], []
    for week in range(40):
        of_week = chance.choice((-1.0, 1.0))
        for number in range(10):
            at = 20 + week * 7 + number * 0.5
            alike.append(lived(at, of_week))
            alone.append(lived(at, chance.choice((-1.0, 1.0))))

    together, apart = evidence(alike, at=NOW), evidence(alone, at=NOW)

    assert together is not None
    assert apart is not None
    assert together.design_effect > 4
    assert 1.0 <= apart.design_effect < 2
    assert together.n_eff < apart.n_eff / 3


def test_from_twenty_effective_calls_on_the_placebo_is_taken_off() -> None:
    calls = [lived(10 + n / 10, 0.5, placebo_r=0.4) for n in range(20)]
    enough = [lived(10 + n / 10, 0.5, placebo_r=0.4) for n in range(40)]

    early, late = evidence(calls, at=NOW), evidence(enough, at=NOW)

    assert early is not None
    assert late is not None
    assert (early.adjusted, late.adjusted) == (False, True)
    assert early.mean == pytest.approx(0.5)
    assert late.mean == pytest.approx(0.1)
    assert late.pays == 1.0  # Whether a call pays is no question of timing.


def test_a_call_said_ten_times_weighs_as_one() -> None:
    once = [lived(10 + n, r) for n, r in enumerate((1.0, -1.0, 0.5))]
    often = [replace(call, said=str(n)) for n, call in enumerate(once) for _ in range(10)]

    first, second = evidence(once, at=NOW), evidence(often, at=NOW)

    assert first is not None
    assert second is not None
    assert (second.n_eff, second.mature, second.calls) == (first.n_eff, first.mature, 30)
    assert second.mean == pytest.approx(first.mean)


CALLS = st.lists(
    st.tuples(st.floats(-30, 300), st.floats(0, 8), st.one_of(st.none(), st.floats(-1.5, 4))), min_size=1, max_size=40
)


@given(CALLS)
def test_one_more_call_that_was_not_filled_is_no_reason_to_trust_a_winner_more(
    drawn: list[tuple[float, float, float | None]],
) -> None:
    calls = [lived(abs(age), r, took_d=took) for age, took, r in drawn]
    more = [*calls, lived(10, None)]

    before, after = evidence(calls, at=NOW), evidence(more, at=NOW)

    assert before is not None
    assert after is not None
    assert abs(after.mean) <= abs(before.mean)


@given(CALLS)
def test_it_matures_at_the_end_of_entry_and_horizon(drawn: list[tuple[float, float, float | None]]) -> None:
    calls = [lived(age, r, took_d=took) for age, took, r in drawn]
    end = max(call.posted_at for call in calls) + DAY + HORIZON_S

    found = evidence(calls, at=end)

    assert found is not None
    assert found.mature == found.calls == len(calls)


def test_a_young_call_beside_its_placebo_earns_nothing_early() -> None:
    old = [lived(10 + n / 10, 0.5, placebo_r=0.4) for n in range(60)]
    won, lost = lived(2, 3.0, placebo_r=-0.5), lived(2, -1.0, placebo_r=-0.2)

    quiet, loud, worse = (evidence([*old, one], at=NOW) for one in (lived(2, None, placebo_r=0.0), won, lost))

    assert quiet is not None
    assert loud is not None
    assert worse is not None
    assert quiet.adjusted
    assert loud.mean == pytest.approx(quiet.mean)  # Its placebo lost, and it has won: nothing of it yet.
    assert worse.mean < quiet.mean


def test_the_placebo_is_taken_off_where_most_calls_have_one() -> None:
    some = [lived(10 + n / 10, 0.5, placebo_r=0.4 if n % 2 else None) for n in range(60)]
    most = [lived(10 + n / 10, 0.5, placebo_r=0.4 if n % 10 else None) for n in range(60)]

    few, enough = evidence(some, at=NOW), evidence(most, at=NOW)

    assert few is not None
    assert enough is not None
    assert (few.adjusted, few.mean) == (False, pytest.approx(0.5))
    assert (enough.adjusted, enough.mean) == (True, pytest.approx(0.1))  # Those without are as the others.
