"""The actor that follows every call: when it wakes, what it writes, what it says of itself."""

from collections.abc import Sequence
from random import Random

import pytest
from msgspec.structs import replace

from actors.shadow import LOOKS_AT_ONCE, NEW_WEIGHS, ShadowActor
from levibotd.domain.follower_terms import Terms
from levibotd.domain.leg_read import LegRead
from levibotd.domain.outcomes import AS_FOLLOWED, AS_POSTED, ShadowOutcome
from levibotd.domain.records import Entry, Logged
from levibotd.domain.shadow_book import ShadowBook, ShadowCall
from levibotd.domain.signal import CallKey, Leg, Side, Symbol, TraceId
from levibotd.execution.pricing import BARS_AT_ONCE, Pricing, Source
from levibotd.execution.shadowing import Shadowing
from levibotd.kernel.actor import Actor
from levibotd.kernel.clock import Clock
from levibotd.kernel.mailbox import Ref
from levibotd.kernel.supervisor import Child, Group, System
from levibotd.messages import Append, CatchUp, Committed, LoggerMessage, LookAtBook
from levibotd.sim.recorded_market import RecordedMarket
from tests.actors.listeners import box
from tests.scenarios.bench import BTC, T0, flat, minutes
from tests.sim.memory_candles import MemoryCandles

LEG = Leg(symbol="BTC/USDT", side=Side.BUY, entry_type="limit", entry=(99.0,), tps=(110.0,), sl=90.0)


class FoldingLog(Actor[LoggerMessage]):
    """Writes at once, into the book too."""

    def __init__(
        self, book: ShadowBook, entries: list[tuple[float, Entry]], clock: Clock, *, slow: bool = False
    ) -> None:
        self._book = book
        self._entries = entries
        self._clock = clock
        self._slow = slow  # Writes only when somebody asks whether it has.
        self._waiting: list[Append] = []

    async def receive(self, message: LoggerMessage) -> Committed:
        if isinstance(message, Append):
            self._waiting.append(message)
        if isinstance(message, CatchUp) or not self._slow:
            self._write()
        return Committed(1, len(self._entries))

    def _write(self) -> None:
        while self._waiting:
            for entry in self._waiting.pop(0).entries:
                self._entries.append((self._clock.time(), entry))
                self._book.apply(Logged(seq=len(self._entries), ts=self._clock.time(), event_type="X", entry=entry))


def refused(_call: ShadowCall, _source: Source) -> Terms | str:
    return "confidence"


class Followed:
    """The actor over a book, and a log that folds into it."""

    def __init__(
        self, clock: Clock, prices: Sequence[tuple[float, float, float, float]], *, slow: bool = False
    ) -> None:
        self.book = ShadowBook()
        self.written: list[tuple[float, Entry]] = []
        self.clock = clock
        self.log: Ref[LoggerMessage] = box("logger")
        self.ref: Ref[LookAtBook] = box("shadow")
        self.market = RecordedMarket(MemoryCandles({BTC: minutes(*prices)}))
        self.made: list[ShadowActor] = []
        children = (
            Child(self.log, lambda: FoldingLog(self.book, self.written, clock, slow=slow)),
            Child(self.ref, self._make, waits_on=(self.log,)),
        )
        self.system = System(Group("root", children=children), clock=clock, on_event=lambda _: None, rng=Random(1))

    def _make(self) -> ShadowActor:
        shadowing = Shadowing(self.market, pricing=Pricing, planned=refused)
        self.made.append(ShadowActor(book=lambda: self.book, shadowing=shadowing, log=self.log, clock=self.clock))
        return self.made[-1]

    def take_up(self, number: int, leg: Leg = LEG, *, tell: bool = True) -> None:
        key = CallKey(f"paper|@c|{number}|0")
        now = self.clock.time()
        self.book.calls[key] = ShadowCall(
            key=key, trace=TraceId(f"t{number}"), channel="@c", symbol=Symbol("BTCUSDT"), leg=LegRead.of(leg),
            posted_at=now, heard_at=now, p_call=0.9, witnessed=True,
        )  # fmt: skip
        self.book.taken_up += 1
        if tell:
            self.ref.offer(LookAtBook())

    def outcomes(self, ledger: str) -> list[ShadowOutcome]:
        found = [entry.record for _, entry in self.written if isinstance(entry.record, ShadowOutcome)]
        return [one for one in found if one.ledger == ledger]


FALLING = [*flat(100.0, 3), (100.0, 100.0, 98.0, 98.5), (98.5, 98.5, 89.0, 89.5), *flat(89.5, 60)]


