"""`levibotd report`: a day or a week of an event log, without a daemon."""

import errno
import os
from pathlib import Path
from typing import BinaryIO, TextIO

import anyio

from levibotd.adapters.duckdb_reports import DuckDbReports
from levibotd.app.progress import Progress
from levibotd.exit_codes import ExitCode
from levibotd.kernel.clock import LoopClock
from levibotd.ports.reports import Made, ReportQuery

TIMEOUT_S = 3600  # Whoever waits at a terminal can end it.


def report(query: ReportQuery, *, logs: Path, key: bytes, into: Path | None, out: BinaryIO, err: TextIO) -> int:
    """
    Write the report to the file `into`, None: to `out`.

    Raises OSError for a directory that is not there, and what `Reports.make` raises.
    """
    if not logs.is_dir():
        code = errno.ENOTDIR if logs.exists() else errno.ENOENT
        raise OSError(code, os.strerror(code), str(logs))
    with Progress(err) as progress:

        async def make() -> Made:
            reports = DuckDbReports(logs, clock=LoopClock(), key=key, timeout_s=TIMEOUT_S)
            return await reports.make(query, on_progress=progress.show)

        made = anyio.run(make)
    if into is None:
        out.write(made.body if made.format == "parquet" else made.body.rstrip(b"\r\n") + b"\n")
        out.flush()
    else:
        into.write_bytes(made.body)
    if not made.complete:
        print(f"levibotd: not complete: {made.first} to {made.last} as far as seq {made.through_seq}", file=err)
    return ExitCode.OK
