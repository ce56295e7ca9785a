"""
Virtual time for all: every `async def test_…` runs on a loop on which waiting costs nothing.

A test marked `real_time` gets an ordinary loop. A test that can never go on fails with
Deadlock; one that spins is ended by the timeout.
"""

import asyncio
from collections.abc import Callable, Mapping

import pytest
from hypothesis import settings

from levibotd.kernel.clock import Clock, LoopClock
from levibotd.kernel.virtual_time import EPOCH, VirtualTimeLoop

# A busy machine is slow, not wrong: examples have no deadline. `make fuzz` takes the second profile.
settings.register_profile("suite", deadline=None, derandomize=True)  # `make fuzz` looks for what is new.
settings.register_profile("fuzz", deadline=None, max_examples=1000)
settings.load_profile("suite")

# Enough for the slowest property test on a busy machine; real processes get the longer default.
_VIRTUAL_TIMEOUT_S = 60


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.get_closest_marker("real_time") is not None:
        return {"real": asyncio.SelectorEventLoop}
    return {"virtual": lambda: VirtualTimeLoop(EPOCH)}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("timeout") is not None:
        return
    for item in items:
        if item.get_closest_marker("real_time") is None and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(_VIRTUAL_TIMEOUT_S))


@pytest.fixture
def clock() -> Clock:
    """The clock of the test's own loop."""
    return LoopClock()
