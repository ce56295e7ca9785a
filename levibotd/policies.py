"""
Risk policies by name: which there are, and what one says once every key that goes before it is put over it.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from levibotd.config import Config
from levibotd.errors import ConfigError
from levibotd.settings import POLICIES, POLICY_LEFT_OUT, POLICY_ROWS, PolicyRows


class RiskPolicyValues(Struct, frozen=True, kw_only=True):
    """
    Every row of one policy as it rules now.

    `sources` says for each row where it comes from: `risk.<key>`, `risk.policies.<name>` or `built-in`.
    """

    name: str
    risk_per_trade: float
    heat_max: float
    max_open: int
    max_leverage: int
    notional_max: str
    daily_loss_limit: float
    cooldown_s: float
    cooldown_stop_s: float
    no_sl_atr: float
    no_tp_r: float
    min_volume_24h: float
    no_sl_rr_min: float
    heat_channel_share: float
    heat_side_share: float
    sources: Mapping[str, str]


def policy_names(config: Config) -> tuple[str, ...]:
    """Return the policies that may be switched to, built-in ones first."""
    return (*POLICIES, *(name for name in config.risk.policies if name not in POLICIES))


def resolve_policy(config: Config, *, name: str | None = None) -> RiskPolicyValues:
    """
    Return every limit as it rules under policy `name` (None: the configured one), with its source.

    An explicit `risk.*` key goes before `[risk.policies.<name>]`, that before the built-in table.
    Raises ConfigError when there is no such policy.
    """
    name = name or config.risk.policy
    if name not in policy_names(config):
        raise ConfigError(f"$.risk.policy: expected one of {', '.join(policy_names(config))}")
    layers: tuple[tuple[str, PolicyRows | None], ...] = (
        ("risk.{row}", config.risk),
        (f"risk.policies.{name}", config.risk.policies.get(name)),
        ("built-in", POLICIES.get(name)),
        ("built-in", POLICY_LEFT_OUT),
    )
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for row in POLICY_ROWS:
        for source, rows in layers:
            if rows is not None and getattr(rows, row) is not None:
                values[row], sources[row] = getattr(rows, row), source.format(row=row)
                break
    for key in ("heat_channel_share", "heat_side_share"):
        values[key] = getattr(config.risk, key)
        sources[key] = f"risk.{key}" if config.is_set(f"risk.{key}") else "built-in"
    return RiskPolicyValues(name=name, sources=sources, **values)
