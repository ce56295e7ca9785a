"""Snapshots of what a system of actors is doing. Taken from outside, they work when an actor is stuck."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a child is in its life."""

    NEW = "new"
    STARTING = "starting"
    RUNNING = "running"
    SUSPENDED = "suspended"
    DRAINING = "draining"
    STOPPING = "stopping"
    BACKING_OFF = "backing_off"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneStatus:
    """How full one lane is, and what went through it."""

    depth: int
    capacity: int
    oldest_age_s: float
    senders_waiting: int
    taken: int
    refused: int
    dropped: int
    superseded: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskStatus:
    """One keyed task under way."""

    key: str
    urgent: bool
    age_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CellStatus:
    """One actor. Ages are sampled: they may be too large by up to sixteen messages."""

    name: str
    state: State
    incarnation: int
    restarts: int
    crashes: int
    handled: int
    depth: int
    capacity: int
    oldest_age_s: float
    lane: LaneStatus
    low_lane: LaneStatus | None
    own_depth: int
    current: str | None
    current_age_s: float
    tasks: tuple[TaskStatus, ...]
    tasks_waiting: int
    last_error: str | None
    stack: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupStatus:
    """One group and what is in it."""

    name: str
    state: State
    strategy: str
    restarts: int
    children: tuple["GroupStatus | CellStatus", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceRecord:
    """An actor took a message, or ended by it. `order` runs over all actors of a system."""

    order: int
    actor: str
    what: str
    message_type: str
    trace: str | None
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Unstopped:
    """A child that did not end in time, and where it stands."""

    name: str
    stack: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnstoppedReport:
    """How a stop went. Clean when `unstopped` is empty."""

    unstopped: tuple[Unstopped, ...]
    killed: tuple[str, ...]
    dead_letters: int
    elapsed_s: float
