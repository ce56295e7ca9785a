"""Rows of what is not built yet: they are listed, so that nobody takes them for measured."""

from collections.abc import Callable, Sequence

from bench.measure import Effort, Figure, NotHere, Row


def _not_yet(what: str) -> Callable[[Effort], Sequence[Figure]]:
    def measure(effort: Effort) -> Sequence[Figure]:
        raise NotHere(f"not built yet: {what}")

    return measure


ROWS = (
    Row(name="live.order", floor="ccxt alone", measure=_not_yet("orders on a venue through ccxt")),
    Row(
        name="live.memory",
        floor="Telethon, one ccxt exchange and numpy, imported in one process",
        measure=_not_yet("a daemon with Telethon and ccxt"),
    ),
)
