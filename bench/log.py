"""
The event log's rows: what an append costs its caller, what a record costs to encode, and durable appends.

The durable ones write to the disk of the temporary directory, with a real fdatasync; that is the one
place here where time is that of the clock, because waiting for the disk is what is measured.
"""

import asyncio
import json
import os
import queue
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import aiofiles
import msgspec

from actors.logger import LoggerActor
from bench.actors_here import system
from bench.measure import Effort, Figure, Row, at_least, at_most, cpu, in_turns, now, ratio, spread
from bench.post import records_of_a_post
from levibotd.adapters.local_journal import LocalJournal
from levibotd.adapters.os_files import OsFiles
from levibotd.domain.leg_read import LegRead
from levibotd.domain.order_records import OrderAck, OrderFilled
from levibotd.domain.records import Entry, SignalScored
from levibotd.domain.signal import Leg, Side, Symbol, TraceId
from levibotd.journal import Chain, Prepared, Preparer
from levibotd.kernel import offload
from levibotd.kernel.clock import LoopClock
from levibotd.kernel.mailbox import Box, Ref
from levibotd.kernel.supervisor import Child
from levibotd.messages import Append, LoggerMessage
from levibotd.ports.journal_file import Stamped
from levibotd.recording.log import Log
from levibotd.sim.memory_journal import MemoryJournal

WRITERS = 64
TRACE = TraceId("00000000000000aa")
SYMBOL = Symbol("BTCUSDT")
FILL = OrderFilled(
    cid="lvd1abcdefghijklmnopqrstuvwx",
    trade_id="lvd1abcdefghijklmnopqrstuvwx-1",
    side=Side.BUY,
    qty=Decimal("0.0123"),
    price=Decimal("60012.3"),
    fee=Decimal("0.29526"),
    fee_currency="USDT",
    liquidity="taker",
    cum_qty=Decimal("0.0123"),
    at=1_700_000_000.123,
)
SCORED = SignalScored(
    channel="@calls",
    kind="new",
    label="BUY",
    probs={"BUY": 0.91, "SELL": 0.01, "NO-TRADE": 0.08},
    p_call=0.91,
    stale=False,
    legs=(LegRead.of(Leg(symbol="BTC/USDT", side=Side.BUY, entry=(60_000.0,), tps=(61_000.0, 62_000.0), sl=58_900.0)),),
    reasons=("words", "side"),
    revision=0,
    last_price={"BTC/USDT": Decimal("60012.3")},
    markets_as_of="2026-03-01",
    model_sha="0" * 64,
    trained_until=1.7e9,
)
APPEND = Append(
    trace=TRACE, entries=(Entry(OrderAck(cid="lvd1abc", venue_id="v1", status="open", at=1.0), TRACE, SYMBOL),)
)


