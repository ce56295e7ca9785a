"""Did a figure stay where it was? Series of samples, judged after a warm-up."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

WARM_UP = 1 / 3  # Caches fill, pools grow to what the load needs.
WINDOW = 1 / 6
LIMIT = 0.02


class Samples:
    """What was looked at, by name, and how the clients fared."""

    def __init__(self) -> None:
        self.series: dict[str, list[float]] = {}
        self.errors = 0
        self.answers = 0

    def add(self, **figures: float) -> None:
        """Take one look at each of these."""
        for name, value in figures.items():
            self.series.setdefault(name, []).append(value)


class Verdict(NamedTuple):
    """One figure: its median right after the warm-up, its median at the end, and whether it stayed flat."""

    name: str
    before: float
    after: float
    is_flat: bool

    @property
    def drift(self) -> float:
        """The change as a share of what it was."""
        return (self.after - self.before) / self.before if self.before else float(self.after != 0)


def verdicts(series: Mapping[str, Sequence[float]], *, limit: float = LIMIT) -> list[Verdict]:
    """Judge each series. Growth and loss beyond `limit` are both told; one more of what is counted in tens is none."""
    return [_verdict(name, values, limit) for name, values in series.items()]


def table(found: Sequence[Verdict]) -> str:
    """One line a figure."""
    lines = [
        f"{each.name:16}{each.before:14.1f}{each.after:14.1f}{each.drift:+9.2%}  {'flat' if each.is_flat else 'DRIFTS'}"
        for each in found
    ]
    return "\n".join([f"{'':16}{'warmed up':>14}{'at the end':>14}{'drift':>9}", *lines])


def _verdict(name: str, values: Sequence[float], limit: float) -> Verdict:
    window = max(1, int(len(values) * WINDOW))
    warm = int(len(values) * WARM_UP)
    before, after = median(values[warm : warm + window]), median(values[-window:])
    allowed = max(limit * before, 1.0 if before < 100 else 0.0)
    return Verdict(name, before, after, abs(after - before) <= allowed)
