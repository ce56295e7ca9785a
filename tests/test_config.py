"""The configuration: defaults, faults, policies, secrets, and what this version refuses."""

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from levibotd.config import (
    Config,
    check_bind,
    check_supported,
    check_usable,
    demo_config,
    load,
    policy_names,
    read_secret,
    replay_config,
    resolve_policy,
    split_bind,
)
from levibotd.errors import ConfigError
from levibotd.settings import POLICIES, PolicyRows, Settings
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

    assert len(found) == len(PolicyRows.__struct_fields__) - 1
    assert "$.risk.policies.mine.heat_max: missing" in found


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


# --- Policies ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("conservative", (0.0025, 0.01, 3, 3, "5%", 0.02, 1800, 14400, 2, 1.5, 20_000_000)),
        ("moderate", (0.005, 0.025, 5, 5, "10%", 0.03, 300, 7200, 2.5, 2, 5_000_000)),
        ("aggressive", (0.01, 0.05, 8, 10, "20%", 0.05, 60, 3600, 3, 3, 2_000_000)),
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


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected one of conservative, moderate, aggressive"):
        resolve_policy(load(environ=HOME), name="wild")


# --- What this version refuses ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[exchange]\nid = "binance"', "$.exchange.id"),
        ('[telegram]\nsource = "telethon"\n[market]\nsource = "demo"', "$.telegram.source"),
        ('[telegram.server]\naddress = "h:1"\npublic_key_file = "k"', "$.telegram.server"),
        ("[telegram.control]\nenabled = true", "$.telegram.control.enabled"),
        ('[telegram]\nsource = "file"\nfile = "p.jsonl"', "$.market.source"),
        ("[news]\nenabled = true", "$.news.enabled"),
        ("[feeds]\nnft = true", "$.feeds.nft"),
        ('[exec]\nstop_trigger = "mark"', "$.exec.stop_trigger"),
        ('[symbols]\nquote_map = { USD = "USDC" }', "$.symbols.quote_map"),
    ],
)
def test_what_is_valid_but_not_there_yet_is_refused_by_name(file: Path, text: str, key: str) -> None:
    config = written(file, text)

    with pytest.raises(ConfigError, match="is not in this version yet") as caught:
        check_supported(config)
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [key]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://h", "expected redis://"),
        ("redis:///0", "expected redis://"),
        ("redis://user:hush@h", "the credential `redis`"),
        ("redis://user:hush/x@h:6379", "expected redis://"),  # Its port is then "hush".
        ("redis://h:6379/0?password=hush", "the credential `redis`"),
        ("redis://[h:hush", "expected redis://"),
    ],
)
def test_an_address_of_redis_is_one_and_holds_no_password(file: Path, url: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        check_supported(written(file, f'[http]\nredis_url = "{url}"'))
    assert "hush" not in str(caught.value)
    check_supported(written(file, '[http]\nredis_url = "redis://user@h:6379/0"'))


def test_everything_that_is_not_there_yet_is_told_at_once(file: Path) -> None:
    config = written(file, "[news]\nenabled = true\n[feeds]\ndex = true\nl2 = true\n")

    with pytest.raises(ConfigError) as caught:
        check_supported(config)
    assert len(str(caught.value).splitlines()) == 3


# --- Listening --------------------------------------------------------------------------------

PROXIED = '[http]\nbind = "0.0.0.0:80"\ntls_terminated = true\ntrusted_proxies = ["10.0.0.0/8"]\n'


@pytest.mark.parametrize("bind", ["127.0.0.1:8000", "127.8.8.8:1", "[::1]:8000", "localhost:8000", "127.0.0.1:0"])
def test_loopback_needs_no_keys(bind: str) -> None:
    config = load(environ={**HOME, "LEVI_HTTP__BIND": bind})

    check_bind(config, has_keys=False)

    assert config.http.bind == bind


@pytest.mark.fault("G1")
@pytest.mark.parametrize("bind", ["0.0.0.0:8000", "[::]:8000", "192.168.1.5:80", "levi.lan:80", "[::ffff:1.2.3.4]:80"])
def test_a_public_bind_without_keys_is_refused(file: Path, bind: str) -> None:
    config = written(file, PROXIED.replace("0.0.0.0:80", bind))

    with pytest.raises(ConfigError, match=r"^\$\.http\.bind: .*api_keys"):
        check_bind(config, has_keys=False)
    check_bind(config, has_keys=True)


@pytest.mark.fault("G1")
def test_a_public_bind_also_needs_a_proxy_that_ends_tls() -> None:
    with pytest.raises(ConfigError) as caught:
        check_bind(load(environ={**HOME, "LEVI_HTTP__BIND": "0.0.0.0:80"}), has_keys=True)

    assert [word in str(caught.value) for word in ("api_keys", "tls_terminated", "trusted_proxies")] == [
        False,
        True,
        True,
    ]


def test_a_bind_is_split_into_host_and_port() -> None:
    assert split_bind("[::1]:8000") == ("::1", 8000)
    assert split_bind("localhost:0") == ("localhost", 0)


# --- Secrets ----------------------------------------------------------------------------------


@pytest.fixture
def secrets(tmp_path: Path) -> Config:
    return load(
        environ={
            **HOME,
            "LEVI_DAEMON__SECRETS_DIR": str(tmp_path),
            "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials"),
        }
    )


