"""Which keys of a changed configuration allow more than before: tightening is immediate, loosening has conditions."""

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal

from levibotd.config import Config
from levibotd.domain.risk import PolicyValues, loosened_rows
from levibotd.policies import resolve_policy


def loosened(new: Config, old: Config, *, policy: str | None, equity: Decimal) -> tuple[str, ...]:
    """
    Name the keys by which `new` would let pass, or keep open, what `old` does not.

    `policy` is the one that was switched to, None while the configured one rules. A policy that does not rule
    loosens nothing yet: switching to it is a step of its own.
    """
    keys = [f"risk.{row}" for row in loosened_rows(_values(new, policy), _values(old, policy), equity=equity)]
    before = _allowance(old)
    keys += [key for key, allowed in _allowance(new).items() if allowed > before[key]]
    keys += [key for key, wider in _lists(new, old) if wider]
    return tuple(sorted(keys))


def _values(config: Config, policy: str | None) -> PolicyValues:
    return PolicyValues.of(resolve_policy(config, name=policy))


# How much each key allows: more is looser.
def _allowance(config: Config) -> Mapping[str, float]:
    risk, strategy, features = config.risk, config.strategy, config.features
    return {
        "risk.no_sl": float(config.no_sl == "impute"),
        "risk.on_trip": float(risk.on_trip == "hold"),
        "risk.peak_loss_limit": math.inf if risk.peak_loss_limit is None else risk.peak_loss_limit,
        "risk.notional_min": -float(risk.notional_min or 0),
        "strategy.confidence_min": -strategy.confidence_min,
        "strategy.signal_ttl_s": strategy.signal_ttl_s,
        "strategy.entry_valid_s": config.entry_valid_s,
        "features.hybrid_min": -(features.hybrid_min or 0.0) if features.enabled else 0.0,
    }


def _lists(new: Config, old: Config) -> Iterator[tuple[str, bool]]:
    allow_new, allow_old = frozenset(new.symbols.allow), frozenset(old.symbols.allow)
    yield "symbols.allow", bool(allow_old) and not (allow_new and allow_new <= allow_old)
    yield "symbols.deny", not frozenset(new.symbols.deny) >= frozenset(old.symbols.deny)
