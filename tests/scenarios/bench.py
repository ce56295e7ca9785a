"""
The whole pipeline on virtual time: posts in, records out, and what reached the venue.

A `World` is what outlives a process: prices, what channels say, the files of the log. A `Life` is
one process in it: the real actors, wired as the daemon wires them, over a log on a file system
that may fail. The same world can be lived in again, on the same log or on a part of it.
"""

import io
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from decimal import Decimal
from functools import cache
from random import Random
from typing import Any, TypeVar

from msgspec import Struct

from levibotd.adapters.compiled_classifier import CompiledClassifier, load_classifier
from levibotd.adapters.journal_check import verify
from levibotd.adapters.local_journal import LocalJournal
from levibotd.app.committed import CommittedState
from levibotd.app.events import Supervision
from levibotd.app.paper import paper_venue, recorded_market, restore
from levibotd.app.tree import Parts, Wired
from levibotd.config import Config, load
from levibotd.domain.ledger import Ledger
from levibotd.domain.masking import Masker
from levibotd.domain.protection import is_protected
from levibotd.domain.reader import Reader
from levibotd.domain.records import Logged, Record
from levibotd.domain.signal import CallKey, Post, Symbol, TraceId, call_key
from levibotd.journal import TERMINAL, Preparer, decode
from levibotd.kernel.actor import Actor
from levibotd.kernel.clock import Clock
from levibotd.kernel.events import Exit
from levibotd.kernel.supervisor import ONE_FOR_ONE, Child, Group, System
from levibotd.kernel.tasks import MakeCoro
from levibotd.kernel.virtual_time import run_virtual
from levibotd.observe.logging import make_log
from levibotd.observe.metrics import Metrics
from levibotd.ports.market import Bar
from levibotd.ports.posts import Posted, PostEvent
from levibotd.ports.venue import Ack, Calm, OrderState, Venue, VenueOrder, VenueSnapshot, VenueUpdate
from levibotd.recording.log import Log
from levibotd.sim.faulty_files import FaultyFiles
from levibotd.sim.scripted_posts import ScriptedPosts
from tests.sim.memory_candles import MemoryCandles

T = TypeVar("T")
R = TypeVar("R", bound=Record)

T0 = 1_700_000_040.0  # A whole minute, and neither a whole hour nor near midnight.
MINUTE_S = 60.0
BTC = Symbol("BTCUSDT")
ETH = Symbol("ETHUSDT")
CHANNEL = "@calls"
INSTALLATION = "aa"
TRADING = ("exec", "risk", "scorer", "telegram", "logger")

# A thousand in quote a call, whatever its stop, so that sizes can be told without a calculator.
SETTINGS = {
    "LEVI_EXCHANGE__MARKET": "swap",
    "LEVI_STRATEGY__CONFIDENCE_MIN": "0",
    "LEVI_RISK__RISK_PER_TRADE": "0.2",
    "LEVI_RISK__HEAT_MAX": "1.0",
    "LEVI_RISK__HEAT_CHANNEL_SHARE": "1.0",
    "LEVI_RISK__HEAT_SIDE_SHARE": "1.0",
    "LEVI_RISK__NOTIONAL_MAX": '"1000"',
    "LEVI_RISK__MIN_VOLUME_24H": "0",
    "LEVI_RISK__COOLDOWN_S": "0",
    "LEVI_RISK__COOLDOWN_STOP_S": "0",
    "LEVI_RISK__DAILY_LOSS_LIMIT": "0.5",
    "LEVI_RISK__MAX_OPEN": "50",
    "LEVI_PAPER__BALANCE": '"10000"',
    "LEVI_PAPER__DEFAULT_FILTERS__TICK": '"0.01"',
    "LEVI_PAPER__DEFAULT_FILTERS__STEP": '"0.001"',
    "LEVI_PAPER__DEFAULT_FILTERS__MIN_QTY": '"0.001"',
    "LEVI_PAPER__DEFAULT_FILTERS__MIN_NOTIONAL": '"5"',
}


class Planted(Exception):
    """A bug that a test put there. No error of ours, so nothing handles it."""


class Sent(Struct, frozen=True, kw_only=True):
    """An order on its way to the venue: how much of the log stood by then, and whether anything forbade opening."""

    order: VenueOrder
    at: float
    seq: int
    forbidden: str | None


def config_of(settings: Mapping[str, str] = {}) -> Config:
    """The bench's own settings with these over them, as environment variables say them."""
    return load(environ={**SETTINGS, **settings})


