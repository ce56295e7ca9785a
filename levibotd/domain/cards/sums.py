"""
Sums over calls, from which every figure of a card's column is made.

Calls that are too many to be kept one by one go into the sums of their channel for good, and a card is made by adding
those that are kept. So forgetting a call changes nothing that it did to the figures, and nobody buries his losses.
"""

from msgspec import Struct, field, msgpack

from levibotd.domain.cards.calls import FILLED, PRICED, UNKNOWN, UNPRICED, CallKept, Ended
from levibotd.domain.chance import week_of

POINTS_KEPT = 400  # Of a curve; then every second one goes.
STOPS_KEPT = 400
WEEKS_KEPT = 520
NAMES_KEPT = 64  # Of reasons, and of channels that were copied from.

UNREADABLE = "unreadable"

_OTHERS = "others"


class Week(Struct, gc=False):
    """Sums over the calls posted in one ISO week."""

    calls: int = 0
    r: float = 0.0
    filled: int = 0
    filled_r: float = 0.0
    compared: int = 0  # Calls with a placebo.
    excess: float = 0.0


class Curve(Struct):
    """A running sum of R, its deepest fall, and enough of its points to draw it."""

    r: float = 0.0
    peak: float = 0.0
    drawdown: float = 0.0
    points: list[tuple[float, float]] = field(default_factory=list)

    def add(self, at: float, r: float) -> None:
        self.r += r
        self.peak = max(self.peak, self.r)
        self.drawdown = max(self.drawdown, self.peak - self.r)
        self.points.append((at, self.r))
        if len(self.points) > POINTS_KEPT:
            del self.points[:-1:2]  # Never the last.


class Sums(Struct, kw_only=True):
    """What calls of one column come to."""

    statuses: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)  # Of the unpriced ones.
    weeks: dict[int, Week] = field(default_factory=dict)
    since: float | None = None
    until: float | None = None
    distinct: int = 0
    distinct_filled: int = 0
    repeated: int = 0
    total: float = 0.0
    won: int = 0
    gains: float = 0.0
    losses: float = 0.0
    squares: float = 0.0
    low: float = 0.0
    high: float = 0.0
    undecided: int = 0
    followed: int = 0
    followed_r: float = 0.0
    with_text: int = 0
    without_stop: int = 0
    stops: list[float] = field(default_factory=list)
    stopless: int = 0
    stopless_measured: int = 0
    stopless_return: float = 0.0
    stopless_worst: float | None = None
    edited: int = 0
    edited_after_move: int = 0
    deleted: int = 0
    deleted_after_loss: int = 0
    copied: int = 0
    copied_from: dict[str, int] = field(default_factory=dict)
    copied_by_others: int = 0
    claims: int = 0
    claimed_wins: int = 0
    claims_measured: int = 0
    claims_that_won: int = 0
    proxies: int = 0
    synthetic: int = 0
    contaminated: int = 0
    placebo: float = 0.0
    curve: Curve = field(default_factory=Curve)
    claimed: Curve = field(default_factory=Curve)

    def status(self, name: str) -> int:
        return self.statuses.get(name, 0)

    def copy(self) -> "Sums":
        """The same sums, to be added to on their own."""
        return msgpack.decode(msgpack.encode(self), type=Sums)

    @property
    def calls(self) -> int:
        return sum(self.statuses.values())

    @property
    def priced(self) -> int:
        return sum(self.status(name) for name in PRICED)


def add_unreadable(sums: Sums, *, at: float) -> None:
    """A picture without readable text is a call that has no price."""
    count(sums.statuses, UNPRICED)
    count(sums.reasons, UNREADABLE)
    _reach(sums, at)


def add(sums: Sums, call: CallKept) -> None:
    """Take in a call that is over. Calls are added in the order in which they ended."""
    ended = call.as_posted
    assert ended is not None, "a call that is not over is in no sum"
    _reach(sums, call.posted_at)
    count(sums.statuses, ended.status)
    if ended.status == UNPRICED:
        count(sums.reasons, ended.reason or "no_candles")
    if call.r is not None:
        _paid(sums, call, ended, call.r)
    _protected(sums, call, ended)
    _behaved(sums, call, ended)


