"""Risk policies: the built-in ones, those of the operator, and which key goes before which."""

import json
from pathlib import Path

import pytest

from levibotd.config import Config, load
from levibotd.errors import ConfigError
from levibotd.policies import policy_names, resolve_policy
from levibotd.settings import POLICIES, PolicyRows

HOME = {"HOME": "/home/levi"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "levibotd.toml"


def written(file: Path, text: str, **environ: str) -> Config:
    file.write_text(text)
    return load(file, environ={**HOME, **environ})


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("conservative", (0.0025, 0.01, 3, 3, "5%", 0.02, 1800, 14400, 2, 1.5, 20_000_000, 1)),
        ("moderate", (0.005, 0.025, 5, 5, "10%", 0.03, 300, 7200, 2.5, 2, 5_000_000, 1)),
        ("aggressive", (0.01, 0.05, 8, 10, "20%", 0.05, 60, 3600, 3, 3, 2_000_000, 1)),
    ],
)
def test_the_built_in_policies(name: str, figures: tuple[object, ...]) -> None:
    policy = resolve_policy(load(environ=HOME), name=name)

    assert tuple(getattr(policy, row) for row in PolicyRows.__struct_fields__) == figures
    assert (policy.heat_channel_share, policy.heat_side_share) == (0.3, 0.6)
    assert {policy.sources[row] for row in PolicyRows.__struct_fields__} == {"built-in"}


def test_an_explicit_key_goes_before_the_policys_table_and_that_before_the_built_in_one(file: Path) -> None:
    config = written(
        file,
        "[risk]\ncooldown_s = 7\n[risk.policies.moderate]\ncooldown_s = 8\nmax_open = 9\n",
        LEVI_RISK__HEAT_MAX="0.1",
    )

    policy = resolve_policy(config)

    assert (policy.cooldown_s, policy.sources["cooldown_s"]) == (7, "risk.cooldown_s")
    assert (policy.max_open, policy.sources["max_open"]) == (9, "risk.policies.moderate")
    assert (policy.heat_max, policy.sources["heat_max"]) == (0.1, "risk.heat_max")
    assert (policy.max_leverage, policy.sources["max_leverage"]) == (5, "built-in")


def test_an_explicit_key_outlives_a_switch_of_policy(file: Path) -> None:
    config = written(file, "[risk]\ncooldown_s = 7\n")

    assert [resolve_policy(config, name=name).cooldown_s for name in POLICIES] == [7, 7, 7]


def test_a_new_policy_can_be_switched_to(file: Path) -> None:
    figures = {row: getattr(POLICIES["moderate"], row) for row in PolicyRows.__struct_fields__}
    rows = "[risk.policies.mine]\n" + "".join(f"{row} = {json.dumps(value)}\n" for row, value in figures.items())
    config = written(file, rows)

    assert policy_names(config) == ("conservative", "moderate", "aggressive", "mine")
    assert resolve_policy(config, name="mine").sources["max_open"] == "risk.policies.mine"


def test_what_a_later_version_added_need_not_be_stated(file: Path) -> None:
    rows = {row: value for row in PolicyRows.__struct_fields__ if (value := getattr(POLICIES["moderate"], row))}
    del rows["no_sl_rr_min"]
    text = "[risk.policies.mine]\n" + "".join(f"{row} = {json.dumps(value)}\n" for row, value in rows.items())

    policy = resolve_policy(written(file, text), name="mine")
    assert (policy.no_sl_rr_min, policy.sources["no_sl_rr_min"]) == (1.0, "built-in")
    policy = resolve_policy(written(file, text + "no_sl_rr_min = 0\n"), name="mine")
    assert (policy.no_sl_rr_min, policy.sources["no_sl_rr_min"]) == (0.0, "risk.policies.mine")


@pytest.mark.parametrize("value", ["-0.1", "10.1", "nan", "inf"])
def test_the_least_reward_over_an_imputed_stop_is_bounded(file: Path, value: str) -> None:
    with pytest.raises(ConfigError, match="no_sl_rr_min"):
        written(file, f"[risk]\nno_sl_rr_min = {value}\n")


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected one of conservative, moderate, aggressive"):
        resolve_policy(load(environ=HOME), name="wild")
