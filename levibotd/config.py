"""
What the operator set: one frozen tree out of one TOML file, and the secrets beside it.

Unknown keys and bad values are refused all at once, each with its path; so is what this
version cannot do. Secrets never stand in the tree. This is the only module that reads the
process environment.
"""

import ipaddress
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from levibotd import strict_toml
from levibotd.errors import ConfigError
from levibotd.settings import POLICIES, QUOTES, ChannelConfig, PolicyRows, Settings

DEMO_POLICY = "demo"
SECRET_NAMES = (
    "telegram_api",
    "telegram_session",
    "telegram_bot_token",
    "exchange_api",
    "api_keys",
    "totp",
    "log_key",
    "s3",
    "redis",
    "news_llm",
)
SECRET_BYTES_MAX = 65536

_PREFIX = "LEVI_"
_NOT_SETTINGS = ("LEVI_API_BASE", "LEVI_API_KEY", "LEVI_TELEGRAM_BOT_TOKEN")
_FEEDS = ("dex", "nft", "l2")
_RISK_FILE_ONLY = ("policy", "policies")
# What a channel may say and nothing acts on yet: silence would look like consent.
_CHANNEL_KEYS_LATER = ("market",)
_CHANNEL_DEFAULTS = ChannelConfig(id="")


class Config(Settings, frozen=True):
    """
    The settings with what was found around them.

    `explicit` names every key that file or environment set; the rest is what a service manager passed on.
    """

    explicit: tuple[str, ...] = ()
    credentials_dir: str | None = None
    notify_socket: str | None = None
    watchdog_s: float | None = None

    def is_set(self, key: str) -> bool:
        """Was `key` ("risk.cooldown_s") set by file or environment?"""
        return key in self.explicit

    @property
    def state_dir(self) -> Path:
        return Path(self.daemon.state_dir)

    @property
    def log_dir(self) -> Path:
        return Path(self.log.dir) if self.log.dir else self.state_dir / "logs"

    @property
    def market_source(self) -> str:
        return self.market.source or ("demo" if self.telegram.source == "demo" else "venue")

    @property
    def market_venue(self) -> str:
        return self.market.venue or ("binance" if self.exchange.id == "paper" else self.exchange.id)

    @property
    def entry_valid_s(self) -> float:
        return self.strategy.entry_valid_s or (259200.0 if self.exchange.market == "spot" else 86400.0)

    @property
    def no_sl(self) -> str:
        return self.risk.no_sl or ("impute" if self.exchange.stage in ("observe", "paper") else "skip")


class ApiAccess(Struct, frozen=True, kw_only=True):
    """Where a daemon's HTTP interface is, and the key that is shown there."""

    base: str
    key: str | None

    def __repr__(self) -> str:
        return f"ApiAccess(base={self.base!r})"  # The key stands in no traceback.


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
    heat_channel_share: float
    heat_side_share: float
    sources: Mapping[str, str]


_POLICY_ROWS = tuple(field.name for field in msgspec.structs.fields(PolicyRows))
# The demo shows a whole trade within a minute, so it may return to a symbol at once.
_DEMO: Mapping[str, Any] = {
    "exchange": {"market": "swap"},
    "telegram": {"source": "demo"},
    "market": {"source": "demo"},
    "risk": {
        "policy": DEMO_POLICY,
        "policies": {
            DEMO_POLICY: {
                **{row: getattr(POLICIES["moderate"], row) for row in _POLICY_ROWS},
                "cooldown_s": 5.0,
                "cooldown_stop_s": 5.0,
            }
        },
    },
}


def load(path: Path | None = None, *, environ: Mapping[str, str] | None = None, to_run: bool = False) -> Config:
    """
    Read `path` (None: defaults alone), put `LEVI_<SECTION>__<KEY>` variables over it and check it as a whole.

    `environ` is the process's own unless given. Raises ConfigError with every fault, one a line; `to_run` with what
    `check_usable` would find then, too: who corrects a file hears of all of it at once.
    """
    raw, origin = ({}, "configuration") if path is None else (_read(path), str(path))
    return _load(raw, environ, origin=origin, to_run=to_run)


def demo_config(*, environ: Mapping[str, str] | None = None) -> Config:
    """Return the embedded configuration of the demo. Raises ConfigError when a variable over it is wrong."""
    return _load({}, environ, origin="demo configuration", base=_DEMO)


def replay_config(config: Config) -> Config:
    """Replay trades swaps unless the operator named a market."""
    if config.is_set("exchange.market"):
        return config
    return msgspec.structs.replace(config, exchange=msgspec.structs.replace(config.exchange, market="swap"))


