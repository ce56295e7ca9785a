"""What a service manager hears, and that nobody is hurt when it does not listen."""

import asyncio
import io
import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import anyio
import pytest

from levibotd.domain.masking import Masker
from levibotd.kernel.clock import Clock
from levibotd.observe.logging import make_log
from levibotd.observe.notify import DEGRADED_AFTER_S, STATUS_MAX, Herald, Notifier


class Ear:
    """The manager's end of the socket."""

    def __init__(self, name: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(name)

    def heard(self) -> list[list[str]]:
        """Each message since the last look, by lines."""
        messages = []
        with suppress(BlockingIOError):
            while True:
                messages.append(self._socket.recv(4096).decode().splitlines())
        return messages

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "notify")


@pytest.fixture
def ear(path: str) -> Iterator[Ear]:
    one = Ear(path)
    yield one
    one.close()


class Stage:
    """A herald and what it looks at."""

    def __init__(self, address: str | None, clock: Clock, *, watchdog_s: float | None = 30.0) -> None:
        self.missing: list[str] = []
        self.stalled: list[str] = []
        self.printed = io.StringIO()
        self.herald = Herald(
            Notifier(address),
            clock=clock,
            log=make_log(self.printed, clock=clock, masker=Masker()),
            watchdog_s=watchdog_s,
            missing=lambda: tuple(self.missing),
            stalled=lambda: tuple(self.stalled),
            doing="paper",
        )


def test_a_message_is_one_datagram_with_a_line_for_each_assignment(ear: Ear, path: str) -> None:
    assert Notifier(path).send("READY=1", "STATUS=fine")
    assert ear.heard() == [["READY=1", "STATUS=fine"]]


def test_a_socket_may_lie_in_the_abstract_namespace(tmp_path: Path) -> None:
    ear = Ear(f"\0levibotd{tmp_path}")
    try:
        assert Notifier(f"@levibotd{tmp_path}").send("READY=1")
        assert ear.heard() == [["READY=1"]]
    finally:
        ear.close()


@pytest.mark.parametrize(
    "address", [None, "", "/nowhere/at/all", "a\0b", "x" * 500, "@" + "x" * 500, "vsock:2:1234", "\udcff"]
)
def test_a_manager_that_cannot_be_reached_hurts_nobody(address: str | None) -> None:
    assert Notifier(address).send("READY=1") is False


def test_a_manager_that_does_not_read_holds_nobody_up(ear: Ear, path: str) -> None:
    notifier = Notifier(path)
    taken = [notifier.send("STATUS=again") for _ in range(5000)]
    assert taken[0]
    assert not taken[-1]


async def test_ready_is_told_once_nothing_is_missing(ear: Ear, path: str, clock: Clock) -> None:
    stage = Stage(path, clock, watchdog_s=None)
    stage.missing = ["an actor is down"]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stage.herald.run)
        await clock.sleep(5)
        assert ear.heard() == []

        stage.missing.clear()
        await clock.sleep(5)
        assert ear.heard() == [["READY=1", "STATUS=paper"]]
        tasks.cancel_scope.cancel()


async def test_who_is_not_whole_in_time_serves_as_he_is_and_says_what_is_missing(
    ear: Ear, path: str, clock: Clock
) -> None:
    stage = Stage(path, clock, watchdog_s=None)
    stage.missing = ["an actor is down"]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stage.herald.run)
        await clock.sleep(DEGRADED_AFTER_S - 1.5)
        assert ear.heard() == []
        await clock.sleep(3)
        assert ear.heard() == [["READY=1", "STATUS=degraded: an actor is down"]]

        stage.missing.clear()
        await clock.sleep(3)
        assert ear.heard() == [["STATUS=paper"]]
        tasks.cancel_scope.cancel()


async def test_ready_is_sent_again_until_the_manager_takes_it(path: str, clock: Clock) -> None:
    stage = Stage(path, clock, watchdog_s=None)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stage.herald.run)
        await clock.sleep(3)
        late = Ear(path)
        await clock.sleep(3)
        assert late.heard() == [["READY=1", "STATUS=paper"]]
        late.close()
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize(("watchdog_s", "gap_s"), [(30.0, 1.0), (0.5, 0.25)])
async def test_alive_is_told_at_least_twice_as_often_as_asked(
    ear: Ear, path: str, clock: Clock, watchdog_s: float, gap_s: float
) -> None:
    stage = Stage(path, clock, watchdog_s=watchdog_s)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stage.herald.run)
        await clock.sleep(9.9 * gap_s)
        assert ear.heard().count(["WATCHDOG=1"]) == 10
        tasks.cancel_scope.cancel()