@cache
def classifier() -> CompiledClassifier:
    """The model that ships with the package; reading it takes longer than a scenario."""
    return load_classifier()


def minutes(*prices: tuple[float, float, float, float], start: float = T0, volume: float = 10.0) -> list[Bar]:
    """One-minute bars from `start` on: open, high, low, close. So much traded before that half the spread is 2 bp."""
    first = prices[0][0]
    before = [Bar(start - 2 * 3600.0, first, first, first, first, 1e9 / first, MINUTE_S)]
    return before + bars(*prices, start=start, volume=volume)


def bars(*prices: tuple[float, float, float, float], start: float, volume: float = 10.0) -> list[Bar]:
    """The same with nothing before."""
    return [Bar(start + MINUTE_S * number, *each, volume, MINUTE_S) for number, each in enumerate(prices)]


def flat(price: float, count: int) -> list[tuple[float, float, float, float]]:
    """Bars in which nothing happens."""
    return [(price, price, price, price)] * count


class World:
    """Prices, channels and a disk. `bars` by symbol; `script` is what the source of posts tells to every life."""

    def __init__(
        self,
        bars: Mapping[str, Sequence[Bar]],
        *,
        config: Config | None = None,
        files: FaultyFiles | None = None,
        script: Sequence[PostEvent] = (),
    ) -> None:
        self.bars = bars
        self.config = config or config_of()
        self.files = FaultyFiles() if files is None else files
        self.script = list(script)
        self.sent: list[Sent] = []
        self.lives = 0

    def post(self, text: str, *, at: float, number: int | None = None, **more: Any) -> Posted:
        """Have a channel say this at `at`; every life from then on may hear it."""
        number = len(self.script) + 1 if number is None else number
        known = {"channel": CHANNEL, "posted_at": at, "received": at, **more}
        received_at = known.pop("received")
        event = Posted(post=Post(message_id=number, text=text, **known), received_at=received_at)
        self.script.append(event)
        return event

    def run(self, main: Callable[["Life"], Awaitable[T]], *, at: float = T0, **options: Any) -> T:
        """One process from `at` on: start, `main`, stop."""

        async def process(clock: Clock) -> T:
            async with self.life(clock, **options) as life:
                return await main(life)

        return run_virtual(process, start=at)

    @asynccontextmanager
    async def life(self, clock: Clock, **options: Any) -> AsyncIterator["Life"]:
        """A process that is stopped in order at the end."""
        life = Life(self, clock, **options)
        await life.system.start()
        try:
            yield life
        finally:
            await life.system.stop()

    def after_kill(self, seq: int) -> "World":
        """The same world with a log that ends behind `seq`: what a process that died then leaves behind."""
        files, left = FaultyFiles(), seq
        for segment in self.segments():
            lines = self.files.read(segment).splitlines(keepends=True)[:left]
            left -= len(lines)
            if lines:
                files.replace(segment, b"".join(lines))
        world = World(self.bars, config=self.config, files=files, script=self.script)
        world.sent = [sent for sent in self.sent if sent.seq <= seq]
        world.lives = self.lives
        return world

    def lines(self) -> list[bytes]:
        """The log as it stands on the disk."""
        return [line for name in self.segments() for line in self.files.read(name).splitlines(keepends=True)]

    def segments(self) -> list[str]:
        names = [name for name in self.files.names() if name.endswith(".jsonl")]
        return sorted(names, key=lambda name: decode(self.files.read(name).splitlines(keepends=True)[0]).seq)

    def records(self) -> list[Logged]:
        return [decode(line) for line in self.lines()]

    def fold(self) -> Ledger:
        """What the log says, folded anew."""
        ledger = Ledger(balance=Decimal(self.config.paper.balance))
        for one in self.records():
            ledger.apply(one.entry)
        return ledger

    def verify(self) -> None:
        """The log is whole, and no post has two ends."""
        report = verify(self.files)
        assert report.damage is None, report.damage
        ends = [one.entry.trace for one in self.records() if one.event_type in TERMINAL]
        assert len(ends) == len(set(ends)), "a post has two decisions"


