"""What a system of actors reports: how incarnations end, and what its owner should log and count."""

from dataclasses import dataclass
from typing import Any

# --- How an incarnation ends ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Normal:
    """It said so itself, by `Actor.finish`."""


@dataclass(frozen=True, slots=True)
class Shutdown:
    """It was asked to stop, and did."""

    reason: str


@dataclass(frozen=True, slots=True)
class SiblingRestart:
    """It was well; the strategy of its group, or an operator, has it begin anew."""

    reason: str


@dataclass(slots=True)
class Failed:
    """Its handler, one of its tasks or one of its sources raised."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class StartFailed:
    """It could not be made, or did not come up in time."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Killed:
    """It did not stop in time and was cancelled."""


@dataclass(frozen=True, slots=True)
class Exhausted:
    """A group spent its restart budget."""

    error: BaseException | None


# As `isinstance` takes them quickest.
CRASHES = (Failed, StartFailed)
FAILURES = (Failed, StartFailed, Killed, Exhausted)

Exit = Normal | Shutdown | SiblingRestart | Failed | StartFailed | Killed | Exhausted


# --- Events -----------------------------------------------------------------------------------
# Nobody changes one. Those on the way from a crash to the next message are not frozen: that doubles what it costs to
# make them.


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """An actor is up for the first time."""

    actor: str


@dataclass(slots=True, kw_only=True)
class Crashed:
    """An incarnation ended by an error. `trace` and `message_type` tell of the message in hand, if any."""

    actor: str
    incarnation: int
    error: BaseException
    message_type: str | None
    trace: str | None
    at_start: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BackingOff:
    """The next try comes after `delay_s`."""

    name: str
    delay_s: float


@dataclass(slots=True, kw_only=True)
class Restarted:
    """A new incarnation is up; what the one before knew is lost."""

    actor: str
    incarnation: int


@dataclass(slots=True, kw_only=True)
class DeadLetter:
    """A message that nobody will handle, unless it is requeued by hand."""

    id: int
    actor: str
    incarnation: int
    message: Any
    reason: str
    error: str | None
    trace: str | None
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """A message ended its second incarnation: its like is refused until it is requeued by hand."""

    letter: DeadLetter


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeMode:
    """A group spent its restart budget and is about to begin anew as a whole."""

    group: str
    error: BaseException | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """A group that had begun anew is up again."""

    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GaveUp:
    """`name` stays down. When it is the root, the system is over."""

    name: str
    error: BaseException | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopFailed:
    """`on_stop` raised; the actor is gone all the same."""

    actor: str
    error: BaseException


@dataclass(frozen=True, slots=True, kw_only=True)
class Lingering:
    """Tasks of an ended incarnation do not end. No new one begins before they do."""

    actor: str
    stack: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """An actor is down for good."""

    actor: str
    reason: str


Event = (
    Started | Crashed | BackingOff | Restarted | DeadLetter | Quarantined | SafeMode | Recovered | GaveUp
    | StopFailed | Lingering | Stopped
)  # fmt: skip


def trace_of(message: object) -> str | None:
    """The id that a message shares with all that follows from it, if it has one."""
    trace = getattr(message, "trace", None)
    return None if trace is None else str(trace)
