"""
How things are measured: sides taken in turns, medians with their quartiles, and bounds.

A machine that others use too makes every absolute figure wander; what two sides cost right after
each other does not. So whatever can be a ratio is one: both sides run in turns, and the ratio is
the median of those of the single turns.
"""

import gc
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

from msgspec import Struct

cpu = time.thread_time  # What other processes and threads do does not count.
now = time.perf_counter


class NotHere(Exception):
    """What a row needs is not installed, or not built yet; the words say which."""


class Effort(Struct, frozen=True):
    """How long to measure: `turns` of each side, and the `share` of the usual work in each."""

    turns: int = 9
    share: float = 1.0

    def of(self, count: int) -> int:
        return max(4, int(count * self.share))


FULL = Effort()
QUICK = Effort(turns=1, share=0.01)


class Spread(Struct, frozen=True):
    """A median with its quartiles."""

    median: float
    low: float
    high: float
    count: int


class Bound(Struct, frozen=True):
    """What a figure is held against."""

    limit: float
    at_least: bool = False

    def holds(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:,.10g}"


class Figure(Struct, frozen=True, kw_only=True):
    """One thing measured, or why it is `absent`. Without gate it is there to compare with: a peer, another floor."""

    what: str
    spread: Spread | None = None
    absent: str | None = None
    unit: str = "×"
    gate: Bound | None = None
    aim: Bound | None = None

    @property
    def verdict(self) -> str:
        if self.gate is None or self.spread is None:
            return ""
        if not self.gate.holds(self.spread.median):
            return "MISSED"
        return "aim" if self.aim is not None and self.aim.holds(self.spread.median) else "holds"


class Row(Struct, frozen=True, kw_only=True):
    """One line of the tables: its name, its floor in words, and how it is measured. Raises NotHere."""

    name: str
    floor: str
    measure: Callable[[Effort], Sequence[Figure]]


def at_most(limit: float) -> Bound:
    return Bound(limit)


def at_least(limit: float) -> Bound:
    return Bound(limit, at_least=True)


def spread(values: Sequence[float]) -> Spread:
    ordered = sorted(values)
    if len(ordered) < 2:
        return Spread(ordered[0], ordered[0], ordered[0], len(ordered))
    low, median, high = statistics.quantiles(ordered, n=4, method="inclusive")
    return Spread(median, low, high, len(ordered))


def one(value: float) -> Spread:
    """A figure that was counted, not timed."""
    return Spread(value, value, value, 1)


def in_turns(effort: Effort, sides: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """What each side costs, turn by turn; every other turn in reverse order, after one that does not count."""
    costs: dict[str, list[float]] = {name: [] for name in sides}
    for name, counts in _turns(effort, tuple(sides)):
        gc.collect()
        cost = sides[name]()
        if counts:
            costs[name].append(cost)
    return costs


async def in_turns_here(effort: Effort, sides: Mapping[str, Callable[[], Awaitable[float]]]) -> dict[str, list[float]]:
    """The same for sides that run in the loop that runs already."""
    costs: dict[str, list[float]] = {name: [] for name in sides}
    for name, counts in _turns(effort, tuple(sides)):
        gc.collect()
        cost = await sides[name]()
        if counts:
            costs[name].append(cost)
    return costs


def _turns(effort: Effort, names: Sequence[str]) -> Iterator[tuple[str, bool]]:
    for turn in range(-1 if effort.turns > 1 else 0, effort.turns):
        for name in names if turn % 2 else reversed(names):
            yield name, turn >= 0


def ratio(costs: Mapping[str, Sequence[float]], over: str, under: str) -> Spread:
    return spread([a / b for a, b in zip(costs[over], costs[under], strict=True)])


def resident_bytes(pid: int | str = "self") -> int:
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
