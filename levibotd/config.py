"""
What the operator set: one frozen tree out of one TOML file, and the secrets beside it.

Unknown keys and bad values are refused all at once, each with its path; so is what this
version cannot do (`levibotd/config_checks.py`). Secrets never stand in the tree. This is the
only module that reads the process environment.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from levibotd import strict_toml
from levibotd.config_checks import conflicts, is_address, refuse, unbindable, unsupported
from levibotd.credentials import secret_in
from levibotd.errors import ConfigError
from levibotd.settings import POLICIES, POLICY_ROWS, ChannelConfig, Settings

DEMO_POLICY = "demo"
_PREFIX = "LEVI_"
_NOT_SETTINGS = ("LEVI_API_BASE", "LEVI_API_KEY", "LEVI_TELEGRAM_BOT_TOKEN")
_RISK_FILE_ONLY = ("policy", "policies")


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


class ApiAccess(Struct, frozen=True, kw_only=True):
    """Where a daemon's HTTP interface is, and the key that is shown there."""

    base: str
    key: str | None

    def __repr__(self) -> str:
        return f"ApiAccess(base={self.base!r})"  # The key stands in no traceback.


# The demo shows a whole trade within a minute, so it may return to a symbol at once.
_DEMO: Mapping[str, Any] = {
    "exchange": {"market": "swap"},
    "telegram": {"source": "demo"},
    "market": {"source": "demo"},
    "risk": {
        "policy": DEMO_POLICY,
        "policies": {
            DEMO_POLICY: {
                **{row: getattr(POLICIES["moderate"], row) for row in POLICY_ROWS},
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
    `config_checks.check_usable` would find then, too: who corrects a file hears of all of it at once.
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


def with_risk(config: Config, over: Mapping[str, object]) -> Config:
    """
    Return `config` with these keys of `[risk]` put over it, each as if the file had set it.

    Raises ConfigError with every fault. Policies have a road of their own, and their tables belong into the file.
    """
    faults = [f"$.risk.{key}: expected in the file, not over it" for key in _RISK_FILE_ONLY if key in over]
    rows = {key: value for key, value in over.items() if key not in _RISK_FILE_ONLY}
    made, found = strict_toml.build(Settings, {"risk": rows}, names={})
    refuse(faults + found)
    assert made is not None, "every key of [risk] has a default"
    risk = msgspec.structs.replace(config.risk, **{key: getattr(made.risk, key) for key in over})
    explicit = tuple(sorted({*config.explicit, *(f"risk.{key}" for key in over)}))
    return msgspec.structs.replace(config, risk=risk, explicit=explicit)


def channel_names(channel: ChannelConfig) -> tuple[str, ...]:
    """Return what a channel is called, its own name first: "@name" or a number, as sources call that, its alias."""
    names = (str(channel.id), f"tg:{channel.id}")
    return names if channel.alias is None else (*names, channel.alias)


def read_secret(config: Config, name: str) -> str | None:
    """
    Return the secret `name`, None where there is none.

    Looks in $CREDENTIALS_DIRECTORY, then below `daemon.secrets_dir`. Raises ConfigError, with the
    remedy and never the content, when the file cannot be read, is empty or is open to others.
    """
    for directory, guarded in ((config.credentials_dir, False), (config.daemon.secrets_dir, True)):
        if directory is not None and (secret := secret_in(Path(directory) / name, guarded=guarded)) is not None:
            return secret
    return None


def api_access(*, environ: Mapping[str, str] | None = None) -> ApiAccess:
    """
    Read LEVI_API_BASE (unset: the default bind) and LEVI_API_KEY, for a client of the daemon.

    Raises ConfigError for a base that is no URL and for a key that cannot stand in a header.
    """
    environ = os.environ if environ is None else environ
    base = environ.get("LEVI_API_BASE") or f"http://{Settings().http.bind}"
    if not is_address(base, "http", "https"):
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
        refuse(faults, origin=origin)
    assert settings is not None, "a tree without faults is made"
    faults += _news(conflicts(settings), faults)
    config = _found(_with_state_dir(settings, environ), explicit, environ)
    if faults and to_run:
        faults += _news([*unsupported(config), *unbindable(config, has_keys=_has_keys(config))], faults)
    refuse(faults, origin=origin)
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
