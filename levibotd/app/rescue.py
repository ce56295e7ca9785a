"""
The way out when the log says that something rules which the configuration does not know any more.

An upgrade may have dropped a key that was put over the file, or somebody took a policy out of it. A start
refuses that: a limit could be wider than somebody wanted, behind his back. Whoever says so on the command line
lets go of it, once, and the log tells it like any other change.
"""

from collections.abc import Mapping

from levibotd.app.reload import sha_of
from levibotd.app.rules import FORGET_FLAG
from levibotd.config import Config, with_risk
from levibotd.domain.book import ControlState
from levibotd.domain.records import ConfigUpdate, Record, RiskPolicyChanged
from levibotd.errors import ConfigError
from levibotd.policies import policy_names

BY = "start"


def let_go(control: ControlState, config: Config) -> tuple[Record, ...]:
    """Return what has to be written so that `config` can rule. Nothing where all that was switched to fits."""
    records: list[Record] = []
    kept = _fitting(control.risk_over, config)
    if gone := sorted(set(control.risk_over) - set(kept)):
        changed = tuple(f"risk.{key}" for key in gone)
        sha = sha_of(with_risk(config, kept))
        records.append(ConfigUpdate(sha=sha, changed=changed, risk=kept, by=BY, reason=FORGET_FLAG))
    if control.policy is not None and control.policy not in policy_names(config):
        policy = config.risk.policy
        records.append(RiskPolicyChanged(policy=policy, before=control.policy, by=BY, reason=FORGET_FLAG))
    return tuple(records)


# Each key that fits by itself, if they fit together.
def _fitting(over: Mapping[str, str | int | float], config: Config) -> dict[str, str | int | float]:
    kept = {key: value for key, value in over.items() if _fits({key: value}, config)}
    return kept if _fits(kept, config) else {}


def _fits(over: Mapping[str, str | int | float], config: Config) -> bool:
    try:
        with_risk(config, over)
    except ConfigError:
        return False
    return True
