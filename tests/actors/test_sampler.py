"""Gauges are taken at an even pace, and the loop's delay is measured in between."""

from random import Random

import pytest

from actors.sampler import LAG_PROBE_S, SamplerActor
from levibotd.kernel.clock import Clock, LoopClock
from levibotd.kernel.mailbox import Box, Ref
from levibotd.kernel.supervisor import Child, Group, System
from levibotd.messages import Message


def sampled(clock: Clock, samples: list[float], lags: list[float]) -> System:
    ref: Ref[Message] = Ref("sampler", Box(4))

    def make() -> SamplerActor:
        return SamplerActor(
            sample=lambda: samples.append(clock.time()), on_lag=lags.append, clock=clock, interval_s=5.0
        )

    return System(
        Group("root", children=(Child(ref, make),)), clock=clock, on_event=lambda event: None, rng=Random(1)
    )


async def test_it_samples_at_once_and_at_every_interval(clock: Clock) -> None:
    samples: list[float] = []
    lags: list[float] = []
    begun = clock.time()
    system = sampled(clock, samples, lags)
    await system.start()
    await clock.sleep(15.05)
    await system.stop()

    assert [at - begun for at in samples] == pytest.approx([0.0, 5.0, 10.0, 15.0])
    assert lags == pytest.approx([0.0, 0.0, 0.0], abs=1e-6)


class LateClock(LoopClock):
    """Every sleep takes a quarter of a second longer than asked for."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds + 0.25)


async def test_a_loop_that_wakes_late_says_by_how_much() -> None:
    samples: list[float] = []
    lags: list[float] = []
    system = sampled(LateClock(), samples, lags)
    await system.start()
    await LoopClock().sleep(LAG_PROBE_S + 0.3)
    await system.stop()

    assert lags == pytest.approx([0.25], abs=1e-6)
