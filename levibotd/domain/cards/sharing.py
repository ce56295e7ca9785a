"""
A card book that was read back takes the memory of one that has grown.

Decoding makes each text anew wherever it stands. While a book grows, a coin, the id of a call and what it says
are each one text that many hold; after a start they would take twice the room for weeks.
"""

from collections.abc import Callable

from msgspec.structs import replace

from levibotd.domain.cards.calls import CallKept
from levibotd.domain.cards.state import Book, Printed


def share(book: Book) -> Book:
    """The same book; equal texts in it, and equal numbers of one outcome, are one."""
    one_of: dict[str, str] = {}

    def one(text: str) -> str:
        return one_of.setdefault(text, text)

    for channel in book.channels.values():
        channel.calls = {one(name): _shared(call, one) for name, call in channel.calls.items()}
        channel.latest = {one(coin): one(name) for coin, name in channel.latest.items()}
        channel.on_coin = {one(coin): one(name) for coin, name in channel.on_coin.items()}
        channel.said = {one(said): one(name) for said, name in channel.said.items()}
    book.prints = {
        one(said): Printed(one(printed.channel), one(printed.id), printed.posted_at)
        for said, printed in book.prints.items()
    }
    return book


def _shared(call: CallKept, one: Callable[[str], str]) -> CallKept:
    ended, followed = call.as_posted, call.as_followed
    if ended is not None:
        r = ended.r
        low, high = (r if bound == r else bound for bound in (ended.r_low, ended.r_high))
        reason = None if ended.reason is None else one(ended.reason)
        ended = replace(ended, status=one(ended.status), reason=reason, r_low=low, r_high=high)
    return replace(
        call,
        id=one(call.id),
        first=one(call.first),
        coin=one(call.coin),
        copy_of=None if call.copy_of is None else one(call.copy_of),
        as_posted=ended,
        as_followed=None if followed is None else replace(followed, status=one(followed.status)),
    )
