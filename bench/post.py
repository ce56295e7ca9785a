"""
One post from its text to the paper fill, CPU: what the actors add to the same work done in one coroutine.

Once on the real loop, where neither side may block it: the daemon's log writes in its own thread, the
coroutine awaits a thread for each commit. And once on virtual time, where both write in place.
"""

import asyncio
import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from random import Random

from bench.bare import Bare
from bench.between import QueuesBetween
from bench.measure import Effort, Figure, Row, at_most, one, spread
from levibotd.adapters.compiled_classifier import load_classifier
from levibotd.adapters.local_journal import LocalJournal
from levibotd.app.committed import CommittedState
from levibotd.app.paper import paper_venue, recorded_market
from levibotd.app.tree import Parts, Wired
from levibotd.config import load
from levibotd.domain.ledger import Ledger
from levibotd.domain.reader import Reader
from levibotd.domain.records import Logged
from levibotd.domain.signal import Post, Symbol
from levibotd.journal import EVENTS, Durability, Preparer
from levibotd.kernel.clock import Clock, LoopClock
from levibotd.kernel.supervisor import ONE_FOR_ONE, Group, System
from levibotd.kernel.virtual_time import is_virtual, run_virtual
from levibotd.ports.market import Bar
from levibotd.ports.posts import Posted
from levibotd.recording.log import Log
from levibotd.sim.faulty_files import FaultyFiles
from levibotd.sim.scripted_posts import ScriptedPosts
from tests.sim.memory_candles import MemoryCandles

BAR_AT = 1_700_000_100.0  # The bar at whose open the entry fills.
POSTED_AT = BAR_AT - 0.2  # Real seconds on the real loop: room for a busy machine. Nothing runs while they pass.
OVER_AT = BAR_AT + 0.3
MINUTE_S = 60.0
POSTS = 8  # On the real loop a life takes half a second;
POSTS_IN_PLACE = 48  # in place, a hundredth.
BARE = "bare"
PIPELINE = "pipeline"
FLOOR = "six hops and a question a durable record"
TEXT = "#BTCUSDT LONG\nEntry: 60000 - 60200\nTargets: 61000 62000 63500\nStop loss: 58900\nLeverage 5x"
SETTINGS = {"LEVI_RISK__MIN_VOLUME_24H": "0", "LEVI_PAPER__LATENCY_MS": "0", "LEVI_STRATEGY__CONFIDENCE_MIN": "0"}

cpu = time.process_time  # The writer's thread counts too.

Life = Callable[[Clock], Awaitable[None]]


class Shop:
    """What all lives share: whatever is made once a process. One post a life, so that all meet the same empty book."""

    def __init__(self) -> None:
        self.config = load(environ=SETTINGS)
        self.classifier = load_classifier()
        self.preparer = Preparer()
        bars = [
            Bar(BAR_AT + MINUTE_S * number, 60_100.0, 60_150.0, 60_050.0, 60_100.0, 100.0, MINUTE_S)
            for number in range(-300, 3)
        ]
        self.market = recorded_market(self.config, MemoryCandles({Symbol("BTCUSDT"): bars}))

    def parts(self, clock: Clock, records: list[Logged]) -> tuple[Parts, LocalJournal, ScriptedPosts]:
        journal = LocalJournal(FaultyFiles(), boot="bench", sync=False)
        state = CommittedState(Ledger(balance=Decimal(10_000)))
        journal.recover(state.observe)
        state.watch(records.extend)
        posts = ScriptedPosts(clock=clock)
        parts = Parts(
            config=self.config,
            clock=clock,
            state=state,
            log=Log(journal, on_commit=state.observe),
            preparer=self.preparer,
            posts=posts,
            market=self.market,
            venue=paper_venue(self.config, self.market, clock),
            reader=Reader(self.classifier),
            installation="aa",
            in_place=is_virtual(asyncio.get_running_loop()),  # As a replay has it.
        )
        return parts, journal, posts


class Sample:
    """One post on one side: the CPU it took, and what it wrote."""

    def __init__(self) -> None:
        self.cost = 0.0
        self.records: list[Logged] = []
        self._begun = 0.0

    def begin(self) -> None:
        self.records.clear()
        self._begun = cpu()

    def end(self) -> None:
        self.cost = cpu() - self._begun

    @property
    def durable(self) -> int:
        return sum(EVENTS[logged.event_type].durability is Durability.D for logged in self.records)

    @property
    def types(self) -> list[str]:
        return sorted(logged.event_type for logged in self.records)


def records_of_a_post() -> list[Logged]:
    """Everything that one post writes, from its text to its fill."""
    return list(_bare(Shop(), _virtually).records)