class WatchedVenue:
    """A venue, with a word about every order before it goes out. A restless one tells every mark, asked for or not."""

    def __init__(self, inner: Venue, *, watch: Callable[[VenueOrder], None], restless: bool = False) -> None:
        self._inner = inner
        self._watch = watch
        self._restless = restless
        self.told = 0

    @property
    def name(self) -> str:
        return self._inner.name

    async def place(self, order: VenueOrder) -> Ack:
        self._watch(order)
        return await self._inner.place(order)

    async def cancel(self, symbol: Symbol, cid: str) -> bool:
        return await self._inner.cancel(symbol, cid)

    async def order(self, symbol: Symbol, cid: str) -> OrderState | None:
        return await self._inner.order(symbol, cid)

    async def snapshot(self, *, since: float) -> VenueSnapshot:
        return await self._inner.snapshot(since=since)

    def rest(self, calm: Calm | None) -> None:
        if not self._restless:
            self._inner.rest(calm)

    async def updates(self) -> AsyncIterator[VenueUpdate]:
        async for update in self._inner.updates():
            self.told += 1
            yield update


class WatchedState(CommittedState):
    """The committed state, and a place for bugs: `looks` of the actors into it are counted, and one may fail."""

    looks = 0
    fail_at: int | None = None
    seen_by_test = False

    def ledger(self) -> Ledger:
        if not self.seen_by_test:
            self.looks += 1
            if self.looks == self.fail_at:
                raise Planted(f"look {self.looks}")
        return super().ledger()


class Naked:
    """How long positions stood without a stop at the venue that covers them, in running time; looks at each commit."""

    def __init__(self, life: "Life") -> None:
        self.longest_s = 0.0
        self._life = life
        self._since: dict[CallKey, float] = {}
        life.state.watch(self._look)

    def look(self) -> float:
        """The longest so far, what is naked now included."""
        self._look(())
        return self.longest_s

    def _look(self, _committed: Sequence[Logged]) -> None:
        now, ledger = self._life.clock.monotonic(), self._life.ledger
        naked = [call for call in ledger.calls.values() if not is_protected(call, ledger.orders_of(call.key))]
        for since in self._since.values():
            self.longest_s = max(self.longest_s, now - since)
        self._since = {call.key: self._since.get(call.key, now) for call in naked}


