"""
ComparerActor: what would the same trades have made at random times?

Of each witnessed call that is over it writes the placebo: once when the call must be over, of times before it, and once
when times after it must be over, too. Both moments are given by the call, so whoever reckons it, and when, finds the
same, and nothing after that moment is looked at. Bars are read here, some at a time; they are walked through off the
loop, and both together take a bounded share of the time.
"""

from collections.abc import Callable
from statistics import fmean

from msgspec import Struct

from levibotd.domain.outcomes import PLACEBO, ShadowOutcome
from levibotd.domain.records import Entry
from levibotd.domain.shadow_book import ShadowBook, ShadowCall
from levibotd.execution.placebo import LIFE_S, TIMES_MAX, WITHIN_S, OtherTimesBench, Start, at_other_times
from levibotd.execution.pricing import NO_CANDLES, Pricing
from levibotd.kernel import offload
from levibotd.kernel.actor import Actor
from levibotd.kernel.clock import Clock
from levibotd.kernel.mailbox import Ref
from levibotd.messages import Append, CatchUp, CompareNext, LoggerMessage
from levibotd.ports.market import Bar, Market

SHARE_MAX = 0.05  # Of the time that comparing takes.
IDLE_S = 600.0
REST_LEAST_S = 0.05
COMMIT_TIMEOUT_S = 60.0
FINEST_S = 60.0  # Five weeks of finer bars are millions.
TOO_FINE = "too_fine"
LEVELS = "levels"


class ComparerState(Struct, kw_only=True):
    """Counts since the actor began."""

    waiting: int = 0
    compared: int = 0
    forgotten: int = 0  # Ever: too many waited.


class ComparerActor(Actor[CompareNext]):
    """Compare every call of the book that is due, one after the other. A restart loses nothing but the one in hand."""

    def __init__(
        self,
        *,
        book: Callable[[], ShadowBook],
        market: Market,
        pricing: Callable[[], Pricing],
        log: Ref[LoggerMessage],
        clock: Clock,
    ) -> None:
        self._book = book
        self._market = market
        self._pricing = pricing
        self._log = log
        self._clock = clock
        self._state = ComparerState()

    async def on_continue(self) -> None:
        # What an earlier incarnation wrote without hearing so must stand in the book, or it is written twice.
        await self._log.ask(CatchUp(), timeout_s=COMMIT_TIMEOUT_S)
        self.after(REST_LEAST_S, CompareNext(), key="next")

    async def receive(self, message: CompareNext) -> None:
        began = self._clock.monotonic()
        found = self._due(self._clock.time())
        if found is None:
            self.after(IDLE_S, CompareNext(), key="next")
            return
        call, at = found
        outcome = await self._compared(call, at)
        await self._log.tell(Append(entries=(Entry(outcome, call.trace, call.symbol),)))
        await self._log.ask(CatchUp(), timeout_s=COMMIT_TIMEOUT_S)
        self._state.compared += 1
        spent = self._clock.monotonic() - began
        self.after(max(spent / SHARE_MAX, REST_LEAST_S), CompareNext(), key="next")

    def inspect(self) -> ComparerState:
        self._state.waiting = len(self._book().past)
        self._state.forgotten = self._book().forgotten
        return self._state

    # The newest first: they weigh most.
    def _due(self, now: float) -> tuple[ShadowCall, float] | None:
        for key, past in reversed(self._book().past.items()):
            at = past.decided_at + LIFE_S + (WITHIN_S if past.placebos else 0.0)
            if at <= now:
                return past.unpacked(key), at
        return None

    async def _compared(self, call: ShadowCall, at: float) -> ShadowOutcome:
        try:
            found = await self._at_other_times(call, at)
        except (ArithmeticError, AssertionError, ValueError):
            found = LEVELS  # Numbers of which no levels can be made, scaled.
        return ShadowOutcome(
            call=call.key,
            channel=call.channel,
            ledger=PLACEBO,
            side=call.leg.side,
            status="unpriced" if isinstance(found, str) else "compared",
            reason=found if isinstance(found, str) else None,
            witnessed=call.witnessed,
            posted_at=call.posted_at,
            decided_at=call.decided_at,
            at=at,
            r=None if isinstance(found, str) else fmean(found),
            times=0 if isinstance(found, str) else len(found),
        )

    async def _at_other_times(self, call: ShadowCall, at: float) -> list[float] | str:
        bench = OtherTimesBench(self._market, pricing=self._pricing(), until=at, calls=1)
        start = bench.start(call)
        if start is None:
            return NO_CANDLES
        if (self._market.bar_interval_s(start.source.symbol) or FINEST_S) < FINEST_S:
            return TOO_FINE
        bars = await self._read(bench, start)
        found = await offload.call(at_other_times, start, bars, times=TIMES_MAX)
        return found or NO_CANDLES

    async def _read(self, bench: OtherTimesBench, start: Start) -> list[Bar]:
        bars: list[Bar] = []
        for part in bench.slices(start):
            bars += part
            await self._clock.sleep(REST_LEAST_S)  # A thousand bars of a minute take some milliseconds to read.
        return bars
