"""The configuration: defaults, faults, policies, secrets, and what this version refuses."""

import os
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from levibotd.config import Config, demo_config, load, replay_config
from levibotd.config_checks import check_bind, check_supported
from levibotd.errors import ConfigError
from levibotd.policies import resolve_policy
from levibotd.settings import PolicyRows, Settings
from levibotd.strict_toml import element_kind, table_kind

HOME = {"HOME": "/home/levi"}
EXAMPLE = Path(__file__).parent.parent / "etc" / "levibotd.toml"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "levibotd.toml"


def written(file: Path, text: str, **environ: str) -> Config:
    file.write_text(text)
    return load(file, environ={**HOME, **environ})


def faults(file: Path, text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        written(file, text, **environ)
    first, *rest = str(caught.value).splitlines()
    assert first == f"{file}:"
    return rest


# --- Loading ----------------------------------------------------------------------------------


def test_without_a_file_the_defaults_are_safe() -> None:
    config = load(environ=HOME)

    assert config.http.bind == "127.0.0.1:8000"
    assert (config.exchange.id, config.exchange.stage) == ("paper", "paper")
    assert (config.telegram.source, config.market_source, config.market_venue) == ("demo", "demo", "binance")
    assert config.strategy.confidence_min == 0.7
    assert (config.entry_valid_s, config.no_sl) == (259200, "impute")
    assert config.explicit == ()


@pytest.mark.parametrize(
    ("environ", "state_dir"),
    [
        ({"HOME": "/h"}, "/h/.local/state/levibotd"),
        ({"HOME": "/h", "XDG_STATE_HOME": "/x"}, "/x/levibotd"),
        ({"HOME": "/h", "XDG_STATE_HOME": "/x", "STATE_DIRECTORY": "/s:/t"}, "/s"),
        ({"HOME": "/h", "STATE_DIRECTORY": "/s", "LEVI_DAEMON__STATE_DIR": ".run"}, ".run"),
        ({"HOME": "/h", "LEVI_DAEMON__STATE_DIR": "~/levi"}, "/h/levi"),
    ],
)
def test_the_state_directory_is_the_nearest_one_named(environ: dict[str, str], state_dir: str) -> None:
    config = load(environ=environ)

    assert config.state_dir == Path(state_dir)
    assert config.log_dir == Path(state_dir) / "logs"


def test_the_log_may_lie_elsewhere(file: Path) -> None:
    assert written(file, '[log]\ndir = "/var/log/levi"').log_dir == Path("/var/log/levi")


def test_all_faults_are_told_at_once(file: Path) -> None:
    text = """
    colour = 1
    [strategy]
    confidence_min = 1.5
    confidense = 1
    [paper]
    balance = 10000
    [exchange]
    id = "ftx"
    [risk]
    max_open = 0
    [http]
    bind = "everywhere"
    """

    assert faults(file, text, LEVI_RISK__COOLDOWN_S="soon", LEVI_LOG__DIRECTORY="/x") == [
        "$.colour: unknown key",
        "$.http.bind: expected host:port",
        "$.log.directory (LEVI_LOG__DIRECTORY): unknown key",
        "$.exchange.id: expected one of paper, binance, bybit",
        '$.paper.balance: expected an amount in quotes, such as "10000"',
        "$.strategy.confidense: unknown key (did you mean confidence_min?)",
        "$.strategy.confidence_min: expected <= 1.0",
        "$.risk.max_open: expected >= 1",
        "$.risk.cooldown_s (LEVI_RISK__COOLDOWN_S): expected float, got str",
    ]


BAD_ENDPOINT = "$.archive.endpoint: expected http(s)://host[:port], the keys in the credential `s3`"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('[exchange]\nstage = "live"', '$.exchange.stage: expected observe or paper with exchange.id = "paper"'),
        (
            '[[telegram.channels]]\nid = "@a"\nstage = "canary"',
            '$.telegram.channels[0].stage: expected observe or paper with exchange.id = "paper"',
        ),
        (
            '[[telegram.channels]]\nid = "@a"\n[[telegram.channels]]\nid = "@a"',
            "$.telegram.channels[1].id: @a stands twice",
        ),
        ('[exchange]\nid = "binance"\nstage = "ask"', "$.exchange.stage: ask needs telegram.control.enabled"),
        ('[exchange]\nnetwork = "custom"', '$.exchange.base_url: expected exactly with network = "custom"'),
        ('[exchange]\nbase_url = "http://x"', '$.exchange.base_url: expected exactly with network = "custom"'),
        ('[telegram]\nsource = "file"', '$.telegram.file: missing, telegram.source = "file" needs it'),
        ('[market]\nsource = "candles"', '$.market.candles: missing, market.source = "candles" needs it'),
        ('[risk]\npolicy = "wild"', "$.risk.policy: expected one of conservative, moderate, aggressive"),
        ("[log]\nmin_free_bytes = 1", "$.log.reduce_free_bytes: expected <= log.min_free_bytes"),
        ("[log]\nmin_free_h = 1.0", "$.log.reduce_free_h: expected <= log.min_free_h"),
        ('[archive]\nendpoint = "http://x"', "$.archive.bucket: missing"),
        ('[archive]\nbucket = "b"\nendpoint = "http://[x"', BAD_ENDPOINT),
        ('[archive]\nbucket = "b"\nendpoint = "http://x:hush"', BAD_ENDPOINT),
        ('[archive]\nbucket = "b"\nendpoint = "redis://x"', BAD_ENDPOINT),
        ('[archive]\nbucket = "b"\nendpoint = "http://me:hush@x"', BAD_ENDPOINT),
        ('[http]\nbind = "127.0.0.1:70000"', "$.http.bind: expected a port <= 65535"),
    ],
)
def test_keys_that_contradict_each_other_are_refused(file: Path, text: str, fault: str) -> None:
    assert faults(file, text) == [fault]


