"""
Is the hybrid score any good? Walk-forward evidence from calls that are over.

Weights are fitted on calls that were over before, and judged on calls that are decided after: each call's forecasts
are made when it is scored, and counted when its outcome is known. So no forecast rests on a call whose outcome lay
ahead of it, its own least of all. Beside the whole hybrid stand each of its parts alone, fitted alike, and a constant;
it is used only where it was closer to what came (Brier) than the best of these.
"""

from collections.abc import Sequence

from msgspec import Struct, field

from levibotd.domain.climate.fitting import fit
from levibotd.domain.climate.hybrid import BY_HAND, PARTS, Weights, probability

JUDGING_FROM = 100  # Calls that are over: from here on fits are made, to be judged.
LEARNED_FROM = 500  # From here on they take the place of the weights by hand.
FIT_EVERY = 25
JUDGED_MIN = 200  # Forecasts that must have met their outcome before they prove anything.
CASES_KEPT = 2_000
AWAITING_KEPT = 20_000
CONSTANT = "constant"
HYBRID = "hybrid"
RIVALS = (*PARTS, CONSTANT)


class Case(Struct, frozen=True, array_like=True):
    """A call that is over: what stood around it, and whether it paid."""

    row: tuple[float, ...]
    pays: bool


class Awaited(Struct, frozen=True, array_like=True):
    """A call that is not over. `forecasts` of the hybrid and its rivals, empty before there were any."""

    row: tuple[float, ...]
    forecasts: tuple[float, ...] = ()


class Fits(Struct, frozen=True, array_like=True):
    """What was learned from the first `cases` calls: the hybrid's weights, each part's alone, how often calls pay."""

    cases: int
    hybrid: Weights
    alone: tuple[Weights, ...]
    constant: float

    def forecasts(self, row: Sequence[float]) -> tuple[float, ...]:
        """In the order of the hybrid, then `RIVALS`."""
        alone = [probability((part,), weights) for part, weights in zip(row, self.alone, strict=True)]
        return (probability(row, self.hybrid), *alone, self.constant)


class Verdict(Struct, frozen=True, kw_only=True):
    """Which weights rule, and whether they may be used. Brier scores are over the `judged` calls; less is better."""

    weights: Weights
    source: str  # hand | learned
    resolved: int
    judged: int
    brier: dict[str, float]
    used: bool
    why: str


class Proof(Struct, kw_only=True):
    """The fold."""

    awaited: dict[str, Awaited] = field(default_factory=dict)
    cases: list[Case] = field(default_factory=list)
    resolved: int = 0
    judged: int = 0
    squares: list[float] = field(default_factory=lambda: [0.0] * (1 + len(RIVALS)))
    fits: Fits | None = None

    def expect(self, call: str, row: tuple[float, ...]) -> None:
        """A call was scored; a second time changes nothing."""
        if call in self.awaited:
            return
        self.awaited[call] = Awaited(row, () if self.fits is None else self.fits.forecasts(row))
        if len(self.awaited) > AWAITING_KEPT:
            del self.awaited[next(iter(self.awaited))]

    def resolve(self, call: str, *, pays: bool | None) -> None:
        """It is over; `pays` is None where it was never entered, or nobody can say."""
        awaited = self.awaited.pop(call, None)
        if awaited is None or pays is None:
            return
        if awaited.forecasts:
            self.judged += 1
            for place, forecast in enumerate(awaited.forecasts):
                self.squares[place] += (forecast - pays) ** 2
        self.cases.append(Case(awaited.row, pays))
        del self.cases[:-CASES_KEPT]
        self.resolved += 1
        if self.resolved >= JUDGING_FROM and self.resolved % FIT_EVERY == 0:
            self.fits = _fitted(self.cases, resolved=self.resolved)

    def verdict(self) -> Verdict:
        """What the evidence comes to now."""
        learned = self.fits if self.resolved >= LEARNED_FROM else None
        brier = {name: total / self.judged for name, total in self._totals() if self.judged}
        why = self._why_not(brier)
        return Verdict(
            weights=BY_HAND if learned is None else learned.hybrid,
            source="hand" if learned is None else "learned",
            resolved=self.resolved,
            judged=self.judged,
            brier=brier,
            used=not why,
            why=why or f"closer to what came than {_best(brier)} alone, over {self.judged} calls",
        )

    def _totals(self) -> list[tuple[str, float]]:
        return list(zip((HYBRID, *RIVALS), self.squares, strict=True))

    def _why_not(self, brier: dict[str, float]) -> str:
        if self.resolved < LEARNED_FROM:
            return f"weights by hand: {self.resolved} of {LEARNED_FROM} calls are over"
        if self.judged < JUDGED_MIN:
            return f"too few forecasts met their outcome ({self.judged} of {JUDGED_MIN})"
        best = _best(brier)
        if brier[HYBRID] >= brier[best]:
            return f"no better than {best} alone: Brier {brier[HYBRID]:.4f} against {brier[best]:.4f}"
        return ""


def _best(brier: dict[str, float]) -> str:
    return min(RIVALS, key=brier.__getitem__)


def _fitted(cases: Sequence[Case], *, resolved: int) -> Fits:
    outcomes = [case.pays for case in cases]
    alone = [
        fit([(case.row[place],) for case in cases], outcomes, prior=(BY_HAND[0], BY_HAND[place + 1]))
        for place in range(len(PARTS))
    ]
    return Fits(
        cases=resolved,
        hybrid=fit([case.row for case in cases], outcomes, prior=BY_HAND),
        alone=tuple(alone),
        constant=(sum(outcomes) + 1) / (len(outcomes) + 2),
    )
