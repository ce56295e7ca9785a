"""From the card book to the cards: the same records and the same moment give the same bytes, wherever they are read."""

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from levibotd.domain.cards.book import CardBook, ChannelKept
from levibotd.domain.cards.calls import CallKept
from levibotd.domain.cards.card import Baselines, Board, Card, Column
from levibotd.domain.cards.compared import NOTHING_COMPARED, Compared
from levibotd.domain.cards.figures import Terms, column_of
from levibotd.domain.cards.sentence import heading_of, sentence_of
from levibotd.domain.cards.sums import Sums, add, add_claim
from levibotd.domain.cards.trusting import TrustDesk
from levibotd.domain.chance import mean_over_weeks
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
    return Board(cards=tuple(card for card in cards if has_calls(card)), baselines=bench.baselines, trials=book.trials)


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
        self.baselines = replace(
            _copy_all(self._book),
            hold_btc_pct=compared.hold_btc_pct,
            equal_weight_pct=compared.equal_weight_pct,
        )

    def card(self, channel: str, *, terms: Terms = FREE, unproven: bool = False) -> Card:
        kept = self._book.channels.get(channel, ChannelKept())
        witnessed = self._column(kept, channel, witnessed=True, terms=terms)
        backfilled = self._column(kept, channel, witnessed=False, terms=terms)
        card = Card(
            channel=channel,
            heading=heading_of(witnessed, backfilled, unproven=unproven),
            witnessed=witnessed,
            backfilled=backfilled,
            trust=self._desk.of(channel, at=self._at),
            unproven=unproven,
        )
        return replace(card, sentence=sentence_of(card, self.baselines))

    def _column(self, kept: ChannelKept, channel: str, *, witnessed: bool, terms: Terms) -> Column:
        column = _column(kept, channel, witnessed=witnessed, terms=terms)
        if witnessed and kept.read + kept.ambiguous:
            share = six_digits(kept.read / (kept.read + kept.ambiguous))
            column = replace(column, conduct=replace(column.conduct, parse_coverage=share))
        latency = self._compared.latency(channel, kept, witnessed=witnessed)
        if column.withheld is not None or not latency:
            return column
        return replace(column, results=replace(column.results, latency=latency))


def has_calls(card: Card) -> bool:
    """Is there anything to tell of this channel?"""
    return any(column.counts.calls or column.counts.running for column in (card.witnessed, card.backfilled))


def _column(kept: ChannelKept, channel: str, *, witnessed: bool, terms: Terms) -> Column:
    calls = [call for call in kept.calls.values() if call.witnessed is witnessed]
    sums = _summed(kept.witnessed if witnessed else kept.backfilled, calls)
    name = "witnessed" if witnessed else "backfilled"
    running = sum(call.as_posted is None for call in calls)
    return column_of(sums, running=running, witnessed=witnessed, terms=terms, seed=f"{channel}|{name}")


def _summed(older: Sums, calls: list[CallKept]) -> Sums:
    sums = older.copy()
    over = [call for call in calls if call.as_posted is not None]
    for call in sorted(over, key=_ended):
        add(sums, call)
    for call in sorted(over, key=lambda call: (call.claimed_at or 0.0, call.id)):
        add_claim(sums, call)
    return sums


def _ended(call: CallKept) -> tuple[float, float, str]:
    return (0.0 if call.as_posted is None else call.as_posted.at), call.posted_at, call.id


# Every call of every channel, witnessed ones alone where there are any.
def _copy_all(book: CardBook) -> Baselines:
    for witnessed in (True, False):
        weeks: dict[int, tuple[int, float]] = {}
        since: list[float] = []
        until: list[float] = []
        for kept in book.channels.values():
            calls = [call for call in kept.calls.values() if call.witnessed is witnessed]
            sums = _summed(kept.witnessed if witnessed else kept.backfilled, calls)
            _gather(weeks, {week: (one.calls, one.r) for week, one in sums.weeks.items()})
            since += [] if sums.since is None else [sums.since]
            until += [] if sums.until is None else [sums.until]
        n = sum(count for count, _ in weeks.values())
        if n:
            total = sum(weeks[week][1] for week in sorted(weeks))
            return Baselines(
                copy_all=six_digits(total / n),
                copy_all_95=mean_over_weeks(weeks, seed="copy-all"),
                since=min(since),
                until=max(until),
            )
    return Baselines()


def _gather(weeks: dict[int, tuple[int, float]], more: Mapping[int, tuple[int, float]]) -> None:
    for week, (n, r) in more.items():
        before = weeks.get(week, (0, 0.0))
        weeks[week] = before[0] + n, before[1] + r