@pytest.fixture
async def at_t0(clock: Clock) -> Clock:
    await clock.sleep_until(T0)
    return clock


async def test_it_wakes_when_a_call_may_be_acted_on_and_then_every_few_bars(at_t0: Clock) -> None:
    followed = Followed(at_t0, FALLING)
    await followed.system.start()
    followed.take_up(7)
    await at_t0.sleep(0.5)
    assert not followed.written

    await at_t0.sleep(1.0)
    (refusal,) = followed.outcomes(AS_FOLLOWED)
    assert (refusal.status, refusal.reason) == ("cancelled", "confidence")
    await at_t0.sleep(600.0)
    await followed.system.stop()

    (outcome,) = followed.outcomes(AS_POSTED)
    assert (outcome.ended_by, outcome.at) == ("stop", T0 + 300.0)
    at, entry = followed.written[-1]
    # On the grid of eight bars that is first to see the end.
    assert at == (outcome.at // 480 + 1) * 480
    assert (entry.trace, entry.symbol) == ("t7", BTC)
    assert not followed.book.calls
    assert followed.made[-1].inspect().outcomes == 2


async def test_with_nothing_open_it_sleeps(at_t0: Clock) -> None:
    followed = Followed(at_t0, FALLING)
    await followed.system.start()
    await at_t0.sleep(86_400.0)

    assert (followed.made[0].inspect().looks, followed.made[0].inspect().next_look_at) == (0, None)
    await followed.system.stop()


async def test_a_new_incarnation_takes_up_what_the_book_holds(at_t0: Clock) -> None:
    followed = Followed(at_t0, FALLING)
    followed.take_up(7, tell=False)
    followed.take_up(8, tell=False)
    followed.book.calls[CallKey("paper|@c|8|0")].done = (AS_FOLLOWED,)
    await followed.system.start()
    await at_t0.sleep(3_600.0)
    await followed.system.stop()

    assert len(followed.outcomes(AS_POSTED)) == 2
    assert [one.call for one in followed.outcomes(AS_FOLLOWED)] == ["paper|@c|7|0"]


async def test_a_crowd_is_looked_at_in_turns(at_t0: Clock) -> None:
    followed = Followed(at_t0, FALLING)
    await followed.system.start()
    crowd = 2 * LOOKS_AT_ONCE + 10
    for number in range(crowd):
        followed.take_up(number, tell=False)
    followed.ref.offer(LookAtBook())
    await at_t0.sleep(1.5)

    assert len(followed.outcomes(AS_FOLLOWED)) == crowd
    assert followed.made[0].inspect().looks >= crowd * NEW_WEIGHS / LOOKS_AT_ONCE
    assert followed.made[0].inspect().followed == crowd
    await followed.system.stop()


async def test_after_a_long_time_away_one_call_at_a_time_reads_a_piece(at_t0: Clock) -> None:
    crowd, pieces = 10, 4
    followed = Followed(at_t0, flat(100.0, pieces * BARS_AT_ONCE + 100))
    for number in range(crowd):
        followed.take_up(number, tell=False)
    await at_t0.sleep(60.0 * (pieces * BARS_AT_ONCE + 10))
    await followed.system.start()
    await at_t0.sleep(1.5)

    assert followed.made[0].inspect().looks >= crowd * pieces
    assert followed.made[0].inspect().followed == crowd
    await followed.system.stop()


async def test_a_call_that_cannot_be_priced_is_over_at_once(at_t0: Clock) -> None:
    followed = Followed(at_t0, FALLING)
    await followed.system.start()
    followed.take_up(7, replace(LEG, symbol="NOSUCH/USDT"))
    await at_t0.sleep(1.5)
    await followed.system.stop()

    assert [one.reason for one in followed.outcomes(AS_POSTED)] == ["no_candles"]
    assert not followed.book.calls


async def test_what_was_given_to_the_log_and_is_not_written_yet_is_not_given_again(at_t0: Clock) -> None:
    followed = Followed(at_t0, FALLING, slow=True)
    await followed.system.start()
    followed.take_up(7)
    await at_t0.sleep(1.5)
    assert not followed.written  # On its way.

    followed.made[-1].start(crash, key="crash")
    await at_t0.sleep(3_600.0)
    followed.log.offer(CatchUp())
    await at_t0.sleep(1.0)
    await followed.system.stop()

    assert len(followed.made) == 2
    assert [len(followed.outcomes(ledger)) for ledger in (AS_FOLLOWED, AS_POSTED)] == [1, 1]


async def crash() -> None:
    raise RuntimeError("planted")
