from random import Random

from hypothesis import given
from hypothesis import strategies as st

from levibotd.kernel.backoff import FIRST_S, HEALTHY_AFTER_S, LONGEST_S, Backoff, Budget


@given(seed=st.integers(), failures=st.integers(2, 40))
def test_pauses_grow_within_their_bounds_whatever_the_jitter(seed: int, failures: int) -> None:
    backoff = Backoff(Random(seed))
    pauses = [backoff.next_s(healthy_for_s=0) for _ in range(failures)]

    assert pauses[0] == 0
    assert FIRST_S <= pauses[1] <= 1.5 * FIRST_S
    assert pauses == sorted(pauses)
    assert max(pauses) <= LONGEST_S
    for number, pause_s in enumerate(pauses[1:]):
        assert min(LONGEST_S, FIRST_S * 2**number) <= pause_s <= FIRST_S * 2**number * 1.5


def test_health_makes_the_next_restart_immediate_again() -> None:
    backoff = Backoff(Random(1))
    for _ in range(5):
        assert backoff.next_s(healthy_for_s=HEALTHY_AFTER_S - 0.1) >= 0
    assert backoff.next_s(healthy_for_s=HEALTHY_AFTER_S - 0.1) > 1

    assert backoff.next_s(healthy_for_s=HEALTHY_AFTER_S) == 0


@given(healthy_for_s=st.lists(st.sampled_from((0.0, HEALTHY_AFTER_S)), max_size=10))
def test_a_pause_is_due_whenever_the_next_failure_gets_one(healthy_for_s: list[float]) -> None:
    backoff = Backoff(Random(1))
    for well_s in healthy_for_s:
        is_due = backoff.is_due(healthy_for_s=well_s)
        assert is_due == (backoff.next_s(healthy_for_s=well_s) > 0)


@given(
    intensity=st.integers(0, 4), period_s=st.integers(1, 20), gaps_s=st.lists(st.integers(0, 12), max_size=40)
)
def test_no_window_holds_more_restarts_than_the_budget(intensity: int, period_s: int, gaps_s: list[int]) -> None:
    budget = Budget(intensity, period_s)
    now, spent = 0.0, list[float]()
    for gap_s in gaps_s:
        now += gap_s
        recent = [at for at in spent if at > now - period_s]
        assert budget.spend(now) == (len(recent) < intensity)
        if len(recent) < intensity:
            spent.append(now)

    for at in spent:
        assert sum(at - period_s < other <= at for other in spent) <= intensity


def test_a_refilled_budget_is_whole() -> None:
    budget = Budget(1, 60)
    assert budget.spend(0)
    assert not budget.spend(1)

    budget.refill()

    assert budget.spend(1)