async def test_who_stands_still_is_not_called_alive_and_is_named_once(ear: Ear, path: str, clock: Clock) -> None:
    stage = Stage(path, clock)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stage.herald.run)
        await clock.sleep(2.5)
        stage.stalled = ["exec"]
        ear.heard()
        await clock.sleep(10)
        assert ["WATCHDOG=1"] not in ear.heard()

        stage.stalled.clear()
        await clock.sleep(2)
        assert ["WATCHDOG=1"] in ear.heard()
        tasks.cancel_scope.cancel()

    (line,) = map(json.loads, stage.printed.getvalue().splitlines())
    assert (line["event"], line["actors"]) == ("no_progress", ["exec"])


class LateClock:
    """A clock whose sleep ends late, as in a loop that is held up."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.late_s = 0.0
        self.now, self.time, self.monotonic, self.sleep_until = (
            clock.now, clock.time, clock.monotonic, clock.sleep_until,
        )  # fmt: skip

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds + self.late_s)


async def test_a_loop_that_lags_is_not_called_alive(ear: Ear, path: str, clock: Clock) -> None:
    lagging = LateClock(clock)
    stage = Stage(path, lagging)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stage.herald.run)
        await clock.sleep(0.5)
        lagging.late_s = 1.5
        await clock.sleep(1)
        ear.heard()
        await clock.sleep(20)
        assert ["WATCHDOG=1"] not in ear.heard()

        lagging.late_s = 0.0
        await clock.sleep(5)
        assert ["WATCHDOG=1"] in ear.heard()
        tasks.cancel_scope.cancel()


async def test_after_stopping_nothing_more_is_told(ear: Ear, path: str, clock: Clock) -> None:
    stage = Stage(path, clock)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stage.herald.run)
        await clock.sleep(0.5)
        ear.heard()
        stage.herald.stopping()
        stage.herald.stopping()
        stage.missing = ["everything"]
        with stage.herald.reloading():
            pass
        await clock.sleep(5)

    assert ear.heard() == [["STOPPING=1", "STATUS=stopping"]]


async def test_a_stop_before_ready_is_never_called_ready(ear: Ear, path: str, clock: Clock) -> None:
    stage = Stage(path, clock)
    stage.herald.stopping()
    await asyncio.wait_for(stage.herald.run(), 1)
    assert ear.heard() == [["STOPPING=1", "STATUS=stopping"]]


async def test_a_reload_is_a_pair_however_it_ends(ear: Ear, path: str, clock: Clock) -> None:
    stage = Stage(path, clock)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stage.herald.run)
        await clock.sleep(0.5)
        ear.heard()
        stage.herald.note("refused")
        with pytest.raises(ZeroDivisionError), stage.herald.reloading():
            _ = 1 / 0
        tasks.cancel_scope.cancel()

    begun, done = ear.heard()
    assert begun == ["RELOADING=1", f"MONOTONIC_USEC={int(clock.monotonic() * 1e6)}", "STATUS=reloading"]
    assert done == ["READY=1", "STATUS=paper; refused"]


async def test_a_reload_before_ready_does_not_make_it_ready(ear: Ear, path: str, clock: Clock) -> None:
    stage = Stage(path, clock)
    with stage.herald.reloading():
        pass
    assert ear.heard() == []


async def test_a_status_is_one_line_of_bounded_length(ear: Ear, path: str, clock: Clock) -> None:
    stage = Stage(path, clock)
    stage.herald.note("a\nREADY=1\n" + "x" * 9000)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stage.herald.run)
        await clock.sleep(0.5)
        tasks.cancel_scope.cancel()

    (ready, status), _alive = ear.heard()
    assert ready == "READY=1"
    assert len(status) < STATUS_MAX + 100


async def test_without_a_manager_nothing_is_looked_at(clock: Clock) -> None:
    stage = Stage(None, clock)
    stage.stalled = ["exec"]
    await asyncio.wait_for(stage.herald.run(), 1)
    assert stage.printed.getvalue() == ""
