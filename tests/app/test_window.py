"""The desk shows what is wired, and tells the story of a trace from the index."""

import io
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from levibotd import __version__
from levibotd.app.memory import Memory
from levibotd.app.paper import paper_venue, recorded_market
from levibotd.app.reload import Reloader
from levibotd.app.tree import Parts, Wired
from levibotd.app.window import Window
from levibotd.domain.masking import Masker
from levibotd.domain.reader import Reader
from levibotd.domain.records import Entry, Record, SignalIngest, SignalRejected
from levibotd.domain.risk import STAGES
from levibotd.domain.signal import Kind, Post, Reading, Scored, TraceId
from levibotd.journal import Preparer, parse
from levibotd.kernel.clock import Clock
from levibotd.kernel.supervisor import ONE_FOR_ONE, Group, System
from levibotd.observe.logging import make_log
from levibotd.observe.metrics import Metrics
from levibotd.observe.notify import Herald, Notifier
from levibotd.ports.event_index import EventQuery
from levibotd.ports.journal_file import Stamped
from levibotd.recording.log import Log
from levibotd.sim.scripted_posts import ScriptedPosts
from tests.scenarios.bench import BTC, T0, classifier, config_of, flat, minutes
from tests.sim.memory_candles import MemoryCandles

POST = Post(channel="@calls", message_id=7, posted_at=T0, text="BTC/USDT LONG")
OTHER = Post(channel="@calls", message_id=8, posted_at=T0, text="Good morning")


class House:
    """A daemon as it is wired over a directory, with nobody at work in it yet."""

    def __init__(self, state_dir: Path, clock: Clock, **settings: str) -> None:
        environ = {f"LEVI_{key.upper().replace('_', '__', 1)}": value for key, value in settings.items()}
        config = config_of({**environ, "LEVI_DAEMON__STATE_DIR": str(state_dir)})
        self.memory = Memory(config, boot="boot", log_key=b"")
        market = recorded_market(config, MemoryCandles({BTC: minutes(*flat(100.0, 2))}))
        self.wired = Wired(
            Parts(
                config=config,
                clock=clock,
                state=self.memory.state,
                log=Log(self.memory.journal, on_commit=self.memory.state.observe),
                preparer=Preparer(masker=Masker()),
                posts=ScriptedPosts((), clock=clock),
                market=market,
                venue=paper_venue(config, market, clock),
                reader=Reader(classifier()),
                installation=self.memory.installation,
            )
        )
        self.decisions: dict[str, int] = {}
        self.reasons: tuple[str, ...] = ()
        self.metrics = Metrics(version="test", routes=())
        log = make_log(io.StringIO(), clock=clock, masker=Masker())
        self.window = Window(
            wired=self.wired,
            memory=self.memory,
            metrics=self.metrics,
            log=log,
            score=self.score,
            decisions=self.decisions,
            readiness=lambda: self.reasons,
        )
        tree = Group("root", ONE_FOR_ONE, children=(self.wired.infra(), self.wired.trading(), self.wired.intake()))
        self.system = System(tree, clock=clock, on_event=lambda event: None, rng=Random(0))
        self.window.system = self.system
        self.window.configuring = Reloader(
            lambda: config,
            rulebook=self.wired.rulebook,
            has_keys=False,
            logger=self.wired.logger,
            herald=Herald(
                Notifier(None), clock=clock, log=log, watchdog_s=None, missing=tuple, stalled=tuple, doing="paper"
            ),
            log=log,
        )

    def score(self, post: Post) -> Scored:
        return Scored(reading=Reading(kind=Kind.CHATTER), label=post.text, probs={post.text: 1.0})

    def write(self, *records: Record, trace: TraceId) -> None:
        """Have this committed, folded and fed to the index, as the logger does it."""
        preparer = Preparer()
        prepared = tuple(preparer.prepare(Entry(record, trace)) for record in records)
        runs = list(self.memory.journal.commit([Stamped(prepared, T0, 1.0)]))
        for run in runs:
            self.memory.state.observe(run.logged)
        self.memory.index.feed(runs)