def measure(effort: Effort) -> Sequence[Figure]:
    shop = Shop()
    in_place = _added(effort, shop, _virtually, POSTS_IN_PLACE, "in place, on virtual time")
    return [*_added(effort, shop, _really, POSTS, "with the writer's thread"), *in_place]


def _added(effort: Effort, shop: Shop, run: Callable[[Life], None], posts: int, where: str) -> list[Figure]:
    sample, bare = _pipeline(shop, run), _bare(shop, run)
    if sample.types != bare.types or "ORDER_FILLED" not in bare.types:
        raise AssertionError(f"both sides must write the same: {sample.types} {bare.types}")
    lives = {
        BARE: lambda: _bare(shop, run).cost,
        PIPELINE: lambda: _pipeline(shop, run).cost,
        FLOOR: lambda: _floor(shop, run),
    }
    turns = [_turn(lives, effort.of(posts)) for _ in range(effort.turns)]
    added = [(turn[PIPELINE] - turn[BARE]) / turn[FLOOR] for turn in turns]
    return [
        Figure(
            what=f"(pipeline - bare) / (six hops + {sample.durable} asks), {where}",
            spread=spread(added),
            gate=at_most(1.5),
            aim=at_most(1.0),
        ),
        Figure(what=f"pipeline / bare, {where}", spread=spread([turn[PIPELINE] / turn[BARE] for turn in turns])),
        Figure(
            what=f"six hops + {sample.durable} asks, {where}",
            spread=spread([turn[FLOOR] * 1e6 for turn in turns]),
            unit="µs",
        ),
        Figure(what=f"records of the post, {where}", spread=one(len(sample.records)), unit=""),
    ]


# Life by life in turns, for what is looked for is the small difference of two large sums.
def _turn(lives: Mapping[str, Callable[[], float]], count: int) -> dict[str, float]:
    costs: dict[str, list[float]] = {name: [] for name in lives}
    gc.collect()
    for number in range(count):
        for name in list(lives)[:: 1 if number % 2 else -1]:
            costs[name].append(lives[name]())
    return {name: statistics.median(found) for name, found in costs.items()}


def _pipeline(shop: Shop, run: Callable[[Life], None]) -> Sample:
    sample = Sample()

    async def life(clock: Clock) -> None:
        parts, _, posts = shop.parts(clock, sample.records)
        wired = Wired(parts)
        tree = Group("root", ONE_FOR_ONE, children=(wired.infra(), wired.trading(), wired.intake()))
        system = System(tree, clock=clock, on_event=lambda event: None, rng=Random(1))
        await system.start()
        await clock.sleep_until(POSTED_AT)
        sample.begin()
        posts.say(_posted())
        await clock.sleep_until(OVER_AT)
        sample.end()
        written = list(sample.records)
        await system.stop()
        sample.records = written

    run(life)
    return sample


def _bare(shop: Shop, run: Callable[[Life], None]) -> Sample:
    sample = Sample()

    async def life(clock: Clock) -> None:
        parts, journal, _ = shop.parts(clock, sample.records)
        bare = Bare(parts, journal)
        await bare.begin()
        await clock.sleep_until(POSTED_AT)
        sample.begin()
        await bare.fill(_posted(), until=lambda: _is_open(sample.records))
        sample.end()

    run(life)
    return sample


# What six hops and a question for each durable record take between the work of a post.
def _floor(shop: Shop, run: Callable[[Life], None]) -> float:
    sample = Sample()

    async def life(clock: Clock) -> None:
        parts, journal, _ = shop.parts(clock, sample.records)
        bare = Bare(parts, journal)
        bare.log.between = between = QueuesBetween()
        await between.open()
        await bare.begin()
        await clock.sleep_until(POSTED_AT)
        sample.begin()
        between.cost_s, between.asked = 0.0, 0
        await bare.fill(_posted(), until=lambda: _is_open(sample.records))
        sample.cost = between.cost_s
        await between.close()
        if between.asked != sample.durable:
            raise AssertionError(f"{between.asked} questions for {sample.durable} durable records")

    run(life)
    return sample.cost


def _virtually(life: Life) -> None:
    run_virtual(life, start=POSTED_AT - 1.0)


def _really(life: Life) -> None:
    ahead = POSTED_AT - 0.03 - time.time()

    async def main() -> None:
        await life(LoopClock(wall=lambda: time.time() + ahead))

    asyncio.run(main())


# Filled, and what that leads to at once: a position with its stop and its targets.
def _is_open(records: Sequence[Logged]) -> bool:
    return any(logged.event_type == "POSITION_OPENED" for logged in records)


def _posted() -> Posted:
    post = Post(channel="@calls", message_id=7, posted_at=POSTED_AT, text=TEXT)
    return Posted(post=post, received_at=POSTED_AT)


ROWS = (Row(name="post.to-fill", floor="the same functions and records in one coroutine", measure=measure),)
