"""What a daemon must not lose: its state directory, its installation's name, its log and the fold over it."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from random import SystemRandom

import anyio
import msgspec
from msgspec.structs import replace

from levibotd import __version__
from levibotd.adapters.disk_watch import DiskLimits
from levibotd.adapters.journal_glance import Glance
from levibotd.adapters.journal_reader import beginning_of
from levibotd.adapters.journal_segments import layout_of
from levibotd.adapters.local_journal import LocalJournal
from levibotd.adapters.os_files import OsFiles
from levibotd.adapters.snapshot_file import Snapshot, SnapshotFile
from levibotd.adapters.sqlite_index import SqliteIndex
from levibotd.admin.feed import Feed
from levibotd.app.committed import CommittedState
from levibotd.config import Config
from levibotd.domain.ledger import Ledger
from levibotd.domain.records import Entry, Record
from levibotd.errors import ConfigError
from levibotd.journal import Preparer
from levibotd.kernel import offload
from levibotd.ports.journal_file import Damage, Position, Recovery, Run, Stamped

# Of the log before the snapshot this much is looked at before the start, and the rest after it, in steps.
GLANCE_BYTES = 32 << 20

# Counts up only when the fold takes a shape that the one before cannot be read as: then a pruned log cannot be started.
BASE_KIND = "ledger base 1"

_INSTALLATION = "installation"
_NAME_LENGTH = 2
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


class Memory:
    """
    The recovered past of this installation.

    Opening it takes the lock of the log. Raises ConfigError for directories that cannot be used and
    for a log of a newer version, LockHeld while another daemon writes.
    """

    def __init__(self, config: Config, *, boot: str, log_key: bytes) -> None:
        self.state_dir = _usable(config.state_dir, "daemon.state_dir")
        self.log_dir = _usable(config.log_dir, "log.dir")
        self.installation = _installation(self.state_dir)
        self.files = OsFiles(self.log_dir)
        self.journal = LocalJournal(self.files, boot=boot, key=log_key, version=__version__, limits=_limits(config))
        self.index = SqliteIndex(self.state_dir / "index.sqlite", self.files)
        self._saving = anyio.Lock()
        self.log_key = log_key
        self._glance: Glance | None = None  # At what the snapshot spared the start to read.
        self._looked_back: Damage | None = None
        state_files = OsFiles(self.state_dir)
        self._snapshots = SnapshotFile(state_files, kind=f"ledger {__version__}")
        self._base = SnapshotFile(state_files, name="base", kind=BASE_KIND)
        try:
            self.state, self.recovery = self._recover(Decimal(config.paper.balance))
            self.feed = Feed(last_seq=self.state.last_seq)
        except BaseException:
            self.journal.close()
            raise

    def take_note(self, runs: Sequence[Run]) -> None:
        """Of what was just written: for those who look it up, and for those who listen."""
        self.index.feed(runs)
        self.feed.publish(runs)

    def write_down(self, records: Sequence[Record], *, ts: float, mono: float) -> None:
        """Commit records before anything runs: what a start changes of what it goes by. Raises LogDeviceDead."""
        if records:
            prepared = tuple(map(Preparer().prepare, map(Entry, records)))
            for run in self.journal.commit((Stamped(prepared, round(ts, 3), round(mono, 6)),)):
                self.state.observe(run.logged)
                self.feed.publish((run,))

    async def save(self, position: Position) -> None:
        """
        Keep the fold, so that the next start reads only what comes after. A start without it only takes longer.

        `position` is the end of what the fold was told, as of this call: the disk is waited for
        elsewhere, and meanwhile both may move on. Raises OSError; then the old snapshot stands.
        """
        state = self.state.copy()
        async with self._saving:
            await offload.call(_save, self._snapshots, position, state)

    async def keep_base(self, position: Position) -> int:
        """
        Keep the fold where it outlives versions, so that what stands before it in the log may go.

        Returns up to which seq it is whole, once it is on disk and was read back. `position` as for `save`.
        """
        state = self.state.copy()
        async with self._saving:
            base = await offload.call(_save, self._base, position, state)
            if await offload.call(self._base.load) != base:
                raise OSError("the state that must outlive the pruned log was not kept as it was written")
        return position.seq

    def keeps_log(self) -> str | None:
        """Why nothing of the log may be deleted now; None when it may."""
        if self.recovery.damage is not None or self._looked_back is not None:
            return "the log is damaged: it is evidence, and stays"
        if self._glance is not None and not self._glance.is_over:
            return "the log is still being looked through for damage"
        return None

    async def damage_before(self) -> Damage | None:
        """The first damage in what the start left unread, off the loop; None when all is as it was written."""
        damage = None
        while damage is None and self._glance is not None and not self._glance.is_over:
            damage = await offload.call(self._glance.look, max_bytes=GLANCE_BYTES)
        self._looked_back = damage
        return damage

    def _recover(self, balance: Decimal) -> tuple[CommittedState, Recovery]:
        kept, since = self._kept(self._snapshots)
        if kept is None:
            kept, since = self._from_base()
        state = kept or CommittedState(Ledger(balance=balance))
        recovery = self.journal.recover(state.observe, since=since)
        state.last_seq = recovery.position.seq
        if since is not None and recovery.damage is None:
            # The state is whole, whatever became of the records that made it; but it must be said.
            self._glance = Glance(self.files, until=since, key=self.log_key)
            recovery = replace(recovery, damage=self._glance.look(max_bytes=GLANCE_BYTES))
        return state, recovery

    # A log that was pruned cannot be folded from its first record on.
    def _from_base(self) -> tuple[CommittedState | None, Position | None]:
        chain = layout_of(self.files, key=self.log_key).chain
        if not chain or chain[0].first_seq == 1:
            return None, None
        begins = beginning_of(self.files, chain)
        kept, since = self._kept(self._base)
        if begins.why is None:
            return kept, since  # Damaged where it says what came before: what was kept then is all there is of it.
        if kept is None or since is None or since.seq < begins.seq:
            raise ConfigError(
                f"{self.log_dir}: this log begins behind seq {begins.seq} ({begins.why}), and what stood before, "
                f"{self.state_dir / 'base'}, is missing or of another version; restore that file from a backup, or "
                "every earlier day: levibotd archive restore"
            )
        return kept, since

    def _kept(self, kept: SnapshotFile) -> tuple[CommittedState | None, Position | None]:
        found = kept.load()
        if found is None or not self.journal.accepts(found.position):
            return None, None
        try:
            return CommittedState.from_bytes(found.state), found.position
        except msgspec.DecodeError:
            return None, None  # Of another version: the log has it all.


# In a thread: for the loop the copy is all there is to do.
def _save(file: SnapshotFile, position: Position, state: CommittedState) -> Snapshot:
    snapshot = Snapshot(position=position, state=state.to_bytes())
    file.save(snapshot)
    return snapshot


def _usable(directory: Path, key: str) -> Path:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = directory / ".probe"
        probe.touch()
        probe.unlink(missing_ok=True)  # Whoever starts at the same moment probes too.
    except OSError as fault:
        raise ConfigError(
            f"$.{key}: cannot write to {directory} ({fault.strerror}); make it writable or name another directory"
        ) from fault
    return directory


def installation_in(state_dir: Path) -> str | None:
    """The name of the installation that this state directory belongs to; None where there is none yet."""
    try:
        name = (state_dir / _INSTALLATION).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        name = ""
    if len(name) != _NAME_LENGTH or not set(name) <= set(_ALPHABET):
        raise ConfigError(
            f"{state_dir / _INSTALLATION}: expected the {_NAME_LENGTH} characters that name this installation; "
            "restore it from a backup"
        )
    return name


# Drawn once: client order ids carry it, so that another installation's orders are told from ours.
def _installation(state_dir: Path) -> str:
    known = installation_in(state_dir)
    if known is not None:
        return known
    chance = SystemRandom()
    drawn = "".join(chance.choice(_ALPHABET) for _ in range(_NAME_LENGTH))
    OsFiles(state_dir).replace(_INSTALLATION, drawn.encode())  # All or nothing, like everything that must last.
    return drawn


def _limits(config: Config) -> DiskLimits:
    log = config.log
    return DiskLimits(
        min_free_bytes=log.min_free_bytes,
        min_free_h=log.min_free_h,
        reduce_free_bytes=log.reduce_free_bytes,
        reduce_free_h=log.reduce_free_h,
    )