@asynccontextmanager
async def house(state_dir: Path, clock: Clock, **settings: str) -> AsyncIterator[House]:
    """A house whose index is up to date; closed at the end."""
    made = House(state_dir, clock, **settings)
    try:
        made.memory.index.start()
        await made.memory.index.settled()
        yield made
    finally:
        await made.memory.index.stop()
        made.memory.journal.close()


def ingest(post: Post) -> SignalIngest:
    return SignalIngest(post=post, received_at=post.posted_at, source="file")


def seqs(lines: Sequence[bytes]) -> list[int]:
    return [parse(line).seq for line in lines]


async def test_the_desk_shows_what_is_wired(tmp_path: Path, clock: Clock) -> None:
    async with house(tmp_path, clock) as made:
        desk, wired = made.window.desk(), made.wired

        assert (desk.telegram, desk.risk, desk.exec_, desk.logger) == (
            wired.telegram, wired.risk, wired.exec_, wired.logger,
        )  # fmt: skip
        assert (desk.events, desk.system, desk.metrics) == (made.memory.index, made.system, made.metrics)
        assert (desk.market, desk.clock, desk.config) == (wired.parts.market, clock, wired.parts.config)
        assert desk.policies == tuple(wired.rulebook.policies)
        assert desk.score(POST) == made.score(POST)
        assert desk.version == __version__


async def test_a_desk_goes_on_with_what_is_committed_after_it_was_made(tmp_path: Path, clock: Clock) -> None:
    async with house(tmp_path, clock) as made:
        desk = made.window.desk()
        before = desk.last_seq()
        assert (before, desk.readiness(), dict(desk.decisions())) == (0, (), {})

        made.write(ingest(POST), trace=POST.trace)
        made.reasons, made.decisions["EXPIRED"] = ("a kill switch",), 2

        assert list(desk.view().pending) == [POST.trace]
        assert desk.view().cash == Decimal(10_000)
        assert seqs(await desk.events.lines(EventQuery(newest_first=True, limit=1))) == [desk.last_seq()]
        assert (desk.readiness(), dict(desk.decisions())) == (("a kill switch",), {"EXPIRED": 2})


async def test_every_incarnation_of_the_interface_says_when_the_daemon_began(tmp_path: Path, clock: Clock) -> None:
    async with house(tmp_path, clock) as made:
        began = clock.monotonic()
        first = made.window.desk()
        await clock.sleep(60.0)

        assert first.started_at == made.window.desk().started_at == began


async def test_why_tells_the_story_of_one_trace_and_of_no_other(tmp_path: Path, clock: Clock) -> None:
    async with house(tmp_path, clock) as made:
        desk = made.window.desk()
        made.write(ingest(POST), trace=POST.trace)
        made.write(ingest(OTHER), trace=OTHER.trace)
        made.write(SignalRejected(gate="confidence", value=Decimal("0.61"), limit=0.7), trace=POST.trace)

        story = await desk.why(POST.trace)  # At once: it waits for the index itself.
        assert isinstance(story, dict)
        assert story["post"]["text"] == POST.text
        assert story["gates"] == [{"name": "confidence", "value": "0.61", "limit": 0.7, "passed": False}]
        assert [step["event_type"] for step in story["steps"]] == ["SIGNAL_INGEST", "SIGNAL_REJECTED"]
        assert await desk.why(TraceId("00000000000000aa")) is None


@pytest.mark.parametrize("stage", STAGES[:2])
async def test_no_stage_beyond_the_configured_one_may_be_set(tmp_path: Path, clock: Clock, stage: str) -> None:
    async with house(tmp_path, clock, exchange_stage=stage) as made:
        stages = made.window.desk().stages

        assert stages == STAGES[: len(stages)]
        assert stages[-1] == stage
