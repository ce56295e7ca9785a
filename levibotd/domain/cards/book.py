"""
The card book: what is known of each channel's calls, as a fold over committed records.

It stands beside the ledger and follows the same rules: it looks at the records alone, in the order of the log, never
raises, and comes back from its bytes. What it keeps is bounded: beyond `CALLS_MAX` calls those that are over go, oldest
first, into the sums of their channel; what is said of them later is not heard any more.
"""

from collections.abc import Callable
from string import digits
from sys import intern
from typing import Any

import msgspec
from msgspec.structs import replace

from levibotd.domain.cards.calls import DAY_S, UNKNOWN, CallKept, Ended, Followed, r_of, reward, stop_distance
from levibotd.domain.cards.claims import claim_of
from levibotd.domain.cards.keeping import call_at, calls_of, change, channel_of, keep
from levibotd.domain.cards.sharing import share
from levibotd.domain.cards.state import Arrived, Book, ChannelKept, Printed
from levibotd.domain.cards.sums import add_unreadable
from levibotd.domain.cards.trial import Trial
from levibotd.domain.copies import SAME_CALL_S, call_print
from levibotd.domain.leg_read import LegRead
from levibotd.domain.model import reference_bin
from levibotd.domain.outcomes import AS_POSTED, PLACEBO, ShadowOutcome, has_unknown_text, is_witnessed, knew_later
from levibotd.domain.posts.lifetime import written_lifetime_s
from levibotd.domain.records import (
    ChannelStage,
    Entry,
    Record,
    SignalDeleted,
    SignalEdited,
    SignalIngest,
    SignalScored,
)
from levibotd.domain.remembering import forget_oldest
from levibotd.domain.signal import NO_TRADE, CallKey, Kind, Post, Symbol
from levibotd.domain.stills import in_pieces, still

CALLS_MAX = 20_000  # Of all channels, kept one by one.
WAITING_MAX = 4_096  # Posts that were ingested and not read yet.
TRIALS_MAX = 10_000
PICTURES_KEPT = 1_000  # Of a channel.
PRINTS_MAX = 20_000  # Calls that a copy can be told by.
CLAIM_WITHIN_S = 60 * DAY_S  # A result post that names a coin means the last call on it within this time.

NOT_HEARD = "not_the_channel"  # Why a post is no word of its channel.
_NOT_ITS_WORD = "chatter"  # An edit by somebody who does not speak for the channel.
_QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "USD", "BTC", "ETH", "BNB")


class CardBook:
    """All channels and their calls, made from records alone."""

    def __init__(self, *, calls_max: int = CALLS_MAX) -> None:
        self._book = Book(calls_max=calls_max)

    @staticmethod
    def concerns(kind: type[Record]) -> bool:
        """Does a record of this type change anything here?"""
        return kind in _CHANGES

    def apply(self, entry: Entry) -> None:
        """Fold one committed record in. Never raises."""
        change = _CHANGES.get(type(entry.record))
        if change is not None:
            try:
                change(self._book, entry, entry.record)
            except (AssertionError, ArithmeticError, ValueError):
                # Written is written: a record that cannot be must not stop every start.
                self._book.contradictions += 1

    @property
    def contradictions(self) -> int:
        """Records that made no sense and changed nothing."""
        return self._book.contradictions

    @property
    def channels(self) -> dict[str, ChannelKept]:
        """By name, in the order in which they were first heard of. Read them, never write to them."""
        return self._book.channels

    @property
    def summed(self) -> int:
        """Calls that are in the sums of their channel alone."""
        return self._book.summed

    @property
    def lost(self) -> int:
        """Calls that never ended, and had to make room for others."""
        return self._book.lost

    @property
    def prints(self) -> int:
        """How many calls are known again when somebody says them, too."""
        return len(self._book.prints)

    @property
    def trials(self) -> int:
        """How many configurations, filters and thresholds were looked at."""
        return len(self._book.trials)

    def copy(self) -> "CardBook":
        """The same book as of now: it can be read, and made bytes of, in another thread while this one goes on."""
        other = CardBook()
        other._book = still(self._book)
        return other

    def to_bytes(self) -> bytes:
        return bytes(in_pieces(self._book))

    @classmethod
    def from_bytes(cls, snapshot: bytes) -> "CardBook":
        """Raises msgspec.DecodeError when these bytes are no snapshot of this version."""
        book = cls()
        book._book = share(msgspec.msgpack.decode(snapshot, type=Book))
        return book

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CardBook) and self._book == other._book


# Posts.


