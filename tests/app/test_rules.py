"""What rules: configuration first, what was switched since above it, a channel's own keys above all."""

from decimal import Decimal

import msgspec
import pytest

from levibotd.app.rules import Rulebook, timeframe_s
from levibotd.config import Config, load
from levibotd.domain.ledger import Ledger
from levibotd.domain.levels import CHASE_CAP
from levibotd.domain.records import ChannelStage, ConfigUpdate, Control, Entry, Record, RiskPolicyChanged
from levibotd.errors import ConfigError


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(balance=Decimal(10_000))


def configured(**environ: str) -> Config:
    return load(environ={f"LEVI_{key.upper().replace('_', '__', 1)}": value for key, value in environ.items()})


def channels(written: str) -> Config:
    return load(environ={"LEVI_TELEGRAM__CHANNELS": written})


def write(ledger: Ledger, *records: Record) -> None:
    for record in records:
        ledger.apply(Entry(record))


def switched(policy: str) -> RiskPolicyChanged:
    return RiskPolicyChanged(policy=policy, before="moderate", by="http", reason="test")


def staged(stage: str, *, channel: str | None = None) -> ChannelStage:
    return ChannelStage(stage=stage, before="paper", by="http", reason="test", channel=channel)


def test_the_configured_policy_rules_until_another_is_switched_to(ledger: Ledger) -> None:
    rulebook = Rulebook(configured(risk_policy="conservative"), lambda: ledger)
    assert (rulebook.policy.name, rulebook.policy.max_open) == ("conservative", 3)

    write(ledger, switched("aggressive"))

    assert (rulebook.policy.name, rulebook.policy.max_open) == ("aggressive", 8)


def test_an_explicit_key_goes_before_every_policy(ledger: Ledger) -> None:
    rulebook = Rulebook(configured(risk_max_open="4"), lambda: ledger)

    assert {name: policy.max_open for name, policy in rulebook.policies.items()} == {
        "conservative": 4,
        "moderate": 4,
        "aggressive": 4,
    }


def test_an_override_that_no_longer_fits_is_refused_as_what_it_is(ledger: Ledger) -> None:
    """No file has this key: whoever looks for it must be told where it stands."""
    write(ledger, ConfigUpdate(sha="0", risk={"max_opem": 2}, by="http"))

    with pytest.raises(ConfigError, match=r"risk\.max_opem.*\n.*put over the file .* in the log"):
        Rulebook(configured(), lambda: ledger)


def test_a_policy_that_is_gone_is_refused_by_name(ledger: Ledger) -> None:
    write(ledger, switched("of-last-year"))

    with pytest.raises(ConfigError, match=r"\$\.risk\.policies\.of-last-year"):
        Rulebook(configured(), lambda: ledger)


@pytest.mark.parametrize(
    ("file", "set_to", "rules"),
    [
        ("paper", None, "paper"),
        ("paper", "observe", "observe"),
        ("observe", "paper", "observe"),
        ("observe", None, "observe"),
    ],
)
def test_the_lower_of_two_stages_rules(ledger: Ledger, file: str, set_to: str | None, rules: str) -> None:
    rulebook = Rulebook(configured(exchange_stage=file), lambda: ledger)
    if set_to is not None:
        write(ledger, staged(set_to))

    assert rulebook.stage == rules
    assert rulebook.rules("@any").stage == rules


def test_a_channel_acts_at_the_lower_of_its_stage_and_the_global_one(ledger: Ledger) -> None:
    rulebook = Rulebook(channels('[{id = "@a", stage = "observe"}, {id = "@b"}]'), lambda: ledger)
    assert (rulebook.rules("@a").stage, rulebook.rules("@b").stage) == ("observe", "paper")

    write(ledger, staged("observe", channel="@b"), staged("paper", channel="@a"))

    # The file names the highest stage: what is set since can only be below it.
    assert (rulebook.rules("@a").stage, rulebook.rules("@b").stage) == ("observe", "observe")
    write(ledger, staged("paper", channel="@b"))
    assert (rulebook.rules("@b").stage, rulebook.stage_of("@b"), rulebook.stage_of(None)) == ("paper", "paper", "paper")