def test_a_policy_of_ones_own_states_every_row(file: Path) -> None:
    found = faults(file, '[risk]\npolicy = "mine"\n[risk.policies.mine]\nmax_open = 2\n')

    assert len(found) == len(PolicyRows.__struct_fields__) - 2, "what later versions added need not be stated"
    assert "$.risk.policies.mine.heat_max: missing" in found
    assert not [fault for fault in found if "no_sl_rr_min" in fault]


def test_a_file_that_is_not_there_is_named(file: Path) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"{file}: cannot be read: No such file or directory")):
        load(file, environ=HOME)


def test_a_file_that_is_no_toml_says_where(file: Path) -> None:
    file.write_text("[http]\nbind = = 1\n")

    with pytest.raises(ConfigError, match=r"not a TOML document: .*line 2"):
        load(file, environ=HOME)


def test_bytes_that_are_no_text_are_refused(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ConfigError, match="not a TOML document"):
        load(file, environ=HOME)


def test_the_environment_goes_before_the_file_and_both_are_explicit(file: Path) -> None:
    config = written(file, "[risk]\ncooldown_s = 1\nmax_open = 2\n", LEVI_RISK__COOLDOWN_S="9")

    assert (config.risk.cooldown_s, config.risk.max_open) == (9, 2)
    assert config.explicit == ("risk.cooldown_s", "risk.max_open")


def test_variables_that_are_no_settings_are_left_alone() -> None:
    others = {"LEVI_API_BASE": "x", "LEVI_API_KEY": "x", "LEVI_TELEGRAM_BOT_TOKEN": "x", "LEVIBOT_DATA": "x"}

    assert load(environ={**HOME, **others}) == load(environ=HOME)


# --- The file that ships ----------------------------------------------------------------------


def test_the_shipped_file_is_the_defaults() -> None:
    shipped = load(EXAMPLE, environ=HOME)

    assert msgspec.structs.replace(shipped, explicit=()) == load(environ=HOME)


def uncommented(text: str) -> str:
    """Return `text` with the keys and tables that stand in comments put in force."""
    return re.sub(r"^# (?=\[{1,2}[a-z_.]+\]{1,2}|[a-z_0-9]+ = )", "", text, flags=re.MULTILINE)


def keys_of(kind: Any, path: str = "") -> list[str]:
    found: list[str] = []
    for field in msgspec.structs.fields(kind):
        here = f"{path}{field.name}"
        below = table_kind(field.type) or element_kind(field.type, tuple)
        found += keys_of(below, f"{here}.") if below else [here] if field.name != "policies" else []
    return found


def test_every_key_stands_in_the_shipped_file_and_every_example_is_valid(file: Path) -> None:
    text = uncommented(EXAMPLE.read_text())
    document = tomllib.loads(text)

    for key in keys_of(Settings):
        table: Any = document
        for name in key.split("."):
            assert name in table, f"{key} is missing in {EXAMPLE.name}"
            table = table[name][0] if isinstance(table[name], list) and name == "channels" else table[name]
    # What contradicts a default on purpose is made consistent.
    text = text.replace('network = "mainnet"', 'network = "custom"')
    config = written(file, text)
    assert config.risk.policies["moderate"].cooldown_s == 600