class Life:
    """
    One process: recovered from the world's log, wired like the daemon, without HTTP.

    Bugs to plant: `stumbles` says behind which of its messages an actor crashes, `poison` at which text,
    `fail_at` at which look of any actor into the ledger; the actors in `double` get each message twice. A
    `restless` venue tells every mark. `shadowed`: every call is followed in the shadow ledger too.
    """

    def __init__(
        self,
        world: World,
        clock: Clock,
        *,
        stumbles: Mapping[str, Sequence[int]] = {},
        poison: Mapping[str, str] = {},
        fail_at: int | None = None,
        double: Sequence[str] = (),
        restless: bool = False,
        shadowed: bool = False,
    ) -> None:
        world.lives += 1
        self.shadowed = shadowed
        self.world = world
        self.clock = clock
        self.stumbles = {name: set(numbers) for name, numbers in stumbles.items()}
        self.poison = poison
        self.double = double
        self.handled: dict[str, int] = {}
        config = world.config
        self.records: list[Logged] = []
        self.state = WatchedState(Ledger(balance=Decimal(config.paper.balance)))
        self.state.watch(self.records.extend)
        self.state.fail_at = fail_at
        journal = LocalJournal(world.files, boot=f"boot-{world.lives}", reserve_bytes=1024)
        self.recovery = journal.recover(self.state.observe)
        self.state.last_seq = self.recovery.position.seq
        self.market = recorded_market(config, MemoryCandles(world.bars))
        self.venue = paper_venue(config, self.market, clock)
        self.watched = WatchedVenue(self.venue, watch=self._sent, restless=restless)
        self.posts = ScriptedPosts(world.script, clock=clock)
        self.operator = io.StringIO()
        self.log = Log(journal, on_commit=self.state.observe)
        self.gave_up: list[str] = []
        self.naked = Naked(self)
        with self.looks_of_the_test():
            self.wired = Wired(self._parts())
            self.equity = self.wired.equity_watch()
            restore(self.venue, self.state.ledger(), equity=self.equity.equity(clock.time()))
        self.metrics = Metrics(version="test", routes=(), actors=TRADING)
        self.system = self._system()

    # What a test does.

    def say(self, text: str, **more: Any) -> TraceId:
        """A channel says this now."""
        event = self.world.post(text, at=self.clock.time(), **more)
        self.posts.say(event)
        return event.post.trace

    async def until(self, at: float) -> None:
        await self.clock.sleep_until(at)

    async def minute(self, number: float) -> None:
        """Wait until that many minutes after the beginning of time, and a little more."""
        await self.clock.sleep_until(T0 + MINUTE_S * number + 5.0)

    # What a test looks at.

    @property
    def ledger(self) -> Ledger:
        with self.looks_of_the_test():
            return self.state.ledger()

    def of(self, kind: type[R]) -> list[R]:
        """Records of one type, those of earlier lives included."""
        return [one.entry.record for one in self.records if isinstance(one.entry.record, kind)]

    def decision(self, trace: TraceId) -> Record | None:
        ends = [one for one in self.records if one.event_type in TERMINAL and one.entry.trace == trace]
        assert len(ends) <= 1, "a post has two decisions"
        return ends[0].entry.record if ends else None

    def types(self) -> list[str]:
        return [one.event_type for one in self.records]

    @contextmanager
    def looks_of_the_test(self) -> Iterator[None]:
        before, self.state.seen_by_test = self.state.seen_by_test, True
        try:
            yield
        finally:
            self.state.seen_by_test = before

    # Wiring.

    def _sent(self, order: VenueOrder) -> None:
        gate = self.ledger.may_open()
        forbidden = None if gate is None else gate.name
        self.world.sent.append(Sent(order=order, at=self.clock.time(), seq=self.state.last_seq, forbidden=forbidden))

    def _parts(self) -> Parts:
        return Parts(
            config=self.world.config,
            clock=self.clock,
            state=self.state,
            log=self.log,
            preparer=Preparer(masker=Masker()),
            posts=self.posts,
            market=self.market,
            venue=self.watched,
            reader=Reader(classifier()),
            installation=INSTALLATION,
        )

    def _system(self) -> System:
        wired = self.wired
        groups = [self._stumbling(group) for group in (wired.infra(), wired.trading(), wired.intake())]
        if self.shadowed:
            groups.insert(1, self._stumbling(Group("edge", ONE_FOR_ONE, children=(wired.shadowing(),))))
        tree = Group("root", ONE_FOR_ONE, intensity=3, period_s=300, children=tuple(groups))
        supervision = Supervision(
            logger=wired.logger,
            telegram=wired.telegram,
            log=make_log(self.operator, clock=self.clock, masker=Masker()),
            metrics=self.metrics,
            on_gave_up=self.gave_up.append,
        )
        return System(tree, clock=self.clock, on_event=supervision, rng=Random(1), stop_order=("intake", "trading"))

    def _stumbling(self, group: Group) -> Group:
        children = [child for child in group.children if isinstance(child, Child)]
        made = tuple(replace(child, make=self._stumbler(child)) for child in children)
        return replace(group, children=made)

    def _stumbler(self, child: Child) -> Callable[[], Actor[Any]]:
        if child.name not in {*self.stumbles, *self.poison, *self.double}:
            return child.make
        return lambda: Stumbler(
            child.make(),
            trips=lambda: self._trips(child.name),
            is_poison=lambda message: self._is_poison(child.name, message),
            times=2 if child.name in self.double else 1,
        )

    def _trips(self, name: str) -> bool:
        self.handled[name] = self.handled.get(name, 0) + 1
        return self.handled[name] in self.stumbles.get(name, ())

    def _is_poison(self, name: str, message: Any) -> bool:
        post = getattr(message, "post", None)
        return post is not None and post.text == self.poison.get(name)


class Stumbler(Actor[Any]):
    """An actor that crashes after some of its messages: what it has done by then is done. Poison crashes it before."""

    def __init__(
        self, inner: Actor[Any], *, trips: Callable[[], bool], is_poison: Callable[[Any], bool], times: int
    ) -> None:
        self._inner = inner
        self._trips = trips
        self._is_poison = is_poison
        self._times = times

    async def on_start(self) -> None:
        self._inner._host = self._host
        await self._inner.on_start()

    async def on_continue(self) -> None:
        await self._inner.on_continue()

    def sources(self) -> Sequence[MakeCoro]:
        return self._inner.sources()

    async def receive(self, message: Any) -> object:
        if self._is_poison(message):
            raise Planted(type(message).__name__)
        answer = await self._inner.receive(message)
        for _ in range(self._times - 1):
            await self._inner.receive(message)
        if self._trips():
            raise Planted(type(message).__name__)
        return answer

    async def on_stop(self, reason: Exit) -> None:
        await self._inner.on_stop(reason)

    def inspect(self) -> object:
        return self._inner.inspect()


def key_of(number: int, *, channel: str = CHANNEL, leg: int = 0) -> CallKey:
    """The call key of a leg of a post."""
    return call_key("paper", channel, number, leg)
