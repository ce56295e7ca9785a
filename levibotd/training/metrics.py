"""
The figures of a classifier, weighted to the natural mix of posts where they speak of chances.

A constant passes a calibration error; so the skill against the base rate and the area under
the curve stand beside it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from levibotd.domain.model import CLASSES
from levibotd.domain.signal import NO_TRADE

BINS = 10
COVERAGES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0)


class Judged(Struct, frozen=True, kw_only=True):
    """One post: what it is, what was said of it, and how many real posts it stands for."""

    expected: str
    label: str
    probs: Mapping[str, float]
    weight: float = 1.0
    language: str = "?"


def figures(rows: Sequence[Judged]) -> dict[str, Any]:
    """Return accuracy, macro-F1, confusion, and the weighted quality of p(actionable)."""
    return {
        "posts": len(rows),
        "accuracy": _share([row.expected == row.label for row in rows]),
        "macro_f1": macro_f1(rows),
        "confusion": confusion(rows),
        "macro_f1_weighted": macro_f1(rows, weighted=True),
        **chances(rows),
        "reliability": reliability(rows),
        "risk_coverage": risk_coverage(rows),
        "risk_coverage_calls": risk_coverage([row for row in rows if row.label != NO_TRADE]),
    }


def by_language(rows: Sequence[Judged]) -> dict[str, dict[str, float | int]]:
    """Return size, accuracy and actionable posts per language, in alphabetical order."""
    out: dict[str, dict[str, float | int]] = {}
    for language in sorted({row.language for row in rows}):
        chosen = [row for row in rows if row.language == language]
        calls = [row for row in chosen if row.expected != NO_TRADE]
        out[language] = {
            "posts": len(chosen),
            "accuracy": _share([row.expected == row.label for row in chosen]),
            "calls": len(calls),
            "calls_found": _share([row.expected == row.label for row in calls]),
        }
    return out


def confusion(rows: Sequence[Judged]) -> dict[str, dict[str, int]]:
    """Return counts by expected, then by given label."""
    out = {name: dict.fromkeys(CLASSES, 0) for name in CLASSES}
    for row in rows:
        out[row.expected][row.label] += 1
    return out


def macro_f1(rows: Sequence[Judged], *, weighted: bool = False) -> float:
    """Mean F1 of the classes that occur; weighted: of real posts in place of those in the sample."""
    scores = []
    counted = [(row, row.weight if weighted else 1.0) for row in rows]
    for name in CLASSES:
        hits = sum(weight for row, weight in counted if row.expected == row.label == name)
        said = sum(weight for row, weight in counted if row.label == name)
        real = sum(weight for row, weight in counted if row.expected == name)
        if said or real:
            scores.append(2 * hits / (said + real))
    return sum(scores) / len(scores) if scores else 0.0


def risk_coverage(rows: Sequence[Judged]) -> list[dict[str, float]]:
    """
    What is wrong among the surest posts: for each share of all real posts, the probability down to which it reaches.

    Posts that are equally sure stand together, so a share may be larger than the one it is listed for.
    """
    ordered = sorted(((row.probs[row.label], row.expected != row.label, row.weight) for row in rows), reverse=True)
    total = sum(weight for _, _, weight in ordered)
    out: list[dict[str, float]] = []
    covered = wrong = 0.0
    for place, (p, is_wrong, weight) in enumerate(ordered):
        covered += weight
        wrong += weight * is_wrong
        ends = place + 1 == len(ordered) or ordered[place + 1][0] < p
        if ends and len(out) < len(COVERAGES) and covered >= COVERAGES[len(out)] * total - 1e-9 and covered > 0:
            out.append({"coverage": covered / total, "p_min": p, "risk": wrong / covered})
            while len(out) < len(COVERAGES) and covered >= COVERAGES[len(out)] * total - 1e-9:
                out.append(dict(out[-1]))
    return out


def chances(rows: Sequence[Judged]) -> dict[str, float]:
    """Return base rate, Brier score and skill, calibration error and area under the curve of p(actionable)."""
    points = [(1.0 - row.probs[NO_TRADE], row.expected != NO_TRADE, row.weight) for row in rows if row.weight > 0]
    total = sum(weight for _, _, weight in points)
    if not total:
        return {}
    rate = sum(weight for _, hit, weight in points if hit) / total
    brier = sum(weight * (p - hit) ** 2 for p, hit, weight in points) / total
    spread = rate * (1 - rate)
    return {
        "base_rate": rate,
        "brier": brier,
        "brier_skill": 1 - brier / spread if spread else 0.0,
        "ece": calibration_error(points),
        "auroc": area(points),
    }


def reliability(rows: Sequence[Judged]) -> list[dict[str, float]]:
    """
    What was said of p(actionable) against what was seen, in tenths of what can be said; empty ones are left out.

    Means and shares are weighted, `share` is that of all real posts; `posts` are those that were looked at.
    """
    tenths: list[list[tuple[float, bool, float]]] = [[] for _ in range(BINS)]
    for row in rows:
        p = 1.0 - row.probs[NO_TRADE]
        if row.weight > 0:
            tenths[min(int(p * BINS), BINS - 1)].append((p, row.expected != NO_TRADE, row.weight))
    total = sum(weight for tenth in tenths for _, _, weight in tenth)
    out: list[dict[str, float]] = []
    for tenth in filter(None, tenths):
        mass = sum(weight for _, _, weight in tenth)
        said = sum(weight * p for p, _, weight in tenth) / mass
        seen = sum(weight for _, hit, weight in tenth if hit) / mass
        out.append({"said": said, "seen": seen, "posts": len(tenth), "share": mass / total})
    return out


def calibration_error(points: Sequence[tuple[float, bool, float]]) -> float:
    """Mean distance between said and seen over bins of equal weight."""
    ordered = sorted(points, key=lambda point: point[0])
    total = sum(weight for _, _, weight in ordered)
    error, filled, gap = 0.0, 0.0, 0.0
    edge = total / BINS
    for p, hit, weight in ordered:
        gap += weight * (p - hit)
        filled += weight
        if filled >= edge - 1e-9:
            error += abs(gap)
            gap = 0.0
            edge += total / BINS
    return (error + abs(gap)) / total


def area(points: Sequence[tuple[float, bool, float]]) -> float:
    """Weighted area under the ROC curve; 0.5 where only one class occurs."""
    ordered = sorted(points, key=lambda point: point[0])
    positive = sum(weight for _, hit, weight in ordered if hit)
    negative = sum(weight for _, hit, weight in ordered if not hit)
    if not positive or not negative:
        return 0.5
    wins = below = 0.0
    at = 0
    while at < len(ordered):
        end = at
        while end < len(ordered) and ordered[end][0] == ordered[at][0]:
            end += 1
        ties = sum(weight for _, hit, weight in ordered[at:end] if not hit)
        gains = sum(weight for _, hit, weight in ordered[at:end] if hit)
        wins += gains * (below + ties / 2)
        below += ties
        at = end
    return wins / (positive * negative)


def _share(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits) if hits else 0.0
