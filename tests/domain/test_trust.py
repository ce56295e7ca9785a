"""What is held of a channel, and that nobody is helped by what has not happened yet."""

from random import Random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from levibotd.domain.lived import Evidence, Lived, evidence
from levibotd.domain.trust import (
    ASSUMED,
    BACKFILLED_MAX,
    CHANNELS_FOR_PRIOR,
    Survival,
    cautious,
    of_kind,
    prior_of,
    trust,
    with_history,
)
from tests.domain.test_lived import CALLS, DAY, NOW, lived


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
