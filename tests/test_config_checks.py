"""What this version refuses, a bind that is too open, and what else a configuration may not say."""

from pathlib import Path

import pytest

from levibotd.config import Config, load
from levibotd.config_checks import check_bind, check_supported, check_usable, split_bind
from levibotd.errors import ConfigError

HOME = {"HOME": "/home/levi"}
PROXIED = '[http]\nbind = "0.0.0.0:80"\ntls_terminated = true\ntrusted_proxies = ["10.0.0.0/8"]\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "levibotd.toml"


def written(file: Path, text: str, **environ: str) -> Config:
    file.write_text(text)
    return load(file, environ={**HOME, **environ})


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[exchange]\nid = "binance"', "$.exchange.id"),
        ('[telegram]\nsource = "telethon"\n[market]\nsource = "demo"', "$.telegram.source"),
        ('[telegram.server]\naddress = "h:1"\npublic_key_file = "k"', "$.telegram.server"),
        ("[telegram.control]\nenabled = true", "$.telegram.control.enabled"),
        ('[telegram]\nsource = "file"\nfile = "p.jsonl"', "$.market.source"),
        ("[news]\nenabled = true", "$.news.enabled"),
        ('[[telegram.channels]]\nid = "a"\nmarket = "swap"', "$.telegram.channels[0].market"),
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


def test_a_channel_may_name_the_one_market_there_is(file: Path) -> None:
    config = written(file, '[exchange]\nmarket = "swap"\n[[telegram.channels]]\nid = "a"\nmarket = "swap"')

    check_supported(config)

    assert config.telegram.channels[0].market == "swap"


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


def test_a_file_without_faults_of_its_own_is_checked_for_both_together(file: Path) -> None:
    file.write_text('[http]\nbind = "0.0.0.0:8080"\n[news]\nenabled = true\n')
    config = load(file, environ={}, to_run=True)

    with pytest.raises(ConfigError, match=r"(?s)news\.enabled.*http\.bind"):
        check_usable(config, has_keys=False)
