"""One call as a card needs it: where it came from, what became of it in both ledgers, what was done to its post."""

from decimal import Decimal
from typing import Final

from msgspec import Struct

from levibotd.domain.leg_read import LegRead
from levibotd.domain.outcomes import ShadowOutcome
from levibotd.domain.signal import Side

FILLED: Final = "filled"
UNFILLED: Final = "unfilled"
CANCELLED: Final = "cancelled"
UNPRICED: Final = "unpriced"
UNKNOWN: Final = "unknown"
PRICED: Final = frozenset({FILLED, UNFILLED, CANCELLED})

DAY_S: Final = 86_400.0
SPOT_LIFETIME_S: Final = 3 * DAY_S  # How long an entry may wait: on spot, and elsewhere one day.

_STOP_DISTANCE_MIN = 0.001  # A distance outside of these was no stop.
_STOP_DISTANCE_MAX = 0.5
_REWARD_MAX = 50.0


class Followed(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """How a call ended as we would have followed it: all that is asked of that ledger. There are many of these."""

    status: str
    at: float
    r: float | None = None


class Ended(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """How a call ended in one ledger. R of a call without a stop is R with ours: it must not look better for that."""

    status: str
    at: float
    reason: str | None = None
    opened_at: float | None = None
    r: float | None = None
    r_low: float | None = None
    r_high: float | None = None
    undecided: bool = False
    return_pct: float | None = None
    worst_pct: float | None = None

    @classmethod
    def of(cls, outcome: ShadowOutcome) -> "Ended":
        r = r_of(outcome)
        low, high = (r if bound == r else bound for bound in (outcome.r_low, outcome.r_high))  # One number, not three.
        return cls(
            status=outcome.status, at=outcome.at, reason=outcome.reason, opened_at=outcome.opened_at,
            r=r, r_low=low, r_high=high, undecided=outcome.undecided, return_pct=outcome.return_pct,
            worst_pct=outcome.worst_pct,
        )  # fmt: skip


def r_of(outcome: ShadowOutcome) -> float | None:
    """Net R; of a call without a stop that with ours."""
    return outcome.imputed_r if outcome.r is None else outcome.r


class CallKept(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """
    A call of a channel; what becomes of it makes another, so that a copy of the book shares those that are.

    `first` is the open call on the coin that this one says again, or hedges, else itself.

    `reward` is the way to the mean of its targets in stop distances, as posted.
    """

    id: str  # "<message id>|<number of the leg>"
    coin: str
    side: Side
    posted_at: float
    witnessed: bool
    first: str
    spot: bool = False
    stated_s: float | None = None  # How long its entry may wait, by its own word.
    has_stop: bool = True
    stop_distance: float | None = None
    reward: float | None = None
    contaminated: bool = False
    proxy: bool = False
    synthetic: bool = False
    as_posted: Ended | None = None
    as_followed: Followed | None = None
    placebo_r: float | None = None
    placebos: tuple[tuple[float, float], ...] = ()  # As they came to be known: when, and what.
    edited_at: float | None = None
    deleted_at: float | None = None
    claimed: bool | None = None  # True: its channel says that it won.
    claimed_at: float | None = None
    copy_of: str | None = None  # The channel that had it first.
    copied: int = 0

    @property
    def lifetime_s(self) -> float:
        usual = SPOT_LIFETIME_S if self.spot else DAY_S
        return usual if self.stated_s is None else max(self.stated_s, usual)

    @property
    def r(self) -> float | None:
        """Net R as posted: 0 where nothing was filled, None where nobody can say."""
        ended = self.as_posted
        if ended is None or ended.status == UNPRICED:
            return None
        return (ended.r or 0.0) if ended.status == FILLED else 0.0

    @property
    def moved_at(self) -> float | None:
        """From when on its channel could see where it went: its first fill, else its end."""
        ended = self.as_posted
        return None if ended is None else ended.opened_at or ended.at


def stop_distance(leg: LegRead) -> float | None:
    """As share of the worst entry; written units cancel out. None where the post names no usable stop."""
    distance = None
    if isinstance(leg.sl, tuple):
        distance = float(max(leg.sl)) / 100 if leg.sl else None
    elif leg.sl is not None and leg.entry:
        worst = _worst_entry(leg)
        distance = float((worst - leg.sl) / worst) * leg.side.sign if worst > 0 else None
    if distance is None or not _STOP_DISTANCE_MIN <= distance <= _STOP_DISTANCE_MAX:
        return None
    return distance


def reward(leg: LegRead) -> float | None:
    """The way from the worst entry to the mean of the targets, in posted stop distances."""
    distance = stop_distance(leg)
    if distance is None or not leg.tps:
        return None
    mean = sum(leg.tps, Decimal(0)) / len(leg.tps)
    if leg.tp_unit == "pct":
        share = float(mean) / 100
    elif leg.tp_unit == "multiple":
        share = float(mean) - 1
    elif leg.entry and _worst_entry(leg) > 0:
        share = float((mean - _worst_entry(leg)) / _worst_entry(leg)) * leg.side.sign
    else:
        return None
    return min(max(share / distance, 0.0), _REWARD_MAX)


def _worst_entry(leg: LegRead) -> Decimal:
    return max(leg.entry) if leg.side is Side.BUY else min(leg.entry)
