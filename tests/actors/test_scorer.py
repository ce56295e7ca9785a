"""A post is read once, scored, and handed to whoever must act, or it ends here."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from actors.scorer import ScorerActor, ScorerSetup
from levibotd.app.tree import ACCOUNT
from levibotd.domain.climate.terms import LegTerms, Terms
from levibotd.domain.ledger import Ledger
from levibotd.domain.reader import PARENTS_KEPT, Reader
from levibotd.domain.records import AutoRouteSkipped, Entry, SignalExpired, SignalIngest, SignalScored
from levibotd.domain.signal import Post
from levibotd.domain.trust import Trust, prior_of, trust
from levibotd.kernel.clock import Clock
from levibotd.kernel.supervisor import Child, Group, System
from levibotd.messages import Append, EndCalls, PostArrived, ScoredSignal
from levibotd.sim.recorded_market import RecordedMarket
from tests.actors.listeners import InstantLog, Listener, box, of
from tests.execution.orders import KEY, Desk
from tests.scenarios.bench import BTC, CHANNEL, T0, classifier, flat, minutes
from tests.sim.memory_candles import MemoryCandles

LONG = "BTC/USDT LONG\nEntry: market\nTargets: 105, 110\nStop Loss: 95"


class Bench:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.ledger = Ledger(balance=Decimal(10_000))
        self.entries: list[Entry] = []
        self.told: list[Any] = []
        self.ref, self.log, self.risk, self.exec_ = box("scorer"), box("log"), box("risk"), box("exec")
        self.number = 0
        self.around: Terms | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Bench"]:
        children = (
            Child(self.log, lambda: InstantLog(self.ledger, self.entries, lambda: False)),
            Child(self.risk, lambda: Listener(self.told)),
            Child(self.exec_, lambda: Listener(self.told)),
            Child(self.ref, self._scorer, waits_on=(self.risk, self.exec_, self.log)),
        )
        system = System(
            Group("root", children=children), clock=self.clock, on_event=lambda event: None, rng=Random(1)
        )
        await system.start()
        await self.clock.sleep_until(T0 + 30)
        try:
            yield self
        finally:
            await system.stop()

    async def arrives(self, text: str, *, late: bool = False, revision: int = 0, **more: Any) -> Post:
        self.number += 1
        known = {"channel": CHANNEL, "message_id": self.number, "posted_at": self.clock.time(), **more}
        post = Post(text=text, **known)
        if post.trace not in self.ledger.pending:
            ingest = SignalIngest(post=post, received_at=self.clock.time(), source="test", late=late)
            await self.log.ask(_append(ingest, post), timeout_s=5)
        message = PostArrived(
            trace=post.trace, post=post, received_at=self.clock.time(), late=late, revision=revision
        )
        await self.ref.tell(message)
        await self.clock.sleep(0.001)
        return post

    def _scorer(self) -> ScorerActor:
        return ScorerActor(
            setup=ScorerSetup(
                account=ACCOUNT,
                signal_ttl_s=lambda: 60.0,
                trust=lambda _channel, at, _sides: held_at(at),
                around=lambda _scored, _at: self.around,
            ),
            reader=Reader(classifier()),
            market=RecordedMarket(MemoryCandles({BTC: minutes(*flat(100.0, 5))})),
            ledger=lambda: self.ledger,
            risk=self.risk,
            exec_=self.exec_,
            log=self.log,
            clock=self.clock,
        )


def _append(record: SignalIngest, post: Post) -> Append:
    return Append(trace=post.trace, entries=(Entry(record, post.trace),))


async def test_a_call_goes_to_risk_with_its_reading(clock: Clock) -> None:
    async with Bench(clock).running() as bench:
        post = await bench.arrives(LONG, revision=2)

    (signal,) = bench.told
    assert isinstance(signal, ScoredSignal)
    assert (signal.trace, signal.post, signal.revision, signal.scored.label) == (post.trace, post, 2, "BUY")
    (scored,) = of(bench.entries, SignalScored)
    assert (scored.kind, scored.label, scored.last_price, scored.revision) == ("new", "BUY", {"BTC/USDT": 100.0}, 2)
    assert [one.symbol for one in bench.entries if isinstance(one.record, SignalScored)] == [BTC]
    assert scored.model_sha == classifier().sha
    assert sum(scored.probs.values()) == pytest.approx(1.0)
    assert bench.ledger.decision(post.trace) is None  # That is for others to say.


def held_at(at: float) -> Trust:
    return trust(None, prior=prior_of([]), at=at)


async def test_what_is_held_of_the_channel_is_logged_with_each_call_and_goes_to_risk(clock: Clock) -> None:
    async with Bench(clock).running() as bench:
        await bench.arrives(LONG)
        await bench.arrives("Good morning everyone, have a nice day!")

    call, chatter = of(bench.entries, SignalScored)
    assert call.trust == held_at(T0 + 30)
    assert call.prior_sha == call.trust.prior.sha != ""
    assert [signal.ev_r for signal in bench.told] == [call.trust.ev_r]
    assert (chatter.trust, chatter.prior_sha) == (None, None)


@pytest.mark.parametrize(("used", "told"), [(True, (0.625,)), (False, ())])
async def test_what_is_around_a_call_is_logged_and_handed_on_only_once_it_is_proved(
    clock: Clock, used: bool, told: tuple[float, ...]
) -> None:
    leg = LegTerms(trend=1.5, eth_led=None, hybrid=0.625)
    async with Bench(clock).running() as bench:
        bench.around = Terms(bias=0.25, pulse=None, legs=(leg,), source="learned", used=used)
        await bench.arrives(LONG)

    (signal,) = bench.told
    (scored,) = of(bench.entries, SignalScored)
    assert signal.hybrids == told
    assert scored.terms == bench.around


async def test_what_is_no_call_ends_here(clock: Clock) -> None:
    async with Bench(clock).running() as bench:
        post = await bench.arrives("Good morning everyone, have a nice day!")

    assert bench.told == []
    assert of(bench.entries, AutoRouteSkipped) == [AutoRouteSkipped(reason="kind.chatter")]
    assert bench.ledger.decision(post.trace) == "AUTO_ROUTE_SKIPPED"


@pytest.mark.parametrize(("age_s", "passes"), [(0.0, True), (60.0, True), (60.5, False), (3600.0, False)])
async def test_a_call_is_good_for_its_time_and_no_longer(clock: Clock, age_s: float, passes: bool) -> None:
    async with Bench(clock).running() as bench:
        await bench.arrives(LONG, posted_at=clock.time() - age_s)

    assert len(bench.told) == passes
    expired = of(bench.entries, SignalExpired)
    assert [(one.age_s, one.limit_s) for one in expired] == ([] if passes else [(age_s, 60.0)])


async def test_a_call_out_of_a_hole_opens_nothing_however_young(clock: Clock) -> None:
    async with Bench(clock).running() as bench:
        await bench.arrives(LONG, late=True)

    assert bench.told == []
    assert len(of(bench.entries, SignalExpired)) == 1


async def test_a_forward_of_yesterdays_call_is_as_old_as_the_original(clock: Clock) -> None:
    async with Bench(clock).running() as bench:
        await bench.arrives(LONG, forwarded_at=clock.time() - 90_000.0)

    assert bench.told == []
    (expired,) = of(bench.entries, SignalExpired)
    assert expired.age_s == pytest.approx(90_000.0)


async def test_a_second_delivery_of_a_decided_post_is_silent(clock: Clock) -> None:
    async with Bench(clock).running() as bench:
        post = await bench.arrives("Good morning everyone, have a nice day!")
        seen = len(bench.entries)
        await bench.ref.tell(PostArrived(trace=post.trace, post=post, received_at=clock.time()))
        await clock.sleep(0.001)

    assert len(bench.entries) == seen


async def test_a_close_that_means_no_call_of_ours_is_skipped(clock: Clock) -> None:
    async with Bench(clock).running() as bench:
        await bench.arrives("Close this trade now", reply_to=1)

    assert bench.told == []
    assert of(bench.entries, AutoRouteSkipped) == [AutoRouteSkipped(reason="kind.close")]


@pytest.mark.parametrize(
    ("text", "more", "means"),
    [
        ("Close this trade now", {"reply_to": 1}, True),
        ("Close this trade now", {"reply_to": 2}, False),
        ("Close all trades now", {}, True),
        ("Close all trades now", {"channel": "@others"}, False),
        ("Cancel BTCUSDT", {}, True),
        ("Close this trade now", {"reply_to": 1, "posted_at": T0 - 10_000.0}, True),  # Late closes act.
    ],
)
async def test_a_command_reaches_the_calls_it_means(
    clock: Clock, text: str, more: dict[str, Any], means: bool
) -> None:
    bench = Bench(clock)
    bench.number = 10
    async with bench.running():
        desk = Desk(clock)
        bench.ledger.apply(Entry(desk.ticket(), None, BTC))
        async with desk.open():
            bench.ledger.apply(Entry(await desk.intend(), None, BTC))
        post = await bench.arrives(text, **more)

    assert [(type(one), one.calls, one.trace) for one in bench.told] == ([(EndCalls, (KEY,), post.trace)] * means)


async def test_a_command_reaches_a_call_that_was_handed_on_a_moment_ago(clock: Clock) -> None:
    async with Bench(clock).running() as bench:
        await bench.arrives(LONG)
        await bench.arrives("Close this trade now", reply_to=1, channel="@others")
        await bench.arrives("Close this trade now", reply_to=1)

    assert [one.calls for one in bench.told if isinstance(one, EndCalls)] == [(KEY,)]


async def test_parents_are_remembered_within_bounds(clock: Clock) -> None:
    bench = Bench(clock)
    scorer = bench._scorer()
    scorer._log = box("nobody", PARENTS_KEPT * 4)
    for number in range(PARENTS_KEPT + 10):
        post = Post(channel=CHANNEL, message_id=number, posted_at=T0, text="hi")
        await scorer.receive(PostArrived(trace=post.trace, post=post, received_at=T0))

    assert len(scorer._readings) == PARENTS_KEPT
    assert (CHANNEL, 0) not in scorer._readings
