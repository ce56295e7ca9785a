"""The state of the card book is what its snapshots hold."""

import msgspec

from levibotd.domain.cards.state import Book, ChannelKept


def test_an_empty_book_comes_back_from_its_bytes() -> None:
    book = Book(calls_max=5, channels={"@c": ChannelKept()})

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(book), type=Book) == book