def _ingested(book: Book, entry: Entry, record: SignalIngest) -> None:
    post = record.post
    channel = channel_of(book, post.channel)
    if channel is None:
        return
    trace = entry.trace or post.trace
    witnessed = is_witnessed(record)
    if trace not in book.arrived:
        _met(channel, post, witnessed=witnessed)
    book.arrived[trace] = Arrived(
        channel=intern(post.channel),
        message_id=post.message_id,
        posted_at=post.posted_at,
        witnessed=witnessed,
        unknown=not witnessed and has_unknown_text(record),
        reply_to=post.reply_to,
        text=post.text,
    )
    forget_oldest(book.arrived, limit=WAITING_MAX)


def _met(channel: ChannelKept, post: Post, *, witnessed: bool) -> None:
    if post.media == "photo" and not any(map(str.isalnum, post.text)):
        add_unreadable(channel.witnessed if witnessed else channel.backfilled, at=post.posted_at)
        if witnessed:
            channel.pictures.append(post.posted_at)
            del channel.pictures[:-PICTURES_KEPT]
    if not witnessed:
        number = post.message_id
        channel.backfilled_posts += 1
        channel.backfilled_edited += post.known_at > post.posted_at
        if channel.lowest_id is None or number < channel.lowest_id:
            channel.lowest_id = number
        if channel.highest_id is None or number > channel.highest_id:
            channel.highest_id = number


def _scored(book: Book, entry: Entry, record: SignalScored) -> None:
    post = book.arrived.pop(entry.trace, None) if entry.trace else None
    if post is None:
        return  # Read before: an edit makes no other call.
    channel = book.channels[post.channel]
    if post.witnessed:
        channel.read += record.kind == Kind.NEW
        channel.ambiguous += record.kind == Kind.AMBIGUOUS
        if NO_TRADE in record.probs and not record.stale and NOT_HEARD not in record.reasons:
            channel.format.see(reference_bin(record.probs), model=record.model_sha)
    if record.kind in (Kind.RESULT, Kind.UPDATE):
        _claimed(channel, post, record)
    elif record.kind == Kind.NEW and record.label != NO_TRADE and not record.stale:
        for number, leg in enumerate(record.legs):
            _called(book, channel, post, record, leg, number)


def _called(book: Book, channel: ChannelKept, post: Arrived, record: SignalScored, leg: LegRead, number: int) -> None:
    unknown = post.unknown
    call = CallKept(
        id=f"{post.message_id}|{number}",
        coin=intern(leg.symbol.split("/")[0]),
        side=leg.side,
        posted_at=post.posted_at,
        witnessed=post.witnessed,
        first="",
        spot=leg.market == "spot",
        stated_s=written_lifetime_s(post.text) if post.text else post.lifetime_s,
        has_stop=leg.sl is not None,
        stop_distance=stop_distance(leg),
        reward=reward(leg),
        contaminated=knew_later(record, post.posted_at),
        as_posted=Ended(status=UNKNOWN, at=post.posted_at) if unknown else None,
        as_followed=Followed(status=UNKNOWN, at=post.posted_at) if unknown else None,
    )
    said = call_print(leg)
    if keep(book, channel, call, said=said) and said is not None:
        _print(book, post.channel, channel.calls.get(call.id, call), said)


# Two that say the same: who posted first has it, whichever reached us first.
def _print(book: Book, channel: str, call: CallKept, said: str) -> None:
    known = book.prints.get(said)
    if known is None or abs(call.posted_at - known.posted_at) > SAME_CALL_S or known.channel == channel:
        if known is None or call.posted_at > known.posted_at + SAME_CALL_S:
            book.prints.pop(said, None)
            book.prints[said] = Printed(channel, call.id, call.posted_at)
            forget_oldest(book.prints, limit=PRINTS_MAX)
        return
    other = call_at(book, known.channel, known.id)
    if call.posted_at >= known.posted_at:
        change(book.channels[channel], replace(call, copy_of=known.channel))
        if other is not None:
            change(book.channels[known.channel], replace(other, copied=other.copied + 1))
        return
    change(book.channels[channel], replace(call, copied=call.copied + 1))
    if other is not None and other.copy_of is None:
        change(book.channels[known.channel], replace(other, copy_of=channel))
    book.prints[said] = Printed(channel, call.id, call.posted_at)


