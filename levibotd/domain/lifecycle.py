"""Who speaks for a channel, and which of its open calls it means when it does."""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from levibotd.domain.signal import CallKey, Post, Reading, Symbol, message_of


class Speech(Struct, frozen=True, kw_only=True):
    """
    Whose word counts in a channel, and how far.

    `authors` are the users who speak for a group beside the group itself. `on_edit` is follow or ignore,
    `on_delete` ignore, cancel (what has not filled) or close.
    """

    authors: tuple[int, ...] = ()
    on_edit: str = "follow"
    on_delete: str = "ignore"

    def is_heard(self, author: str | None) -> bool:
        """
        Is this the channel's own word?

        A source says None for a post made as the channel, or as the group itself, and the user's id for all
        others: "123", or "user123" as exports have it. Whoever is not listed is chatter, whatever he calls himself.
        """
        return author is None or author.removeprefix("user") in {str(known) for known in self.authors}


class OwnedCall(Protocol):
    """What must be known of an open call to tell whether a command means it."""

    @property
    def channel(self) -> str: ...

    @property
    def key(self) -> CallKey: ...

    @property
    def symbol(self) -> Symbol: ...


class CallOnItsWay(Struct, frozen=True, kw_only=True):
    """A call that was handed on and is not opened yet."""

    channel: str
    key: CallKey
    symbol: Symbol


def calls_meant(post: Post, reading: Reading, calls: Mapping[CallKey, OwnedCall]) -> tuple[CallKey, ...]:
    """
    Pick the calls that `post`, read as a close, cancel or update, is about.

    A reply means the call it replies to; named symbols mean that channel's calls on them; "all"
    means every call of that channel. Another channel's calls are never meant. Empty: nothing of ours.
    """
    own = {key: call for key, call in calls.items() if call.channel == post.channel}
    if post.reply_to is not None:
        return tuple(key for key in own if message_of(key) == post.reply_to)
    if reading.every_call:
        return tuple(own)
    return tuple(key for key, call in own.items() if _names(reading.symbols, call.symbol))


def _names(named: tuple[str, ...], symbol: Symbol) -> bool:
    # A coin may stand alone ("close BTC") or with its quote ("BTC/USDT").
    flat = tuple(name.replace("/", "") for name in named)
    return any(symbol == name or _base_of(symbol) == name for name in flat)


def _base_of(symbol: Symbol) -> str:
    for quote in ("USDT", "USDC", "FDUSD", "BUSD", "USD", "BTC", "ETH", "BNB"):
        if symbol.endswith(quote) and symbol != quote:
            return symbol[: -len(quote)]
    return symbol
