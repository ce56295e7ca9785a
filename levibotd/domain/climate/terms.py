"""What is known around a call when it is scored, as the log holds it."""

from msgspec import Struct

from levibotd.domain.climate.hybrid import Parts
from levibotd.domain.signal import Side


class LegTerms(Struct, frozen=True, kw_only=True):
    """What belongs to one leg; None where there were no bars to tell it from. `hybrid` is its score."""

    trend: float | None
    eth_led: bool | None
    hybrid: float


class Terms(Struct, frozen=True, kw_only=True):
    """
    Each term that a call's hybrid score was made of, as of the moment it was scored. Legs are those of the reading.

    `source` of the weights is hand or learned; `used` says whether the score had proved itself by then.
    """

    bias: float | None
    pulse: float | None
    legs: tuple[LegTerms, ...]
    source: str
    used: bool

    def parts(self, number: int, *, p_call: float, side: Side) -> Parts:
        """The parts of the leg with this number."""
        leg = self.legs[number]
        return Parts(p_call=p_call, side=side, bias=self.bias, pulse=self.pulse, trend=leg.trend, eth_led=leg.eth_led)
