"""
TrainerActor: when to look for another model, and one training at a time.

The work is a child process and some files; the handler only starts it and hears that it is over.
"""

from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from msgspec import Struct

from levibotd.domain.learning import ModelTrained
from levibotd.errors import LeviError
from levibotd.kernel.actor import Actor
from levibotd.kernel.clock import Clock
from levibotd.kernel.errors import NotServed
from levibotd.messages import Retrain, TrainingBegun
from levibotd.ports.learning import Learner


class _Over(Struct, frozen=True):
    """To oneself: the training is over."""

    failed: str | None


class TrainerActor(Actor[Retrain | _Over]):
    """
    Look every `interval_s` for what is to be served, and train on request.

    A restart ends a training under way; nothing of it is served, and it may be asked for again.
    """

    def __init__(
        self,
        *,
        learner: Learner,
        on_over: Callable[[ModelTrained | str], None],
        on_running: Callable[[float | None], None],
        clock: Clock,
        interval_s: float,
    ) -> None:
        self._learner = learner
        self._on_over = on_over
        self._on_running = on_running
        self._clock = clock
        self._interval_s = interval_s
        self._since: float | None = None

    async def on_start(self) -> None:
        self._on_running(None)

    def sources(self) -> Sequence[Callable[[], Coroutine[Any, Any, None]]]:
        return (self._watch,)

    async def receive(self, message: Retrain | _Over) -> object:
        if isinstance(message, _Over):
            self._since = None
            self._on_running(None)
            return None
        fresh = self._since is None
        if self._since is None:
            self._since = self._clock.time()
            self._on_running(self._since)
            self.start(partial(self._train, message.by), key="training")
        return TrainingBegun(fresh=fresh, since=self._since)

    def inspect(self) -> object:
        return {"training_since": self._since}

    async def _watch(self) -> None:
        while True:
            await self._learner.look()
            await self._clock.sleep(self._interval_s)

    async def _train(self, by: str) -> None:
        failed = None
        try:
            self._on_over(await self._learner.retrain(by))
            await self._learner.look()
        except (LeviError, NotServed, TimeoutError, OSError) as fault:
            failed = str(fault)
            self._on_over(failed)
        await self.me.tell(_Over(failed))
