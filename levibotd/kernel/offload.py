"""
The only door to threads: one-shot calls, and owned worker threads that take work in batches.

On virtual time both run in place: a thread would need real time there, which no timer waits for.
"""

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Generic, ParamSpec, TypeVar

from levibotd.kernel.errors import ActorStopped, MailboxFull
from levibotd.kernel.virtual_time import is_virtual

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")


async def call(fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run `fn` in a thread and return what it returns or raises. Cancelling the wait does not end the call."""
    if is_virtual(asyncio.get_running_loop()):
        return fn(*args, **kwargs)
    return await asyncio.to_thread(fn, *args, **kwargs)


def detached(name: str, fn: Callable[[], R]) -> "asyncio.Future[R]":
    """
    Run `fn` in a thread of its own that nobody waits for: not other calls, and not the end of the process.

    For what may hang for good, as a name lookup does. Whoever calls bounds how many there are.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[R] = loop.create_future()

    def tell(result: R | None, error: BaseException | None) -> None:
        if outcome.done():
            return
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(result)  # type: ignore[arg-type]

    def work() -> None:
        result, error = None, None
        try:
            result = fn()
        except BaseException as failure:  # noqa: BLE001 - whatever it is, it is told to whoever waits
            error = failure
        with suppress(RuntimeError):  # The loop is gone, and so is whoever waited.
            loop.call_soon_threadsafe(tell, result, error)

    if is_virtual(loop):
        work()
    else:
        threading.Thread(target=work, name=name, daemon=True).start()
    return outcome


class Worker(Generic[T, R]):
    """
    One owned thread that handles what waits for it, as much as there is at once.

    While a batch is in the works the next one gathers: that is natural group commit, without a
    timer. Batches are handled in order, each is told to the loop by `on_done` or `on_failed`, in
    order; after a failure the next batch is handled as if nothing had been, so `on_failed` decides.
    What these two raise, `watch` raises. A batch is at most `batch_max` items, and no more of them than
    weigh `weight_max` together (but always one). Everything but `handle` runs in the loop.
    """

    def __init__(
        self,
        name: str,
        handle: Callable[[Sequence[T]], R],
        *,
        on_done: Callable[[Sequence[T], R], None],
        on_failed: Callable[[Sequence[T], BaseException], None],
        capacity: int = 8192,
        batch_max: int = 256,
        weigh: Callable[[T], int] | None = None,
        weight_max: int = 0,
    ) -> None:
        self.name = name
        self.capacity = capacity
        self._handle = handle
        self._on_done = on_done
        self._on_failed = on_failed
        self._batch_max = batch_max
        self._weigh = weigh
        self._weight_max = weight_max
        self._waiting: deque[T] = deque()
        self._in_works: Sequence[T] = ()
        self._senders: deque[asyncio.Future[None]] = deque()
        self._idle: list[asyncio.Future[None]] = []
        self._batches: queue.SimpleQueue[Sequence[T] | None] | None = None
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._watcher: asyncio.Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None  # Of who watches; asking for it costs a system call.

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def busy(self) -> bool:
        return bool(self._in_works or self._waiting)

    def offer(self, item: T, *, at_once: bool = False) -> bool:
        """
        Take one item now or not at all. False: full, or stopped.

        What else this turn of the loop brings goes into the same batch; with `at_once` it is begun here, for
        whoever knows that nothing more is coming.
        """
        if self._stopped or len(self._waiting) >= self.capacity:
            return False
        self._waiting.append(item)
        if not self._in_works:
            if at_once:
                self._begin()
            elif len(self._waiting) == 1:
                (self._loop or asyncio.get_running_loop()).call_soon(self._begin)
        return True

    async def put(self, item: T) -> None:
        """Take one item, waiting for room. Raises ActorStopped; then it was not taken."""
        while not self.offer(item):
            if self._stopped:
                raise ActorStopped(self.name)
            room: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._senders.append(room)
            await room

    def put_nowait(self, item: T) -> None:
        """Take one item. Raises MailboxFull."""
        if not self.offer(item):
            raise MailboxFull(self.name)

    async def idle(self) -> None:
        """Return when everything taken so far has been handled and told."""
        if self.busy:
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._idle.append(done)
            await done

    async def watch(self) -> None:
        """Never return. Raises what `on_done` or `on_failed` raise from now on: for the actor whose work this is."""
        self._loop = asyncio.get_running_loop()
        self._watcher = self._loop.create_future()
        try:
            await self._watcher
        finally:
            self._loop = None

    async def stop(self) -> None:
        """Take no more, handle what waits, end the thread. When cancelled, the thread ends after its batch."""
        self._stopped = True
        self._wake_senders()
        try:
            await self.idle()
        finally:
            if self._batches is not None and self._thread is not None:
                self._batches.put(None)
                if not self._in_works:  # Else joining would wait for the disk.
                    self._thread.join()
                self._batches = self._thread = None

    def _begin(self) -> None:
        if self._in_works or not self._waiting:
            return
        batch = self._in_works = self._next_batch()
        if self._senders:
            self._wake_senders()
        loop = self._loop or asyncio.get_running_loop()
        if is_virtual(loop):
            self._end(batch, *self._handled(batch))
            return
        if self._batches is None:
            # No pool: its futures, locks and queues cost several times what most batches do.
            self._batches = queue.SimpleQueue()
            self._thread = threading.Thread(target=self._run, args=(self._batches, loop), name=self.name, daemon=True)
            self._thread.start()
        self._batches.put(batch)

    # In the thread.
    def _run(self, batches: "queue.SimpleQueue[Sequence[T] | None]", loop: asyncio.AbstractEventLoop) -> None:
        while (batch := batches.get()) is not None:
            outcome = self._handled(batch)
            with suppress(RuntimeError):  # The loop is closed: nobody is left to be told.
                loop.call_soon_threadsafe(self._end, batch, *outcome)

    def _handled(self, batch: Sequence[T]) -> tuple[R | None, BaseException | None]:
        try:
            return self._handle(batch), None
        except BaseException as failure:  # noqa: BLE001 - whatever it is, it is told to the owner
            return None, failure

    def _next_batch(self) -> Sequence[T]:
        if len(self._waiting) == 1:
            return (self._waiting.popleft(),)
        batch: list[T] = []
        weight = 0
        while self._waiting and len(batch) < self._batch_max:
            if self._weigh is not None:
                weight += self._weigh(self._waiting[0])
                if batch and weight > self._weight_max:
                    break
            batch.append(self._waiting.popleft())
        return batch

    def _end(self, batch: Sequence[T], result: Any, failure: BaseException | None) -> None:
        self._in_works = ()
        try:
            if failure is None:
                self._on_done(batch, result)
            else:
                self._on_failed(batch, failure)
        except BaseException as raised:  # noqa: BLE001 - whatever it is, whoever watches raises it
            self._tell(raised)
        if self._waiting:
            self._begin()
        elif self._idle:
            idle, self._idle = self._idle, []
            for done in idle:
                if not done.done():
                    done.set_result(None)

    def _tell(self, raised: BaseException) -> None:
        if self._watcher is not None and not self._watcher.done():
            self._watcher.set_exception(raised)
        else:
            context = {"message": f"nobody watches {self.name}", "exception": raised}
            asyncio.get_running_loop().call_exception_handler(context)

    def _wake_senders(self) -> None:
        while self._senders:
            sender = self._senders.popleft()
            if not sender.done():
                sender.set_result(None)
