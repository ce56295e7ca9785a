"""Does a channel still write as it did when it was put where it is?"""

from collections.abc import Sequence

from msgspec import Struct, field

from levibotd.domain.drift import psi
from levibotd.domain.model import REFERENCE_BINS

POSTS = 400  # Of each side: with half of that one in a thousand is above the limit by chance.
PSI_MAX = 0.25

_PRIOR = 0.5  # Of a post in each bin, so that a rare one that is missed is no drift.


class Format(Struct, kw_only=True):
    """
    Its first posts and its last ones, by p(actionable), as one model judged them. Another model begins anew.

    The first are those since its stage was set, or the last before that, where there were enough.
    """

    model: str = ""
    first: list[int] = field(default_factory=list)
    last: list[int] = field(default_factory=list)

    def see(self, place: int, *, model: str) -> None:
        """Count a witnessed post that fell into this bin."""
        if model != self.model:
            self.model, self.first, self.last = model, [], []
        if len(self.first) < POSTS:
            self.first.append(place)
        else:
            self.last.append(place)
            del self.last[:-POSTS]

    def begin_anew(self) -> None:
        """Its stage was set: what it writes by then is what it is held to."""
        if len(self.last) == POSTS:
            self.first, self.last = self.last, []

    @property
    def is_full(self) -> bool:
        """Are there posts enough to tell?"""
        return len(self.last) >= POSTS

    @property
    def psi(self) -> float | None:
        """The population stability index; None as long as there are too few posts."""
        return psi(_shares(self.first), _shares(self.last)) if self.is_full else None


def _shares(places: Sequence[int]) -> list[float]:
    whole = len(places) + _PRIOR * REFERENCE_BINS
    return [(places.count(place) + _PRIOR) / whole for place in range(REFERENCE_BINS)]
