"""`log verify` and `log repair`: is the log as it was written, and what can be healed?"""

from collections.abc import Callable

from msgspec import Struct

from levibotd.adapters.journal_reader import Walk
from levibotd.adapters.journal_segments import LOCK
from levibotd.adapters.local_journal import cut_off
from levibotd.ports.files import Files
from levibotd.ports.journal_file import Damage

_REPORT_EVERY = 10_000


class VerifyReport(Struct, frozen=True, kw_only=True):
    """
    What a whole log turned out to be.

    `keyed_since` is the seq from which on the chain is keyed, None where it is not: then it shows
    damage, not malice. `torn_bytes` stand behind the last record: of a write that is just going
    on, or that a crash cut short. `begins_behind` is the seq up to which the log is not here, and
    `begins` why that is no damage: `pruned` or `restored`.
    """

    records: int
    segments: int
    last_seq: int
    last_hash: str
    keyed_since: int | None = None
    damage: Damage | None = None
    torn_bytes: int = 0
    begins_behind: int = 0
    begins: str | None = None

    @property
    def is_clean(self) -> bool:
        return self.damage is None and self.torn_bytes == 0


class RepairReport(Struct, frozen=True, kw_only=True):
    """What was cut off, and in which files its bytes are kept. Empty when there was nothing to do."""

    cut_bytes: int = 0
    kept_in: tuple[str, ...] = ()


def verify(files: Files, *, key: bytes = b"", progress: Callable[[int], None] | None = None) -> VerifyReport:
    """
    Read the whole log and hold every record against the chain. Changes nothing, needs no lock.

    `progress` hears the number of records read. Raises ConfigError for a newer schema and for a
    keyed log without its key.
    """
    walk = Walk(files, key=key, seals=True)
    records = 0
    damage: Damage | None = None
    for step in walk:
        records += step.line is not None
        damage = damage or step.damage
        if progress is not None and records % _REPORT_EVERY == 0:
            progress(records)
    return VerifyReport(
        records=records,
        segments=walk.segments,
        last_seq=walk.position.seq,
        last_hash=walk.position.hash,
        keyed_since=walk.keyed_since,
        damage=damage,
        torn_bytes=sum(torn.size for torn in walk.torn),
        begins_behind=walk.begins.seq,
        begins=walk.begins.why,
    )


def repair(files: Files, *, key: bytes = b"") -> RepairReport:
    """
    Cut a torn tail off the last segment; its bytes are kept in a `.torn` file. Damage elsewhere stays.

    Raises LockHeld while a daemon writes this log.
    """
    lock = files.lock(LOCK, owner="repair")
    try:
        walk = Walk(files, key=key)
        for _ in walk:
            pass
        kept = tuple(cut_off(files, torn) for torn in walk.torn)
        return RepairReport(cut_bytes=sum(torn.size for torn in walk.torn), kept_in=kept)
    finally:
        lock.close()
