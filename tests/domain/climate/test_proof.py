"""The hybrid is used when it has been better than its best part on calls it had not seen, and says why when not."""

import math
from random import Random

import pytest

from levibotd.domain.climate.hybrid import BY_HAND, probability
from levibotd.domain.climate.proof import (
    AWAITING_KEPT,
    CASES_KEPT,
    FIT_EVERY,
    JUDGING_FROM,
    LEARNED_FROM,
    Proof,
)

ZERO = (0.0, 0.0, 0.0, 0.0, 0.0)


def lived(calls: int, *, weights: tuple[float, ...], seed: int = 1, open_at_once: int = 20) -> Proof:
    """Calls whose outcomes follow `weights`; each is over when `open_at_once` later ones were scored."""
    chance, proof, waiting = Random(seed), Proof(), []
    for number in range(calls + open_at_once):
        row = tuple(chance.uniform(-1, 1) for _ in range(5))
        proof.expect(str(number), row)
        waiting.append((str(number), chance.random() < probability(row, weights)))
        if len(waiting) > open_at_once:
            call, pays = waiting.pop(0)
            proof.resolve(call, pays=pays)
    return proof


def test_until_enough_calls_are_over_the_weights_are_those_by_hand() -> None:
    verdict = lived(LEARNED_FROM - 1, weights=(0.0, 2.0, 2.0, 0.0, 2.0, 0.0)).verdict()

    assert (verdict.weights, verdict.source, verdict.used) == (BY_HAND, "hand", False)
    assert verdict.why == "weights by hand: 499 of 500 calls are over"


def test_parts_that_each_know_something_are_better_together() -> None:
    verdict = lived(900, weights=(0.0, 2.0, 2.0, 0.0, 2.0, 0.0)).verdict()

    assert (verdict.source, verdict.used) == ("learned", True)
    assert verdict.brier["hybrid"] < min(verdict.brier[name] for name in ("call", "bias", "trend"))
    assert verdict.why.startswith("closer to what came than ")
    assert verdict.weights[1:] == pytest.approx((2.0, 2.0, 0.0, 2.0, 0.0), abs=0.6)


@pytest.mark.parametrize(
    ("weights", "best"), [((0.0, 0.0, 0.0, 0.0, 0.0, 0.0), "constant"), ((0.0, 0.0, 0.0, 0.0, 3.0, 0.0), "trend")]
)
def test_what_adds_nothing_to_its_best_part_is_not_used_and_says_so(weights: tuple[float, ...], best: str) -> None:
    verdict = lived(900, weights=weights).verdict()

    assert not verdict.used
    assert verdict.why.startswith(f"no better than {best} alone: Brier 0.")


def test_a_forecast_counts_only_where_it_was_made_before_the_outcome() -> None:
    proof = lived(JUDGING_FROM, weights=BY_HAND)

    # Fits exist from now on; the twenty open calls were scored before and prove nothing.
    assert (proof.resolved, proof.judged) == (JUDGING_FROM, 0)
    proof.expect("new", ZERO)
    proof.resolve("new", pays=True)
    assert proof.judged == 1


def test_brier_is_the_mean_square_of_what_forecasts_missed_by() -> None:
    proof = lived(JUDGING_FROM, weights=BY_HAND)
    fits = proof.fits
    assert fits is not None
    proof.expect("new", ZERO)
    proof.resolve("new", pays=False)

    assert proof.verdict().brier["constant"] == pytest.approx(fits.constant**2)
    assert proof.verdict().brier["hybrid"] == pytest.approx((1 / (1 + math.exp(-fits.hybrid[0]))) ** 2)
    assert fits.constant == (sum(case.pays for case in proof.cases[:JUDGING_FROM]) + 1) / (JUDGING_FROM + 2)


def test_outcomes_that_come_later_change_no_forecast_that_was_made() -> None:
    weights, made = (0.0, 2.0, 2.0, 0.0, 2.0, 0.0), []
    for other_end in (False, True):
        proof = lived(JUDGING_FROM + 3 * FIT_EVERY, weights=weights)
        proof.expect("asked", (0.5,) * 5)
        for number in range(FIT_EVERY):
            proof.expect(f"later {number}", ZERO)
            proof.resolve(f"later {number}", pays=other_end)
        made.append(proof.awaited["asked"].forecasts)

    assert made[0]
    assert made[0] == made[1]


def test_calls_that_were_never_entered_teach_nothing() -> None:
    proof = Proof()
    proof.expect("a", ZERO)
    proof.resolve("a", pays=None)
    proof.resolve("b", pays=True)

    assert (proof.resolved, proof.awaited, proof.cases) == (0, {}, [])


def test_a_call_that_is_scored_twice_keeps_its_first_row() -> None:
    proof = Proof()
    proof.expect("a", (1.0,) * 5)
    proof.expect("a", ZERO)

    assert proof.awaited["a"].row == (1.0,) * 5


def test_what_is_kept_is_bounded() -> None:
    proof = Proof()
    for number in range(AWAITING_KEPT + 5):
        proof.expect(str(number), ZERO)

    assert (len(proof.awaited), next(iter(proof.awaited))) == (AWAITING_KEPT, "5")
    assert len(lived(CASES_KEPT + 30, weights=BY_HAND).cases) == CASES_KEPT
