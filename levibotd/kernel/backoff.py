"""How often and how fast something may begin anew: a sliding window, and growing pauses."""

from collections import deque
from random import Random

FIRST_S = 0.2
LONGEST_S = 30.0
HEALTHY_AFTER_S = 30.0


class Budget:
    """OTP's restart intensity: at most `intensity` restarts in any `period_s`."""

    def __init__(self, intensity: int, period_s: float) -> None:
        self._intensity = intensity
        self._period_s = period_s
        self._spent: deque[float] = deque()

    def spend(self, now: float) -> bool:
        """Take one restart out of the budget. False: there is none left."""
        while self._spent and self._spent[0] <= now - self._period_s:
            self._spent.popleft()
        if len(self._spent) >= self._intensity:
            return False
        self._spent.append(now)
        return True

    def refill(self) -> None:
        self._spent.clear()


class Backoff:
    """
    Pauses before a restart: none at first, then 0.2 s doubling to 30 s.

    Jitter lengthens a pause by up to half, never beyond the longest; so a pause is never shorter than the one before.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._failures = 0

    def is_due(self, *, healthy_for_s: float) -> bool:
        """Would there be a pause after one more failure?"""
        return self._failures > 0 and healthy_for_s < HEALTHY_AFTER_S

    def next_s(self, *, healthy_for_s: float) -> float:
        """The pause after one more failure of something that had been up for `healthy_for_s`."""
        if healthy_for_s >= HEALTHY_AFTER_S:
            self._failures = 0
        self._failures += 1
        if self._failures == 1:
            return 0.0
        doublings = min(self._failures - 2, 16)
        return min(LONGEST_S, FIRST_S * 2.0**doublings * (1.0 + 0.5 * self._rng.random()))
