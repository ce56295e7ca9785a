"""TrainerActor: it looks by itself, trains on request, once at a time, and outlives what goes wrong."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import anyio

from actors.trainer import TrainerActor
from levibotd.domain.learning import ModelTrained
from levibotd.errors import ConfigError
from levibotd.kernel.clock import LoopClock
from levibotd.kernel.events import Event
from levibotd.kernel.mailbox import Box, Ref
from levibotd.kernel.supervisor import System
from levibotd.kernel.tree import Child, Group
from levibotd.messages import Retrain

LOOK_S, TRAINING_S = 10.0, 60.0


class LearnerOfTest:
    def __init__(self) -> None:
        self.looks = 0
        self.trainings: list[str] = []
        self.fails = False

    async def look(self) -> None:
        self.looks += 1

    async def retrain(self, by: str) -> ModelTrained:
        self.trainings.append(by)
        await anyio.sleep(TRAINING_S)
        if self.fails:
            raise ConfigError("no scikit-learn")
        return ModelTrained(at=1.0, by=by, promoted=True, why="", sha256="a" * 64)


class Bench:
    def __init__(self) -> None:
        self.learner = LearnerOfTest()
        self.over: list[ModelTrained | str] = []
        self.running: list[float | None] = []
        self.events: list[Event] = []
        self.ref: Ref[Retrain] = Ref("trainer", Box(16))
        self.clock = LoopClock()
        self.system = System(
            Group("root", children=(Child(self.ref, self._make),)),
            clock=self.clock, on_event=self.events.append, rng=Random(1),
        )  # fmt: skip

    def _make(self) -> TrainerActor:
        return TrainerActor(
            learner=self.learner, on_over=self.over.append, on_running=self.running.append, clock=self.clock,
            interval_s=LOOK_S,
        )  # fmt: skip


@asynccontextmanager
async def trainer() -> AsyncIterator[Bench]:
    bench = Bench()
    await bench.system.start()
    yield bench
    await bench.system.stop()
    assert not [event for event in bench.events if "Crash" in type(event).__name__]


async def test_it_looks_at_once_and_again_and_again() -> None:
    async with trainer() as bench:
        await anyio.sleep(LOOK_S * 3 + 1)
        assert bench.learner.looks == 4


async def test_a_training_is_begun_once_and_answered_at_once() -> None:
    async with trainer() as bench:
        first = await bench.ref.ask(Retrain(by="me"), timeout_s=1.0)
        await anyio.sleep(5.0)
        second = await bench.ref.ask(Retrain(by="you"), timeout_s=1.0)
        assert (first.fresh, second.fresh) == (True, False)
        assert second.since == first.since == bench.running[-1]
        await anyio.sleep(TRAINING_S)
        assert bench.learner.trainings == ["me"]
        assert [one.promoted for one in bench.over if isinstance(one, ModelTrained)] == [True]
        assert bench.running[-1] is None


async def test_what_a_training_made_is_looked_for_at_once() -> None:
    async with trainer() as bench:
        await anyio.sleep(1.0)
        await bench.ref.ask(Retrain(by="me"), timeout_s=1.0)
        await anyio.sleep(TRAINING_S - 1.0)
        before = bench.learner.looks
        await anyio.sleep(2.0)
        assert bench.learner.looks > before


async def test_a_training_that_fails_is_told_and_the_next_may_begin() -> None:
    async with trainer() as bench:
        bench.learner.fails = True
        await bench.ref.ask(Retrain(by="me"), timeout_s=1.0)
        await anyio.sleep(TRAINING_S + 1)
        assert bench.over == ["no scikit-learn"]
        assert (await bench.ref.ask(Retrain(by="me"), timeout_s=1.0)).fresh
