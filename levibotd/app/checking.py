"""
`levibotd check`: is everything there that `levibotd run` will need? A line each, with the remedy.

Nothing is changed: what `run` would make is not made here, only looked at. A bucket is tried with two small
objects of a fixed name.
"""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import anyio
import msgspec
from msgspec import Struct

from levibotd.adapters.candle_rows import BadRows, read_rows
from levibotd.adapters.compiled_classifier import CompiledClassifier
from levibotd.adapters.model_store import MODELS, ModelStore
from levibotd.admin.auth import parse_keys
from levibotd.admin.server import PortInUse, listen
from levibotd.admin.totp import parse_secret
from levibotd.app.archive import store_of
from levibotd.app.scoring import classifier_of
from levibotd.app.serving import served_of
from levibotd.config import Config, read_secret
from levibotd.config_checks import check_bind, check_supported
from levibotd.credentials import SECRET_NAMES
from levibotd.errors import ConfigError
from levibotd.exit_codes import ExitCode
from levibotd.kernel.clock import Clock, LoopClock
from levibotd.ports.object_store import ObjectStore, Promises, StoreRefused, StoreUnavailable

# Those whose form is known; the others are taken as they are.
_READERS: Mapping[str, Callable[[str], object]] = {"api_keys": parse_keys, "totp": parse_secret}