@pytest.mark.parametrize("set_for", ["-1001", "tg:-1001", "friends"])
def test_a_channel_has_one_stage_under_all_its_names(ledger: Ledger, set_for: str) -> None:
    rulebook = Rulebook(channels('[{id = -1001, alias = "friends"}]'), lambda: ledger)
    write(ledger, staged("observe", channel=set_for))
    assert {rulebook.rules(name).stage for name in ("-1001", "tg:-1001", "friends")} == {"observe"}
    assert rulebook.rules("@other").stage == "paper"


def test_a_channel_is_unproven_until_its_stage_is_set_by_evidence(ledger: Ledger) -> None:
    rulebook = Rulebook(channels('[{id = -1001, alias = "friends"}]'), lambda: ledger)
    assert not rulebook.rules("friends").unproven

    write(ledger, msgspec.structs.replace(staged("paper", channel="-1001"), unproven=True))
    assert rulebook.rules("friends").unproven
    assert not rulebook.rules("@other").unproven

    write(ledger, staged("paper", channel="-1001"))
    assert not rulebook.rules("friends").unproven


def test_above_paper_the_file_alone_is_not_enough(ledger: Ledger) -> None:
    config = configured()
    real = msgspec.structs.replace(
        config, exchange=msgspec.structs.replace(config.exchange, id="binance", stage="live")
    )
    rulebook = Rulebook(real, lambda: ledger)
    assert rulebook.stage == "paper"
    write(ledger, staged("canary"))
    assert rulebook.stage == "canary"

    rehearsal = msgspec.structs.replace(real, exchange=msgspec.structs.replace(real.exchange, network="testnet"))
    assert Rulebook(rehearsal, lambda: Ledger(balance=Decimal(1))).stage == "live"


def test_a_cap_on_leverage_holds_for_every_channel_until_it_is_lifted(ledger: Ledger) -> None:
    rulebook = Rulebook(channels('[{id = "@a", max_leverage = 2}]'), lambda: ledger)
    write(ledger, Control(command="leverage", by="http", effect="3"))
    assert (rulebook.rules("@a").max_leverage, rulebook.rules("@b").max_leverage) == (2, 3)
    write(ledger, Control(command="leverage", by="http", effect="1"))
    assert (rulebook.rules("@a").max_leverage, rulebook.rules("@b").max_leverage) == (1, 1)
    write(ledger, Control(command="leverage", by="http"))
    assert (rulebook.rules("@a").max_leverage, rulebook.rules("@b").max_leverage) == (2, None)


def test_what_the_log_says_lies_over_the_file_and_goes_before_every_policy(ledger: Ledger) -> None:
    write(ledger, ConfigUpdate(sha="0", risk={"max_open": 2, "on_trip": "flatten"}))
    rulebook = Rulebook(configured(risk_max_open="4"), lambda: ledger)

    assert (rulebook.policy.max_open, rulebook.config.risk.on_trip) == (2, "flatten")
    assert (rulebook.file.risk.max_open, rulebook.file.risk.on_trip) == (4, "hold")
    write(ledger, ConfigUpdate(sha="1", changed=("risk.cooldown_s",)))
    assert ledger.control.risk_over == {"max_open": 2, "on_trip": "flatten"}  # A reload takes none of them away.


def test_a_channel_that_is_not_listed_has_the_global_values(ledger: Ledger) -> None:
    rules = Rulebook(configured(strategy_confidence_min="0.8", symbols_deny='["DOGE"]'), lambda: ledger).rules("@x")

    assert (rules.confidence_min, rules.symbols_deny, rules.sides) == (0.8, ("DOGE",), ("BUY", "SELL"))
    assert (rules.risk, rules.heat_share, rules.max_leverage) == (None, None, None)
    assert (rules.chase_cap, rules.notional_min, rules.no_sl) == (CHASE_CAP, Decimal(0), "impute")