def append(effort: Effort) -> Sequence[Figure]:
    """What the caller of `tell` pays, in CPU of the loop's thread; the log itself is at work elsewhere."""
    count = min(effort.of(8_000), 8_000)
    costs = in_turns(
        effort,
        {
            "append": lambda: asyncio.run(_tell(count)),
            "hand to a thread": lambda: _put(count),
            "aiofiles": lambda: asyncio.run(_aiofiles(max(count // 20, 1))),
            "to_thread": lambda: asyncio.run(_to_thread(max(count // 20, 1))),
        },
    )
    micro = {name: spread([cost * 1e6 for cost in found]) for name, found in costs.items()}
    return [
        Figure(what="tell one record to the log", spread=micro["append"], unit="µs", gate=at_most(5), aim=at_most(1)),
        Figure(what="put one line on a SimpleQueue", spread=micro["hand to a thread"], unit="µs"),
        Figure(what="aiofiles, one write", spread=micro["aiofiles"], unit="µs"),
        Figure(what="asyncio.to_thread, one write", spread=micro["to_thread"], unit="µs"),
    ]


async def _tell(count: int) -> float:
    async with system([_logger(Log(MemoryJournal(), on_commit=lambda records: None))]) as running:
        ref: Ref[Append] = running.cells["logger"].child.ref
        begun = cpu()
        for _ in range(count):
            await ref.tell(APPEND)
        return (cpu() - begun) / count


def _put(count: int) -> float:
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    begun = cpu()
    for _ in range(count):
        lines.put(b"line")
    return (cpu() - begun) / count


async def _aiofiles(count: int) -> float:
    async with aiofiles.open(os.devnull, "wb") as file:
        begun = now()
        for _ in range(count):
            await file.write(b"line\n")
        return (now() - begun) / count


async def _to_thread(count: int) -> float:
    with open(os.devnull, "wb", buffering=0) as file:  # noqa: ASYNC230
        begun = now()
        for _ in range(count):
            await asyncio.to_thread(file.write, b"line\n")
        return (now() - begun) / count


def encode(effort: Effort) -> Sequence[Figure]:
    """A record to its payload, as the log has it: tidied, checked for secrets, escaped; then its line, chained."""
    sides: dict[str, Callable[[], float]] = {}
    encoders: dict[str, Callable[[Any], Any]] = {"msgspec": msgspec.json.Encoder().encode, "json": json.dumps}
    if find_spec("orjson") is not None:
        encoders["orjson"] = import_module("orjson").dumps
    for name, record in (("fill", FILL), ("score", SCORED)):
        entry, plain = Entry(record, TRACE, SYMBOL), msgspec.to_builtins(record)
        preparer, chain = Preparer(), Chain(boot="0123456789abcdef")
        prepared = preparer.prepare(entry)
        sides[f"{name}: prepare"] = _timed(effort, preparer.prepare, entry)
        sides[f"{name}: chained line"] = _timed(effort, _line_of(chain), prepared)
        for encoder, encode_one in encoders.items():
            sides[f"{name}: {encoder}"] = _timed(effort, encode_one, record if encoder == "msgspec" else plain)
    of_a_post = [logged.entry for logged in records_of_a_post()]
    average = f"a post's {len(of_a_post)} records, on average: prepare"
    preparer = Preparer()
    sides[average] = _timed(effort, lambda entries: [preparer.prepare(entry) for entry in entries], of_a_post)
    costs = in_turns(effort, sides)
    costs[average] = [cost / len(of_a_post) for cost in costs[average]]
    figures = []
    for side, found in costs.items():
        gate = at_most(2) if side.endswith("prepare") else None
        figures.append(Figure(what=side, spread=spread([cost * 1e6 for cost in found]), unit="µs", gate=gate))
    if "orjson" not in encoders:
        figures.append(Figure(what="orjson", absent="not installed (pip install orjson)"))
    return figures


def _timed(effort: Effort, work: Callable[[Any], object], argument: object) -> Callable[[], float]:
    count = effort.of(50_000)

    def run() -> float:
        begun = cpu()
        for _ in range(count):
            work(argument)
        return (cpu() - begun) / count

    return run


def _line_of(chain: Chain) -> Callable[[Prepared], bytes]:
    return lambda prepared: chain.line(prepared, ts=1_700_000_000.123, mono=12.345)


def durable(effort: Effort) -> Sequence[Figure]:
    """64 writers that each wait for the disk before they go on."""
    rounds = effort.of(40)
    costs = in_turns(
        effort,
        {
            "fsync": lambda: _fsync_each(effort.of(300)),
            "bare": lambda: asyncio.run(_grouped(rounds, bare=True)),
            "port": lambda: asyncio.run(_grouped(rounds, bare=False)),
            "actor": lambda: asyncio.run(_through_the_actor(rounds)),
        },
    )
    return [
        Figure(
            what="journal port / a sync for each, speed",
            spread=ratio(costs, "fsync", "port"),
            gate=at_least(10),
        ),
        Figure(what="journal port / bare group commit, speed", spread=ratio(costs, "bare", "port"), aim=at_least(0.8)),
        Figure(what="LoggerActor / a sync for each, speed", spread=ratio(costs, "fsync", "actor"), gate=at_least(5)),
        Figure(what="LoggerActor, appends a second", spread=spread([1 / cost for cost in costs["actor"]]), unit="/s"),
    ]


# One thread, one line, one sync: what a log without groups does.
def _fsync_each(count: int) -> float:
    with _directory() as directory:
        descriptor = os.open(directory / "plain.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        line = b"x" * 400 + b"\n"
        begun = now()
        for _ in range(count):
            os.write(descriptor, line)
            os.fdatasync(descriptor)
        cost = (now() - begun) / count
        os.close(descriptor)
        return cost


# Natural group commit in the kernel's own worker; bare, it writes lines that are there already.
async def _grouped(rounds: int, *, bare: bool) -> float:
    with _directory() as directory:
        journal = LocalJournal(OsFiles(directory), boot="bench", reserve_bytes=4096)
        journal.recover()
        descriptor = os.open(directory / "plain.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        line = b"x" * 400 + b"\n"

        def write(batch: Sequence[tuple[Stamped, asyncio.Future[None]]]) -> None:
            if bare:
                os.write(descriptor, line * len(batch))
                os.fdatasync(descriptor)
            else:
                for _ in journal.commit([stamped for stamped, _ in batch]):
                    pass

        def done(batch: Sequence[tuple[Stamped, asyncio.Future[None]]], _result: None) -> None:
            for _, committed in batch:
                committed.set_result(None)

        def failed(_batch: object, failure: BaseException) -> None:
            raise failure

        worker = offload.Worker("bench", write, on_done=done, on_failed=failed)
        preparer, loop = Preparer(), asyncio.get_running_loop()
        entry = APPEND.entries[0]

        async def writer() -> None:
            for _ in range(rounds):
                stamped = Stamped((preparer.prepare(entry),), 1_700_000_000.123, 12.345)
                committed: asyncio.Future[None] = loop.create_future()
                await worker.put((stamped, committed))
                await committed

        begun = now()
        await asyncio.gather(*(writer() for _ in range(WRITERS)))
        cost = (now() - begun) / (rounds * WRITERS)
        await worker.stop()
        os.close(descriptor)
        journal.close()
        return cost


async def _through_the_actor(rounds: int) -> float:
    with _directory() as directory:
        journal = LocalJournal(OsFiles(directory), boot="bench", reserve_bytes=4096)
        journal.recover()
        async with system([_logger(Log(journal, on_commit=lambda records: None))]) as running:
            ref: Ref[Append] = running.cells["logger"].child.ref

            async def writer() -> None:
                for _ in range(rounds):
                    await ref.ask(APPEND, timeout_s=60.0)

            begun = now()
            await asyncio.gather(*(writer() for _ in range(WRITERS)))
            return (now() - begun) / (rounds * WRITERS)


def _logger(log: Log) -> Child:
    ref: Ref[LoggerMessage] = Ref("logger", Box(8192))

    def make() -> LoggerActor:
        return LoggerActor(
            log=log,
            preparer=Preparer(),
            clock=LoopClock(),
            is_decided=lambda trace: False,
            decision_of=lambda trace: None,
        )

    return Child(ref, make, drain=True)


@contextmanager
def _directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="levibotd-bench-") as name:
        yield Path(name)


ROWS = (
    Row(name="log.append", floor="queue.SimpleQueue.put", measure=append),
    Row(name="log.encode", floor="msgspec, orjson", measure=encode),
    Row(name="log.durable", floor="a bare group commit: write and fdatasync of whatever waits", measure=durable),
)
