"""Which calls a channel means when it says close or cancel."""

import pytest
from msgspec import Struct

from levibotd.domain.lifecycle import calls_meant
from levibotd.domain.signal import CallKey, Kind, Post, Reading, Symbol, call_key


class Owned(Struct, frozen=True):
    key: CallKey
    channel: str
    symbol: Symbol


def calls(*owned: tuple[str, int, str]) -> dict[CallKey, Owned]:
    keys = [(call_key("paper", channel, message, 0), channel, Symbol(symbol)) for channel, message, symbol in owned]
    return {key: Owned(key, channel, symbol) for key, channel, symbol in keys}


OPEN = calls(("@a", 1, "BTCUSDT"), ("@a", 2, "ETHUSDT"), ("@b", 3, "BTCUSDT"), ("@a", 4, "ETHBTC"))


def said(*, reply_to: int | None = None, symbols: tuple[str, ...] = (), every_call: bool = False) -> list[str]:
    post = Post(channel="@a", message_id=9, posted_at=0.0, text="close", reply_to=reply_to)
    reading = Reading(kind=Kind.CLOSE, symbols=symbols, every_call=every_call)
    return [OPEN[key].symbol for key in calls_meant(post, reading, OPEN)]


@pytest.mark.parametrize(
    ("symbols", "meant"),
    [
        (("BTC",), ["BTCUSDT"]),
        (("BTC/USDT",), ["BTCUSDT"]),
        (("ETH",), ["ETHUSDT", "ETHBTC"]),
        (("ETH/BTC",), ["ETHBTC"]),
        (("SOL",), []),
        ((), []),
    ],
)
def test_a_named_coin_means_this_channels_calls_on_it(symbols: tuple[str, ...], meant: list[str]) -> None:
    assert said(symbols=symbols) == meant


def test_a_reply_means_the_call_it_replies_to_and_no_other() -> None:
    assert said(reply_to=2, symbols=("BTC",)) == ["ETHUSDT"]


def test_a_reply_to_another_channels_call_means_nothing() -> None:
    assert said(reply_to=3, every_call=True) == []


def test_all_means_every_call_of_this_channel_alone() -> None:
    assert said(every_call=True) == ["BTCUSDT", "ETHUSDT", "ETHBTC"]
