"""What the folds of a daemon weigh: how many entries each keeps, and the bytes that they take in memory."""

import sys
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Any, NamedTuple

from msgspec import Struct

from levibotd.app.committed import CommittedState


class Weight(NamedTuple):
    """One fold, or the part of it that grows with calls or posts."""

    name: str
    entries: int
    bytes: int


def weights(state: CommittedState) -> list[Weight]:
    """Each part once; what two of them share weighs where it is met first."""
    ledger, cards, shadow, climate = state.ledger(), state.cards, state.shadow, state.climate
    calls = [call for channel in cards.channels.values() for call in channel.calls.values()]
    met: set[int] = set()
    parts: list[tuple[str, int, Any]] = [
        ("calls that are followed", len(shadow.calls), shadow.calls),
        ("calls to be compared", len(shadow.past), shadow.past),
        ("the rest of the shadow", len(shadow.posts), shadow),
        ("calls on cards", len(calls), cards.channels),
        ("the rest of the cards", cards.prints, cards),
        ("climate", len(climate.crowd.times), climate),
        ("ledger", len(ledger.trades), ledger),
    ]
    return [Weight(name, entries, sum(_sizes(part, met))) for name, entries, part in parts]


def table(found: Sequence[Weight]) -> str:
    """One line a part, and their sum."""
    lines = [
        f"{each.name:26}{each.entries:9,}{each.bytes / 2**20:9.1f} MiB{each.bytes / max(each.entries, 1):9.0f} B each"
        for each in found
    ]
    return "\n".join([*lines, f"{'all folds':35}{sum(each.bytes for each in found) / 2**20:9.1f} MiB"])


def _sizes(root: object, met: set[int]) -> Iterator[int]:
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if one is None or isinstance(one, bool | type | Enum) or callable(one) or id(one) in met:
            continue
        met.add(id(one))
        yield sys.getsizeof(one)
        if isinstance(one, Struct):
            waiting += [getattr(one, name) for name in one.__struct_fields__]
        elif isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | set | frozenset):
            waiting += one
        elif hasattr(one, "__dict__"):
            waiting.append(vars(one))
