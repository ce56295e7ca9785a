"""
Which calls a card book keeps one by one: each that is new, until there are too many.

Then those that are over go into the sums of their channel, so that forgetting them changes no figure.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from levibotd.domain.cards.calls import CallKept
from levibotd.domain.cards.state import Book, ChannelKept
from levibotd.domain.cards.sums import add, add_claim
from levibotd.domain.copies import SAME_CALL_S
from levibotd.domain.lived import HORIZON_S

CHANNELS_MAX = 1_000


def channel_of(book: Book, name: str) -> ChannelKept | None:
    """The channel of that name; None of one too many."""
    channel = book.channels.get(name)
    if channel is None and len(book.channels) < CHANNELS_MAX:
        channel = book.channels[name] = ChannelKept()
    return channel


def keep(book: Book, channel: ChannelKept, call: CallKept, *, said: str | None = None) -> bool:
    """Take a call in that is new, and find out which one it says again; False where it is known."""
    if call.id in channel.calls:
        return False
    before = channel.calls.get(channel.latest.get(call.coin, ""))
    if before is None or not _is_open(before, at=call.posted_at):
        before = channel.calls.get(channel.said.get(said, "")) if said is not None else None
        if before is not None and abs(call.posted_at - before.posted_at) > SAME_CALL_S:
            before = None
    if before is None:
        channel.latest[call.coin] = call.id
        if said is not None:
            channel.said[said] = call.id
    channel.on_coin[call.coin] = call.id
    channel.calls[call.id] = replace(call, first=call.id if before is None else before.id)
    if call.witnessed:
        channel.last_call_at = max(channel.last_call_at or call.posted_at, call.posted_at)
    channel.changes += 1
    book.kept += 1
    if book.kept > book.calls_max:
        _compact(book)
    return True


def change(channel: ChannelKept, call: CallKept) -> None:
    """Put what became of a call in its place, unless it had to make room."""
    if call.id in channel.calls:
        channel.calls[call.id] = call


# May what it says still be done, or undone, at this time?
def _is_open(call: CallKept, *, at: float) -> bool:
    if abs(at - call.posted_at) > call.lifetime_s + HORIZON_S:
        return False
    return call.as_posted is None or call.as_posted.at > at


# From the channel that has most, a tenth of its calls at a time: more would hold the loop for too long.
def _compact(book: Book) -> None:
    while book.kept > book.calls_max:
        largest = max(book.channels.values(), key=lambda channel: len(channel.calls))
        over = sorted(
            (call for call in largest.calls.values() if call.as_posted is not None and call.as_followed is not None),
            key=_order_of,
        )[: max(1, len(largest.calls) // 10)]
        if not over:
            over = [next(iter(largest.calls.values()))]  # It never ended, and there is no room to wait for it.
        largest.changes += 1
        for call in over:
            del largest.calls[call.id]
            book.kept -= 1
            if call.as_posted is None:
                book.lost += 1
            else:
                book.summed += 1
                sums = largest.witnessed if call.witnessed else largest.backfilled
                add(sums, call)
                add_claim(sums, call)
        for index in (largest.latest, largest.on_coin, largest.said):
            for key in [key for key, name in index.items() if name not in largest.calls]:
                del index[key]


def _order_of(call: CallKept) -> tuple[float, float, str]:
    assert call.as_posted is not None, "only calls that are over have an order"
    return call.as_posted.at, call.posted_at, call.id


def call_at(book: Book, channel: str, name: str) -> CallKept | None:
    """A call by its id; None where it is not kept."""
    kept = book.channels.get(channel)
    return None if kept is None else kept.calls.get(name)


def calls_of(book: Book, channel: str, message_id: int) -> Iterable[tuple[ChannelKept, CallKept]]:
    """The calls of one post, each with its channel."""
    kept = book.channels.get(channel)
    number = 0
    while kept is not None and (call := kept.calls.get(f"{message_id}|{number}")) is not None:
        yield kept, call
        number += 1
