"""What counts as allowing more: each key in its own direction."""

from decimal import Decimal

import pytest

from levibotd.app.loosening import loosened
from levibotd.config import Config, load

EQUITY = Decimal(10_000)


def configured(**environ: str) -> Config:
    return load(environ={f"LEVI_{key.upper().replace('_', '__', 1)}": value for key, value in environ.items()})


@pytest.mark.parametrize(
    ("key", "tight", "loose"),
    [
        ("risk_risk_per_trade", "0.001", "0.01"),
        ("risk_heat_max", "0.01", "0.02"),
        ("risk_max_open", "1", "2"),
        ("risk_max_leverage", "1", "2"),
        ("risk_notional_max", '"100"', '"5%"'),
        ("risk_daily_loss_limit", "0.01", "0.02"),
        ("risk_cooldown_s", "60", "0"),
        ("risk_cooldown_stop_s", "60", "0"),
        ("risk_min_volume_24h", "2", "1"),
        ("risk_heat_channel_share", "0.2", "0.3"),
        ("risk_heat_side_share", "0.2", "0.3"),
        ("risk_policy", "conservative", "aggressive"),
        ("risk_no_sl", "skip", "impute"),
        ("risk_on_trip", "flatten", "hold"),
        ("risk_peak_loss_limit", "0.1", "0.2"),
        ("risk_peak_loss_limit", "0.1", ""),
        ("risk_notional_min", "10", "5"),
        ("strategy_confidence_min", "0.9", "0.8"),
        ("strategy_signal_ttl_s", "30", "60"),
        ("strategy_entry_valid_s", "30", "60"),
        ("features_hybrid_min", "0.5", "0.4"),
        ("features_hybrid_min", "0.5", ""),
        ("symbols_allow", '["BTCUSDT"]', '["BTCUSDT", "ETHUSDT"]'),
        ("symbols_allow", '["BTCUSDT"]', ""),
        ("symbols_deny", '["BTCUSDT"]', "[]"),
        ("symbols_deny", '["BTCUSDT"]', '["ETHUSDT"]'),
    ],
)
def test_each_key_loosens_one_way_and_tightens_the_other(key: str, tight: str, loose: str) -> None:
    strict, lax = configured(**{key: tight}), configured(**{key: loose})
    name = key.replace("_", ".", 1)

    found = loosened(lax, strict, policy=None, equity=EQUITY)

    assert name in found or name == "risk.policy"
    assert found
    if not name.startswith("symbols.deny"):  # Another list may be looser in both directions.
        assert loosened(strict, lax, policy=None, equity=EQUITY) == ()
    assert loosened(lax, lax, policy=None, equity=EQUITY) == ()


def test_a_policy_that_does_not_rule_loosens_nothing() -> None:
    lax, strict = configured(risk_policy="aggressive"), configured(risk_policy="conservative")
    assert loosened(lax, strict, policy="moderate", equity=EQUITY) == ()


def test_a_share_and_an_amount_are_compared_at_the_equity_of_now() -> None:
    amount, share = configured(risk_notional_max='"600"'), configured(risk_notional_max='"5%"')
    assert loosened(amount, share, policy=None, equity=Decimal(10_000)) == ("risk.notional_max",)
    assert loosened(amount, share, policy=None, equity=Decimal(20_000)) == ()
