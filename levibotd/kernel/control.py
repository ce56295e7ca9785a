"""
What overtakes all mail: the kernel's own control messages.

One slot per type, the newest wins, and they are looked at between messages. Any other
message sent by `Ref.control` shares the lane and reaches the actor's `on_control`.
"""

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stop:
    """End after the message in hand; with `drain`, after the mail that is already there."""

    reason: str
    drain: bool = False
    restart: bool = False  # A next incarnation follows.


@dataclass(frozen=True, slots=True)
class Suspend:
    """Leave the mail where it is and obey only control messages, until Resume."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Take mail again."""


@dataclass(frozen=True, slots=True)
class Finish:
    """The actor itself wants to end, normally."""


@dataclass(frozen=True, slots=True)
class TaskFailed:
    """A task or source of this incarnation crashed, and so the incarnation did."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Inspect:
    """Answer with `Actor.inspect()`, between two messages."""

    answer: "asyncio.Future[object]"
