"""
The child that makes reports: `python -m levibotd.adapters.report_child`, a job as JSON on standard input.

DuckDB stays in here, out of the daemon's memory. The answer on standard output is one line of JSON about the report
and then the report itself; standard error has one JSON object a line: `progress`, or the `error` that ended it.
"""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import msgspec
from msgspec import Struct

from levibotd.adapters.report_figures import Figures
from levibotd.adapters.report_formats import encoded
from levibotd.adapters.report_sources import Sources, sources_of
from levibotd.errors import ConfigError, Refused, Unavailable
from levibotd.ports.reports import DayPart, Format, Report

MEMORY_MB = 384  # Of DuckDB; beyond it, it works on disk.
DISK_GB = 4
THREADS = 2
NICE = 3  # Enough for the daemon to go first; more, and a busy machine would never get it done.

_ADDRESS_SPACE = 4 << 30  # Far more than it uses: where this is reached, something has gone wild.
_OOM_SCORE = b"800"  # Where memory runs out, this is what can be spared.
_PR_SET_PDEATHSIG = 1
_WEEK_DAYS = 7
_EPOCH = date(1970, 1, 1)


class Job(Struct, frozen=True, kw_only=True):
    """What the parent asks for. `today` is the UTC day now: a day before it is over."""

    root: str
    kind: str
    last: str
    today: str
    format: Format
    scratch: str
    key: str = ""
    timeout_s: int = 60


class Outcome(Struct, frozen=True, kw_only=True):
    """The first line of the answer."""

    first: str
    complete: bool
    through_seq: int


class Failure(Struct, frozen=True, kw_only=True):
    """Why there is no report; `code` tells the parent what to raise."""

    error: str
    code: str


class Step(Struct, frozen=True, kw_only=True):
    """What it is doing."""

    progress: str


def main(jobs: BinaryIO, out: BinaryIO, err: TextIO) -> int:
    """Do one job."""
    job = msgspec.json.decode(jobs.read(), type=Job)
    restrain(job.timeout_s)
    tell = _teller(err)
    try:
        report = _made(job, lambda text: tell(Step(progress=text)))
        body = encoded(report, job.format, scratch=Path(job.scratch))
    except (Refused, ConfigError, Unavailable) as error:
        tell(Failure(error=str(error), code=error.code))
        return 1
    outcome = Outcome(first=report.first, complete=report.complete, through_seq=report.through_seq)
    out.write(msgspec.json.encode(outcome) + b"\n" + body)
    out.flush()
    return 0


def restrain(timeout_s: int) -> None:
    """Take what limits this process may set itself; a service manager may allow only some."""
    signal.alarm(timeout_s)
    with suppress(OSError, AttributeError):  # Who asked is gone: nobody waits any more.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    with suppress(OSError):
        os.nice(NICE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    with suppress(OSError), open("/proc/self/oom_score_adj", "wb", buffering=0) as score:
        score.write(_OOM_SCORE)


def _teller(err: TextIO) -> Callable[[Struct], None]:
    def tell(what: Struct) -> None:
        err.write(msgspec.json.encode(what).decode() + "\n")
        err.flush()

    return tell


def _made(job: Job, progress: Callable[[str], None]) -> Report:
    days = days_of(job.kind, job.last)
    sources = sources_of(Path(job.root), days, key=job.key.encode(), scratch=Path(job.scratch), progress=progress)
    progress("adding up")
    with _translated():
        return report_of(Figures(connect(Path(job.scratch)), sources.paths), job, days, sources)


@contextmanager
def _translated() -> Iterator[None]:
    import duckdb

    try:
        yield
    except duckdb.Error as error:  # Too little memory or disk, and what nobody thought of.
        raise Unavailable(f"DuckDB: {str(error).splitlines()[0]}") from error


def connect(scratch: Path) -> Any:
    """Open a database in memory that asks nobody for anything, and spills into `scratch` alone."""
    import duckdb  # Here: it is heavy, and the parent imports this module for its words.

    connection = duckdb.connect(
        config={
            "memory_limit": f"{MEMORY_MB}MB",
            "threads": str(THREADS),
            "temp_directory": str(scratch),
            "preserve_insertion_order": "false",
            "max_temp_directory_size": f"{DISK_GB}GB",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
    )
    connection.execute("SET enable_progress_bar = false")
    return connection


def days_of(kind: str, last: str) -> tuple[str, ...]:
    """The days of a report, in order; before the first day of the calendar there are none."""
    end = date.fromisoformat(last)
    count = 1 if kind == "daily" else min(_WEEK_DAYS, end.toordinal())
    return tuple((end - timedelta(days=back)).isoformat() for back in reversed(range(count)))


def report_of(figures: Figures, job: Job, days: Sequence[str], sources: Sources) -> Report:
    """Ask for all figures."""
    by_day = {(_EPOCH + timedelta(days=number)).isoformat(): part for number, part in figures.days().items()}
    parts = tuple(
        msgspec.structs.replace(
            by_day.get(day) or DayPart(day=day, has_log=False),
            day=day,
            has_log=day in sources.records,
            records=sources.records.get(day, 0),
        )
        for day in days
    )
    return Report(
        kind=job.kind,
        first=days[0],
        last=days[-1],
        complete=job.today > days[-1] and sources.is_ended and len(sources.records) == len(days),
        through_seq=sources.through_seq,
        records=sum(sources.records.values()),
        **figures.totals(),
        orders=figures.orders(),
        fills=figures.fills(),
        equity=figures.equity(),
        naked=figures.naked(),
        latency=figures.latency(),
        process=figures.process(),
        channels=figures.channels(),
        days=parts,
        best=figures.closed.best(),
        worst=figures.closed.worst(),
        changes=figures.changes(),
    )


if __name__ == "__main__":
    sys.exit(main(sys.stdin.buffer, sys.stdout.buffer, sys.stderr))
