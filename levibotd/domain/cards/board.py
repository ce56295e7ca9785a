"""From the card book to the cards: the same records and the same moment give the same bytes, wherever they are read."""

from collections.abc import Callable, Sequence
from statistics import pvariance

from msgspec.structs import replace

from levibotd.domain.cards.book import CardBook
from levibotd.domain.cards.calls import CallKept
from levibotd.domain.cards.card import COVERAGE_MIN, PRICED_MIN, Baselines, Board, Card, Column, Conduct
from levibotd.domain.cards.compared import NOTHING_COMPARED, Compared
from levibotd.domain.cards.evidence import lacking
from levibotd.domain.cards.figures import Terms, column_of
from levibotd.domain.cards.selection import deflated_sharpe, overfitting, sharpe, weekly_returns
from levibotd.domain.cards.sentence import heading_of, sentence_of
from levibotd.domain.cards.state import ChannelKept
from levibotd.domain.cards.sums import Sums, add, add_claim
from levibotd.domain.cards.trusting import TrustDesk
from levibotd.domain.chance import mean_over_weeks
from levibotd.domain.risk import STAGES
from levibotd.domain.rounding import six_digits

FREE = Terms()


def board_of(
    book: CardBook,
    *,
    at: float,
    terms: Callable[[str], Terms] = lambda _channel: FREE,
    is_unproven: Callable[[str], bool] = lambda _channel: False,
    compared: Compared = NOTHING_COMPARED,
) -> Board:
    """Every channel with at least one call, by name."""
    bench = Bench(book, at=at, compared=compared)
    cards = [bench.card(name, terms=terms(name), unproven=is_unproven(name)) for name in sorted(book.channels)]
    return Board(
        cards=tuple(card for card in cards if has_calls(card)),
        baselines=bench.baselines,
        trials=bench.trials,
        overfitting=bench.overfitting(),
    )


def card_of(
    book: CardBook,
    channel: str,
    *,
    at: float,
    terms: Terms = FREE,
    unproven: bool = False,
    compared: Compared = NOTHING_COMPARED,
) -> Card:
    """The card of one channel as of `at`; an empty one of a channel that nobody knows."""
    return Bench(book, at=at, compared=compared).card(channel, terms=terms, unproven=unproven)


