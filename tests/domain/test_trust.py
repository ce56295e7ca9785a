"""What is held of a channel, and that nobody is helped by what has not happened yet."""

from random import Random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from levibotd.domain.trust import (
    ASSUMED,
    BACKFILLED_MAX,
    CHANNELS_FOR_PRIOR,
    DESIGN_EFFECT,
    HALF_LIFE_S,
    HORIZON_S,
    Evidence,
    Lived,
    Survival,
    cautious,
    entered_r,
    evidence,
    of_kind,
    prior_of,
    trust,
    with_history,
)

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


def test_without_calls_a_channel_is_what_channels_are() -> None:
    held = trust(None, prior=ASSUMED, at=NOW)

    assert (held.ev_r, held.n_eff, held.prior.source) == (ASSUMED.mean, 0.0, "assumed")
    assert held.t < 0.5
    assert held.p_pays.lo < held.p_pays.p == ASSUMED.pays < held.p_pays.hi


def test_evidence_outweighs_the_prior_as_it_grows() -> None:
    held = [
        trust(evidence([lived(10 + n, 0.5) for n in range(count)], at=NOW), prior=ASSUMED, at=NOW)
        for count in (5, 20, 60)
    ]

    assert held[0].ev_r < held[1].ev_r < held[2].ev_r < 0.5
    assert held[0].t < held[1].t < held[2].t
    assert held[0].p_pays.lo < held[1].p_pays.lo < held[2].p_pays.lo
    widths = [one.p_pays.hi - one.p_pays.lo for one in held]
    assert widths[0] > widths[2]


def found(channels: dict[str, list[Lived]]) -> list[Evidence]:
    every = [evidence(calls, at=NOW) for calls in channels.values()]
    return [one for one in every if one is not None]


def test_the_prior_is_assumed_until_twenty_channels_are_measured() -> None:
    chance = Random(5)
    channels = {
        f"c{n}": [lived(10 + call, chance.gauss(0.1, 1.0)) for call in range(40)] for n in range(CHANNELS_FOR_PRIOR)
    }
    few = dict(list(channels.items())[:-1])

    assert prior_of(found(few)).source == "assumed"
    measured = prior_of(found(channels))
    assert (measured.source, measured.channels) == ("measured", CHANNELS_FOR_PRIOR)
    assert measured.mean == pytest.approx(0.1, abs=0.1)
    assert measured.noise == pytest.approx(1.0, abs=0.1)
    assert measured.sha != prior_of(found(few)).sha


def test_what_is_drawn_to_the_prior_finds_better_channels_than_bare_means() -> None:
    chance = Random(7)
    true, bare, drawn = [], [], []
    for _ in range(300):
        mean = chance.gauss(-0.08, 0.12)
        calls = [lived(10 + chance.random() * 100, chance.gauss(mean, 1.2)) for _ in range(chance.randint(3, 60))]
        found = evidence(calls, at=NOW)
        assert found is not None
        true.append(mean)
        bare.append(found.mean)
        drawn.append(trust(found, prior=ASSUMED, at=NOW).ev_r)

    def error(guesses: list[float]) -> float:
        return fmean((guess - mean) ** 2 for guess, mean in zip(guesses, true, strict=True))

    def chosen(guesses: list[float]) -> float:
        return fmean(mean for guess, mean in zip(guesses, true, strict=True) if guess > 0)

    assert error(drawn) < error(bare) / 3
    assert chosen(drawn) > chosen(bare)


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


def test_backfilled_calls_move_the_prior_and_never_its_certainty() -> None:
    past = Evidence(calls=500, mature=500, n_eff=300.0, design_effect=1.0, mean=1.0, variance=1.0, pays=0.9)

    moved = with_history(ASSUMED, past, Survival())
    survived = with_history(ASSUMED, past, Survival(missing=0.3, edited=0.2))
    lost = with_history(ASSUMED, replace(past, mean=-1.0), Survival(missing=0.9))

    share = BACKFILLED_MAX / (BACKFILLED_MAX + (ASSUMED.noise / ASSUMED.sd) ** 2)
    assert moved.mean == pytest.approx(ASSUMED.mean + share * (1.0 - ASSUMED.mean), rel=1e-5)
    assert (moved.sd, moved.noise, moved.pays_weight) == (ASSUMED.sd, ASSUMED.noise, ASSUMED.pays_weight)
    assert survived.mean == pytest.approx(ASSUMED.mean + share * (0.56 - ASSUMED.mean), rel=1e-5)
    assert lost.mean == pytest.approx(ASSUMED.mean + share * (-1.0 - ASSUMED.mean), rel=1e-5)
    assert with_history(ASSUMED, None, Survival()) == ASSUMED


