"""
Where the price of a coin goes, from its closed bars.

The drift over `BARS` bars is held against what these bars' own moves would add up to by chance: in such standard
deviations the trend of a calm coin and of a wild one are the same number. Hysteresis is folded over the last
`LOOKBACK` bars, from no state, so that the same bars give the same state whenever and by whomever they are asked.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct

from levibotd.domain.climate.hysteresis import settle

BARS = 48
LOOKBACK = 24
CLOSES = BARS + LOOKBACK  # That are needed, and no more are looked at.
ENTER, LEAVE = 1.0, 0.3


class Trend(Struct, frozen=True, kw_only=True):
    """`value` in standard deviations of chance; `state` has hysteresis."""

    value: float
    state: str  # up | down | flat


def trend(closes: Sequence[float]) -> Trend | None:
    """The trend as of the last of `closes`, ascending; None where there are too few, or one is no price."""
    closes = closes[-CLOSES:]
    if len(closes) < CLOSES or min(closes) <= 0.0:
        return None
    logs = [math.log(close) for close in closes]
    squares = [(later - before) ** 2 for before, later in pairwise(logs)]
    value, state = 0.0, 0
    for last in range(BARS, CLOSES):
        # Summed anew for each: a running sum would keep the rounding of bars that have long left it.
        chance = math.sqrt(math.fsum(squares[last - BARS : last]))
        value = (logs[last] - logs[last - BARS]) / chance if chance > 0.0 else 0.0
        state = settle(value, state=state, enter=ENTER, leave=LEAVE)
    return Trend(value=value, state=("flat", "up", "down")[state])