def policy_names(config: Config) -> tuple[str, ...]:
    """Return the policies that may be switched to, built-in ones first."""
    return (*POLICIES, *(name for name in config.risk.policies if name not in POLICIES))


def with_risk(config: Config, over: Mapping[str, object]) -> Config:
    """
    Return `config` with these keys of `[risk]` put over it, each as if the file had set it.

    Raises ConfigError with every fault. Policies have a road of their own, and their tables belong into the file.
    """
    faults = [f"$.risk.{key}: expected in the file, not over it" for key in _RISK_FILE_ONLY if key in over]
    rows = {key: value for key, value in over.items() if key not in _RISK_FILE_ONLY}
    made, found = strict_toml.build(Settings, {"risk": rows}, names={})
    _refuse(faults + found)
    assert made is not None, "every key of [risk] has a default"
    risk = msgspec.structs.replace(config.risk, **{key: getattr(made.risk, key) for key in over})
    explicit = tuple(sorted({*config.explicit, *(f"risk.{key}" for key in over)}))
    return msgspec.structs.replace(config, risk=risk, explicit=explicit)


def channel_names(channel: ChannelConfig) -> tuple[str, ...]:
    """Return what a channel is called, its own name first: "@name" or a number, as sources call that, its alias."""
    names = (str(channel.id), f"tg:{channel.id}")
    return names if channel.alias is None else (*names, channel.alias)


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
    )
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for row in _POLICY_ROWS:
        for source, rows in layers:
            if rows is not None and getattr(rows, row) is not None:
                values[row], sources[row] = getattr(rows, row), source.format(row=row)
                break
    for key in ("heat_channel_share", "heat_side_share"):
        values[key] = getattr(config.risk, key)
        sources[key] = f"risk.{key}" if config.is_set(f"risk.{key}") else "built-in"
    return RiskPolicyValues(name=name, sources=sources, **values)


def check_usable(config: Config, *, has_keys: bool) -> None:
    """As `check_supported` and `check_bind` together. Raises ConfigError with what either has to say."""
    _refuse([*_unsupported(config), *_unbindable(config, has_keys=has_keys)])


def check_supported(config: Config) -> None:
    """Refuse what the configuration asks for and this version does not have. Raises ConfigError with every case."""
    _refuse(_unsupported(config))


def _unsupported(config: Config) -> list[str]:
    absent = "is not in this version yet"
    asked = (
        (config.exchange.id != "paper", f'$.exchange.id: trading on {config.exchange.id} {absent}; use "paper"'),
        (config.telegram.source == "telethon", f'$.telegram.source: "telethon" {absent}; use "demo" or "file"'),
        (config.telegram.server is not None, f"$.telegram.server: signing in to Telegram {absent}; remove it"),
        (_control_enabled(config), f"$.telegram.control.enabled: commands by Telegram {absent}; set it to false"),
        (
            config.market_source == "venue",
            f'$.market.source: prices of a venue {absent}; use "candles" with `market.candles`, or "demo"',
        ),
        (_redis_fault(config) is not None, f"$.http.redis_url: {_redis_fault(config)}"),
        (config.news.enabled, f"$.news.enabled: news {absent}; set it to false"),
        (config.exec.stop_trigger == "mark", f'$.exec.stop_trigger: stops on mark prices {absent}; use "last"'),
        (config.symbols.quote_map != QUOTES, f"$.symbols.quote_map: other quotes {absent}; remove it"),
    )
    faults = [fault for wanted, fault in asked if wanted]
    faults += [f"$.feeds.{key}: this feed {absent}; set it to false" for key in _FEEDS if getattr(config.feeds, key)]
    for index, channel in enumerate(config.telegram.channels):
        changed = [key for key in _CHANNEL_KEYS_LATER if getattr(channel, key) != getattr(_CHANNEL_DEFAULTS, key)]
        faults += [f"$.telegram.channels[{index}].{key}: {absent}; remove it" for key in changed]
    return faults


def _redis_fault(config: Config) -> str | None:
    if config.http.redis_url is None:
        return None
    if not _is_address(config.http.redis_url, "redis", "rediss", may_name_user=True):
        return "expected redis://host[:port][/number] or rediss://..."
    parts = urlsplit(config.http.redis_url)
    holds_more = parts.password is not None or parts.query
    return "expected no password in it; put it into the credential `redis`" if holds_more else None


def check_bind(config: Config, *, has_keys: bool) -> None:
    """Refuse to listen beyond loopback without keys, a TLS proxy and trusted proxies. Raises ConfigError."""
    _refuse(_unbindable(config, has_keys=has_keys))


