"""`log verify`, `log repair`, `log tail` and `why`: what an event log tells by itself, without a daemon."""

import difflib
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import anyio
import msgspec

from levibotd.adapters.journal_check import RepairReport, VerifyReport, repair, verify
from levibotd.adapters.journal_reader import Follower, scan
from levibotd.adapters.journal_segments import is_segment
from levibotd.adapters.os_files import OsFiles
from levibotd.app.progress import Progress
from levibotd.app.story import as_text, story_of
from levibotd.domain.signal import TraceId, trace_id
from levibotd.errors import ConfigError
from levibotd.exit_codes import ExitCode
from levibotd.journal import EVENTS
from levibotd.kernel.clock import LoopClock

POLL_S = 0.25

_BEGINS = {
    "pruned": "what stood before was archived and then deleted here, says the log",
    "restored": "only some days were restored from the archive, says the manifest beside them",
}
_TRACE = re.compile(r"[0-9a-f]{16}")
_NUMBER = re.compile(r"[0-9]{1,16}")
# "channel/737"; files of recorded posts also write "channel-737".
_IN_CHANNEL = re.compile(r"(.+)[/:_-]([0-9]{1,16})")


def verify_log(directory: Path, *, key_file: Path | None, as_json: bool, out: TextIO, err: TextIO) -> int:
    """Hold every record against the chain; 1 when one is not as it was written, or a torn tail stands behind."""
    files, key = log_in(directory), key_in(key_file)
    report = _verified(files, key, err)
    if as_json:
        print(_json({**msgspec.to_builtins(report), "clean": report.is_clean}), file=out)
    else:
        print(f"{directory}: {_verdict(report, directory)}", file=out)
    return ExitCode.OK if report.is_clean else ExitCode.FAILED


def repair_log(directory: Path, *, key_file: Path | None, as_json: bool, out: TextIO, err: TextIO) -> int:
    """Cut off a torn tail and say what the log is now; 1 when there is damage that no repair can heal."""
    files, key = log_in(directory), key_in(key_file)
    done = repair(files, key=key)
    report = _verified(files, key, err)
    if as_json:
        print(_json({**msgspec.to_builtins(done), "verify": report, "clean": report.is_clean}), file=out)
    else:
        print(f"{directory}: {_done(done)}\n{directory}: {_verdict(report, directory)}", file=out)
    return ExitCode.OK if report.is_clean else ExitCode.FAILED


def tail_log(directory: Path, *, follow: bool, event_type: str | None, lines: int, out: TextIO) -> int:
    """Print the last `lines` records as they stand, and with `follow` each further one until interrupted."""
    follower = Follower(_directory(directory), event_type=event_type, last=lines)
    _print_lines(follower, out)
    if follow:
        anyio.run(_follow, follower, out)
    return ExitCode.OK


def why(asked: str, *, logs: Path, as_json: bool, out: TextIO, err: TextIO) -> int:
    """
    Tell the story of a trace, of `channel/message`, or of a message id in every channel that has it.

    With `as_json` each story is one line. 1 when the log knows nothing of it.
    """
    files = log_in(logs)
    told = 0
    for trace in _traces(files, asked):
        story = story_of(scan(files, trace_id=trace))
        if story is None:
            continue
        gap = "\n" if told and not as_json else ""
        print(gap + (_json(story) if as_json else as_text(story)), file=out)
        told += 1
    if not told:
        print(f"levibotd: the log in {logs} knows no trace and no message {asked}", file=err)
    return ExitCode.OK if told else ExitCode.FAILED


def event_type_of(written: str) -> str:
    """Return the event type that is meant. Raises ValueError with what comes near."""
    name = written.upper()
    if name in EVENTS:
        return name
    near = difflib.get_close_matches(name, EVENTS, n=4, cutoff=0.5) or sorted(EVENTS)
    raise ValueError(f"no event type {written!r}; is it {', '.join(near)}?")


async def _follow(follower: Follower, out: TextIO) -> None:
    clock = LoopClock()
    while True:
        await clock.sleep(POLL_S)
        _print_lines(follower, out)


