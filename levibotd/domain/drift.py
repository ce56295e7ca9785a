"""
Does the model see other posts than those it was made from?

The population stability index between the shares of posts by p(actionable) that the model was
made with and those of the last posts: below 0.1 nothing has changed, above 0.25 a lot has.
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence

from levibotd.domain.model import reference_bin

WINDOW = 2_000  # Posts.
POSTS_MIN = 200  # With fewer it is chance that speaks.

_SHARE_MIN = 1e-4  # An empty bin is a rare one.


class Drift:
    """The last posts that one model has judged, against its reference. Bounded; begins anew with each model."""

    def __init__(self, reference: Sequence[float]) -> None:
        self._reference = tuple(reference)
        self._bins: deque[int] = deque(maxlen=WINDOW)

    @property
    def posts(self) -> int:
        return len(self._bins)

    def see(self, probs: Mapping[str, float]) -> None:
        """Count one judged post."""
        self._bins.append(reference_bin(probs))

    def psi(self) -> float | None:
        """Return the index; None without a reference, or as long as there are too few posts."""
        if not self._reference or len(self._bins) < POSTS_MIN:
            return None
        counts = [0] * len(self._reference)
        for place in self._bins:
            counts[place] += 1
        return psi(self._reference, [count / len(self._bins) for count in counts])


def psi(expected: Sequence[float], found: Sequence[float]) -> float:
    """Return the population stability index of two lists of shares."""
    total = 0.0
    for before, now in zip(expected, found, strict=True):
        least, most = max(before, _SHARE_MIN), max(now, _SHARE_MIN)
        total += (most - least) * math.log(most / least)
    return total
