"""`levibotd archive`: the archive without a daemon. What writes to the log needs the log to itself."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random, SystemRandom
from typing import TextIO, TypeVar

import anyio
import msgspec

from actors.logger import LoggerActor
from levibotd.adapters.closed_segments import LocalSegments, Unpacked
from levibotd.adapters.journal_check import verify
from levibotd.adapters.journal_reader import scan
from levibotd.adapters.os_files import OsFiles
from levibotd.app.archive import Archive, store_of
from levibotd.app.memory import Memory, installation_in
from levibotd.app.progress import Progress
from levibotd.archiving.checking import (
    BucketReport,
    check_bucket,
    fetch_file,
    installations,
    manifest_of_day,
    manifest_place,
)
from levibotd.config import Config, read_secret
from levibotd.credentials import SECRET_NAMES
from levibotd.domain.archive import ArchiveManifested, ArchiveOutcome, ManifestFile
from levibotd.domain.masking import Masker
from levibotd.domain.records import Entry, SystemNote
from levibotd.errors import ConfigError
from levibotd.exit_codes import ExitCode
from levibotd.journal import Preparer, decode
from levibotd.kernel.clock import Clock, LoopClock
from levibotd.kernel.mailbox import BLOCK, Box, Ref
from levibotd.kernel.supervisor import Child, Group, System
from levibotd.messages import Append, LoggerMessage
from levibotd.observe.logging import make_log
from levibotd.ports.closed_segments import Measured
from levibotd.ports.journal_file import LockHeld
from levibotd.ports.object_store import ObjectStore, StoreRefused
from levibotd.recording.log import Log

R = TypeVar("R")

STOP_S = 10.0


def run_archive(config: Config, *, upload: bool, as_json: bool, out: TextIO, err: TextIO) -> int:
    """
    One run (without `upload`: pruning alone), with the log to itself; 1 when something of it failed.

    Raises ConfigError without an archive, LockHeld while a daemon writes this log, and what the store raises
    at the first contact.
    """
    secrets = _secrets(config)
    with Progress(err) as progress:

        async def run() -> ArchiveOutcome:
            async with _store(config, secrets) as store, _with_log(config, secrets, store, err, progress) as archive:
                await archive.compare()
                return await archive.run(upload=upload, prune=True)

        outcome = anyio.run(run)
    if as_json:
        print(_json({"ok": outcome.ok, **msgspec.to_builtins(outcome)}), file=out)
    else:
        print(_said(outcome), file=out)
    return ExitCode.OK if outcome.ok else ExitCode.FAILED


def verify_archive(
    config: Config, *, day: str | None, installation: str | None, as_json: bool, out: TextIO, err: TextIO
) -> int:
    """Read back all that was archived, or one day; 1 names every object that is gone or changed."""
    with Progress(err) as progress:

        async def look(store: ObjectStore) -> BucketReport:
            whose = await _whose(store, config, installation)
            return await check_bucket(
                store, whose, known=_known(config), unpack=_look, day=day, on_progress=progress.show
            )

        report = _with_store(config, look)
    if as_json:
        print(_json({"ok": not report.faults, **msgspec.to_builtins(report)}), file=out)
    else:
        said = f"{report.days} days, {report.files} segments, {report.bytes} bytes read back"
        verdict = [f"  FAULT {fault}" for fault in report.faults] or ["  every object is what was archived"]
        print("\n".join([said, *verdict]), file=out)
    return ExitCode.FAILED if report.faults else ExitCode.OK


def restore_day(
    config: Config, *, day: str, into: Path, installation: str | None, as_json: bool, out: TextIO, err: TextIO
) -> int:
    """
    Bring the log of one day back into the directory `into`, and verify what is there then.

    Days may be restored one after the other into the same directory. What is there already is left alone
    when it is the same, and never overwritten.
    """
    files = OsFiles(into)
    with Progress(err) as progress:

        async def fetch(store: ObjectStore) -> int:
            return await _restore(store, await _whose(store, config, installation), day, files, progress.show)

        count = _with_store(config, fetch)
    report = verify(files, key=_secrets(config).get("log_key", "").encode())
    ok = report.damage is None and report.torn_bytes == 0
    if as_json:
        print(_json({"ok": ok, "day": day, "files": count, "verify": report}), file=out)
    else:
        found = "every record is as it was written" if ok else f"DAMAGED at {report.damage}"
        print(f"{into}: {count} segments of {day} restored; {report.records} records in it, {found}", file=out)
    return ExitCode.OK if ok else ExitCode.FAILED


async def _restore(store: ObjectStore, whose: str, day: str, files: OsFiles, on_progress: Callable[[str], None]) -> int:
    _, manifest = await manifest_of_day(store, whose, day)
    here = set(files.names(day))
    for file in manifest.files:
        on_progress(f"restoring {file.path}")
        if file.path in here:
            if _measured(files, file.path) != Measured(size=file.size, sha256=file.sha256):
                raise StoreRefused(f"{file.path}: is there already, and something else", reason="refused")
            continue
        temporary = f"{file.path}.part"
        files.remove(temporary)
        part = files.create(temporary)
        try:
            await fetch_file(store, file, into=Unpacked(part, limit_bytes=file.size))
            part.sync()
        except BaseException:
            files.remove(temporary)
            raise
        finally:
            part.close()
        files.rename(temporary, file.path)
    files.replace(manifest_place(day), manifest.to_bytes())
    return len(manifest.files)


def _measured(files: OsFiles, path: str) -> Measured:
    measuring = LocalSegments(files, spool=files).measure(path)
    while (measured := measuring.step()) is None:
        pass
    return measured


# --- What the commands need -------------------------------------------------------------------


def _secrets(config: Config) -> Mapping[str, str]:
    return {name: secret for name in SECRET_NAMES if (secret := read_secret(config, name)) is not None}


@asynccontextmanager
async def _store(config: Config, secrets: Mapping[str, str]) -> AsyncIterator[ObjectStore]:
    store = store_of(config, secrets, clock=LoopClock())
    if store is None:
        raise ConfigError("$.archive.endpoint: not set, so there is no archive; set it and archive.bucket")
    try:
        yield store
    finally:
        await store.close()


def _with_store(config: Config, do: Callable[[ObjectStore], Awaitable[R]]) -> R:
    async def main() -> R:
        async with _store(config, _secrets(config)) as store:
            return await do(store)

    return anyio.run(main)


# A log with its writer and nothing else of a daemon.
@asynccontextmanager
async def _with_log(
    config: Config, secrets: Mapping[str, str], store: ObjectStore, err: TextIO, progress: Progress
) -> AsyncIterator[Archive]:
    clock: Clock = LoopClock()
    boot = SystemRandom().randbytes(8).hex()
    masker = Masker(secrets.values())
    try:
        memory = Memory(config, boot=boot, log_key=secrets.get("log_key", "").encode())
    except LockHeld as held:
        ask = f"ask it instead: curl -X POST http://{config.http.bind}/archive/run"
        raise LockHeld(f"{held}: a daemon is at work; {ask}") from None
    try:
        log = Log(memory.journal, on_commit=memory.state.observe, on_runs=memory.take_note)
        logger: Ref[LoggerMessage] = Ref("logger", Box(1024, BLOCK))
        archive = Archive(
            config,
            store=store,
            memory=memory,
            logger=logger,
            position=lambda: log.position,
            clock=clock,
            log=make_log(err, clock=clock, masker=masker, level="error"),
        )
        archive.on_point = lambda point: progress.show(f"archive: {point}")

        def make() -> LoggerActor:
            return LoggerActor(
                log=log,
                preparer=Preparer(masker=masker),
                clock=clock,
                is_decided=memory.state.is_decided,
                decision_of=memory.index.decision,
            )

        tree = Group("root", children=(Child(logger, make, drain=True, shutdown_s=STOP_S),))
        system = System(tree, clock=clock, on_event=lambda event: None, rng=Random(boot))
        await system.start()
        memory.index.start()
        try:
            # The segment before is closed by this one, so it can be archived.
            note = Entry(SystemNote(note="archive", detail="by command"))
            await logger.ask(Append(entries=(note,)), timeout_s=STOP_S)
            await memory.damage_before()
            yield archive
        finally:
            await system.stop(STOP_S)
            await memory.index.stop()
            await memory.save(log.position)
    finally:
        memory.journal.close()


async def _whose(store: ObjectStore, config: Config, named: str | None) -> str:
    own = installation_in(config.state_dir)
    if named is not None or own is not None:
        return named or own or ""
    found = await installations(store)
    if len(found) == 1:
        return found[0]
    what = f"this bucket holds {', '.join(found)}; name one" if found else "nothing was archived in this bucket"
    raise ConfigError(f"--installation: {what}")


def _known(config: Config) -> Mapping[str, str]:
    if not config.log_dir.is_dir():
        return {}
    known: dict[str, str] = {}
    for line in scan(OsFiles(config.log_dir), event_type="ARCHIVE_MANIFESTED"):
        record = decode(line).entry.record
        if isinstance(record, ArchiveManifested):
            known[record.day] = record.key
    return known


def _look(file: ManifestFile) -> Unpacked:
    return Unpacked(limit_bytes=file.size)


def _said(outcome: ArchiveOutcome) -> str:
    said = [
        f"{outcome.verified} segments verified in the bucket, {len(outcome.days)} days with a manifest, "
        f"{outcome.pruned} segments pruned; of days that are over, {outcome.unverified_bytes} bytes are here alone"
    ]
    if outcome.hindered is not None:
        said.append(f"  nothing was pruned: {outcome.hindered}")
    return "\n".join([*said, *(f"  FAILED {failure}" for failure in outcome.failures)])


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
