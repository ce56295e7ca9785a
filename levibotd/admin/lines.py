"""Lines of the log as handlers read them: a damaged one is named and left out, and takes no other with it."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import TypeVar

from msgspec import structs

from levibotd.domain.accounting import is_sound
from levibotd.domain.records import Logged
from levibotd.journal import Damaged, decode

T = TypeVar("T")

_SEQ_AT = len(b'{"seq":')


def seq_of(line: bytes) -> int:
    """The number of a line of the log. The index vouches for that much of it."""
    return int(line[_SEQ_AT : line.index(b",", _SEQ_AT)])


def whole(line: bytes) -> Logged | None:
    """What a line says; None where that cannot be: it cannot be read, or holds amounts that are none."""
    try:
        logged = decode(line)
    except Damaged:
        return None
    values = structs.astuple(logged.entry.record)
    return logged if all(is_sound(value) for value in values if isinstance(value, Decimal)) else None


def readable(lines: Iterable[bytes]) -> list[Logged]:
    """What these lines say, but for those that are damaged."""
    return [logged for logged in map(whole, lines) if logged is not None]


def rows_of(lines: Sequence[bytes], row: Callable[[Logged], T]) -> tuple[tuple[T, ...], tuple[int, ...]]:
    """A row for each line that can be read, and the numbers of those that cannot."""
    rows, unreadable = list[T](), list[int]()
    for line in lines:
        logged = whole(line)
        if logged is None:
            unreadable.append(seq_of(line))
        else:
            rows.append(row(logged))
    return tuple(rows), tuple(unreadable)