_EARLIEST = datetime(2025, 1, 1, tzinfo=UTC)
_KEPT_BY_SYSTEMD = Path("/run/systemd/timesync/synchronized")


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that was looked at. `remedy` is what to do when it is not ok."""

    name: str
    ok: bool
    found: str
    remedy: str | None = None


def check(load: Callable[[], Config], *, as_json: bool, out: TextIO, offline: bool = False) -> int:
    """
    Look at everything and print what was found. With `offline` nobody outside this machine is asked.

    0 when all is well, 78 when the configuration itself is refused (nothing else can be looked at
    then), 1 when something else is not as it should be.
    """
    try:
        config = load()
        check_supported(config)
    except ConfigError as error:
        _print(_refused(error), as_json=as_json, out=out)
        return ExitCode.CONFIG
    findings = look(config, offline=offline)
    _print(findings, as_json=as_json, out=out)
    return ExitCode.OK if all(finding.ok for finding in findings) else ExitCode.FAILED


def look(config: Config, *, offline: bool = False) -> list[Finding]:
    """Look at all that a valid configuration names."""
    return [
        Finding(
            name="configuration", ok=True, found=f"{len(config.explicit)} keys set, the others have their defaults"
        ),
        _directory("state directory", config.state_dir, key="daemon.state_dir"),
        _directory("log directory", config.log_dir, key="log.dir"),
        _disk(config),
        *_credentials(config),
        _bind(config),
        _port(config),
        _prices(config),
        _posts(config),
        *_authors(config),
        _model(config),
        _clock(LoopClock()),
        _archive(config, offline=offline),
    ]


def _refused(error: ConfigError) -> list[Finding]:
    faults = [line for line in str(error).splitlines() if not line.endswith(":")]
    remedy = "correct it in the file or in the environment; docs/reference/settings.md has every key"
    return [Finding(name="configuration", ok=False, found=fault, remedy=remedy) for fault in faults]


def _directory(name: str, path: Path, *, key: str) -> Finding:
    remedy = f"make it writable for the daemon's user, or set {key}"
    if path.is_dir():
        ok = os.access(path, os.W_OK | os.X_OK)
        return Finding(name=name, ok=ok, found=f"{path} {'is writable' if ok else 'cannot be written'}", remedy=remedy)
    parent = _nearest(path)
    if not parent.is_dir():
        return Finding(name=name, ok=False, found=f"{parent} is no directory", remedy=remedy)
    ok = os.access(parent, os.W_OK | os.X_OK)
    found = f"{path} will be made" if ok else f"{path} cannot be made: {parent} cannot be written"
    return Finding(name=name, ok=ok, found=found, remedy=remedy)


def _disk(config: Config) -> Finding:
    try:
        free = shutil.disk_usage(_nearest(config.log_dir)).free
    except OSError as error:
        return Finding(name="disk", ok=False, found=f"{config.log_dir}: {error.strerror}", remedy="set log.dir")
    least = config.log.min_free_bytes
    what = "nothing is opened" if free < config.log.reduce_free_bytes else "sheddable records are not written"
    found = f"{_mib(free)} free for the log" + ("" if free >= least else f", less than {_mib(least)}: {what}")
    return Finding(name="disk", ok=free >= least, found=found, remedy="free some space, or lower log.min_free_bytes")


def _credentials(config: Config) -> list[Finding]:
    secrets_dir = config.daemon.secrets_dir
    if secrets_dir is not None and not Path(secrets_dir).is_dir():
        found = f"{secrets_dir} is no directory"
        return [Finding(name="credentials", ok=False, found=found, remedy="make it, mode 0700, or unset it")]
    present: list[str] = []
    faults: list[Finding] = []
    for name in SECRET_NAMES:
        try:
            if (secret := read_secret(config, name)) is not None:
                present.append(name)
                _READERS.get(name, str)(secret)
        except ConfigError as error:
            # It says what to do by itself, and never what the secret is.
            faults.append(Finding(name=f"credential {name}", ok=False, found=str(error)))
    none = "none that can be used" if faults else "none, and none is needed"
    return [Finding(name="credentials", ok=True, found=", ".join(present) or none), *faults]


def _bind(config: Config) -> Finding:
    name, bind = "bind", config.http.bind
    try:
        has_keys = read_secret(config, "api_keys") is not None
    except ConfigError:
        has_keys = False  # Told with the credentials.
    try:
        check_bind(config, has_keys=has_keys)
    except ConfigError as error:
        return Finding(name=name, ok=False, found=str(error).replace("\n", "; "))
    found = f"{bind}, with API keys" if has_keys else f"{bind}, reachable from this machine alone, no keys"
    return Finding(name=name, ok=True, found=found)


def _port(config: Config) -> Finding:
    bind = config.http.bind
    try:
        listen(bind).close()
    except PortInUse as error:
        return Finding(name="port", ok=False, found=str(error), remedy="stop that process, or set http.bind")
    except ConfigError as error:
        return Finding(name="port", ok=False, found=str(error), remedy="set http.bind to an address of this machine")
    return Finding(name="port", ok=True, found=f"{bind} is free")


def _prices(config: Config) -> Finding:
    if config.market_source != "candles":
        return Finding(name="prices", ok=True, found="made up, seeded")
    remedy = "name files with the columns symbol, ts (ms), open, high, low, close, volume in market.candles"
    for file in config.market.candles:
        bad = BadRows()
        try:
            chunk = next(iter(read_rows(Path(file), bad)), None)
        except (OSError, ConfigError) as error:
            return Finding(name="prices", ok=False, found=str(error), remedy=remedy)
        if chunk is None or not len(chunk.places):
            first = f": {bad.problems[0]}" if bad.problems else ""
            return Finding(name="prices", ok=False, found=f"{file}: no candles{first}", remedy=remedy)
    return Finding(name="prices", ok=True, found=f"candles of {len(config.market.candles)} files")


def _posts(config: Config) -> Finding:
    if config.telegram.source != "file" or config.telegram.file is None:
        return Finding(name="posts", ok=True, found="made up")
    file = Path(config.telegram.file)
    remedy = "name a file of JSON lines in telegram.file"
    try:
        if file.is_dir():
            return Finding(name="posts", ok=False, found=f"{file} is a directory", remedy=remedy)
        with file.open("rb"):
            return Finding(name="posts", ok=True, found=f"{file} is followed")
    except FileNotFoundError:
        if file.parent.is_dir():
            return Finding(name="posts", ok=True, found=f"{file} is not there yet; it is waited for")
        return Finding(name="posts", ok=False, found=f"{file.parent} is no directory", remedy=remedy)
    except OSError as error:
        return Finding(name="posts", ok=False, found=f"{file}: {error.strerror}", remedy=remedy)


# The one that a start would serve, where nothing is wrong with it.
def _trained(config: Config) -> CompiledClassifier:
    store = ModelStore(config.state_dir / MODELS)
    model, fault = served_of(store, store.state())
    if fault is not None:
        raise ConfigError(fault)
    return model


def _authors(config: Config) -> list[Finding]:
    silent = [str(channel.id) for channel in config.telegram.channels if not channel.authors]
    if not silent:
        return []
    found = f"none for {', '.join(silent)}: a group without authors is observed only, nobody's word counts there"
    return [Finding(name="authors", ok=True, found=found)]


def _model(config: Config) -> Finding:
    try:
        model = classifier_of(config) if config.model.file else _trained(config)
    except ConfigError as error:
        remedy = "unset model.file, or go back to another one: levibotd model rollback"
        return Finding(name="model", ok=False, found=str(error), remedy=remedy)
    return Finding(name="model", ok=True, found=f"SHA-256 {model.sha[:12]}")


def _archive(config: Config, *, offline: bool) -> Finding:
    name, archive = "archive", config.archive
    if archive.endpoint is None:
        return Finding(name=name, ok=True, found="none: the log stands on this disk alone")
    where = f"{archive.bucket} at {archive.endpoint}"
    try:
        secret = read_secret(config, "s3")
        store = store_of(config, {} if secret is None else {"s3": secret}, clock=LoopClock())
        if store is None or offline:
            return Finding(name=name, ok=True, found=f"{where}, not asked")
        promises = anyio.run(_asked, store)
    except ConfigError as error:
        return Finding(name=name, ok=False, found=str(error), remedy="docs/how-to/archive.md sets it up")
    except StoreUnavailable as error:
        return Finding(name=name, ok=False, found=f"{where}: {error}", remedy="is it there, and may we reach it?")
    except StoreRefused as error:
        remedy = "make the bucket" if error.reason == "no_bucket" else "look at the credential s3 and at the clock"
        return Finding(name=name, ok=False, found=f"{where}: {error}", remedy=remedy)
    how = "it checks SHA-256 itself" if promises.checks_sha256 else "everything is read back, it checks no SHA-256"
    return Finding(name=name, ok=True, found=f"{where}; {how}")


def _clock(clock: Clock) -> Finding:
    """Which time it is, and who vouches for that. A post's age and a one-time password hang on it."""
    name, remedy = "clock", "set it, and let a time service keep it: timedatectl set-ntp true"
    now = clock.now()
    read = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    if now < _EARLIEST:
        return Finding(name=name, ok=False, found=f"{read} is before this version was made", remedy=remedy)
    kept = _KEPT_BY_SYSTEMD.exists()
    how = "kept by systemd-timesyncd" if kept else "its offset from true time is not known here; chronyc tracking says"
    return Finding(name=name, ok=True, found=f"{read}; {how}")


async def _asked(store: ObjectStore) -> Promises:
    try:
        return await store.promises()
    finally:
        await store.close()


def _nearest(path: Path) -> Path:
    return next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())


def _mib(size: int) -> str:
    return f"{size / (1 << 20):,.0f} MiB"


def _print(findings: Sequence[Finding], *, as_json: bool, out: TextIO) -> None:
    if as_json:
        told = {"ok": all(finding.ok for finding in findings), "checks": [_object(finding) for finding in findings]}
        print(msgspec.json.encode(told).decode(), file=out)
        return
    for finding in findings:
        remedy = f"\n      {finding.remedy}" if finding.remedy and not finding.ok else ""
        print(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.name}: {finding.found}{remedy}", file=out)


def _object(finding: Finding) -> dict[str, object]:
    return {**msgspec.to_builtins(finding), "remedy": None if finding.ok else finding.remedy}
