import asyncio
import threading
from collections.abc import Sequence

import pytest

from levibotd.kernel import offload
from levibotd.kernel.errors import ActorStopped, MailboxFull

real_time = pytest.mark.real_time


class Desk:
    """Notes what a worker did, and what it told of it."""

    def __init__(self) -> None:
        self.handled: list[list[int]] = []
        self.done: list[int] = []
        self.failed: list[tuple[list[int], str]] = []
        self.threads: set[str] = set()
        self.begun = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def worker(self, **options: int) -> "offload.Worker[int, int]":
        return offload.Worker(
            "writer",
            self.handle,
            on_done=lambda batch, result: self.done.extend([*batch, result]),
            on_failed=lambda batch, error: self.failed.append((list(batch), str(error))),
            weigh=lambda item: item,
            **{"weight_max": 1000, **options},
        )

    def handle(self, batch: Sequence[int]) -> int:
        self.begun.set()
        assert self.gate.wait(10)
        self.threads.add(threading.current_thread().name)
        self.handled.append(list(batch))
        if -1 in batch:
            raise ValueError("unlucky")
        return 1000 + len(batch)


async def test_a_call_runs_in_place_on_virtual_time() -> None:
    assert await offload.call(lambda: threading.current_thread() is threading.main_thread())


@real_time
async def test_a_call_runs_in_a_thread_and_raises_what_it_raised() -> None:
    assert await offload.call(lambda: threading.current_thread() is not threading.main_thread())
    with pytest.raises(ZeroDivisionError):
        await offload.call(divmod, 1, 0)


async def test_what_one_turn_brings_is_one_batch_on_virtual_time() -> None:
    desk = Desk()
    worker = desk.worker()
    for item in (1, 2, 3):
        assert worker.offer(item)
    assert desk.handled == []

    await worker.idle()

    assert desk.handled == [[1, 2, 3]]
    assert desk.done == [1, 2, 3, 1003]
    assert desk.threads == {threading.main_thread().name}
    await worker.stop()


async def test_what_is_said_to_be_the_last_begins_at_once_with_all_that_waits_on_virtual_time() -> None:
    desk = Desk()
    worker = desk.worker()
    worker.offer(1)

    assert worker.offer(2, at_once=True)
    assert desk.handled == [[1, 2]]
    assert worker.offer(3, at_once=True)

    assert desk.handled == [[1, 2], [3]]
    assert not worker.busy
    await worker.idle()
    assert desk.done == [1, 2, 1002, 3, 1001]
    await worker.stop()


@real_time
async def test_while_one_batch_is_in_the_works_the_next_one_gathers() -> None:
    desk = Desk()
    worker = desk.worker()
    desk.gate.clear()
    worker.offer(1)
    await asyncio.to_thread(desk.begun.wait, 10)
    for item in (2, 3, 4):
        worker.offer(item)
    desk.gate.set()

    await worker.idle()

    assert desk.handled == [[1], [2, 3, 4]]
    assert desk.done == [1, 1001, 2, 3, 4, 1003]
    assert len(desk.threads) == 1
    await worker.stop()
    assert not any(thread.name.startswith("writer") for thread in threading.enumerate())


@pytest.mark.parametrize("marked", [pytest.param(False), pytest.param(True, marks=real_time)])
async def test_a_batch_is_bounded_by_number_and_by_weight(marked: bool) -> None:
    desk = Desk()
    worker = desk.worker(batch_max=3, weight_max=10)
    for item in (1, 1, 1, 1, 9, 2, 50, 1):
        worker.offer(item)

    await worker.stop()

    assert desk.handled == [[1, 1, 1], [1, 9], [2], [50], [1]]


async def test_a_failed_batch_is_told_and_the_next_one_handled() -> None:
    desk = Desk()
    worker = desk.worker(batch_max=2)
    for item in (1, -1, 2):
        worker.offer(item)

    await worker.stop()

    assert desk.failed == [([1, -1], "unlucky")]
    assert desk.done == [2, 1001]


async def test_a_full_worker_refuses_offers_and_lets_senders_wait() -> None:
    desk = Desk()
    worker = desk.worker(capacity=2)
    assert worker.offer(1)
    assert worker.offer(2)
    assert not worker.offer(3)
    with pytest.raises(MailboxFull):
        worker.put_nowait(3)

    await worker.put(3)
    await worker.stop()

    assert desk.handled == [[1, 2], [3]]


