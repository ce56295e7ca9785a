"""A card book that was read back weighs what it weighed before."""

from random import Random

import msgspec

from levibotd.domain.cards.book import CardBook
from levibotd.domain.cards.sharing import share
from levibotd.domain.cards.state import Book
from tests.domain.cards.log import BEGIN, DAY, Hand


def grown() -> CardBook:
    hand, chance = Hand(), Random(2)
    for number in range(60):
        status = chance.choice(("filled", "filled", "unpriced"))
        hand.called(f"@{number % 3}", BEGIN + number * DAY / 3, 0.5, coin=f"C{number % 5}", status=status)
    return hand.book


def test_a_shared_book_is_equal_to_what_was_read() -> None:
    book = grown()
    read = msgspec.msgpack.decode(book.to_bytes(), type=Book)

    assert share(msgspec.msgpack.decode(book.to_bytes(), type=Book)) == read
    assert CardBook.from_bytes(book.to_bytes()) == book


def test_equal_texts_are_one_after_it_was_read() -> None:
    book = CardBook.from_bytes(grown().to_bytes())

    calls = [(name, call) for kept in book.channels.values() for name, call in kept.calls.items()]
    assert all(name is call.id for name, call in calls)
    assert len({id(call.coin) for _, call in calls}) == 5
    assert len({id(call.as_posted.status) for _, call in calls if call.as_posted is not None}) == 2
    for kept in book.channels.values():
        assert all(kept.calls[name].id is name for name in kept.on_coin.values())