def _unbindable(config: Config, *, has_keys: bool) -> list[str]:
    host, _ = split_bind(config.http.bind)
    if _is_loopback(host):
        return []
    where = f"$.http.bind: {config.http.bind} is reachable from other machines, which needs"
    missing = (
        (not has_keys, f"{where} the credential `api_keys`; add it or bind 127.0.0.1"),
        (not config.http.tls_terminated, f"{where} a proxy that ends TLS, declared by `http.tls_terminated = true`"),
        (not config.http.trusted_proxies, f"{where} `http.trusted_proxies`, the networks of that proxy"),
    )
    return [fault for lacking, fault in missing if lacking]


def split_bind(bind: str) -> tuple[str, int]:
    """Split host and port; an IPv6 host loses its brackets."""
    host, _, port = bind.rpartition(":")
    return host.strip("[]"), int(port)


def read_secret(config: Config, name: str) -> str | None:
    """
    Return the secret `name`, None where there is none.

    Looks in $CREDENTIALS_DIRECTORY, then below `daemon.secrets_dir`. Raises ConfigError, with the
    remedy and never the content, when the file cannot be read, is empty or is open to others.
    """
    for directory, guarded in ((config.credentials_dir, False), (config.daemon.secrets_dir, True)):
        if directory is not None and (secret := _secret(Path(directory) / name, guarded=guarded)) is not None:
            return secret
    return None


def api_access(*, environ: Mapping[str, str] | None = None) -> ApiAccess:
    """
    Read LEVI_API_BASE (unset: the default bind) and LEVI_API_KEY, for a client of the daemon.

    Raises ConfigError for a base that is no URL and for a key that cannot stand in a header.
    """
    environ = os.environ if environ is None else environ
    base = environ.get("LEVI_API_BASE") or f"http://{Settings().http.bind}"
    if not _is_address(base, "http", "https"):
        raise ConfigError("LEVI_API_BASE: expected a URL such as http://127.0.0.1:8000")
    key = environ.get("LEVI_API_KEY") or None
    if key is not None and not (key.isascii() and key.isprintable()):
        raise ConfigError("LEVI_API_KEY: expected printable characters on one line")
    return ApiAccess(base=base, key=key)


def environ_with(over: Mapping[str, str]) -> dict[str, str]:
    """Return the process's own environment with `over` put over it, for a child process."""
    return {**os.environ, **over}


def _load(
    raw: dict[str, Any],
    environ: Mapping[str, str] | None,
    *,
    origin: str,
    base: Mapping[str, Any] = {},
    to_run: bool = False,
) -> Config:
    environ = os.environ if environ is None else environ
    overlay = strict_toml.Overlay(environ, prefix=_PREFIX, ignored=_NOT_SETTINGS)
    overlay.apply(raw, Settings)
    explicit = tuple(sorted(strict_toml.paths(raw)))
    settings, faults = strict_toml.build(Settings, _merged(base or {}, raw), names=overlay.names)
    if settings is None:
        _refuse(faults, origin=origin)
    assert settings is not None, "a tree without faults is made"
    faults += _news(_conflicts(settings), faults)
    config = _found(_with_state_dir(settings, environ), explicit, environ)
    if faults and to_run:
        faults += _news([*_unsupported(config), *_unbindable(config, has_keys=_has_keys(config))], faults)
    _refuse(faults, origin=origin)
    return config


# Of the keys that nothing was said of yet.
def _news(faults: list[str], told: list[str]) -> list[str]:
    keys = {fault.split(": ")[0].split(" ")[0] for fault in told}
    return [fault for fault in faults if fault.split(": ")[0] not in keys]


def _found(settings: Settings, explicit: tuple[str, ...], environ: Mapping[str, str]) -> Config:
    return Config(
        **{name: getattr(settings, name) for name in Settings.__struct_fields__},
        explicit=explicit,
        credentials_dir=environ.get("CREDENTIALS_DIRECTORY") or None,
        notify_socket=environ.get("NOTIFY_SOCKET") or None,
        watchdog_s=_watchdog_s(environ),
    )


def _has_keys(config: Config) -> bool:
    try:
        return read_secret(config, "api_keys") is not None
    except ConfigError:
        return True  # There, and at fault: that is told by whoever reads it.


# What is no number, or meant for another process, asks nothing of this one.
def _watchdog_s(environ: Mapping[str, str]) -> float | None:
    usec, meant = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID") in (None, "", str(os.getpid()))
    return int(usec) / 1e6 if meant and re.fullmatch(r"[1-9][0-9]{0,17}", usec) else None