async def test_a_stopped_worker_has_handled_everything_and_takes_no_more() -> None:
    desk = Desk()
    worker = desk.worker(capacity=1)
    worker.offer(1)
    late = asyncio.create_task(worker.put(2))
    await asyncio.sleep(0)

    await worker.stop()

    assert [item for batch in desk.handled for item in batch] in ([1], [1, 2])
    assert not worker.offer(3)
    with pytest.raises(ActorStopped):
        await worker.put(3)
    await asyncio.gather(late, return_exceptions=True)
    assert not worker.busy


@real_time
async def test_a_cancelled_stop_lets_the_batch_in_the_works_end_by_itself() -> None:
    desk = Desk()
    worker = desk.worker()
    desk.gate.clear()
    worker.offer(1)
    await asyncio.to_thread(desk.begun.wait, 10)
    stopping = asyncio.create_task(worker.stop())
    await asyncio.sleep(0)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    desk.gate.set()

    await worker.idle()

    assert desk.handled == [[1]]


@pytest.mark.parametrize("threaded", [pytest.param(False), pytest.param(True, marks=real_time)])
async def test_who_watches_raises_what_telling_raised_and_the_rest_goes_on(threaded: bool) -> None:
    told: list[int] = []

    def tell(batch: Sequence[int], _result: int) -> None:
        if 2 in batch:
            raise ValueError("unlucky")
        told.extend(batch)

    worker: offload.Worker[int, int] = offload.Worker(
        "writer", len, on_done=tell, on_failed=lambda _batch, _error: None, batch_max=1
    )
    watching = asyncio.create_task(worker.watch())
    await asyncio.sleep(0)
    for item in (1, 2, 3):
        worker.offer(item)

    with pytest.raises(ValueError, match="unlucky"):
        await watching
    await worker.stop()

    assert told == [1, 3]


async def test_what_nobody_watches_is_told_to_the_loop() -> None:
    heard: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: heard.append(context["exception"]))
    unlucky = ValueError("unlucky")

    def tell(_batch: Sequence[int], _result: int) -> None:
        raise unlucky

    worker: offload.Worker[int, int] = offload.Worker(
        "writer", len, on_done=tell, on_failed=lambda _batch, _error: None
    )
    worker.offer(1)
    await worker.stop()

    assert heard == [unlucky]


@real_time
def test_a_thread_whose_loop_is_gone_ends_in_silence(recwarn: pytest.WarningsRecorder) -> None:
    begun, gate = threading.Event(), threading.Event()

    def handle(batch: Sequence[int]) -> int:
        begun.set()
        assert gate.wait(10)
        return len(batch)

    async def leave_it() -> None:
        worker: offload.Worker[int, int] = offload.Worker(
            "left-alone", handle, on_done=lambda _batch, _result: None, on_failed=lambda _batch, _error: None
        )
        worker.offer(1)
        await asyncio.to_thread(begun.wait, 10)
        stopping = asyncio.create_task(worker.stop())
        await asyncio.sleep(0)
        stopping.cancel()

    asyncio.run(leave_it())
    left = [thread for thread in threading.enumerate() if thread.name == "left-alone"]
    gate.set()
    for thread in left:
        thread.join(10)

    assert len(left) == 1
    assert not left[0].is_alive()
    assert not list(recwarn)


@real_time
async def test_a_detached_call_that_hangs_holds_nobody_up() -> None:
    gate = threading.Event()
    hanging = offload.detached("hangs", gate.wait)
    try:
        assert await offload.detached("quick", lambda: 7) == 7
        assert await offload.call(lambda: 8) == 8
        thread = next(one for one in threading.enumerate() if one.name == "hangs")
        assert thread.daemon
        assert not hanging.done()
    finally:
        gate.set()
    assert await hanging is True


@real_time
async def test_a_detached_call_raises_what_it_raised() -> None:
    def broken() -> None:
        raise OSError("no such host")

    with pytest.raises(OSError, match="no such host"):
        await offload.detached("broken", broken)


async def test_a_detached_call_runs_in_place_on_virtual_time() -> None:
    assert await offload.detached("here", threading.get_ident) == threading.get_ident()