def test_a_call_said_ten_times_weighs_as_one() -> None:
    once = [lived(10 + n, r) for n, r in enumerate((1.0, -1.0, 0.5))]
    often = [replace(call, said=str(n)) for n, call in enumerate(once) for _ in range(10)]

    first, second = evidence(once, at=NOW), evidence(often, at=NOW)

    assert first is not None
    assert second is not None
    assert (second.n_eff, second.mature, second.calls) == (first.n_eff, first.mature, 30)
    assert second.mean == pytest.approx(first.mean)


def test_calls_that_nobody_could_enter_make_no_luck_certain() -> None:
    lucky = [lived(10 + n, 2.0) for n in range(5)]
    padded = [*lucky, *(lived(10 + n / 4, None) for n in range(200))]

    bare, more = evidence(lucky, at=NOW), evidence(padded, at=NOW)

    assert bare is not None
    assert more is not None
    assert more.n_eff == pytest.approx(3 * bare.n_eff)
    held = trust(more, prior=ASSUMED, at=NOW)
    assert held.t < 0.5
    assert held.ev_r < trust(bare, prior=ASSUMED, at=NOW).ev_r
    assert evidence([lived(10, None)] * 9, at=NOW).n_eff == 0  # type: ignore[union-attr]


def test_far_entries_beside_a_good_record_prove_nothing_more() -> None:
    honest = [lived(10 + 3 * n, 1.8 if n % 2 else -1.0) for n in range(30)]
    padded = [*honest, *(lived(10 + n / 4, None) for n in range(300))]

    bare, more = (trust(evidence(calls, at=NOW), prior=ASSUMED, at=NOW) for calls in (honest, padded))

    assert more.ev_r < bare.ev_r
    assert more.t < bare.t


def test_far_entries_do_not_excuse_a_bad_record() -> None:
    lost = [lived(10 + 3 * n, -1.0) for n in range(30)]
    plain = evidence(lost, at=NOW)
    assert plain is not None
    # Of calls that lose, all count: the filled alone would be drawn further to what channels are like.
    fewer = trust(replace(plain, n_filled=plain.n_eff / 4), prior=ASSUMED, at=NOW)
    assert fewer == trust(plain, prior=ASSUMED, at=NOW)


CALLS = st.lists(
    st.tuples(st.floats(-30, 300), st.floats(0, 8), st.one_of(st.none(), st.floats(-1.5, 4))), min_size=1, max_size=40
)


@given(CALLS, st.floats(0, 250))
def test_what_came_later_changes_nothing_that_was_held(
    drawn: list[tuple[float, float, float | None]], ago: float
) -> None:
    at = NOW - ago * DAY
    calls = [lived(age, r, took_d=took) for age, took, r in drawn]
    # As one would have seen it then: later posts unknown, and no outcome of those that were open.
    seen = [
        call if call.over_at is not None and call.over_at <= at else replace(call, over_at=None, r=None)
        for call in calls
        if call.posted_at <= at
    ]

    then, now = evidence(seen, at=at), evidence(calls, at=at)

    assert then == now
    assert trust(then, prior=prior_of([]), at=at) == trust(now, prior=prior_of([]), at=at)


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


def test_what_a_kind_of_call_makes_lies_between_the_channel_and_its_own_calls() -> None:
    calls = [lived(10 + n, 1.0 if n % 2 else -0.5) for n in range(60)]
    held = trust(evidence(calls, at=NOW), prior=ASSUMED, at=NOW)
    good, bad = evidence(calls[1::2], at=NOW), evidence(calls[::2], at=NOW)

    up, down, unknown = (of_kind(held, one, side="buy") for one in (good, bad, None))

    assert up.kind is not None
    assert unknown.kind is not None
    assert -0.5 < down.expected_r < held.ev_r < up.expected_r < 1.0
    assert (up.kind.calls, up.kind.mean) == (30, 1.0)
    assert up.kind.ev_r == pytest.approx(held.ev_r + up.kind.pull * (1.0 - held.ev_r), abs=1e-5)
    assert (unknown.expected_r, unknown.kind.pull, unknown.kind.mean) == (held.ev_r, 0.0, None)
    assert (up.ev_r, up.t) == (held.ev_r, held.t)  # Of the channel nothing else is held.


def test_of_a_channel_that_hides_no_kind_of_call_is_held_for_more() -> None:
    calls = [lived(10 + n, 1.0) for n in range(60)]
    held = of_kind(trust(evidence(calls, at=NOW), prior=ASSUMED, at=NOW), evidence(calls, at=NOW), side="buy")

    assert held.expected_r > 0
    assert cautious(held, at=NOW).expected_r == ASSUMED.mean
