"""
A tree of supervised actors: start it, watch it, stop it.

The vocabulary is OTP's. The tree is data (`Group`, `Child`); mailboxes and addresses outlive the
actors behind them, which are made anew after each crash. What happens is told by events.
"""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from random import Random

from levibotd.kernel.cell import Cell
from levibotd.kernel.clock import Clock
from levibotd.kernel.control import Inspect
from levibotd.kernel.dead_letters import DeadLetters
from levibotd.kernel.errors import ActorStopped, CannotStart
from levibotd.kernel.events import Event, Exhausted, Exit, GaveUp
from levibotd.kernel.group import Supervisor
from levibotd.kernel.leaf import Leaf, Node, Stopping
from levibotd.kernel.mailbox import INSPECTS_MAX, Rejected
from levibotd.kernel.poison import itself
from levibotd.kernel.snapshots import Progress, cell_status, group_status
from levibotd.kernel.status import CellStatus, GroupStatus, State, TraceRecord, UnstoppedReport
from levibotd.kernel.tree import ONE_FOR_ALL as ONE_FOR_ALL
from levibotd.kernel.tree import ONE_FOR_ONE as ONE_FOR_ONE
from levibotd.kernel.tree import PERMANENT as PERMANENT
from levibotd.kernel.tree import REST_FOR_ONE as REST_FOR_ONE
from levibotd.kernel.tree import TEMPORARY as TEMPORARY
from levibotd.kernel.tree import TRANSIENT as TRANSIENT
from levibotd.kernel.tree import Child as Child
from levibotd.kernel.tree import Group as Group
from levibotd.kernel.tree import check


