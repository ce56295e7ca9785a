"""Which open calls a channel means when it says close or cancel."""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from levibotd.domain.signal import CallKey, Post, Reading, Symbol, message_of


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
    Pick the calls that `post`, read as a close or cancel, ends.

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
