"""The archive of a configuration: its store, its runs, its actor. Without `archive.endpoint` there is none."""

from collections.abc import Callable, Mapping, Sequence

from actors.archiver import ArchiverActor
from levibotd.adapters.closed_segments import LocalSegments
from levibotd.adapters.os_files import OsFiles
from levibotd.adapters.resolver import Resolver
from levibotd.app import restraint
from levibotd.app.memory import Memory
from levibotd.archiving.runs import Pruning, Runs
from levibotd.archiving.steps import ArchiveSetup, LogRolledBack
from levibotd.archiving.watch import Watch
from levibotd.config import Config
from levibotd.domain.archive import ArchiveOutcome
from levibotd.domain.archive_plan import DayState
from levibotd.domain.records import Entry, Error, Record
from levibotd.domain.switches import ROLLBACK_CODE
from levibotd.errors import ConfigError
from levibotd.kernel.clock import Clock
from levibotd.kernel.mailbox import CONFLATE, Box, Ref
from levibotd.kernel.supervisor import ONE_FOR_ONE, Child, Group
from levibotd.messages import Append, ArchiverMessage, LoggerMessage, RunArchive, SegmentClosed
from levibotd.observe.logging import Log as OperatorLog
from levibotd.ports.journal_file import Position, Run
from levibotd.ports.object_store import ObjectStore

COMMIT_S = 30.0
STALL_S = 86_400.0  # A run takes as long as the network lets it; the watchdog must not take that for a standstill.
SPOOL = "archive"  # Below the state directory: compressed copies on their way.


class Archive:
    """
    What the archiver works with, and the group it lives in.

    `logger` takes its records; `position` is the end of what the fold was told.
    """

    def __init__(
        self,
        config: Config,
        *,
        store: ObjectStore,
        memory: Memory,
        logger: Ref[LoggerMessage],
        position: Callable[[], Position],
        clock: Clock,
        log: OperatorLog,
    ) -> None:
        self.watch = Watch()
        self.on_point: Callable[[str], None] = lambda point: None
        self.ref: Ref[ArchiverMessage] = Ref("archiver", Box(32, CONFLATE, key=_path_of))
        self._at = config.archive.at
        self._memory = memory
        self._logger = logger
        self._position = position
        self._clock = clock
        self._log = log
        self._runs = Runs(
            ArchiveSetup(
                segments=LocalSegments(memory.files, spool=OsFiles(memory.state_dir), below=SPOOL),
                store=store,
                book=lambda: memory.state.ledger().archive,
                commit=self._commit,
                clock=clock,
                installation=memory.installation,
                at_point=lambda point: self.on_point(point),
            ),
            pruning=Pruning(
                keep_days=config.archive.keep_days,
                keep_base=lambda: memory.keep_base(self._position()),
                anchor=self._anchor,
                hindered=memory.keeps_log,
                forget=memory.index.forget,
            ),
            on_rollback=self._on_rollback,
            is_accepted=lambda manifest: manifest in memory.state.ledger().control.rollback_accepted,
        )

    def group(self) -> Group:
        """Of its own and not essential: a bug in here must not take the log and the trading with it."""
        child = Child(self.ref, self._make, waits_on=(self._logger,), shutdown_s=2.0, stall_after_s=STALL_S)
        return Group("archive", ONE_FOR_ONE, essential=False, children=(child,))

    async def days(self) -> tuple[DayState, ...]:
        """Every day of the log, here and in the archive."""
        return await self._runs.days()

    async def compare(self) -> None:
        """Raises LogRolledBack when the bucket knows another log than this, and what the store raises."""
        await self._runs.compare()

    async def run(self, *, upload: bool, prune: bool) -> ArchiveOutcome:
        """One run here and now: where there is no actor to do it."""
        return await self._runs.run(upload=upload, prune=prune)

    def take_note(self, runs: Sequence[Run]) -> None:
        """Of what was just written: has a segment come to its end?"""
        for run in runs:
            if run.logged[-1].event_type == "FILE_SEAL":
                self.ref.offer(SegmentClosed(path=run.segment))

    def _make(self) -> ArchiverActor:
        return ArchiverActor(
            runs=self._runs,
            watch=self.watch,
            at=self._at,
            clock=self._clock,
            on_outcome=self._on_outcome,
            on_unreachable=lambda fault: self._log.warning("archive_unreachable", error=fault),
        )

    async def _commit(self, *records: Record) -> None:
        await self._logger.ask(Append(entries=tuple(Entry(record) for record in records)), timeout_s=COMMIT_S)

    def _anchor(self) -> str | None:
        anchor = self._memory.state.ledger().day_anchor
        return None if anchor is None else anchor.day

    async def _on_rollback(self, rolled_back: LogRolledBack) -> None:
        control = self._memory.state.ledger().control
        self._log.error("log_rollback", detail=str(rolled_back), manifest=rolled_back.manifest)
        restraints = restraint.of_rollback(control, rolled_back.manifest)
        if restraints or control.rollback != rolled_back.manifest:
            await self._commit(Error(code=ROLLBACK_CODE, detail=f"{rolled_back.manifest}: {rolled_back}"), *restraints)

    def _on_outcome(self, outcome: ArchiveOutcome) -> None:
        tell = self._log.info if outcome.ok else self._log.error
        tell(
            "archive_run",
            days=list(outcome.days),
            verified=outcome.verified,
            pruned=outcome.pruned,
            unverified_bytes=outcome.unverified_bytes,
            elapsed_s=outcome.elapsed_s,
            failures=list(outcome.failures),
            hindered=outcome.hindered,
        )


def store_of(config: Config, secrets: Mapping[str, str], *, clock: Clock) -> ObjectStore | None:
    """The bucket of a configuration, None where it names none. Raises ConfigError: credential, missing extra."""
    endpoint, bucket = config.archive.endpoint, config.archive.bucket
    if endpoint is None or bucket is None:
        return None
    secret = secrets.get("s3")
    if secret is None:
        raise ConfigError("$.archive.endpoint: needs the credential s3, the access key and the secret key, a line each")
    from levibotd.adapters.s3_object_store import S3ObjectStore, credential_of

    return S3ObjectStore(
        endpoint=endpoint, bucket=bucket, credential=credential_of(secret), resolver=Resolver(clock=clock)
    )


# A segment is one and the same however often it is told of; each wish for a run is another.
def _path_of(message: ArchiverMessage) -> object:
    return message.path if isinstance(message, SegmentClosed) else RunArchive