class Bench:
    """What all cards of a book at one moment share."""

    def __init__(self, book: CardBook, *, at: float, compared: Compared = NOTHING_COMPARED) -> None:
        self._book = compared.beside(book)
        self._at = at
        self._compared = compared
        self._desk = TrustDesk(self._book)
        self._sums = {
            (name, witnessed): _summed(kept, witnessed=witnessed)
            for name, kept in sorted(self._book.channels.items())
            for witnessed in (True, False)
        }
        # Witnessed calls alone, where there are any: columns are never added, in no figure.
        self._on = any(sums.priced for (_, witnessed), sums in self._sums.items() if witnessed)
        shown = {name: sums for (name, witnessed), sums in self._sums.items() if witnessed is self._on and sums.priced}
        self._returns = {
            name: {week: one.r for week, one in sums.weeks.items()}
            for name, sums in shown.items()
            if sums.distinct >= PRICED_MIN and sums.priced >= COVERAGE_MIN * sums.calls
        }
        self.trials = len(shown) + book.trials
        ratios = [ratio for returns in self._returns.values() if (ratio := sharpe(weekly_returns(returns))) is not None]
        self._variance = pvariance(ratios) if ratios else 0.0
        self.baselines = replace(
            _copy_all(list(shown.values())),
            hold_btc_pct=compared.hold_btc_pct,
            equal_weight_pct=compared.equal_weight_pct,
        )

    def card(self, channel: str, *, terms: Terms = FREE, unproven: bool = False) -> Card:
        witnessed = self._column(channel, witnessed=True, terms=terms)
        backfilled = self._column(channel, witnessed=False, terms=terms)
        card = Card(
            channel=channel,
            heading=heading_of(witnessed, backfilled, unproven=unproven),
            witnessed=witnessed,
            backfilled=backfilled,
            trust=self._desk.of(channel, at=self._at),
            unproven=unproven,
        )
        missing = {
            stage: f"{gate.value}, and {gate.limit} is the least"
            for stage in STAGES
            if (gate := lacking(stage, card, at=self._at)) is not None
        }
        return replace(card, sentence=sentence_of(card, self.baselines), lacking=missing)

    def overfitting(self) -> float | None:
        weeks = [week for returns in self._returns.values() for week in returns]
        if not weeks:
            return None
        channels = [weekly_returns(one, first=min(weeks), last=max(weeks)) for one in self._returns.values()]
        return overfitting(channels)

    def _column(self, channel: str, *, witnessed: bool, terms: Terms) -> Column:
        kept = self._book.channels.get(channel, ChannelKept())
        sums = self._sums.get((channel, witnessed), Sums())
        running = [call for call in kept.calls.values() if call.witnessed is witnessed and call.as_posted is None]
        name = "witnessed" if witnessed else "backfilled"
        column = column_of(sums, running=len(running), witnessed=witnessed, terms=terms, seed=f"{channel}|{name}")
        column = replace(column, conduct=_with_running(column.conduct, running))
        if witnessed:
            column = replace(column, conduct=replace(column.conduct, parse_coverage=kept.parse_coverage))
        if column.withheld is not None:
            return column
        returns = weekly_returns({week: one.r for week, one in sums.weeks.items()})
        ratio = sharpe(returns)
        results = replace(
            column.results,
            sharpe_weekly=None if ratio is None else six_digits(ratio),
            deflated_sharpe=deflated_sharpe(returns, trials=self.trials, variance=self._variance),
            latency=self._compared.latency(channel, kept, witnessed=witnessed),
        )
        return replace(column, results=results)


# What a channel does to its posts is seen at once; how they ended is not.
def _with_running(conduct: Conduct, running: Sequence[CallKept]) -> Conduct:
    edited = sum(call.edited_at is not None for call in running)
    deleted = sum(call.deleted_at is not None for call in running)
    return replace(
        conduct,
        edited=None if conduct.edited is None else conduct.edited + edited,
        deleted=None if conduct.deleted is None else conduct.deleted + deleted,
        contaminated=conduct.contaminated + sum(call.contaminated for call in running),
    )


def has_calls(card: Card) -> bool:
    """Is there anything to tell of this channel?"""
    return any(column.counts.calls or column.counts.running for column in (card.witnessed, card.backfilled))


def _summed(kept: ChannelKept, *, witnessed: bool) -> Sums:
    sums = (kept.witnessed if witnessed else kept.backfilled).copy()
    over = [call for call in kept.calls.values() if call.witnessed is witnessed and call.as_posted is not None]
    for call in sorted(over, key=_ended):
        add(sums, call)
    for call in sorted(over, key=lambda call: (call.claimed_at or 0.0, call.id)):
        add_claim(sums, call)
    return sums


def _ended(call: CallKept) -> tuple[float, float, str]:
    return (0.0 if call.as_posted is None else call.as_posted.at), call.posted_at, call.id


# Every call of every channel.
def _copy_all(shown: Sequence[Sums]) -> Baselines:
    weeks: dict[int, tuple[int, float]] = {}
    for sums in shown:
        for week, one in sums.weeks.items():
            n, r = weeks.get(week, (0, 0.0))
            weeks[week] = n + one.calls, r + one.r
    asked = sum(n for n, _ in weeks.values())
    if not asked:
        return Baselines()
    return Baselines(
        copy_all=six_digits(sum(weeks[week][1] for week in sorted(weeks)) / asked),
        copy_all_95=mean_over_weeks(weeks, seed="copy-all"),
        since=min(sums.since for sums in shown if sums.since is not None),
        until=max(sums.until for sums in shown if sums.until is not None),
    )
