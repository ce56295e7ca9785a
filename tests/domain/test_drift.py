"""Drift: nothing while it is chance that speaks, much when posts are others."""

import pytest

from levibotd.domain.drift import POSTS_MIN, WINDOW, Drift, psi
from levibotd.domain.model import REFERENCE_BINS

CALL, CHATTER = {"NO-TRADE": 0.0}, {"NO-TRADE": 1.0}
REFERENCE = [0.8, *[0.0] * (REFERENCE_BINS - 2), 0.2]


def seen(calls: int, chatter: int) -> Drift:
    drift = Drift(REFERENCE)
    for probs, count in ((CALL, calls), (CHATTER, chatter)):
        for _ in range(count):
            drift.see(probs)
    return drift


def test_equal_shares_are_no_drift() -> None:
    assert psi([0.5, 0.5], [0.5, 0.5]) == 0
    assert seen(100, 400).psi() == pytest.approx(0, abs=1e-3)


def test_other_posts_are_a_lot_of_drift() -> None:
    drifted = seen(400, 100).psi()
    assert drifted is not None
    assert drifted > 0.25


def test_an_empty_bin_is_a_rare_one() -> None:
    assert 0 < psi([1.0, 0.0], [0.5, 0.5]) < 10


def test_few_posts_and_a_model_without_a_reference_say_nothing() -> None:
    assert seen(0, POSTS_MIN - 1).psi() is None
    assert seen(0, POSTS_MIN).psi() is not None
    bare = Drift([])
    for _ in range(POSTS_MIN):
        bare.see(CALL)
    assert bare.psi() is None


def test_only_the_last_posts_count() -> None:
    drift = seen(WINDOW, WINDOW)
    assert drift.posts == WINDOW
    assert drift.psi() == pytest.approx(psi(REFERENCE, [1.0, *[0.0] * (REFERENCE_BINS - 1)]))