class System:
    """
    A tree at work.

    `on_event` is called for every event, in the loop, and must not raise. `stop_order` names
    children of the root that stop first, in that order; all others follow in reverse start order.
    An actor that ends by one of `fatal` is not tried again: its group fails, up to the root.
    Raises ValueError and WaitCycle for a tree that cannot work.
    """

    # What it is made of; tests plant faults here.
    make_cell = Cell
    make_supervisor = Supervisor

    def __init__(
        self,
        tree: Group,
        *,
        clock: Clock,
        on_event: Callable[[Event], None],
        rng: Random,
        stop_order: Sequence[str] = (),
        fatal: tuple[type[BaseException], ...] = (),
        dead_letters_max: int = 256,
    ) -> None:
        check(tree)
        if unknown := set(stop_order) - {child.name for child in tree.children}:
            raise ValueError(f"the root has no child called {min(unknown)!r}")
        self.cells: dict[str, Cell] = {}
        self.dead_letters = DeadLetters(now=clock.time, kept_max=dead_letters_max)
        self._clock = clock
        self._emit = on_event
        self._rng = rng
        self._fatal = fatal
        self._order = itertools.count(1)
        self._owners: dict[str, tuple[Supervisor, Node]] = {}
        self._root = self._build(tree, stop_order=stop_order)
        self._progress = Progress(clock.monotonic)
        self._over: asyncio.Event | None = None
        self._gave_up: GaveUp | None = None
        self._report: asyncio.Future[UnstoppedReport] | None = None
        self._stopping: Stopping | None = None

    async def start(self) -> None:
        """Start everything, depth first, in declared order; returns when all are up. Raises CannotStart."""
        self._over = asyncio.Event()
        self._root.begin(self._root_ended)
        over = self._over
        self._root.started.add_done_callback(lambda _: over.set())
        await over.wait()
        if self._report is not None:
            raise CannotStart(f"{self._root.name} was stopped while it was starting")
        if not self._root.started.done():
            error = None if self._gave_up is None else self._gave_up.error
            raise CannotStart(f"{self._root.name} gave up while starting: {error}") from error
        if self._gave_up is None:
            over.clear()

    async def wait(self) -> GaveUp | None:
        """Return when the system is over: with GaveUp if the root ran out of restarts, else after a stop."""
        if self._over is not None:
            await self._over.wait()
        return self._gave_up

    async def stop(self, deadline_s: float = 18.0, *, reason: str = "stop") -> UnstoppedReport:
        """Stop everything in order. All phases together take `deadline_s` at most. Safe to call twice."""
        if self._report is not None:
            return await asyncio.shield(self._report)
        self._report = asyncio.get_running_loop().create_future()
        begun = self._clock.monotonic()
        self._stopping = Stopping(deadline=begun + deadline_s, now=self._clock.monotonic)
        await self._root.stop(self._stopping, reason=reason)
        self._root.close(reason)
        report = UnstoppedReport(
            unstopped=tuple(self._stopping.unstopped),
            killed=tuple(self._stopping.killed),
            dead_letters=self.dead_letters.total,
            elapsed_s=self._clock.monotonic() - begun,
        )
        self._report.set_result(report)
        if self._over is not None:
            self._over.set()
        return report

    def hurry(self, *, keep: Sequence[str] = ()) -> None:
        """During a stop: give only the named actors their time to stop, and cancel all others when their turn comes."""
        if self._stopping is not None:
            self._stopping.hurry(frozenset(keep))

    def restart(self, name: str) -> bool:
        """Let an actor or group begin anew, at no cost to its budget. False: there is none of that name."""
        if name not in self._owners:
            return False
        supervisor, node = self._owners[name]
        supervisor.want_restart(node)
        return True

    def requeue(self, letter_id: int) -> bool:
        """Send a dead letter again; one more crash and it is quarantined again. False: unknown, or no room."""
        letter = self.dead_letters.find(letter_id)
        if letter is None:
            return False
        cell = self.cells[letter.actor]
        cell.suspects.release(cell.child.same(letter.message))
        cell.suspects.release(itself(letter.message))
        if not cell.mailbox.user.offer(letter.message):
            return False
        self.dead_letters.remove(letter_id)
        return True

    async def inspect(self, name: str, *, timeout_s: float) -> object:
        """What the actor says of itself, between two messages. Rejected when too many ask. Raises TimeoutError."""
        mailbox = self.cells[name].mailbox
        if mailbox.closed:
            raise ActorStopped(name)
        if len(mailbox.inspects) >= INSPECTS_MAX:
            return Rejected("too many inspect it")
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        mailbox.inspects.append(Inspect(answer))
        mailbox.wake()
        async with asyncio.timeout(timeout_s):
            return await answer

    def tree(self) -> GroupStatus:
        """What everything is doing now."""
        return group_status(self._root, now=self._clock.monotonic())

    def status(self, name: str) -> CellStatus:
        return cell_status(self.cells[name], now=self._clock.monotonic())

    def trace(self, trace: str) -> list[TraceRecord]:
        """Where the messages of one trace went, in order, as far as remembered."""
        found = [record for cell in self.cells.values() for record in cell.traced() if record.trace == trace]
        return sorted(found, key=lambda record: record.order)

    def stalled(self) -> list[str]:
        """Permanent actors that are busy and have made no progress for their `stall_after_s`. Ask every few seconds."""
        return [
            cell.name
            for cell in self.cells.values()
            if cell.child.restart is PERMANENT
            and self._progress.stalled_for_s(cell) > cell.child.stall_after_s
        ]

    def all_running(self) -> bool:
        """Is every permanent actor up and past its `on_continue`?"""
        return all(
            cell.state in (State.RUNNING, State.SUSPENDED)
            for cell in self.cells.values()
            if cell.child.restart is PERMANENT
        )

    def _build(self, group: Group, *, stop_order: Sequence[str] = ()) -> Supervisor:
        now = self._clock.monotonic
        nodes: list[Node] = []
        for child in group.children:
            if isinstance(child, Group):
                nodes.append(self._build(child))
                continue
            cell = self.make_cell(child, now=now, emit=self._emit, letters=self.dead_letters, order=self._order)
            self.cells[child.name] = cell
            nodes.append(Leaf(cell, now=now))
        supervisor = self.make_supervisor(
            group, nodes, now=now, emit=self._emit, rng=self._rng, fatal=self._fatal, stop_order=stop_order
        )
        self._owners |= {node.name: (supervisor, node) for node in nodes}
        return supervisor

    def _root_ended(self, _root: Node, ended: Exit) -> None:
        error = ended.error if isinstance(ended, Exhausted) else None
        self._gave_up = GaveUp(name=self._root.name, error=error)
        self._root.close("gave up", failed=True)
        self._emit(self._gave_up)
        if self._over is not None:
            self._over.set()
