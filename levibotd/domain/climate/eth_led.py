"""
Does ether lead, and do the others follow? The trigger of what is called an altcoin season.

Lead is what ether gained on bitcoin over a week, breadth the share of other coins that gained on bitcoin as well.
The trigger goes on when both are high and off when either is gone, by closed bars of four hours; like the trend's,
its hysteresis is folded over a week of them, from off.
"""

import math
from collections.abc import Mapping, Sequence

from msgspec import Struct

INTERVAL_S = 4 * 3600.0
BARS = 42  # A week.
LOOKBACK = 42
CLOSES = BARS + LOOKBACK
LEAD_ENTER, LEAD_LEAVE = 0.03, 0.0
BREADTH_ENTER, BREADTH_LEAVE = 0.6, 0.45
ALTS_MIN = 5

Closes = Mapping[float, float]  # By the opening time of the bar.


class EthLed(Struct, frozen=True, kw_only=True):
    """`lead` as the difference of log returns, `breadth` as share of `alts` coins; `as_of` is when the bar closed."""

    on: bool
    lead: float
    breadth: float
    alts: int
    as_of: float


def eth_led(*, btc: Closes, eth: Closes, alts: Sequence[Closes]) -> EthLed | None:
    """The trigger as of the last bar that bitcoin has; None where there are too few bars or coins."""
    found: EthLed | None = None
    on = False
    times = sorted(btc)[-CLOSES:]
    for at in times[-LOOKBACK:] if len(times) == CLOSES else ():
        lead, others = _gained(eth, btc, at), [gain for one in alts if (gain := _gained(one, btc, at)) is not None]
        if lead is None or len(others) < ALTS_MIN:
            on, found = False, None
            continue
        breadth = sum([gain > 0.0 for gain in others]) / len(others)
        if on:
            on = lead > LEAD_LEAVE and breadth >= BREADTH_LEAVE
        else:
            on = lead >= LEAD_ENTER and breadth >= BREADTH_ENTER
        found = EthLed(on=on, lead=lead, breadth=breadth, alts=len(others), as_of=at + INTERVAL_S)
    return found


# What one coin gained on another in the week before: None where a bar is missing, as with a coin that is new.
def _gained(one: Closes, other: Closes, at: float) -> float | None:
    gain, other_gain = _gain(one, at), _gain(other, at)
    return None if gain is None or other_gain is None else gain - other_gain


def _gain(closes: Closes, at: float) -> float | None:
    now, before = closes.get(at, 0.0), closes.get(at - BARS * INTERVAL_S, 0.0)
    return math.log(now / before) if now > 0.0 and before > 0.0 else None