def _print_lines(follower: Follower, out: TextIO) -> None:
    for raw in follower.poll():
        out.write(raw.decode("utf-8", "replace"))
    out.flush()


def _traces(files: OsFiles, asked: str) -> Iterator[TraceId]:
    if _TRACE.fullmatch(asked.lower()) and next(scan(files, trace_id=TraceId(asked.lower())), None) is not None:
        yield TraceId(asked.lower())
        return
    within = _IN_CHANNEL.fullmatch(asked)
    if _NUMBER.fullmatch(asked):
        yield from _posted(files, None, int(asked))
    elif within is not None:
        exact = trace_id(within[1], int(within[2]))
        if next(scan(files, trace_id=exact), None) is not None:
            yield exact
        else:
            yield from _posted(files, _bare(within[1]), int(within[2]))


# A channel's posts were numbered by itself, so several may have the same number.
def _posted(files: OsFiles, channel: str | None, message_id: int) -> Iterator[TraceId]:
    seen: set[str] = set()
    for raw in scan(files, event_type="SIGNAL_INGEST", text=f'"message_id":{message_id}'):
        record: dict[str, Any] = msgspec.json.decode(raw)
        post = record["payload"]["post"]
        if post["message_id"] != message_id or channel not in (None, _bare(post["channel"])):
            continue
        trace = str(record["trace_id"])
        if trace not in seen:
            seen.add(trace)
            yield TraceId(trace)


# People write a channel with "@" or without, and a number without the "tg:" that sources put before it.
def _bare(channel: str) -> str:
    return channel.lower().removeprefix("tg:").removeprefix("@")


def _directory(directory: Path) -> OsFiles:
    if not directory.is_dir():
        code = errno.ENOTDIR if directory.exists() else errno.ENOENT
        raise OSError(code, os.strerror(code), str(directory))
    with os.scandir(directory):  # May it be read at all?
        return OsFiles(directory)


def log_in(directory: Path) -> OsFiles:
    """The files of an event log. Raises OSError where there is none."""
    files = _directory(directory)
    if not any(is_segment(name) for name in files.names()):
        raise OSError(errno.ENOENT, "there is no event log in it", str(directory))
    return files


def key_in(key_file: Path | None) -> bytes:
    """Read the log key, empty without a file. Raises OSError, and ConfigError for what is no key."""
    if key_file is None:
        return b""
    try:
        key = key_file.read_text("utf-8").strip()  # As the daemon reads its secrets.
    except UnicodeDecodeError:
        raise ConfigError(f"{key_file}: not UTF-8 text, so it is no log key") from None
    if not key:
        raise ConfigError(f"{key_file}: empty, so it is no log key")
    return key.encode()


def _verified(files: OsFiles, key: bytes, err: TextIO) -> VerifyReport:
    with Progress(err) as progress:
        progress.show("reading the log")
        return verify(files, key=key, progress=lambda records: progress.show(f"reading the log: {records:,} records"))


def _verdict(report: VerifyReport, directory: Path) -> str:
    said = [f"{report.records} records in {report.segments} segments, last seq {report.last_seq}"]
    if report.begins is not None:
        said.append(f"  begins behind seq {report.begins_behind}: {_BEGINS[report.begins]}")
    if report.keyed_since is None:
        said.append("  chain: not keyed, so it shows damage, but not a forger who wrote it anew")
    else:
        said.append(f"  chain: keyed since seq {report.keyed_since}")
    if report.torn_bytes:
        said.append(
            f"  torn: {report.torn_bytes} bytes behind the last record. While a daemon writes, look again; "
            f"else: levibotd log repair {directory}"
        )
    said.append(f"  DAMAGED at {report.damage}" if report.damage is not None else "  every record is as it was written")
    return "\n".join(said)


def _done(report: RepairReport) -> str:
    if not report.kept_in:
        return "no torn tail, nothing was changed"
    return f"cut off {report.cut_bytes} bytes that made no record; they are kept in {', '.join(report.kept_in)}"


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