def put(path: Path, content: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    path.chmod(mode)
    return path


def test_a_secret_that_is_nowhere_is_none(secrets: Config) -> None:
    assert read_secret(secrets, "api_keys") is None
    assert read_secret(load(environ=HOME), "api_keys") is None


def test_a_secret_is_the_content_of_its_file(secrets: Config, tmp_path: Path) -> None:
    put(tmp_path / "log_key", "abc def\n")

    assert read_secret(secrets, "log_key") == "abc def"


def test_the_credentials_of_the_service_manager_go_first(secrets: Config, tmp_path: Path) -> None:
    put(tmp_path / "log_key", "mine")
    put(tmp_path / "credentials" / "log_key", "systemd's", 0o444)

    assert read_secret(secrets, "log_key") == "systemd's"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_a_secret_that_others_may_read_is_refused_with_the_remedy(secrets: Config, tmp_path: Path, mode: int) -> None:
    file = put(tmp_path / "log_key", "a-secret-value", mode)

    with pytest.raises(ConfigError, match=re.escape(f"chmod 600 {file}")) as caught:
        read_secret(secrets, "log_key")
    assert "a-secret-value" not in str(caught.value)


def test_an_unreadable_secret_is_named(secrets: Config, tmp_path: Path) -> None:
    put(tmp_path / "target", "x")
    (tmp_path / "log_key").symlink_to(tmp_path / "target")
    (tmp_path / "totp").mkdir()
    os.mkfifo(tmp_path / "s3", 0o600)

    with pytest.raises(ConfigError, match="log_key: cannot be read"):
        read_secret(secrets, "log_key")
    with pytest.raises(ConfigError, match="totp: not a plain file"):
        read_secret(secrets, "totp")
    with pytest.raises(ConfigError, match="s3: not a plain file"):
        read_secret(secrets, "s3")


@pytest.mark.parametrize(("content", "why"), [("", "empty"), (" \n", "empty"), ("x" * 70_000, "larger than")])
def test_a_file_that_is_no_secret_is_refused(secrets: Config, tmp_path: Path, content: str, why: str) -> None:
    put(tmp_path / "log_key", content)

    with pytest.raises(ConfigError, match=why):
        read_secret(secrets, "log_key")


def test_a_secret_that_is_no_text_is_refused(secrets: Config, tmp_path: Path) -> None:
    put(tmp_path / "log_key", "x").write_bytes(b"\xff\xfe")

    with pytest.raises(ConfigError, match="not UTF-8"):
        read_secret(secrets, "log_key")


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


def test_a_file_without_faults_of_its_own_is_checked_for_both_together(file: Path) -> None:
    file.write_text('[http]\nbind = "0.0.0.0:8080"\n[news]\nenabled = true\n')
    config = load(file, environ={}, to_run=True)

    with pytest.raises(ConfigError, match=r"(?s)news\.enabled.*http\.bind"):
        check_usable(config, has_keys=False)


@pytest.mark.parametrize("mover", ["none", "breakeven", "breakeven-tp2", "breakeven-1.5%", "trailing", "trailing-2%"])
def test_a_stop_mover_is_named_with_what_it_needs(file: Path, mover: str) -> None:
    config = written(file, f'[[telegram.channels]]\nid = 1\nstop_mover = "{mover}"\n')
    assert config.telegram.channels[0].stop_mover == mover


@pytest.mark.parametrize("mover", ["", "trailing-", "trailing-200%", "trailing-0%", "breakeven-0.0%", "breakeven-tp0"])
def test_what_is_no_stop_mover_is_refused_with_those_there_are(file: Path, mover: str) -> None:
    with pytest.raises(ConfigError, match=r"stop_mover: expected none, breakeven"):
        written(file, f'[[telegram.channels]]\nid = 1\nstop_mover = "{mover}"\n')
