"""What the card book holds: channels, their calls and sums, and the posts that are not read yet."""

from msgspec import Struct, field

from levibotd.domain.cards.calls import CallKept
from levibotd.domain.cards.format import Format
from levibotd.domain.cards.sums import Sums
from levibotd.domain.rounding import six_digits
from levibotd.domain.signal import TraceId


class Arrived(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """
    A post that is not read yet: what its card will want to know of it.

    A book of before held no text but what had been found in it: `claim` and `lifetime_s`. It may be all that
    a pruned log begins with, so it must be read, and mean what it meant.
    """

    channel: str
    message_id: int
    posted_at: float
    witnessed: bool
    unknown: bool
    reply_to: int | None = None
    text: str = ""  # Only of few of them anybody will ask what it claims and how long its entries last.
    claim: bool | None = None
    lifetime_s: float | None = None


class Printed(Struct, frozen=True, gc=False):
    """The first that said a call."""

    channel: str
    id: str
    posted_at: float


class ChannelKept(Struct, kw_only=True):
    """One channel: calls that are kept, by id in the order in which they came, and sums of those that are not."""

    calls: dict[str, CallKept] = field(default_factory=dict)
    witnessed: Sums = field(default_factory=Sums)
    backfilled: Sums = field(default_factory=Sums)
    latest: dict[str, str] = field(default_factory=dict)  # Coin -> the last call that repeated no other.
    said: dict[str, str] = field(default_factory=dict)  # What a call says -> the last one that said so first.
    on_coin: dict[str, str] = field(default_factory=dict)  # Coin -> its last call.
    changes: int = 0  # Counts up with each; what was made of its calls before is out of date.
    read: int = 0  # Witnessed posts that were read as calls,
    ambiguous: int = 0  # and those that may have been calls and could not be read.
    pictures: list[float] = field(default_factory=list)  # When witnessed ones without text came; the newest.
    since_stage_r: float = 0.0  # As followed, since its stage was last set.
    last_call_at: float | None = None  # Witnessed.
    format: Format = field(default_factory=Format)
    backfilled_posts: int = 0
    backfilled_edited: int = 0
    lowest_id: int | None = None  # Of the backfilled posts.
    highest_id: int | None = None

    @property
    def parse_coverage(self) -> float | None:
        """Of its posts that may be calls, those that could be read; None before there is one."""
        asked = self.read + self.ambiguous
        return six_digits(self.read / asked) if asked else None


class Book(Struct, kw_only=True):
    """The state of the fold, as snapshots hold it."""

    calls_max: int
    channels: dict[str, ChannelKept] = field(default_factory=dict)
    arrived: dict[TraceId, Arrived] = field(default_factory=dict)
    prints: dict[str, Printed] = field(default_factory=dict)
    kept: int = 0
    summed: int = 0  # Calls that are in the sums of their channel alone.
    lost: int = 0  # Calls that never ended, and had to make room.
    trials: dict[str, None] = field(default_factory=dict)  # Their names.
    contradictions: int = 0
