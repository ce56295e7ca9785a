"""
Reports by DuckDB, in a child process.

Importing DuckDB costs a fifth of a gibibyte, and a day may be a gibibyte of log: neither belongs into the daemon. The
child is bounded in memory, time and threads and yields to everybody else; there is one at a time.
"""

import asyncio
import shutil
import sys
import tempfile
from collections import OrderedDict
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import anyio
import msgspec

from levibotd.adapters.report_child import Failure, Job, Outcome, Step
from levibotd.adapters.report_sources import last_day
from levibotd.domain.risk import day_of
from levibotd.errors import ConfigError, Unavailable
from levibotd.kernel import offload
from levibotd.kernel.clock import Clock
from levibotd.kernel.errors import MailboxFull
from levibotd.ports.reports import LogDamaged, Made, NoLog, ReportQuery

CHILD = "levibotd.adapters.report_child"
TIMEOUT_S = 60
WAITING_MAX = 4  # Beside the one that is made.
KEPT_MAX = 32
KEPT_BYTES_MAX = 8 << 20

_NEEDS = "duckdb"
_SAID_MAX = 2000  # Of what a child says that broke: its end.


class DuckDbReports:
    """
    Reports over the log in `root`.

    Those of days that are over are kept: as many as `KEPT_MAX`, the least wanted go first.
    """

    def __init__(
        self, root: Path, *, clock: Clock, key: bytes = b"", timeout_s: int = TIMEOUT_S, child: str = CHILD
    ) -> None:
        self._root = root
        self._clock = clock
        self._key = key
        self._timeout_s = timeout_s
        self._child = child
        self._turn = anyio.Lock()
        self._waiting = 0
        self._kept: OrderedDict[ReportQuery, Made] = OrderedDict()

    async def make(self, query: ReportQuery, *, on_progress: Callable[[str], None] = lambda text: None) -> Made:
        """See `ports.reports.Reports`."""
        if find_spec(_NEEDS) is None:
            raise ConfigError(f"reports need {_NEEDS}, which is not installed: pip install 'levibotd[reports]'")
        if query.last is None:
            query = msgspec.structs.replace(query, last=await self._last_day())
        if (made := self._again(query)) is not None:
            return made
        if self._waiting > WAITING_MAX:
            raise MailboxFull("reports")
        self._waiting += 1
        try:
            async with self._turn:
                return self._again(query) or self._keep(query, await self._made(query, on_progress))
        finally:
            self._waiting -= 1

    async def _last_day(self) -> str:
        try:
            day = await offload.call(last_day, self._root)
        except FileNotFoundError:
            day = None
        if day is None:
            raise NoLog("there is no event log yet", reason="no_log")
        return day

    def _again(self, query: ReportQuery) -> Made | None:
        made = self._kept.get(query)
        if made is not None:
            self._kept.move_to_end(query)
        return made

    def _keep(self, query: ReportQuery, made: Made) -> Made:
        if made.complete:
            self._kept[query] = made
            while len(self._kept) > KEPT_MAX or sum(len(each.body) for each in self._kept.values()) > KEPT_BYTES_MAX:
                self._kept.popitem(last=False)
        return made

    async def _made(self, query: ReportQuery, on_progress: Callable[[str], None]) -> Made:
        scratch = await offload.call(tempfile.mkdtemp, prefix="levibotd-report-")
        try:
            assert query.last is not None
            job = Job(
                root=str(self._root),
                kind=query.kind,
                last=query.last,
                today=day_of(self._clock.time()),
                format=query.format,
                scratch=scratch,
                key=self._key.decode(),
                timeout_s=self._timeout_s + 1,  # The child's own alarm, for when nobody is left to end it.
            )
            outcome, body = await self._answer(job, on_progress)
            return Made(
                body=body, format=query.format, first=outcome.first, last=query.last, complete=outcome.complete,
                through_seq=outcome.through_seq,
            )  # fmt: skip
        finally:
            with anyio.CancelScope(shield=True):
                await offload.call(shutil.rmtree, scratch, ignore_errors=True)

    async def _answer(self, job: Job, on_progress: Callable[[str], None]) -> tuple[Outcome, bytes]:
        # A session of its own: what a terminal tells its process group, the daemon tells its child.
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", self._child,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        try:
            with anyio.fail_after(self._timeout_s):
                said, printed = await _talk(child, msgspec.json.encode(job), on_progress)
        except TimeoutError:
            raise Unavailable(f"the report took longer than {self._timeout_s} s") from None
        finally:
            with anyio.CancelScope(shield=True):
                await _end(child)
        if child.returncode != 0:
            raise _failure(said, child.returncode)
        head, _, body = printed.partition(b"\n")
        return msgspec.json.decode(head, type=Outcome), body


async def _talk(
    child: asyncio.subprocess.Process, job: bytes, on_progress: Callable[[str], None]
) -> tuple[list[bytes], bytes]:
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    said: list[bytes] = []
    printed: list[bytes] = []
    stderr, stdout = child.stderr, child.stdout

    async def listen() -> None:
        async for line in stderr:
            step = _step(line)
            if step is not None:
                on_progress(step)
            else:
                said.append(line)

    async def read() -> None:
        printed.append(await stdout.read())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        tasks.start_soon(read)
        try:
            child.stdin.write(job)
            await child.stdin.drain()
            child.stdin.close()
        except ConnectionError:
            pass  # It is gone already; what it said tells why.
    await child.wait()
    return said, b"".join(printed)


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        try:
            child.kill()
        except ProcessLookupError:
            return
        await child.wait()


def _step(line: bytes) -> str | None:
    try:
        return msgspec.json.decode(line, type=Step).progress
    except msgspec.DecodeError:
        return None


def _failure(said: list[bytes], code: int | None) -> Exception:
    for line in said:
        try:
            failure = msgspec.json.decode(line, type=Failure)
        except msgspec.DecodeError:
            continue
        match failure.code:
            case NoLog.code:
                return NoLog(failure.error, reason="no_log")
            case LogDamaged.code:
                return LogDamaged(failure.error, reason="log_damage")
            case ConfigError.code:
                return ConfigError(failure.error)
            case _:
                return Unavailable(failure.error)
    words = b"".join(said)[-_SAID_MAX:].decode("utf-8", "replace").strip()
    return Unavailable(f"the report's process ended with {code}: {words.splitlines()[-1] if words else 'no word'}")
