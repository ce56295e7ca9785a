"""
The scorecard of a channel, as command line, HTTP and pictures show it.

A card has two columns that are never added: witnessed calls, whose first text reached us live, and backfilled ones.
None is a figure that is not known, never one that is zero. R is net of all costs, by the canonical follower; a call
that was not filled counts 0. Figures are rounded to six significant digits, so that two machines print the same bytes.
"""

from collections.abc import Mapping

from msgspec import Struct

from levibotd.domain.chance import Interval
from levibotd.domain.trust import Trust

COVERAGE_MIN = 0.8  # Of the calls priced, and below it no figure is shown.
PRICED_MIN = 20
CURVE_POINTS_MAX = 200


class CurvePoint(Struct, frozen=True):
    """Sum of R once the calls that were over by `at` are counted."""

    at: float
    r: float


class Counts(Struct, frozen=True, kw_only=True):
    """
    What became of the calls: filled + unfilled + cancelled + unpriced + unknown = calls.

    `running` calls are not over, and in no other figure. `distinct` takes a call on a coin that the channel
    has an open call on, or that says the same numbers again, together with the first: the least number of calls and
    the width of intervals go by it, so that nobody gains weight by saying a thing ten times, or both ways.
    """

    calls: int = 0
    filled: int = 0
    unfilled: int = 0
    cancelled: int = 0
    unpriced: int = 0
    unknown: int = 0
    running: int = 0
    distinct: int = 0  # Of the priced ones.
    unreadable: int = 0  # Pictures without readable text; each is an unpriced call.
    unpriced_by: Mapping[str, int] = {}
    coverage: float | None = None  # priced / calls
    fill_rate: float | None = None  # filled / (calls - unpriced)


class Results(Struct, frozen=True, kw_only=True):
    """What following paid, in R. All None while they are withheld."""

    win_rate: float | None = None  # Of the filled ones.
    win_rate_95: Interval | None = None  # Wilson.
    expectancy: float | None = None  # Per call, not filled = 0.
    expectancy_95: Interval | None = None  # Bootstrap over ISO weeks.
    expectancy_filled: float | None = None
    expectancy_filled_95: Interval | None = None
    expectancy_low: float | None = None  # Worst order of events within each bar.
    expectancy_high: float | None = None  # Best order.
    expectancy_followed: float | None = None  # By our policy, stop and gates.
    sum_r: float | None = None  # As the curve ends: of a call that repeats an open one only a loss counts.
    profit_factor: float | None = None
    max_drawdown: float | None = None  # In R, from the peak of the curve.
    visible_edge: float | None = None  # The smallest expectancy that this many calls could show (80 % power).
    subscription: float | None = None  # Its price in R a call.
    expectancy_net: float | None = None  # Net of the subscription.
    placebo: float | None = None  # Mean R of the same trades at random times.
    placebo_excess: float | None = None
    placebo_excess_95: Interval | None = None
    sharpe_weekly: float | None = None
    deflated_sharpe: float | None = None  # How likely it is above what the best of all trials shows by chance.
    latency: Mapping[str, float | None] = {}  # Expectancy by seconds of delay; None: bars too coarse.
    curve: tuple[CurvePoint, ...] = ()
    claimed_curve: tuple[CurvePoint, ...] = ()  # What its own posts say it made.
    undecided: int = 0  # Worst and best order differ in sign.


class Stops(Struct, frozen=True, kw_only=True):
    """How it protects its calls. Calls without a stop stand apart, in percent of what was put in."""

    without_share: float | None = None  # Of all calls whose text is known.
    median_distance: float | None = None  # Of the posted ones, as share of the entry.
    without_calls: int = 0  # Filled, without a posted stop.
    without_return_pct: float | None = None  # Mean, held as posted.
    without_worst_pct: float | None = None  # The deepest excursion of any of them.


class Conduct(Struct, frozen=True, kw_only=True):
    """What it does to its posts. None: nobody saw, as with backfilled posts."""

    edited: int | None = None
    edited_after_move: int | None = None
    deleted: int | None = None
    deleted_after_loss: int | None = None
    repeated: int = 0  # Calls that say again what is still open.
    copied: int = 0  # Calls that another channel had first.
    copied_from: Mapping[str, int] = {}
    copied_by_others: int = 0
    claimed_wins: int = 0  # Calls of which it says that they won.
    claims_measured: int = 0  # Of these, priced.
    claims_that_won: int = 0  # And of those, net R above zero.
    claimed_win_rate: float | None = None  # Claimed wins over the calls it claims anything of.
    proxy_share: float | None = None  # Priced on another market than the one it names.
    synthetic_share: float | None = None  # Priced through a cross.
    parse_coverage: float | None = None  # Of its posts that may be calls, those that could be read.
    contaminated: int = 0  # Read with knowledge of later than the post; these feed no trust.


class Column(Struct, frozen=True, kw_only=True):
    """One kind of evidence. `withheld` says why there are no results."""

    counts: Counts = Counts()
    withheld: str | None = "no calls"
    results: Results = Results()
    stops: Stops = Stops()
    conduct: Conduct = Conduct()
    since: float | None = None  # First and last post that is counted.
    until: float | None = None


class Card(Struct, frozen=True, kw_only=True):
    """All that is known of one channel."""

    channel: str
    heading: str | None = None
    witnessed: Column = Column()
    backfilled: Column = Column()
    trust: Trust | None = None
    unproven: bool = False  # In live by the operator's word.
    sentence: str = ""
    lacking: Mapping[str, str] = {}  # What is missing for a stage, by stage; none where it may be set.


class Baselines(Struct, frozen=True, kw_only=True):
    """What following nobody in particular would have made in the same time, at the same cost."""

    copy_all: float | None = None  # Expectancy per call over every channel.
    copy_all_95: Interval | None = None
    hold_btc_pct: float | None = None
    equal_weight_pct: float | None = None  # Every coin that was called, the same amount in each.
    since: float | None = None
    until: float | None = None


class Board(Struct, frozen=True, kw_only=True):
    """Every channel with at least one call, by name, beside what following nobody would have made."""

    cards: tuple[Card, ...] = ()
    baselines: Baselines = Baselines()
    trials: int = 0  # Channels to choose from, and configurations, filters and thresholds that were looked at.
    overfitting: float | None = None  # How often the best of one half of the weeks is below the median in the other.
