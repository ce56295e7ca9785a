"""A small system for tests: children in one group, their events, and actors that do as they are told."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from levibotd.kernel.actor import Actor
from levibotd.kernel.clock import Clock, LoopClock
from levibotd.kernel.events import Event
from levibotd.kernel.mailbox import Box, Ref, Request
from levibotd.kernel.supervisor import Child, Group, System


@dataclass(frozen=True)
class Do(Request[Any]):
    """Run `work` in the handler of whoever gets it."""

    work: Callable[[Actor[Any]], Awaitable[Any]]
    trace: str | None = None


class Doer(Actor[Any]):
    """Does what it is told and remembers everything else."""

    def __init__(self) -> None:
        self.got: list[Any] = []

    async def receive(self, message: Any) -> Any:
        if isinstance(message, Do):
            return await message.work(self)
        self.got.append(message)
        return message

    async def on_control(self, message: Any) -> None:
        self.got.append(message)

    def inspect(self) -> list[Any]:
        return list(self.got)


async def fail(_actor: Actor[Any]) -> None:
    """Work that crashes."""
    raise ValueError("unlucky")


async def finish(actor: Actor[Any]) -> None:
    """Work that ends its actor normally."""
    actor.finish()


async def stay(_actor: Actor[Any]) -> None:
    """Work that does not end by itself."""
    await LoopClock().sleep(1e6)


class SmallSystem:
    """One group `g` of the children given."""

    def __init__(self, *children: Child, **group: Any) -> None:
        self.events: list[Event] = []
        self.system = System(
            Group("root", children=(Group("g", children=children, **group),)),
            clock=LoopClock(),
            on_event=self.events.append,
            rng=Random(1),
        )

    async def __aenter__(self) -> "SmallSystem":
        await self.system.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.system.stop()

    def seen(self, *kinds: type) -> list[Event]:
        return [event for event in self.events if isinstance(event, kinds)]

    def actor(self, name: str) -> Any:
        """The actor now behind the name."""
        actor = self.system.cells[name].actor
        assert actor is not None
        return actor


def ref(name: str = "a", capacity: int = 16) -> Ref[Any]:
    return Ref(name, Box(capacity))


async def settle(clock: Clock) -> None:
    """Let everything that can happen now happen."""
    await clock.sleep(0.001)
