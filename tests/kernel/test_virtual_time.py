import asyncio
import socket

import anyio
import pytest

from levibotd.kernel.clock import Clock
from levibotd.kernel.errors import Deadlock
from levibotd.kernel.virtual_time import EPOCH, VirtualTimeLoop, is_virtual, run_virtual


async def test_timers_fire_in_order_and_exactly_on_time(clock: Clock) -> None:
    fired: list[float] = []
    loop = asyncio.get_running_loop()
    for delay_s in (86_400 * 400.0, 0.1, 3.0, 0.1 + 0.2):
        loop.call_later(delay_s, lambda: fired.append(clock.time()))

    await clock.sleep(86_400 * 500)

    assert fired == [EPOCH + 0.1, EPOCH + (0.1 + 0.2), EPOCH + 3, EPOCH + 86_400 * 400]
    assert clock.time() == EPOCH + 86_400 * 500


@pytest.mark.parametrize("cancelled", [0, 1, 2, 7, 500])
async def test_timers_of_one_instant_fire_in_the_order_of_arming_whatever_others_there_are(
    clock: Clock, cancelled: int
) -> None:
    fired: list[int] = []
    loop = asyncio.get_running_loop()
    others = [loop.call_later(1 + 7 * number % 5, fired.clear) for number in range(cancelled)]
    for number in range(100):
        loop.call_later(5, fired.append, number)
    for other in others:
        other.cancel()

    await clock.sleep(6)

    assert fired == list(range(100))


@pytest.mark.parametrize("start", [0.0, 1.0e9, 2.0**31 - 0.5, 2.0**32 - 1e-6])
def test_a_timer_fires_neither_early_nor_never_at_any_epoch(start: float) -> None:
    async def main(clock: Clock) -> float:
        for _ in range(50):
            until = clock.time() + 1e-6
            await clock.sleep_until(until)
            assert clock.time() >= until
            await clock.sleep(0.1)
        return clock.time()

    assert run_virtual(main, start=start) == pytest.approx(start + 5, abs=1e-3)


async def test_time_stands_still_while_anything_is_ready(clock: Clock) -> None:
    asyncio.get_running_loop().call_later(1, lambda: None)
    for _ in range(1000):
        await asyncio.sleep(0)

    assert clock.time() == EPOCH


async def test_loopback_sockets_are_served_before_time_moves(clock: Clock) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    # Each exchange must end before its own timeout, which time would jump to if it could.
    for number in range(20):
        with anyio.fail_after(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"%d\n" % number)
            assert await reader.readline() == b"%d\n" % number
            writer.close()
            await writer.wait_closed()
    server.close()
    await server.wait_closed()

    assert clock.time() == EPOCH


async def test_timeouts_of_anyio_and_asyncio_run_on_it(clock: Clock) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(60):
            await asyncio.Event().wait()
    with anyio.move_on_after(60):
        await anyio.sleep_forever()

    assert clock.time() == EPOCH + 120


def test_a_wait_that_can_never_end_is_an_error_at_once() -> None:
    async def main(clock: Clock) -> None:
        await clock.sleep(5)
        await asyncio.Event().wait()

    with pytest.raises(Deadlock):
        run_virtual(main)


def test_a_deadlock_behind_an_open_socket_is_an_error_too() -> None:
    async def main() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours, theirs:
            await asyncio.get_running_loop().sock_recv(ours, 1)

    impatient = asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(patience_s=0.01))
    with impatient as runner, pytest.raises(Deadlock):
        runner.run(main())


async def test_what_would_go_to_a_thread_runs_in_place(clock: Clock) -> None:
    with anyio.fail_after(1):
        assert await asyncio.to_thread(lambda: is_virtual(asyncio.get_running_loop()))

    assert clock.time() == EPOCH


def test_a_run_returns_what_its_main_returns_and_begins_where_told() -> None:
    async def main(clock: Clock) -> float:
        return clock.time()

    assert run_virtual(main, start=1.5e9) == 1.5e9