def test_what_a_channel_sets_goes_before_the_global_value(ledger: Ledger) -> None:
    own = (
        '[{id = "@a", risk = 0.002, heat_share = 0.1, max_leverage = 2, sides = ["BUY"], symbols_deny = ["PEPE"], '
        'max_tps = 3, chase_cap = 0.02, no_sl = "skip", entry_ttl_h = 2.0, stop_mover = "breakeven"}]'
    )
    rulebook = Rulebook(channels(own), lambda: ledger)

    rules = rulebook.rules("@a")

    assert (rules.risk, rules.heat_share, rules.chase_cap) == (Decimal("0.002"), Decimal("0.1"), Decimal("0.02"))
    assert (rules.max_leverage, rules.sides, rules.max_tps, rules.no_sl) == (2, ("BUY",), 3, "skip")
    assert rules.symbols_deny == ("PEPE",)
    assert (rulebook.entry_valid_s("@a"), rulebook.stop_mover("@a")) == (7200.0, "breakeven")
    assert (rulebook.entry_valid_s("@b"), rulebook.stop_mover("@b")) == (259_200.0, "none")


def test_each_setting_names_who_resolved_it(ledger: Ledger) -> None:
    own = (
        '[{id = "@a", max_leverage = 2, no_sl = "skip", entry_ttl_h = 2.0, stop_mover = "trailing-2%", '
        'tp_split = "one"}]'
    )
    rulebook = Rulebook(channels(own), lambda: ledger)

    listed = {one.name: (one.value, one.source) for one in rulebook.resolved("@a")}
    assert listed == {
        "entry_valid_s": ("7200", "channel"),
        "max_leverage": ("2", "channel"),
        "no_sl": ("skip", "channel"),
        "entry_split": ("even", "built-in"),
        "tp_split": ("one", "channel"),
        "max_tps": ("5", "built-in"),
        "stop_mover": ("trailing-2%", "channel"),
        "chase_cap": ("0.005", "built-in"),
        "risk": ("0.005", "policy"),
        "no_sl_rr_min": ("1.0", "policy"),
    }
    others = {one.name: one.source for one in rulebook.resolved("@b")}
    assert {others[name] for name in ("entry_valid_s", "no_sl", "stop_mover", "tp_split")} == {"built-in"}
    assert others["max_leverage"] == "policy"


def test_a_global_value_is_named_as_such(ledger: Ledger) -> None:
    rulebook = Rulebook(configured(strategy_entry_valid_s="600", risk_no_sl="skip"), lambda: ledger)

    found = {one.name: (one.value, one.source) for one in rulebook.resolved("@a")}
    assert (found["entry_valid_s"], found["no_sl"]) == (("600", "global"), ("skip", "global"))


@pytest.mark.parametrize("name", ["-1001", "tg:-1001", "friends"])
def test_a_channel_is_known_by_number_source_name_and_alias(ledger: Ledger, name: str) -> None:
    rulebook = Rulebook(channels('[{id = -1001, alias = "friends", max_tps = 2}]'), lambda: ledger)

    assert rulebook.rules(name).max_tps == 2
    assert rulebook.rules("1001").max_tps == 5


def test_the_setup_of_risk_says_what_the_configuration_says(ledger: Ledger) -> None:
    config = configured(risk_atr_period="7", risk_atr_timeframe="4h")

    setup = Rulebook(config, lambda: ledger).setup("paper")

    assert (setup.account, setup.policy, setup.atr_period, setup.atr_interval_s) == ("paper", "moderate", 7, 14_400.0)


@pytest.mark.parametrize(("written", "seconds"), [("30s", 30), ("15m", 900), ("1h", 3600), ("2d", 172_800)])
def test_a_bar_length_in_seconds(written: str, seconds: float) -> None:
    assert timeframe_s(written) == seconds
