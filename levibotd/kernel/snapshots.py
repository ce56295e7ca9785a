"""Reads cells from outside: snapshots for operators, progress for the watchdog."""

from collections.abc import Callable

from levibotd.kernel.cell import Cell
from levibotd.kernel.group import Supervisor
from levibotd.kernel.lane import Lane
from levibotd.kernel.leaf import Leaf
from levibotd.kernel.stacks import stack_of
from levibotd.kernel.status import CellStatus, GroupStatus, LaneStatus, State, TaskStatus


class Progress:
    """Remembers when each cell was last seen to have done something."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._seen: dict[str, tuple[int, float]] = {}

    def stalled_for_s(self, cell: Cell) -> float:
        """How long it has been busy without ending a message or a task; 0 when it is idle or not up."""
        now = self._now()
        busy_tasks = cell.host is not None and bool(cell.host.tasks.running)
        waiting = cell.mailbox.has_mail and not cell.suspended
        up = cell.state in (State.RUNNING, State.SUSPENDED, State.DRAINING)
        done = cell.handled + cell.tasks_done + (0 if cell.host is None else cell.host.tasks.done)
        idle = not up or not (cell.current is not None or busy_tasks or waiting)
        if idle or cell.name not in self._seen or self._seen[cell.name][0] != done:
            self._seen[cell.name] = (done, now)
            return 0.0
        return now - self._seen[cell.name][1]


def group_status(supervisor: Supervisor, *, now: float) -> GroupStatus:
    """A group and all below it."""
    children: list[GroupStatus | CellStatus] = []
    for node in supervisor.nodes:
        if isinstance(node, Supervisor):
            children.append(group_status(node, now=now))
        elif isinstance(node, Leaf):
            children.append(cell_status(node.cell, now=now))
    return GroupStatus(
        name=supervisor.name,
        state=supervisor.state,
        strategy=supervisor.group.strategy.value,
        restarts=supervisor.restarts,
        children=tuple(children),
    )


def cell_status(cell: Cell, *, now: float) -> CellStatus:
    """One actor, with the stack of its task while it has a message in hand."""
    mailbox, host = cell.mailbox, cell.host
    running = {} if host is None else host.tasks.running
    lane = lane_status(mailbox.user, now=now)
    busy = cell.current is not None and cell.task is not None
    return CellStatus(
        name=cell.name,
        state=cell.state,
        incarnation=cell.incarnation,
        restarts=max(0, cell.incarnation - 1),
        crashes=cell.crashes,
        handled=cell.handled,
        depth=lane.depth,
        capacity=lane.capacity,
        oldest_age_s=lane.oldest_age_s,
        lane=lane,
        low_lane=None if mailbox.low is None else lane_status(mailbox.low, now=now),
        own_depth=len(mailbox.own) + len(mailbox.fired),
        current=cell.current_type,
        current_age_s=max(0.0, now - cell.mark) if busy else 0.0,
        tasks=tuple(
            TaskStatus(key=str(key), urgent=one.urgent, age_s=now - one.since) for key, one in running.items()
        ),
        tasks_waiting=0 if host is None else host.tasks.waiting,
        last_error=None if cell.last_error is None else f"{type(cell.last_error).__name__}: {cell.last_error}",
        stack=stack_of(cell.task) if busy and cell.task is not None else None,
    )


def lane_status(lane: Lane, *, now: float) -> LaneStatus:
    """One lane of a mailbox."""
    return LaneStatus(
        depth=len(lane),
        capacity=lane.capacity,
        oldest_age_s=lane.oldest_age_s(now),
        senders_waiting=len(lane.line),
        taken=lane.taken,
        refused=lane.refused,
        dropped=lane.dropped + lane.shed,
        superseded=lane.replaced,
    )