def _claimed(channel: ChannelKept, post: Arrived, record: SignalScored) -> None:
    calls = _meant(channel, post, record)
    if not calls:
        return  # Looking for what it claims costs more than all else here.
    claim = claim_of(post.text) if post.text else post.claim
    if claim is None:
        return
    for call in calls:
        # The best that was said of it: a channel that shows its first target does not show its stop.
        if call.claimed is None or (claim and not call.claimed):
            change(channel, replace(call, claimed=claim, claimed_at=post.posted_at))


def _meant(channel: ChannelKept, post: Arrived, record: SignalScored) -> list[CallKept]:
    if post.reply_to is not None:
        name, calls = f"{post.reply_to}|", channel.calls
        replied = [call for digit in digits if (call := calls.get(name + digit)) is not None]
        if replied:
            return replied
    coins = [name.split("/")[0] for name in record.symbols] or [leg.symbol.split("/")[0] for leg in record.legs]
    found = [channel.calls.get(channel.on_coin.get(coin, "")) for coin in coins]
    return [call for call in found if call is not None and 0 <= post.posted_at - call.posted_at <= CLAIM_WITHIN_S]


def _edited(book: Book, entry: Entry, record: SignalEdited) -> None:
    if record.effect != _NOT_ITS_WORD:
        for channel, call in calls_of(book, record.channel, record.message_id):
            change(channel, replace(call, edited_at=max(call.edited_at or record.edited_at, record.edited_at)))


def _deleted(book: Book, entry: Entry, record: SignalDeleted) -> None:
    for channel, call in calls_of(book, record.channel, record.message_id):
        change(channel, replace(call, deleted_at=call.deleted_at or record.at))


def _outcome(book: Book, entry: Entry, record: ShadowOutcome) -> None:
    if record.reason == "unreadable":
        return  # A picture is counted when it comes.
    if record.ledger == PLACEBO:
        _compared(book, record)
        return
    channel = channel_of(book, record.channel)
    if channel is None:
        return
    name = id_of(record.call)
    call = channel.calls.get(name)
    if call is None:
        keep(book, channel, _unread(record, entry.symbol))
        call = channel.calls.get(name)
        if call is None:
            return  # There was no room for it.
    channel.changes += 1
    contaminated = call.contaminated or record.contaminated
    if record.ledger == AS_POSTED:
        call = replace(
            call,
            as_posted=call.as_posted or Ended.of(record),
            has_stop=call.has_stop and record.posted_stop,
            proxy=call.proxy or record.proxy,
            synthetic=call.synthetic or record.synthetic,
            contaminated=contaminated,
        )
    else:
        followed = call.as_followed or Followed(status=record.status, at=record.at, r=r_of(record))
        if call.as_followed is None and call.witnessed:
            channel.since_stage_r += followed.r or 0.0
        call = replace(call, as_followed=followed, contaminated=contaminated)
    change(channel, call)


def _compared(book: Book, record: ShadowOutcome) -> None:
    call = call_at(book, record.channel, id_of(record.call))
    if call is not None and record.r is not None:
        channel = book.channels[record.channel]
        change(channel, replace(call, placebo_r=record.r, placebos=(*call.placebos, (record.at, record.r))))
        channel.changes += 1


# Its reading is not in what is left of the log.
def _unread(record: ShadowOutcome, symbol: Symbol | None) -> CallKept:
    return CallKept(
        id=id_of(record.call),
        coin=intern(_coin_of(symbol or Symbol(""))),
        side=record.side,
        posted_at=record.posted_at,
        witnessed=record.witnessed,
        first="",
        has_stop=record.posted_stop,
    )


def _staged(book: Book, entry: Entry, record: ChannelStage) -> None:
    names = book.channels if record.channel is None else (record.channel, *record.names)
    for name in dict.fromkeys(names):
        own = book.channels.get(name)
        if own is not None:
            own.since_stage_r = 0.0
            own.format.begin_anew()


def _tried(book: Book, entry: Entry, record: Trial) -> None:
    book.trials[record.name] = None
    forget_oldest(book.trials, limit=TRIALS_MAX)


def id_of(call: CallKey) -> str:
    """What names a call within its channel."""
    _, message, leg = call.rsplit("|", 2)
    return f"{message}|{leg}"


def _coin_of(symbol: Symbol) -> str:
    return next((symbol[: -len(quote)] for quote in _QUOTES if symbol.endswith(quote) and symbol != quote), symbol)


_CHANGES: dict[type[Record], Callable[[Book, Entry, Any], None]] = {
    SignalIngest: _ingested,
    SignalScored: _scored,
    SignalEdited: _edited,
    SignalDeleted: _deleted,
    ShadowOutcome: _outcome,
    ChannelStage: _staged,
    Trial: _tried,
}
