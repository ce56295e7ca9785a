"""
One post from text to paper fill in a single coroutine: the floor of the whole pipeline.

The same functions and the same records, encoded, chained, written and folded alike; but what an actor
would tell another is called, what it would ask the log is written at once, and what it would start is
run where it stands. What is left out is what the kernel and the logger add: mailboxes, tasks, timers,
supervision, group commit.
"""

from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from actors.exec import ExecActor
from bench.between import QueuesBetween
from levibotd.app.tree import Parts, Wired
from levibotd.journal import EVENT_OF, Durability, Prepared
from levibotd.kernel import offload
from levibotd.kernel.clock import Clock
from levibotd.messages import Append, CatchUp, Committed
from levibotd.ports.journal_file import Journal, Stamped
from levibotd.ports.posts import Posted

Work = Callable[[], Coroutine[Any, Any, object]]


class Called:
    """Stands where an address would: whoever is told or asked is called."""

    def __init__(self, receive: Callable[[Any], Coroutine[Any, Any, Any]]) -> None:
        self.receive = receive

    async def tell(self, message: Any) -> None:
        await self.receive(message)

    async def ask(self, message: Any, *, timeout_s: float) -> Any:
        return await self.receive(message)


class Written:
    """The log without a logger: prepare, commit (in a thread where the loop is a real one), fold."""

    def __init__(self, parts: Parts, journal: Journal, clock: Clock) -> None:
        self.between: QueuesBetween | None = None  # What is asked before each durable record, to see what that takes.
        self._prepare = parts.preparer.prepare
        self._journal = journal
        self._observe = parts.state.observe
        self._clock = clock

    async def tell(self, append: Append) -> None:
        await self._write(append)

    async def ask(self, message: Append | CatchUp, *, timeout_s: float) -> Committed:
        if isinstance(message, CatchUp):
            seq = self._journal.position.seq
            return Committed(seq, seq)
        if self.between is not None:
            for entry in message.entries:
                if EVENT_OF[type(entry.record)].durability is Durability.D:
                    await self.between.ask()
        return await self._write(message)

    async def _write(self, append: Append) -> Committed:
        records: tuple[Prepared, ...] = tuple([self._prepare(entry) for entry in append.entries])
        stamped = Stamped(records, round(self._clock.time(), 3), round(self._clock.monotonic(), 6))
        committed = Committed(0, 0)
        for run in await offload.call(lambda: list(self._journal.commit((stamped,)))):
            self._observe(run.logged)
            committed = Committed(run.logged[run.own].seq, run.logged[-1].seq)
        return committed


class Lent:
    """What an incarnation lends its actor, cut down to a list of work that is still to be done."""

    def __init__(self, actor: ExecActor) -> None:
        self.me = Called(actor.receive)
        self.tasks = self
        self.timers = self
        self.waiting: deque[Work] = deque()

    def start(self, work: Work, *, key: object, urgent: bool = False) -> None:
        self.waiting.append(work)

    def has_room(self, *, urgent: bool = False) -> bool:
        return True

    def after(self, delay_s: float, message: object, *, key: object = None) -> None:
        """Nothing that is armed here is due before the fill."""


class Bare(Wired):
    """The actors' own code, wired to call each other. `fill` takes one post all the way."""

    def __init__(self, parts: Parts, journal: Journal) -> None:
        super().__init__(parts)
        self.log = Written(parts, journal, parts.clock)
        self.logger = self.log  # type: ignore[assignment]
        exec_ = self._make_exec()
        self._lent = Lent(exec_)
        exec_._host = self._lent  # type: ignore[assignment]
        self._exec = exec_
        self.exec_ = Called(exec_.receive)  # type: ignore[assignment]
        self.risk = Called(self._make_risk().receive)  # type: ignore[assignment]
        self.scorer = Called(self._make_scorer().receive)  # type: ignore[assignment]
        self._telegram = self._make_telegram()

    async def begin(self) -> None:
        """What comes before the first post."""
        await self._exec.on_continue()
        await self._run()

    async def fill(self, posted: Posted, *, until: Callable[[], bool]) -> None:
        """Take in the post; then what the venue tells, `until` it is enough."""
        if self.log.between is not None:
            await self.log.between.six_hops()
        await self._telegram._take(posted)
        await self._run()
        updates = self.parts.venue.updates()
        while not until():
            await self._exec.receive(await anext(updates))
            await self._run()

    async def _run(self) -> None:
        waiting = self._lent.waiting
        while waiting:
            await waiting.popleft()()
