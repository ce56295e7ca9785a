"""
Acts against gold: would what is sent be what the post says?

An act is one leg that would be sent. It is exact when it equals a gold leg of its post that no
other act has taken; any other is wrong, and harmful unless only targets, market or the kind
of stop differ.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from levibotd.domain.signal import Leg

_HARMLESS = frozenset({"tps", "tp_unit", "market", "sl_kind"})
_KINDS = {"above": "breakout", "stop": "breakout"}
_SATOSHI = 1e-8


class Tally(Struct, kw_only=True):
    """Counts over many posts."""

    acts: int = 0
    exact: int = 0
    wrong: int = 0
    harmful: int = 0
    gold: int = 0

    def add(self, legs: Sequence[Leg], gold: Sequence[Mapping[str, Any]]) -> None:
        """Count one post: `legs` that would be sent, and what it really says (none if it is no call)."""
        left = list(gold)
        self.gold += len(left)
        for leg in legs:
            self.acts += 1
            mates = sorted(left, key=lambda mate: len(differing(leg, mate)))
            found = differing(leg, mates[0]) if mates else frozenset({"invented"})
            if mates and "base" not in found:
                left.remove(mates[0])
            if not found:
                self.exact += 1
                continue
            self.wrong += 1
            self.harmful += bool(found - _HARMLESS)

    def figures(self) -> dict[str, float | int]:
        """Shares of acts with their one-sided 95 % bounds; recall over gold legs."""
        return {
            "acts": self.acts,
            "gold_legs": self.gold,
            "act_recall": self.exact / self.gold if self.gold else 0.0,
            "wrong_act": self.wrong / self.acts if self.acts else 0.0,
            "wrong_act_bound": upper_bound(self.wrong, self.acts),
            "harmful": self.harmful / self.acts if self.acts else 0.0,
            "harmful_bound": upper_bound(self.harmful, self.acts),
        }


def differing(leg: Leg, gold: Mapping[str, Any]) -> frozenset[str]:
    """Name the fields in which a leg differs from a gold leg."""
    base, _, quote = str(gold.get("symbol") or "").upper().partition("/")
    unit = _SATOSHI if gold.get("price_unit") == "satoshi" else 1.0
    own = _SATOSHI if leg.price_unit == "satoshi" else 1.0
    entry, tps = gold.get("entry") or [], gold.get("tps") or []
    tp_unit = gold.get("tp_unit") or "price"
    out = set()
    if base != leg.base.upper():
        out.add("base")
    if str(gold.get("side")) != leg.side:
        out.add("side")
    if not gold.get("quote_inferred") and quote.split(":")[0] != (leg.quote or "").upper():
        out.add("quote")
    if gold.get("market") and leg.market and gold["market"] != leg.market:
        out.add("market")
    kind = _kind(gold.get("entry_type"), len(entry))
    if kind is not None and kind != _kind(leg.entry_type, len(leg.entry)):
        out.add("entry_kind")
    if not _same(sorted(x * unit for x in entry), sorted(x * own for x in leg.entry)):
        out.add("entry")
    scales = (unit, own) if tp_unit == "price" == leg.tp_unit else (1.0, 1.0)
    if not _same([x * scales[0] for x in tps], [x * scales[1] for x in leg.tps]):
        out.add("tps")
    elif tps and tp_unit != leg.tp_unit:
        out.add("tp_unit")
    out |= _stop_differs(leg, gold, unit, own)
    if (entry or tps) and (gold.get("price_unit") == "truncated") != (leg.price_unit == "truncated"):
        out.add("price_unit")
    return frozenset(out)


def upper_bound(hits: int, trials: int, *, confidence: float = 0.95) -> float:
    """One-sided Clopper-Pearson upper bound of hits / trials, by bisection on the binomial tail."""
    if trials == 0 or hits >= trials:
        return 1.0
    low, high = hits / trials, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        tail = sum(_binomial(trials, i, middle) for i in range(hits + 1))
        low, high = (middle, high) if tail > 1 - confidence else (low, middle)
    return high


def _binomial(n: int, k: int, p: float) -> float:
    ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(ways + k * math.log(p) + (n - k) * math.log1p(-p)) if 0 < p < 1 else float(p == 0 and k == 0)


def _stop_differs(leg: Leg, gold: Mapping[str, Any], unit: float, own: float) -> set[str]:
    stop, kind = gold.get("sl"), gold.get("sl_kind")
    if stop is None or leg.sl is None:
        return set() if stop is None and leg.sl is None else {"sl"}
    theirs = stop if isinstance(stop, list) else [stop * (1.0 if kind == "pct" else unit)]
    ours = list(leg.sl) if isinstance(leg.sl, tuple) else [leg.sl * own]
    if not _same(sorted(theirs), sorted(ours)):
        return {"sl"}
    return set() if kind == leg.sl_kind else {"sl_kind"}


def _kind(entry_type: str | None, prices: int) -> str | None:
    if entry_type in {"range", "ladder", "below", "limit"}:
        return "band" if prices == 2 else "ladder" if prices > 2 else "limit"
    return _KINDS.get(entry_type, entry_type) if entry_type is not None else None


def _same(left: Sequence[float], right: Sequence[float]) -> bool:
    return len(left) == len(right) and all(
        math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-15) for a, b in zip(left, right, strict=True)
    )
