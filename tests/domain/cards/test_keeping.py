"""Which calls are kept, and that those which make room stay in the figures and are counted."""

from random import Random

import pytest

from levibotd.domain.cards.board import card_of
from levibotd.domain.cards.book import CardBook
from levibotd.domain.cards.keeping import CHANNELS_MAX, calls_of, change, channel_of, keep
from levibotd.domain.cards.state import Book
from tests.domain.cards.log import BEGIN, DAY, Hand, leg
from tests.domain.cards.test_calls import CallKept, Side


def call(name: str, *, coin: str = "BTC", at: float = BEGIN) -> CallKept:
    return CallKept(id=name, coin=coin, side=Side.BUY, posted_at=at, witnessed=True, first="")


def test_a_call_is_kept_once_and_knows_which_one_it_says_again() -> None:
    book = Book(calls_max=10)
    channel = channel_of(book, "@c")
    assert channel is not None

    assert keep(book, channel, call("1|0"))
    assert keep(book, channel, call("2|0", at=BEGIN + DAY))
    assert not keep(book, channel, call("2|0"))

    assert [kept.first for kept in channel.calls.values()] == ["1|0", "1|0"]
    assert [kept.id for _, kept in calls_of(book, "@c", 2)] == ["2|0"]


def test_channels_are_bounded() -> None:
    book = Book(calls_max=10)
    for number in range(CHANNELS_MAX):
        channel_of(book, f"@{number}")

    assert channel_of(book, "@more") is None
    assert channel_of(book, "@0") is book.channels["@0"]


def test_what_made_room_does_not_come_back() -> None:
    book = Book(calls_max=10)
    channel = channel_of(book, "@c")
    assert channel is not None

    change(channel, call("1|0"))

    assert channel.calls == {}


@pytest.mark.parametrize("calls_max", [7, 40, 100])
def test_calls_are_bounded_and_each_that_made_room_is_counted(calls_max: int) -> None:
    chance, hand = Random(4), Hand()
    hand.book = CardBook(calls_max=calls_max)
    for number in range(150):
        hand.called(f"@{number % 3}", BEGIN + number * DAY / 2, chance.uniform(-1, 2), coin=f"C{number % 9}")
        kept = sum(len(channel.calls) for channel in hand.book.channels.values())
        assert kept <= calls_max
        assert kept + hand.book.summed + hand.book.lost == number + 1
    assert hand.book.lost == 0
    told = [card_of(hand.book, f"@{number}", at=BEGIN + 90 * DAY).witnessed.counts.calls for number in range(3)]
    assert told == [50, 50, 50]


def test_calls_that_never_end_make_room_too_and_are_counted_apart() -> None:
    hand = Hand()
    hand.book = CardBook(calls_max=10)
    for number in range(30):
        hand.post("@c", BEGIN + number * 60, legs=(leg(entry=100.0 + number),))

    assert (len(hand.book.channels["@c"].calls), hand.book.summed, hand.book.lost) == (10, 0, 20)
