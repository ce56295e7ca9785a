"""
One number for a call out of the parts around it, and the weights it is made with.

The parts are turned to the call's side: positive speaks for it. The weights are set by hand until enough calls are
over to learn them from; the number is then the probability that such a call pays. It raises no size.
"""

import math
from collections.abc import Sequence

from msgspec import Struct

from levibotd.domain.signal import Side

PARTS = ("call", "bias", "pulse", "trend", "eth_led")
# An assumption, and shown as one: what goes with the crowd and the price pays a little more, what comes in a rush less.
BY_HAND = (-0.3, 0.1, 0.3, -0.2, 0.5, 0.2)

_DEVIATIONS_MAX = 3.0
_CERTAIN = 0.98

Weights = tuple[float, ...]  # The constant, then one for each part.


class Parts(Struct, frozen=True, kw_only=True):
    """What is known around a call; None where it is not, which then speaks neither for nor against it."""

    p_call: float
    side: Side
    bias: float | None = None
    pulse: float | None = None
    trend: float | None = None
    eth_led: bool | None = None  # None for bitcoin too: it is what the others are held against.

    def row(self) -> tuple[float, ...]:
        """The parts in the order of `PARTS`, on scales of about one."""
        sign = float(self.side.sign)
        p = min(max(self.p_call, 1.0 - _CERTAIN), _CERTAIN)
        return (
            math.log(p / (1.0 - p)),
            sign * (self.bias or 0.0),
            _bounded(self.pulse),
            sign * _bounded(self.trend),
            sign * float(self.eth_led or False),
        )


def probability(row: Sequence[float], weights: Sequence[float]) -> float:
    """The hybrid score of a row under `weights`."""
    z = weights[0] + math.fsum([weight * part for weight, part in zip(weights[1:], row, strict=True)])
    # Both forms are the same number; each is safe where the other is not.
    return 1.0 / (1.0 + math.exp(-z)) if z >= 0.0 else math.exp(z) / (1.0 + math.exp(z))


def _bounded(deviations: float | None) -> float:
    return 0.0 if deviations is None else min(max(deviations, -_DEVIATIONS_MAX), _DEVIATIONS_MAX) / _DEVIATIONS_MAX
