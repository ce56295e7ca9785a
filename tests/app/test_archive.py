"""The archive of a configuration: there or not, and what a rolled-back log comes to."""

import importlib.util
import io
from pathlib import Path

import pytest

from actors.logger import LoggerActor
from levibotd.app.archive import Archive, store_of
from levibotd.app.memory import Memory
from levibotd.archiving.steps import LogRolledBack
from levibotd.config import Config, load
from levibotd.domain.book import ACTIVE, LOG_ROLLBACK, REDUCING
from levibotd.domain.masking import Masker
from levibotd.domain.records import Entry, FileSeal, Logged, RiskState
from levibotd.errors import ConfigError
from levibotd.journal import Preparer
from levibotd.kernel.alone import Alone
from levibotd.kernel.clock import LoopClock
from levibotd.kernel.mailbox import Box, Ref
from levibotd.kernel.supervisor import Child
from levibotd.messages import Append, LoggerMessage
from levibotd.observe.logging import make_log
from levibotd.ports.journal_file import Run
from levibotd.recording.log import Log
from levibotd.sim.memory_object_store import MemoryObjectStore

MANIFEST = "levibot-aa/manifests/2026-10-01/000000000000009-000-x.json"


def configured(tmp_path: Path, **more: str) -> Config:
    return load(environ={"LEVI_DAEMON__STATE_DIR": str(tmp_path / "state"), **more})


WITH_ARCHIVE = {"LEVI_ARCHIVE__ENDPOINT": "http://127.0.0.1:1", "LEVI_ARCHIVE__BUCKET": "levi"}


def test_without_an_endpoint_there_is_no_store(tmp_path: Path) -> None:
    assert store_of(configured(tmp_path), {}, clock=LoopClock()) is None


def test_a_store_needs_its_credential(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="credential s3"):
        store_of(configured(tmp_path, **WITH_ARCHIVE), {}, clock=LoopClock())
    with pytest.raises(ConfigError, match="two lines"):
        store_of(configured(tmp_path, **WITH_ARCHIVE), {"s3": "one"}, clock=LoopClock())


@pytest.mark.skipif(importlib.util.find_spec("aiobotocore") is None, reason="NOT TESTED: pip install 'levibotd[s3]'")
def test_with_its_credential_there_is_one(tmp_path: Path) -> None:
    assert store_of(configured(tmp_path, **WITH_ARCHIVE), {"s3": "access\nsecret"}, clock=LoopClock()) is not None


class Bench:
    def __init__(self, tmp_path: Path) -> None:
        config = configured(tmp_path)
        self.clock = LoopClock()
        self.memory = memory = Memory(config, boot="b", log_key=b"")
        log = Log(memory.journal, on_commit=memory.state.observe)
        self.printed = io.StringIO()
        self.logger: Ref[LoggerMessage] = Ref("logger", Box(16))
        self.actor = Alone(
            LoggerActor(
                log=log,
                preparer=Preparer(),
                clock=self.clock,
                is_decided=memory.state.is_decided,
                decision_of=lambda trace: None,
                in_place=True,
            )
        )
        self.archive = Archive(
            config,
            store=MemoryObjectStore(),
            memory=memory,
            logger=self.logger,
            position=lambda: log.position,
            clock=self.clock,
            log=make_log(self.printed, clock=self.clock, masker=Masker()),
        )

        async def commit(*records: object) -> None:
            await self.actor.tell(Append(entries=tuple(Entry(record) for record in records)))  # type: ignore[arg-type]

        self.archive._commit = commit  # type: ignore[method-assign]


@pytest.mark.fault("G18")
async def test_a_rolled_back_log_reduces_until_a_human_has_re_armed(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    control = bench.memory.state.ledger().control
    try:
        await bench.archive._on_rollback(LogRolledBack("the archive ends with seq 9", manifest=MANIFEST))
        assert (control.risk_state, control.risk_why, control.rollback) == (REDUCING, LOG_ROLLBACK, MANIFEST)
        assert '"event":"log_rollback"' in bench.printed.getvalue()
        before = bench.memory.state.last_seq
        await bench.archive._on_rollback(LogRolledBack("the archive ends with seq 9", manifest=MANIFEST))
        assert bench.memory.state.last_seq == before  # It is known.

        await bench.actor.tell(Append(entries=(Entry(RiskState(state=ACTIVE, why="re-armed", by="human")),)))
        assert bench.archive._runs._is_accepted(MANIFEST)
        await bench.archive._on_rollback(LogRolledBack("again", manifest=MANIFEST))
        assert control.risk_state == ACTIVE
        await bench.archive._on_rollback(LogRolledBack("another", manifest=f"{MANIFEST}2"))
        assert control.risk_state == REDUCING
    finally:
        bench.memory.journal.close()


def test_a_sealed_segment_is_told_and_nothing_else(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.memory.journal.close()
    sealed = Logged(seq=2, ts=0.0, event_type="FILE_SEAL", entry=Entry(FileSeal(count=1, sha256="")))
    other = Logged(seq=1, ts=0.0, event_type="SYSTEM", entry=Entry(FileSeal(count=1, sha256="")))
    for logged in (other, sealed, sealed):
        bench.archive.take_note([Run("day/x.jsonl", 0, [b"."], [logged], 1, "h")])

    assert len(bench.archive.ref) == 1  # The same segment twice is one message.


def test_a_run_of_hours_is_no_standstill_and_a_bug_in_it_no_end_of_trading(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.memory.journal.close()
    group = bench.archive.group()
    (child,) = group.children

    assert isinstance(child, Child)
    assert child.stall_after_s >= 12 * 3600
    assert not group.essential
    assert child.waits_on == (bench.logger,)
