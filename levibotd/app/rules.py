"""From the configuration to what Risk and Exec ask: policies, rules by channel, stop movers."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypeVar

from actors.risk import RiskSetup
from levibotd.config import Config, channel_names, with_risk
from levibotd.domain.ledger import Ledger
from levibotd.domain.levels import CHASE_CAP
from levibotd.domain.lifecycle import Speech
from levibotd.domain.records import Resolved
from levibotd.domain.risk import PolicyValues, Rules, lower_stage, stage_in_force
from levibotd.errors import ConfigError
from levibotd.policies import policy_names, resolve_policy
from levibotd.settings import ChannelConfig

FORGET_FLAG = "--forget-overrides"
HINT = f"or start once with `levibotd run {FORGET_FLAG}`: only what does not fit is let go of, and the log says so"

T = TypeVar("T")

_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_NOT_LISTED = ChannelConfig(id="")


class Rulebook:
    """
    What rules now, asked anew each time: policy, stages and the configuration itself may have been changed since.

    `file` is the configuration as it was read; in `config` the operator's overrides, which the log holds, lie over it.
    Raises ConfigError when the policy that was switched to is not configured.
    """

    def __init__(
        self, config: Config, ledger: Callable[[], Ledger], *, on_adopt: Callable[[], None] = lambda: None
    ) -> None:
        self.ledger = ledger
        self._on_adopt = on_adopt
        self.adopt(config)

    def adopt(self, file: Config) -> None:
        """Let `file`, and what the log says lies over it, rule from now on: all of it, or with ConfigError nothing."""
        config = self.overlaid(file)
        self.policies = self.check(config)
        self.file, self.config = file, config
        self._channels = {name: channel for channel in config.telegram.channels for name in channel_names(channel)}
        self._on_adopt()

    def overlaid(self, file: Config) -> Config:
        """Return `file` with the operator's overrides over it. Raises ConfigError where they do not fit together."""
        over = self.ledger().control.risk_over
        try:
            return with_risk(file, over)
        except ConfigError as fault:
            # Without it a limit might be wider than somebody wanted, behind his back.
            keys = ", ".join(over)
            raise ConfigError(
                f"{fault}\n  of what was put over the file ({keys}): CONFIG_UPDATE in the log; take it away with "
                f"`levibotd ctl set KEY=none` while it runs, {HINT}"
            ) from fault

    def check(self, config: Config) -> dict[str, PolicyValues]:
        """Return the policies under `config`. Raises ConfigError where it could not rule."""
        policies = {name: PolicyValues.of(resolve_policy(config, name=name)) for name in policy_names(config)}
        switched_to = self.ledger().control.policy
        if switched_to is not None and switched_to not in policies:
            # Another policy in its place would change limits behind the operator's back.
            raise ConfigError(
                f"$.risk.policies.{switched_to}: missing, and the log says that this policy rules; "
                f"define it, switch to another one before you remove it, {HINT}"
            )
        return policies

    @property
    def policy(self) -> PolicyValues:
        return self.policies[self.ledger().control.policy or self.config.risk.policy]

    @property
    def stage(self) -> str:
        """The global stage: the lower of the file's and the one last set."""
        exchange = self.config.exchange
        confirmed = self.ledger().control.stage
        return stage_in_force(exchange.stage, confirmed, file_suffices=exchange.network != "mainnet")

    def channel_stage(self, channel: str) -> str:
        """A channel's own stage: the lower of the file's and the one last set. The global one may be lower still."""
        own, confirmed = self._channel(channel), self._said_of(channel, self.ledger().control.channel_stages)
        return stage_in_force(own.stage, confirmed, file_suffices=self.config.exchange.network != "mainnet")

    def names_of(self, channel: str) -> tuple[str, ...]:
        """All that this channel is called, its own name first."""
        own = self._channels.get(channel)
        return (channel,) if own is None else channel_names(own)

    def is_unproven(self, channel: str) -> bool:
        """Is this channel where it is by the operator's word, without evidence?"""
        return self._said_of(channel, self.ledger().control.unproven) or False

    def stage_of(self, channel: str | None) -> str:
        """The stage of this channel alone, or the global one."""
        return self.stage if channel is None else self.channel_stage(channel)

    @property
    def peak_loss_limit(self) -> Decimal | None:
        limit = self.config.risk.peak_loss_limit
        return None if limit is None else Decimal(str(limit))

    def stop_mover(self, channel: str) -> str:
        return self._channel(channel).stop_mover

    def speech(self, channel: str) -> Speech:
        """Whose word counts there, and what edits and deletions do."""
        own = self._channel(channel)
        return Speech(authors=own.authors, on_edit=own.on_edit, on_delete=own.on_delete)

    def entry_valid_s(self, channel: str) -> float:
        ttl_h = self._channel(channel).entry_ttl_h
        return self.config.entry_valid_s if ttl_h is None else ttl_h * 3600

    def resolved(self, channel: str) -> tuple[Resolved, ...]:
        """What rules the calls of a channel where the signal itself says nothing, and who said so."""
        own = self._channel(channel)
        entry = "channel" if own.entry_ttl_h is not None else self._source("strategy.entry_valid_s")
        stops = "channel" if own.no_sl is not None else self._source("risk.no_sl")
        least = "global" if self.config.is_set("risk.no_sl_rr_min") else "policy"
        rules = self.rules(channel)
        leverage = rules.max_leverage or self.policy.max_leverage
        capped = "policy"
        if leverage < self.policy.max_leverage or rules.max_leverage is not None:
            capped = "channel" if leverage == own.max_leverage else "global"
        found = [
            Resolved(name="entry_valid_s", value=f"{self.entry_valid_s(channel):g}", source=entry),
            Resolved(name="max_leverage", value=str(leverage), source=capped),
            Resolved(name="no_sl", value=rules.no_sl, source=stops),
            Resolved(name="no_sl_rr_min", value=_written(self.policy.no_sl_rr_min), source=least),
        ]
        for name in ("entry_split", "tp_split", "max_tps", "stop_mover", "chase_cap", "risk"):
            value, usual = getattr(own, name), getattr(_NOT_LISTED, name)
            ruling = value if value is not None else CHASE_CAP if name == "chase_cap" else self.policy.risk_per_trade
            source = "channel" if value != usual else "policy" if name == "risk" else "built-in"
            found.append(Resolved(name=name, value=_written(ruling), source=source))
        return tuple(found)

    def _source(self, key: str) -> str:
        return "global" if self.config.is_set(key) else "built-in"

    def rules(self, channel: str) -> Rules:
        config, own = self.config, self._channel(channel)
        caps = [cap for cap in (own.max_leverage, self.ledger().control.leverage_cap) if cap is not None]
        return Rules(
            confidence_min=config.strategy.confidence_min,
            signal_ttl_s=config.strategy.signal_ttl_s,
            hybrid_min=config.features.hybrid_min,
            unproven=self.is_unproven(channel),
            stage=lower_stage(self.stage, self.channel_stage(channel)),
            no_sl=own.no_sl or config.no_sl,
            notional_min=Decimal(config.risk.notional_min or "0"),
            symbols_allow=own.symbols_allow or config.symbols.allow,
            symbols_deny=(*config.symbols.deny, *own.symbols_deny),
            sides=own.sides,
            risk=None if own.risk is None else Decimal(str(own.risk)),
            heat_share=None if own.heat_share is None else Decimal(str(own.heat_share)),
            max_leverage=min(caps, default=None),
            max_tps=own.max_tps,
            entry_split=own.entry_split,
            tp_split=own.tp_split,
            chase_cap=CHASE_CAP if own.chase_cap is None else Decimal(str(own.chase_cap)),
        )

    def setup(self, account: str) -> RiskSetup:
        return RiskSetup(
            account=account,
            policies=self.policies,
            policy=self.config.risk.policy,
            rules=self.rules,
            entry_valid_s=self.entry_valid_s,
            resolved=self.resolved,
            atr_period=self.config.risk.atr_period,
            atr_interval_s=timeframe_s(self.config.risk.atr_timeframe),
        )

    # Under whichever of its names it was said.
    def _said_of(self, channel: str, said: Mapping[str, T]) -> T | None:
        if not said:
            return None
        names = (*channel_names(self._channel(channel)), channel)
        return next((said[name] for name in names if name in said), None)

    def _channel(self, channel: str) -> ChannelConfig:
        return self._channels.get(channel, _NOT_LISTED)


def timeframe_s(written: str) -> float:
    """Seconds of a bar length such as "1h"."""
    return int(written[:-1]) * _UNITS_S[written[-1]]


def _written(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
