"""One post from its text to the paper fill, CPU: what the actors add to the same work done in one coroutine."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from random import Random

from actors.logger import Log
from bench.bare import Bare
from bench.contenders import Queues
from bench.measure import Effort, Figure, Row, at_most, cpu, in_turns, one, spread
from levibotd.adapters.compiled_classifier import load_classifier
from levibotd.adapters.local_journal import LocalJournal
from levibotd.app.committed import CommittedState
from levibotd.app.paper import paper_venue, recorded_market
from levibotd.app.tree import Parts, Wired
from levibotd.config import load
from levibotd.domain.ledger import Ledger
from levibotd.domain.records import Logged
from levibotd.domain.signal import Post, Symbol
from levibotd.journal import Preparer
from levibotd.kernel.clock import Clock
from levibotd.kernel.supervisor import ONE_FOR_ONE, Group, System
from levibotd.kernel.virtual_time import run_virtual
from levibotd.ports.market import Bar
from levibotd.ports.posts import Posted
from levibotd.sim.faulty_files import FaultyFiles
from levibotd.sim.scripted_posts import ScriptedPosts
from tests.sim.memory_candles import MemoryCandles

T0 = 1_700_000_040.0  # A whole minute.
POSTED_AT = T0 + 55.0
MINUTE_S = 60.0
POSTS = 12
BARE = "bare"
PIPELINE = "pipeline"
HOPS = "six queue hops"
ASK = "one ask"
TEXT = "#BTCUSDT LONG\nEntry: 60000 - 60200\nTargets: 61000 62000 63500\nStop loss: 58900\nLeverage 5x"

# One post a life: so every one of them meets the same empty book, and no bar ends while it is on its way.
SETTINGS = {"LEVI_RISK__MIN_VOLUME_24H": "0", "LEVI_PAPER__LATENCY_MS": "0", "LEVI_STRATEGY__CONFIDENCE_MIN": "0"}


class Shop:
    """What all lives share: whatever is made once a process."""

    def __init__(self) -> None:
        self.config = load(environ=SETTINGS)
        self.classifier = load_classifier()
        self.preparer = Preparer()
        before = Bar(T0 - 7200.0, 60_100.0, 60_100.0, 60_100.0, 60_100.0, 1e6, MINUTE_S)
        bars = [
            Bar(T0 + MINUTE_S * number, 60_100.0, 60_150.0, 60_050.0, 60_100.0, 100.0, MINUTE_S)
            for number in range(-300, 3)
        ]
        self.market = recorded_market(self.config, MemoryCandles({Symbol("BTCUSDT"): [before, *bars]}))

    def parts(self, clock: Clock, records: list[Logged]) -> tuple[Parts, LocalJournal, ScriptedPosts]:
        journal = LocalJournal(FaultyFiles(), boot="bench", sync=False)
        state = CommittedState(Ledger(balance=Decimal(10_000)))
        state.watch(records.extend)
        journal.recover(state.observe)
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
            classifier=self.classifier,
            installation="aa",
        )
        return parts, journal, posts


def measure(effort: Effort) -> Sequence[Figure]:
    shop, count = Shop(), effort.of(POSTS)
    kinds = {side: [logged.event_type for logged in make(shop, [])[1]] for side, make in SIDES.items()}
    if sorted(kinds[BARE]) != sorted(kinds[PIPELINE]) or "ORDER_FILLED" not in kinds[BARE]:
        raise AssertionError(f"both sides must write the same: {kinds}")
    durable = _durable_appends(shop)

    def side(make: Callable[[Shop, list[float]], object]) -> float:
        costs: list[float] = []
        for _ in range(count):
            make(shop, costs)
        return sum(costs) / count

    costs = in_turns(
        effort,
        {
            BARE: lambda: side(SIDES[BARE]),
            PIPELINE: lambda: side(SIDES[PIPELINE]),
            HOPS: lambda: Queues().hops_cost(effort.of(2_000)),
            ASK: lambda: Queues().ask_cost(effort.of(5_000)),
        },
    )
    added = [
        (pipeline - bare) / (hops + durable * ask)
        for pipeline, bare, hops, ask in zip(costs[PIPELINE], costs[BARE], costs[HOPS], costs[ASK], strict=True)
    ]
    whole = [pipeline / bare for pipeline, bare in zip(costs[PIPELINE], costs[BARE], strict=True)]
    return [
        Figure(
            what=f"(pipeline - bare) / (six queue hops + {durable} asks)",
            spread=spread(added),
            gate=at_most(1.5),
            aim=at_most(1.0),
        ),
        Figure(what="pipeline / bare", spread=spread(whole)),
        Figure(what="bare, a post", spread=spread([cost * 1e6 for cost in costs[BARE]]), unit="µs"),
        Figure(what="records written", spread=one(len(kinds[BARE])), unit=""),
    ]


def _pipeline(shop: Shop, costs: list[float]) -> tuple[float, list[Logged]]:
    records: list[Logged] = []

    async def life(clock: Clock) -> None:
        parts, _, posts = shop.parts(clock, records)
        wired = Wired(parts)
        tree = Group("root", ONE_FOR_ONE, children=(wired.infra(), wired.trading(), wired.intake()))
        system = System(tree, clock=clock, on_event=lambda event: None, rng=Random(1))
        await system.start()
        await clock.sleep_until(POSTED_AT)
        del records[:]
        begun = cpu()
        posts.say(_posted())
        await clock.sleep_until(T0 + MINUTE_S + 5.0)
        costs.append(cpu() - begun)
        told.extend(records)
        await system.stop()

    told: list[Logged] = []
    run_virtual(life, start=POSTED_AT - 1.0)
    return 0.0, told


def _bare(shop: Shop, costs: list[float]) -> tuple[float, list[Logged]]:
    records: list[Logged] = []
    durable = 0

    async def life(clock: Clock) -> None:
        nonlocal durable
        parts, journal, _ = shop.parts(clock, records)
        bare = Bare(parts, journal)
        await bare.begin()
        await clock.sleep_until(POSTED_AT)
        del records[:]
        before = bare.log.durable
        begun = cpu()
        await bare.fill(_posted(), until=lambda: _is_over(records))
        costs.append(cpu() - begun)
        durable = bare.log.durable - before

    run_virtual(life, start=POSTED_AT - 1.0)
    return float(durable), records


# The fill and what it leads to: a position with its stop and its targets.
def _is_over(records: Sequence[Logged]) -> bool:
    return any(logged.event_type == "POSITION_OPENED" for logged in records)


def _posted() -> Posted:
    post = Post(channel="@calls", message_id=7, posted_at=POSTED_AT, text=TEXT)
    return Posted(post=post, received_at=POSTED_AT)


def _durable_appends(shop: Shop) -> int:
    durable, _ = _bare(shop, [])
    return int(durable)


SIDES: dict[str, Callable[[Shop, list[float]], tuple[float, list[Logged]]]] = {BARE: _bare, PIPELINE: _pipeline}

ROWS = (Row(name="post.to-fill", floor="the same functions and records in one coroutine", measure=measure),)
