"""
SIGHUP: the configuration is read anew, and what may change while the daemon runs is put in force.

The file is looked at as a whole, as for a start: one fault, and all of it is refused and the old
configuration stays. What needs a restart is named and left as it is.
"""

from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from typing import Any

import anyio
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from levibotd.app.rules import Rulebook
from levibotd.config import Config, check_bind, check_supported
from levibotd.domain.records import ConfigUpdate, Entry
from levibotd.errors import ConfigError
from levibotd.kernel import offload
from levibotd.kernel.errors import NotServed
from levibotd.kernel.mailbox import Ref
from levibotd.messages import Append, LoggerMessage
from levibotd.observe.logging import Log
from levibotd.observe.notify import Herald
from levibotd.settings import Settings

LIVE = ("risk", "strategy", "symbols")  # The tables that the rulebook is asked for, call by call.
COMMIT_TIMEOUT_S = 30.0
REFUSED = "the last reload was refused, see the log"


class Change(Struct, frozen=True, kw_only=True):
    """
    What a reload comes to: the configuration that rules then, and what differs.

    `changed` takes effect, `needs_restart` does not.
    """

    config: Config
    changed: tuple[str, ...]
    needs_restart: tuple[str, ...]


class Reloader:
    """
    Rereads the configuration whenever `ask` was called, one reload at a time.

    CONFIG_UPDATE is on disk before the new rules are asked for the first time. A refusal is told to
    the operator and changes nothing, nor how the process will end.
    """

    def __init__(
        self,
        read: Callable[[], Config],
        *,
        rulebook: Rulebook,
        has_keys: bool,
        logger: Ref[LoggerMessage],
        herald: Herald,
        log: Log,
    ) -> None:
        self._read = read
        self._rulebook = rulebook
        self._has_keys = has_keys
        self._logger = logger
        self._herald = herald
        self._log = log
        self._asked = anyio.Event()

    def ask(self) -> None:
        """Reload soon. Any number of wishes before it begins is one."""
        self._asked.set()

    async def run(self) -> None:
        while True:
            await self._asked.wait()
            self._asked = anyio.Event()
            with self._herald.reloading():
                await self._reload()

    async def _reload(self) -> None:
        try:
            change = compare(self._rulebook.config, await offload.call(self._read_whole))
            self._rulebook.check(change.config)
            if change.changed:
                await self._commit(change)
                self._rulebook.adopt(change.config)
        except (ConfigError, OSError, TimeoutError, NotServed) as fault:
            self._herald.note(REFUSED)
            self._log.error("reload_refused", faults=str(fault).splitlines() or [type(fault).__name__])
            return
        self._herald.note(f"needs a restart: {', '.join(change.needs_restart)}" if change.needs_restart else "")
        self._log.info("reloaded", changed=list(change.changed), needs_restart=list(change.needs_restart))

    def _read_whole(self) -> Config:
        config = self._read()
        check_supported(config)
        check_bind(config, has_keys=self._has_keys)
        return config

    async def _commit(self, change: Change) -> None:
        record = ConfigUpdate(sha=sha_of(change.config), changed=change.changed)
        await self._logger.ask(Append(entries=(Entry(record),)), timeout_s=COMMIT_TIMEOUT_S)


def compare(old: Config, new: Config) -> Change:
    """Return what it comes to when `new` is read while `old` rules."""
    differs = sorted(_differing(_tables(old), _tables(new)))
    # An unset key that is now written out with the same value may rank above a policy: that is a change.
    differs = sorted({*differs, *(key for key in {*old.explicit} ^ {*new.explicit} if _is_live(key))})
    explicit = {key for key in old.explicit if not _is_live(key)} | {key for key in new.explicit if _is_live(key)}
    return Change(
        config=replace(old, **{table: getattr(new, table) for table in LIVE}, explicit=tuple(sorted(explicit))),
        changed=tuple(key for key in differs if _is_live(key)),
        needs_restart=tuple(key for key in differs if not _is_live(key)),
    )


def sha_of(config: Config) -> str:
    """Return the name of a configuration: equal settings, equal name."""
    return blake2b(msgspec.json.encode(_tables(config), order="sorted"), digest_size=16).hexdigest()


def _tables(config: Config) -> dict[str, Any]:
    return {name: msgspec.to_builtins(getattr(config, name)) for name in Settings.__struct_fields__}


def _differing(old: Mapping[str, Any], new: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for key in {**old, **new}:
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _differing(before, after, f"{path}{key}.")
        elif before != after:
            yield f"{path}{key}"


def _is_live(key: str) -> bool:
    return key.split(".")[0] in LIVE
