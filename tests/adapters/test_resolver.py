"""Names are resolved off the loop, for two seconds at most, and a dead DNS does not forget what it said."""

import asyncio
import os
import socket
from collections.abc import Iterator

import pytest

from levibotd.adapters.resolver import FRESH_S, HOSTS_MAX, LOOKUPS_MAX, Resolver, system_lookup
from levibotd.kernel import offload
from levibotd.kernel.clock import LoopClock

real_time = pytest.mark.real_time


class Late(LoopClock):
    """A clock that runs ahead on demand."""

    ahead_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead_s


class Names:
    """A name service with bad days."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.failure: OSError | None = None
        self.hangs = False
        self._gate, self._key = os.pipe()

    def open_gate(self) -> None:
        os.close(self._key)

    def lookup(self, host: str, family: socket.AddressFamily) -> list[tuple[str, int]]:
        self.asked.append(host)
        if self.hangs:
            os.read(self._gate, 1)
        if self.failure is not None:
            raise self.failure
        return [(f"10.0.0.{len(self.asked)}", socket.AF_INET)]


@pytest.fixture
def names() -> Iterator[Names]:
    names = Names()
    yield names
    names.open_gate()


async def addresses(resolver: Resolver, host: str = "store.example") -> list[str]:
    return [found["host"] for found in await resolver.resolve(host, 443)]


async def test_an_answer_is_kept_for_a_minute(names: Names) -> None:
    clock = LoopClock()
    resolver = Resolver(clock=clock, lookup=names.lookup)

    assert await addresses(resolver) == ["10.0.0.1"]
    assert await addresses(resolver) == ["10.0.0.1"]
    await clock.sleep(FRESH_S)
    assert await addresses(resolver) == ["10.0.0.2"]
    found = (await resolver.resolve("store.example", 443))[0]
    assert (found["hostname"], found["port"], found["family"]) == ("store.example", 443, socket.AF_INET)


@pytest.mark.fault("F6")
@pytest.mark.parametrize("failure", [socket.gaierror(-2, "Name or service not known"), OSError("network down")])
async def test_a_dead_name_service_leaves_the_last_good_addresses(names: Names, failure: OSError) -> None:
    clock = LoopClock()
    resolver = Resolver(clock=clock, lookup=names.lookup)
    await addresses(resolver)
    names.failure = failure
    await clock.sleep(10 * FRESH_S)

    assert await addresses(resolver) == ["10.0.0.1"]
    with pytest.raises(OSError, match=r"known|down"):
        await addresses(resolver, "never.seen")


@real_time
@pytest.mark.fault("F6")
async def test_a_name_service_that_hangs_costs_two_seconds_and_never_the_loop(names: Names) -> None:
    clock = LoopClock()
    resolver = Resolver(clock=clock, lookup=names.lookup)
    names.hangs = True
    lags: list[float] = []

    async def probe() -> None:
        while True:
            before = clock.monotonic()
            await clock.sleep(0.01)
            lags.append(clock.monotonic() - before - 0.01)

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        probing = tasks.create_task(probe())
        before = clock.monotonic()
        outcomes = await asyncio.gather(*(addresses(resolver) for _ in range(50)), return_exceptions=True)
        elapsed = clock.monotonic() - before
        assert await offload.call(lambda: 1) == 1  # Other threads are free meanwhile.
        probing.cancel()
        with pytest.raises(OSError, match="no answer"):
            await addresses(resolver)  # Who comes later waits for the same lookup.
    assert all(isinstance(outcome, OSError) for outcome in outcomes)
    assert 1.5 < elapsed < 4
    assert names.asked == ["store.example"]  # All fifty waited for one lookup.
    assert max(lags) < 0.05
    await resolver.close()


@real_time
@pytest.mark.fault("F6")
async def test_addresses_of_before_serve_while_the_name_service_hangs(names: Names) -> None:
    clock = Late()
    resolver = Resolver(clock=clock, lookup=names.lookup)
    await addresses(resolver)
    names.hangs = True
    clock.ahead_s = 2 * FRESH_S

    assert await addresses(resolver) == ["10.0.0.1"]


@real_time
async def test_no_more_lookups_hang_than_the_limit(names: Names) -> None:
    resolver = Resolver(clock=LoopClock(), lookup=names.lookup)
    names.hangs = True

    many = [addresses(resolver, f"host{n}") for n in range(3 * LOOKUPS_MAX)]
    assert all(isinstance(one, OSError) for one in await asyncio.gather(*many, return_exceptions=True))
    assert len(names.asked) == LOOKUPS_MAX


async def test_no_more_hosts_are_remembered_than_the_limit(names: Names) -> None:
    resolver = Resolver(clock=LoopClock(), lookup=names.lookup)
    for number in range(HOSTS_MAX + 1):
        await addresses(resolver, f"host{number}")
    await asyncio.sleep(0)
    names.failure = OSError("down")

    with pytest.raises(OSError, match="down"):
        await addresses(resolver, "host0")
    assert await addresses(resolver, "host1")


def test_the_system_knows_this_machine() -> None:
    assert ("127.0.0.1", socket.AF_INET) in system_lookup("127.0.0.1", socket.AF_INET)
    with pytest.raises(OSError, match="host name"):
        system_lookup("a" * 70 + ".example", socket.AF_INET)