def _read(path: Path) -> dict[str, Any]:
    try:
        return strict_toml.parse(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path}: not a TOML document: {error}") from error


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def _with_state_dir(settings: Settings, environ: Mapping[str, str]) -> Settings:
    home = environ.get("HOME", "")
    if settings.daemon.state_dir:
        state_dir = settings.daemon.state_dir
    elif environ.get("STATE_DIRECTORY"):
        state_dir = environ["STATE_DIRECTORY"].split(":")[0]  # systemd lists several with colons.
    else:
        state_dir = str(Path(environ.get("XDG_STATE_HOME") or Path(home or "~", ".local", "state")) / "levibotd")
    if state_dir.startswith("~/") and home:
        state_dir = str(Path(home, state_dir[2:]))
    return msgspec.structs.replace(settings, daemon=msgspec.structs.replace(settings.daemon, state_dir=state_dir))


def _conflicts(settings: Settings) -> list[str]:
    # Rules between keys; each says which key to change.
    paper = settings.exchange.id == "paper"
    high = ("ask", "canary", "live")
    paper_only = 'expected observe or paper with exchange.id = "paper"'
    known = (*POLICIES, *settings.risk.policies)
    log = settings.log
    rules = [
        (split_bind(settings.http.bind)[1] > 65535, "$.http.bind: expected a port <= 65535"),
        (
            paper and settings.exchange.stage in high,
            f"$.exchange.stage: {paper_only}",
        ),
        (
            settings.exchange.stage == "ask" and not _control_enabled(settings),
            "$.exchange.stage: ask needs telegram.control.enabled",
        ),
        (
            (settings.exchange.network == "custom") != (settings.exchange.base_url is not None),
            '$.exchange.base_url: expected exactly with network = "custom"',
        ),
        (
            settings.telegram.source == "file" and not settings.telegram.file,
            '$.telegram.file: missing, telegram.source = "file" needs it',
        ),
        (
            settings.market.source == "candles" and not settings.market.candles,
            '$.market.candles: missing, market.source = "candles" needs it',
        ),
        (settings.risk.policy not in known, f"$.risk.policy: expected one of {', '.join(dict.fromkeys(known))}"),
        (log.reduce_free_bytes > log.min_free_bytes, "$.log.reduce_free_bytes: expected <= log.min_free_bytes"),
        (log.reduce_free_h > log.min_free_h, "$.log.reduce_free_h: expected <= log.min_free_h"),
        (settings.archive.endpoint is not None and not settings.archive.bucket, "$.archive.bucket: missing"),
        (
            settings.archive.endpoint is not None and not _is_address(settings.archive.endpoint, "http", "https"),
            "$.archive.endpoint: expected http(s)://host[:port], the keys in the credential `s3`",
        ),
    ]
    seen: set[str | int] = set()
    for index, channel in enumerate(settings.telegram.channels):
        where = f"$.telegram.channels[{index}]"
        rules.append((channel.id in seen, f"{where}.id: {channel.id} stands twice"))
        rules.append(
            (paper and channel.stage in high, f'{where}.stage: expected observe or paper with exchange.id = "paper"')
        )
        seen.add(channel.id)
    for name, rows in settings.risk.policies.items():
        missing = [row for row in _POLICY_ROWS if getattr(rows, row) is None and name not in POLICIES]
        rules += [(True, f"$.risk.policies.{name}.{row}: missing") for row in missing]
    return [fault for broken, fault in rules if broken]


def _control_enabled(settings: Settings) -> bool:
    return settings.telegram.control is not None and settings.telegram.control.enabled


def _is_address(url: str, *schemes: str, may_name_user: bool = False) -> bool:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:  # Its words are not told: a password with a slash in it is taken for a port.
        return False
    return usable and (may_name_user or "@" not in parts.netloc)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _secret(file: Path, *, guarded: bool) -> str | None:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(
            f"{file}: cannot be read: {error.strerror}; make it a plain file the daemon may read"
        ) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"{file}: not a plain file; put the secret into one")
        if guarded and status.st_mode & 0o077:
            raise ConfigError(f"{file}: open to others (mode {status.st_mode & 0o777:04o}); chmod 600 {file}")
        content = os.read(descriptor, SECRET_BYTES_MAX + 1)
    finally:
        os.close(descriptor)
    if len(content) > SECRET_BYTES_MAX:
        raise ConfigError(f"{file}: larger than {SECRET_BYTES_MAX} bytes; this is no secret")
    try:
        secret = content.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: not UTF-8 text; write the secret as text") from None
    if not secret:
        raise ConfigError(f"{file}: empty; write the secret into it or remove the file")
    return secret


def _refuse(faults: list[str], *, origin: str = "") -> None:
    if faults:
        raise ConfigError("\n".join([f"{origin}:", *faults] if origin else faults))