# --- Demo and replay --------------------------------------------------------------------------


def test_the_demo_trades_swaps_on_its_own_quick_policy() -> None:
    config = demo_config(environ={**HOME, "LEVI_DAEMON__STATE_DIR": ".run"})

    assert (config.telegram.source, config.market_source, config.exchange.market) == ("demo", "demo", "swap")
    assert config.state_dir == Path(".run")
    assert resolve_policy(config).cooldown_s == 5
    check_supported(config)
    check_bind(config, has_keys=False)


def test_only_what_the_operator_set_counts_as_explicit_in_the_demo() -> None:
    config = demo_config(environ={**HOME, "LEVI_RISK__MAX_OPEN": "2"})

    assert config.explicit == ("risk.max_open",)
    assert resolve_policy(config).max_open == 2


def test_a_fault_in_the_demos_environment_is_named() -> None:
    with pytest.raises(ConfigError, match=r"\$\.http\.bind \(LEVI_HTTP__BIND\): expected host:port"):
        demo_config(environ={**HOME, "LEVI_HTTP__BIND": "x"})


@pytest.mark.parametrize(("text", "market"), [("", "swap"), ('[exchange]\nmarket = "spot"', "spot")])
def test_replay_trades_swaps_unless_a_market_is_named(file: Path, text: str, market: str) -> None:
    assert replay_config(written(file, text)).exchange.market == market


def test_rules_between_keys_are_told_beside_every_other_fault(tmp_path: Path) -> None:
    file = tmp_path / "levibotd.toml"
    file.write_text(
        '[nope]\n[exchange]\nstage = "live"\n[risk]\npolicy = "reckless"\nmax_open = 0\n[telegram]\nsource = "file"\n'
        "[log]\nmin_free_h = 1\nreduce_free_h = -1\n"
    )
    with pytest.raises(ConfigError) as refusal:
        load(file, environ={})

    told = [line.split(":")[0] for line in str(refusal.value).splitlines()[1:]]
    assert sorted(told) == [
        "$.exchange.stage", "$.log.reduce_free_h", "$.nope", "$.risk.max_open", "$.risk.policy", "$.telegram.file",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "watchdog_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": str(os.getpid())}, 0.5),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "9" * 5000}, None),
    ],
)
def test_the_watchdog_of_the_service_manager_counts_when_it_is_meant_for_this_process(
    given: dict[str, str], watchdog_s: float | None
) -> None:
    assert load(environ=given).watchdog_s == watchdog_s


def test_the_socket_of_the_service_manager_is_passed_on() -> None:
    assert load(environ={"NOTIFY_SOCKET": "@run"}).notify_socket == "@run"
    assert load(environ={"NOTIFY_SOCKET": ""}).notify_socket is None


def test_who_corrects_a_file_hears_at_once_what_is_unknown_what_is_absent_and_what_is_too_open(file: Path) -> None:
    file.write_text('[http]\nbind = "0.0.0.0:8080"\nporrt = 1\n[news]\nenabled = true\n')

    with pytest.raises(ConfigError) as caught:
        load(file, environ={}, to_run=True)

    keys = [line.strip().split(":")[0] for line in str(caught.value).splitlines() if "$" in line]
    assert keys == ["$.http.porrt", "$.news.enabled", "$.http.bind", "$.http.bind", "$.http.bind"]


@pytest.mark.parametrize("mover", ["none", "breakeven", "breakeven-tp2", "breakeven-1.5%", "trailing", "trailing-2%"])
def test_a_stop_mover_is_named_with_what_it_needs(file: Path, mover: str) -> None:
    config = written(file, f'[[telegram.channels]]\nid = 1\nstop_mover = "{mover}"\n')
    assert config.telegram.channels[0].stop_mover == mover


@pytest.mark.parametrize("mover", ["", "trailing-", "trailing-200%", "trailing-0%", "breakeven-0.0%", "breakeven-tp0"])
def test_what_is_no_stop_mover_is_refused_with_those_there_are(file: Path, mover: str) -> None:
    with pytest.raises(ConfigError, match=r"stop_mover: expected none, breakeven"):
        written(file, f'[[telegram.channels]]\nid = 1\nstop_mover = "{mover}"\n')
