"""
The configuration changes while the daemon runs: it is read anew, or keys of `[risk]` are put over it.

What is read is looked at as a whole, as for a start: one fault, and all of it is refused and the old
configuration stays. What needs a restart is named and left as it is. What is put over the file lies
in the log, so it survives a restart, and a later reload does not take it away.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import anyio
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from levibotd.app.loosening import loosened
from levibotd.app.rules import Rulebook
from levibotd.config import Config, with_risk
from levibotd.config_checks import check_usable
from levibotd.domain.records import ConfigUpdate, Entry
from levibotd.domain.risk import needs_second_factor
from levibotd.errors import ConfigError
from levibotd.kernel import offload
from levibotd.kernel.errors import NotServed
from levibotd.kernel.mailbox import Ref
from levibotd.messages import Append, LoggerMessage
from levibotd.observe.logging import Log
from levibotd.observe.notify import Herald
from levibotd.settings import Settings

LIVE = ("risk", "strategy", "symbols", "features")  # The tables that the rulebook is asked for, call by call.
COMMIT_TIMEOUT_S = 30.0
REFUSED = "the last reload was refused, see the log"
SIGHUP = "sighup"

Over = Mapping[str, str | int | float]


class Change(Struct, frozen=True, kw_only=True):
    """
    What a change comes to: the file that rules then, what lies over it, and what differs.

    `changed` takes effect, and `loosened` of it allow more than before. `needs_restart` does not, nor does `hidden`
    as long as what lies over the file says otherwise.
    """

    config: Config
    changed: tuple[str, ...]
    needs_restart: tuple[str, ...] = ()
    loosened: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    over: Over = {}


class Reloader:
    """
    Rereads the configuration whenever it is asked to, and puts keys over it; one change at a time.

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
        self._one_at_a_time = anyio.Lock()

    def ask(self) -> None:
        """Reload soon. Any number of wishes before it begins is one."""
        self._asked.set()

    async def run(self) -> None:
        while True:
            await self._asked.wait()
            self._asked = anyio.Event()
            try:
                await self.reload(by=SIGHUP)
            except (ConfigError, TimeoutError, NotServed):
                continue  # Told already; whoever sent a signal hears no answer.

    async def reload(self, *, by: str) -> Change:
        """
        Read the configuration and put in force what may change.

        Raises ConfigError with every fault, TimeoutError and NotServed; then nothing has changed.
        """
        async with self._one_at_a_time:
            with self._herald.reloading():
                try:
                    change = self._considered(await offload.call(self._read_whole))
                    await self._put_in_force(change, by=by)
                except (ConfigError, TimeoutError, NotServed) as fault:
                    self._herald.note(REFUSED)
                    self._log.error("reload_refused", faults=str(fault).splitlines() or [type(fault).__name__], by=by)
                    raise
                self._herald.note(f"needs a restart: {', '.join(change.needs_restart)}" if change.needs_restart else "")
                self._log.info(
                    "reloaded", changed=list(change.changed), needs_restart=list(change.needs_restart), by=by
                )
                return change

    async def override(
        self,
        risk: Mapping[str, object],
        *,
        by: str,
        reason: str,
        permit: Callable[[tuple[str, ...]], Awaitable[None]],
    ) -> Change:
        """
        Put keys of `[risk]` over the file; None takes one away again.

        `permit` is asked about what it loosens, and stops it by raising. Raises ConfigError with every fault,
        TimeoutError and NotServed; then nothing has changed.
        """
        async with self._one_at_a_time:
            change = self._overridden(risk)
            if change.loosened:
                await permit(change.loosened)
            if dict(change.over) != self._rulebook.ledger().control.risk_over:
                await self._commit(change, by=by, reason=reason, over=change.over)
                self._rulebook.adopt(change.config)
                self._log.info("config_overridden", changed=list(change.changed), by=by)
            return change

    def _considered(self, read: Config) -> Change:
        change = compare(self._rulebook.file, read)
        new, old = self._rulebook.overlaid(change.config), self._rulebook.config
        self._rulebook.check(new)
        looser = self._loosened(new, old)
        if looser and needs_second_factor(self._rulebook.stage):
            keys = (f"$.{key}: allows more than now, which from stage ask up no reload may do" for key in looser)
            raise ConfigError("\n".join(keys))
        over = {f"risk.{key}" for key in self._rulebook.ledger().control.risk_over}
        hidden = tuple(key for key in change.changed if key in over)
        changed = tuple(key for key in change.changed if key not in over)
        return replace(change, changed=changed, loosened=looser, hidden=hidden)

    def _overridden(self, risk: Mapping[str, object]) -> Change:
        over = {**self._rulebook.ledger().control.risk_over}
        for key in [key for key, value in risk.items() if value is None]:
            over.pop(key, None)
        file, wanted = self._rulebook.file, {key: value for key, value in risk.items() if value is not None}
        made = with_risk(file, {**over, **wanted, **dict.fromkeys(_unknown(risk))})
        over |= {key: msgspec.to_builtins(getattr(made.risk, key)) for key in wanted}
        new, old = with_risk(file, over), self._rulebook.config
        self._rulebook.check(new)
        return Change(config=file, changed=compare(old, new).changed, loosened=self._loosened(new, old), over=over)

    def _loosened(self, new: Config, old: Config) -> tuple[str, ...]:
        ledger = self._rulebook.ledger()
        # What is open counts as it was paid for: shares of equity need a round figure, not the last tick.
        return loosened(new, old, policy=ledger.control.policy, equity=max(ledger.equity({}), Decimal(0)))

    async def _put_in_force(self, change: Change, *, by: str) -> None:
        if change.changed or change.hidden:
            await self._commit(change, by=by)
            self._rulebook.adopt(change.config)

    def _read_whole(self) -> Config:
        try:
            config = self._read()
        except OSError as fault:
            raise ConfigError(f"the configuration cannot be read: {fault.strerror or type(fault).__name__}") from fault
        check_usable(config, has_keys=self._has_keys)
        return config

    async def _commit(self, change: Change, *, by: str, reason: str = "", over: Over | None = None) -> None:
        ruling = with_risk(change.config, self._rulebook.ledger().control.risk_over if over is None else over)
        record = ConfigUpdate(sha=sha_of(ruling), changed=change.changed, risk=over, by=by, reason=reason)
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


def _unknown(risk: Mapping[str, object]) -> Iterator[str]:
    known = {field.name for field in msgspec.structs.fields(type(Settings().risk))}
    return (key for key in risk if key not in known)


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
