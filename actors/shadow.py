"""
ShadowActor: what would every call have made, whether we traded it or not?

It looks at the book of open calls, follows each through the bars that are over, and writes what came
of it in both ledgers. Bars are read, never told; one timer wakes it for all calls.
"""

from collections.abc import Callable
from heapq import heappop, heappush

from msgspec import Struct

from levibotd.domain.outcomes import ShadowOutcome
from levibotd.domain.records import Entry
from levibotd.domain.shadow_book import ShadowBook
from levibotd.domain.signal import CallKey, Symbol
from levibotd.execution.shadowing import Shadowing
from levibotd.kernel.actor import Actor
from levibotd.kernel.clock import Clock
from levibotd.kernel.mailbox import Ref
from levibotd.messages import Append, CatchUp, LoggerMessage, LookAtBook

COMMIT_TIMEOUT_S = 60.0
LOOKS_AT_ONCE = 64  # Calls looked at in one turn; then others have theirs.
NEW_WEIGHS = 32  # A call that is new wants hours of bars read, for ranges and volume.
_RIGHT_AWAY_S = 0.001


class ShadowState(Struct, kw_only=True):
    """Counts since the actor began."""

    followed: int = 0
    outcomes: int = 0
    looks: int = 0
    next_look_at: float | None = None


class ShadowActor(Actor[LookAtBook]):
    """
    Follow every open call of the book to its end, and write its outcome once in each ledger.

    A restart loses nothing: the book is folded from the log, and what the market made of its calls is
    reckoned anew from their bars, which come to the same.
    """

    def __init__(
        self,
        *,
        book: Callable[[], ShadowBook],
        shadowing: Shadowing,
        log: Ref[LoggerMessage],
        clock: Clock,
    ) -> None:
        self._book = book
        self._shadowing = shadowing
        self._log = log
        self._clock = clock
        self._state = ShadowState()
        self._due: list[tuple[float, int, CallKey]] = []
        self._seen = 0  # Calls that the book had taken up by then.
        self._on_their_way: dict[CallKey, None] = {}
        self._armed: float | None = None

    async def on_continue(self) -> None:
        # What an earlier incarnation wrote without hearing so must stand in the book, or it is written twice.
        await self._log.ask(CatchUp(), timeout_s=COMMIT_TIMEOUT_S)
        self._plan_new()
        self._arm()

    async def receive(self, message: LookAtBook) -> None:
        now = self._clock.time()
        self._state.looks += 1
        self._plan_new()
        entries: list[Entry] = []
        looked = 0
        while self._due and self._due[0][0] <= now and looked < LOOKS_AT_ONCE:
            _, number, key = heappop(self._due)
            looked += 1 if key in self._shadowing.followed else NEW_WEIGHS
            over, is_behind = self._look(number, key, now)
            entries += map(self._entry, over)
            if is_behind:
                break  # After a long time away many are, and a turn must stay short.
        self._shadowing.forget_bars()
        if entries:
            self._state.outcomes += len(entries)
            await self._log.tell(Append(entries=tuple(entries)))
        if message.timed:
            self._armed = None
        self._arm()

    def inspect(self) -> ShadowState:
        self._state.followed = len(self._shadowing.followed)
        self._state.next_look_at = self._due[0][0] if self._due else None
        return self._state

    # The newest stand last in the book.
    def _plan_new(self) -> None:
        book = self._book()
        new = book.taken_up - self._seen
        if new <= 0:
            return
        self._seen = book.taken_up
        for number, key in enumerate(list(book.calls)[-new:], start=book.taken_up):
            if key not in self._on_their_way:
                self._on_their_way[key] = None
                heappush(self._due, (book.calls[key].decided_at, number, key))

    # What is over, and whether there is more to be read than one look takes in.
    def _look(self, number: int, key: CallKey, now: float) -> tuple[list[ShadowOutcome], bool]:
        shadowing = self._shadowing
        over: list[ShadowOutcome] = []
        if key not in shadowing.followed:
            call = self._book().calls.get(key)
            over += [] if call is None else shadowing.take_up(call)
        if key in shadowing.followed:
            ended, again_at = shadowing.advance(key, now=now)
            over += ended
            if again_at is not None:
                heappush(self._due, (again_at, number, key))
                return over, again_at <= now
        self._on_their_way.pop(key, None)
        return over, False

    def _entry(self, outcome: ShadowOutcome) -> Entry:
        call = self._book().calls.get(outcome.call)
        symbol: Symbol | None = None if call is None else call.symbol
        return Entry(outcome, None if call is None else call.trace, symbol)

    # One timer for all calls. It is only ever set earlier.
    def _arm(self) -> None:
        if not self._due:
            return
        at = self._due[0][0]
        if self._armed is not None and self._armed <= at:
            return
        self._armed = at
        self.after(max(at - self._clock.time(), _RIGHT_AWAY_S), LookAtBook(timed=True), key="look")