def add_claim(sums: Sums, call: CallKept) -> None:
    """Take in what its channel says of a call. In the order in which it was said."""
    if call.claimed is None:
        return
    sums.claims += 1
    if call.claimed:
        sums.claimed_wins += 1
        sums.claims_measured += call.r is not None
        sums.claims_that_won += call.r is not None and call.r > 0
    said = 1.0 if call.reward is None else call.reward
    sums.claimed.add(call.claimed_at or call.posted_at, said if call.claimed else -1.0)


def count(counts: dict[str, int], name: str) -> None:
    """Count `name`, and under "others" what does not fit any more."""
    if name not in counts and len(counts) >= NAMES_KEPT:
        name = _OTHERS
    counts[name] = counts.get(name, 0) + 1


def _reach(sums: Sums, at: float) -> None:
    sums.since = at if sums.since is None else min(sums.since, at)
    sums.until = at if sums.until is None else max(sums.until, at)


def _paid(sums: Sums, call: CallKept, ended: Ended, r: float) -> None:
    week = sums.weeks.setdefault(week_of(call.posted_at), Week())
    week.calls += 1
    week.r += r
    sums.squares += r * r
    sums.low += r if ended.r_low is None else ended.r_low
    sums.high += r if ended.r_high is None else ended.r_high
    sums.undecided += ended.undecided
    is_first = call.first == call.id
    if ended.status != UNKNOWN:
        sums.distinct += is_first
    if ended.status == FILLED:
        week.filled += 1
        week.filled_r += r
        sums.distinct_filled += is_first
        sums.total += r
        sums.won += r > 0
        sums.gains += max(r, 0.0)
        sums.losses -= min(r, 0.0)
        # What is said ten times is won once, and lost as often as it is lost.
        sums.curve.add(ended.at, r if is_first else min(r, 0.0))
    if call.placebo_r is not None:
        week.compared += 1
        week.excess += r - call.placebo_r
        sums.placebo += call.placebo_r
    followed = call.as_followed
    if followed is not None and followed.status != UNPRICED:
        sums.followed += 1
        sums.followed_r += followed.r or 0.0
    if len(sums.weeks) > WEEKS_KEPT:
        _join_oldest(sums.weeks)


# Ten years are enough to see how weeks differ; what is older stays in the sums, in one block.
def _join_oldest(weeks: dict[int, Week]) -> None:
    first, second = sorted(weeks)[:2]
    old, block = weeks.pop(first), weeks[second]
    for name in Week.__struct_fields__:
        setattr(block, name, getattr(block, name) + getattr(old, name))


def _protected(sums: Sums, call: CallKept, ended: Ended) -> None:
    if ended.status == UNKNOWN:
        return  # Nobody has read what it said.
    sums.with_text += 1
    if call.stop_distance is not None:
        sums.stops.append(call.stop_distance)
        del sums.stops[:-STOPS_KEPT]
    if call.has_stop:
        return
    sums.without_stop += 1
    if ended.status == FILLED:
        sums.stopless += 1
        if ended.return_pct is not None:
            sums.stopless_measured += 1
            sums.stopless_return += ended.return_pct
        if ended.worst_pct is not None:
            sums.stopless_worst = min(ended.worst_pct, sums.stopless_worst or 0.0)


def _behaved(sums: Sums, call: CallKept, ended: Ended) -> None:
    moved_at = call.moved_at
    if call.edited_at is not None:
        sums.edited += 1
        sums.edited_after_move += moved_at is not None and call.edited_at >= moved_at
    if call.deleted_at is not None:
        sums.deleted += 1
        lost = ended.r is not None and ended.r < 0
        sums.deleted_after_loss += lost and moved_at is not None and call.deleted_at >= moved_at
    sums.repeated += call.first != call.id
    if call.copy_of is not None:
        sums.copied += 1
        count(sums.copied_from, call.copy_of)
    sums.copied_by_others += call.copied
    sums.proxies += call.proxy
    sums.synthetic += call.synthetic
    sums.contaminated += call.contaminated
