"""
What stays of an actor while its incarnations come and go: address, mail, counters, history.

`live` is one incarnation from birth to burial. It never raises; it returns how it ended, and
when it has returned nothing of the incarnation runs any more.
"""

import asyncio
import itertools
from collections.abc import Callable, Hashable
from typing import Any

from levibotd.kernel.actor import Actor, Host
from levibotd.kernel.control import Finish, Inspect, Resume, Stop, Suspend, TaskFailed
from levibotd.kernel.dead_letters import DeadLetters
from levibotd.kernel.errors import ActorCrashed, ActorRestarting, ActorStopped
from levibotd.kernel.events import (
    CRASHES,
    Crashed,
    Event,
    Exit,
    Failed,
    Killed,
    Lingering,
    Normal,
    Quarantined,
    Shutdown,
    SiblingRestart,
    StartFailed,
    StopFailed,
    Stopped,
    trace_of,
)
from levibotd.kernel.lane import NOTHING, Ask
from levibotd.kernel.mailbox import Rejected
from levibotd.kernel.poison import DEADLY, Suspects, itself
from levibotd.kernel.stacks import stack_of
from levibotd.kernel.status import State, TraceRecord
from levibotd.kernel.tasks import Timer
from levibotd.kernel.trace import Ring, message_of, type_name
from levibotd.kernel.tree import Child

GRACE_S = 2.0
_SAMPLE = 15  # The clock is read once in sixteen messages,
_BATCH = 63  # and the loop gets a turn once in sixty-four.


class Start:
    """Whether one life of an actor came up: a future without turns of the loop, told where it happens."""

    __slots__ = ("_on_done", "_up")

    def __init__(self) -> None:
        self._up = False
        self._on_done: Callable[[Start], None] | None = None

    def done(self) -> bool:
        return self._up

    def add_done_callback(self, on_done: "Callable[[Start], None]") -> None:
        self._on_done = on_done

    def set_result(self, _result: None) -> None:
        self._up = True
        if self._on_done is not None:
            self._on_done(self)


class Cell:
    """One actor as its supervisor sees it."""

    def __init__(
        self,
        child: Child,
        *,
        now: Callable[[], float],
        emit: Callable[[Event], None],
        letters: DeadLetters,
        order: "itertools.count[int]",
    ) -> None:
        self.child = child
        self.name = child.name
        self.mailbox = child.ref.mailbox
        self.state = State.NEW
        self.incarnation = 0
        self.crashes = 0
        self.handled = 0
        self.tasks_done = 0
        self.suspended = False  # Survives a restart: somebody wanted it.
        self.current: Any = None
        self.last_error: BaseException | None = None
        self.host: Host | None = None
        self.actor: Actor[Any] | None = None
        self.task: asyncio.Task[Exit] | None = None
        self.mark = now()  # When the loop was last known to begin something.
        self.suspects = Suspects()
        self._held: Any = None  # A message of `retry_once` between two incarnations.
        self._own_item: Any = None  # The last one that the actor told itself.
        self._busy_otherwise = False  # Suspended, or something is held: mail is not simply taken.
        self._draining: Stop | None = None
        self._ring = Ring(order)
        self._now = now
        self._emit = emit
        self._letters = letters
        self.mailbox.now = now
        self.mailbox.on_drop = self._dropped

    @property
    def current_type(self) -> str | None:
        return None if self.current is None else type_name(self.current)

    # --- Life ---------------------------------------------------------------------------------

    async def live(self, started: Start) -> Exit:
        """One incarnation. `started` is set when it is up; how it ended is returned."""
        self.incarnation += 1
        self.state = State.STARTING
        task = self.mailbox.served_by = self.task = asyncio.current_task()
        self.mailbox.loop = None if task is None else task.get_loop()
        self._draining = None
        self._busy_otherwise = self.suspended or self._held is not None
        self.host = Host(self.mailbox, limits=self.child.limits, on_crash=self._task_failed)
        self.actor = None
        try:
            ended = await self._be(self.host, started)
        except asyncio.CancelledError as error:
            # A cancellation nobody asked for leaked out of something the handler awaited: its failure.
            asked_for = self.task is not None and self.task.cancelling() > 0
            ended = Killed() if asked_for else Failed(error)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises ends its incarnation, not the system
            ended = Failed(error) if started.done() else StartFailed(error)
        await self._bury(ended)
        return ended

    def kill(self) -> None:
        if self.task is not None:
            self.task.cancel()

    def close(self, reason: str, *, failed: bool = False) -> None:
        """Take no more mail, ever. What waited goes to the dead letters."""
        self.state = State.FAILED if failed else State.STOPPED
        left = self.mailbox.close()
        if self._held is not None:
            left.insert(0, self._held)
            self._held = None
        for item in left:
            if type(item) is Ask:
                item.fail(ActorStopped(self.name))
            self._bury_message(item, "stopped")
        self._emit(Stopped(actor=self.name, reason=reason))

    def traced(self) -> list[TraceRecord]:
        """What it handled last, oldest first."""
        return self._ring.records(self.name)

    async def _be(self, host: Host, started: Start) -> Exit:
        actor = self.child.make()
        actor._host = host
        self.actor = actor
        kind = type(actor)
        # A hook that nobody wrote needs no watch: two timers less between a crash and the next message.
        if kind.on_start is not Actor.on_start:
            async with asyncio.timeout(self.child.start_timeout_s):
                await actor.on_start()
        if not started.done():
            started.set_result(None)
        if kind.on_continue is not Actor.on_continue:
            await actor.on_continue()
        for source in actor.sources():
            host.tasks.add_source(source)
        self.state = State.SUSPENDED if self.suspended else State.RUNNING
        return await self._serve(actor, host)

    # --- The loop -----------------------------------------------------------------------------

    # One function with local names: each call less is a tenth of a hop.
    async def _serve(self, actor: Actor[Any], host: Host) -> Exit:
        mailbox, receive, blamed = self.mailbox, actor.receive, self.suspects.blamed
        control, inspects, mail, take = mailbox.control, mailbox.inspects, mailbox.user.items, mailbox.user.take
        fired, own = mailbox.fired, mailbox.own.items
        low = () if mailbox.low is None else mailbox.low.items
        record, order = self._ring.kept.append, self._ring.order
        handled = self.handled
        while True:
            if control or inspects:
                self.current = None
                if (ended := await self._obey(actor, host)) is not None:
                    return ended
                continue
            if mail and not (fired or own or self._busy_otherwise) and (item := take()) is not NOTHING:
                pass
            elif (
                not (mail or fired or own or low or self._busy_otherwise or mailbox.user_next)
                or (item := self._take()) is NOTHING
            ):
                self.current = None
                if self._draining is not None and not host.tasks.busy:
                    return _ended_by(self._draining)
                await mailbox.sleep()
                self.mark = mailbox.marked if mail else self._now()
                continue
            if blamed and self._refused(item):
                continue
            self.current = item
            record((next(order), self.mark, item))
            if type(item) is Ask:
                host.asked, host.reply_taken = item, False
                answer = await receive(item.request)
                if not host.reply_taken:
                    item.answer(answer)
                host.asked = None
            else:
                await receive(item)
            handled += 1
            self.handled = handled
            if blamed:
                self.suspects.acquit(self._key(item))
            if not handled & _SAMPLE:
                self.mark = self._now()
                if not handled & _BATCH:
                    self.current = None
                    await asyncio.sleep(0)

    # The next piece of mail where it is not simply the oldest of the user lane; NOTHING when there is none for now.
    def _take(self) -> Any:
        if self._held is not None:
            item, self._held = self._held, None
            self._busy_otherwise = False
            return item
        if self.suspended:
            return NOTHING
        while type(item := self.mailbox.take()) is Timer:
            if item.take():
                self._own_item = item.message
                return item.message
        if self.mailbox.user_next:
            self._own_item = item
        return item

    async def _obey(self, actor: Actor[Any], host: Host) -> Exit | None:
        message = self.mailbox.take_control()
        match message:
            case Stop():
                return self._stop(message, host)
            case TaskFailed():
                return Failed(message.error)
            case Inspect():
                if not message.answer.done():
                    message.answer.set_result(actor.inspect())
            case Finish():
                return Normal()
            case Suspend() | Resume():
                self._suspend(isinstance(message, Suspend))
            case _:
                await actor.on_control(message)
        return None

    def _suspend(self, suspended: bool) -> None:
        if self._draining is None:
            self.suspended = suspended
            self.state = State.SUSPENDED if suspended else State.RUNNING
            self._busy_otherwise = suspended or self._held is not None

    def _stop(self, stop: Stop, host: Host) -> Exit | None:
        if not stop.drain or self.suspended:
            return _ended_by(stop)
        self._draining = stop
        self.state = State.DRAINING
        host.tasks.end_sources()
        host.tasks.on_idle = self.mailbox.wake
        return None

    # A task failed. The handler may end its message, which is innocent; but not for ever.
    def _task_failed(self, error: BaseException) -> None:
        if TaskFailed not in self.mailbox.control:
            self.mailbox.put_control(TaskFailed(error))
        if self.current is not None:
            asyncio.get_running_loop().call_later(self.child.shutdown_s, self._kill_failed, self.incarnation)

    def _kill_failed(self, incarnation: int) -> None:
        if TaskFailed in self.mailbox.control and self.incarnation == incarnation:
            self.kill()

    # --- The end ------------------------------------------------------------------------------

    async def _bury(self, ended: Exit) -> None:
        self.state = State.STOPPING
        host, actor = self.host, self.actor
        if self.mailbox.control:
            for kind in (Stop, Finish, TaskFailed):  # They were meant for this incarnation.
                self.mailbox.control.pop(kind, None)
        if isinstance(ended, CRASHES):
            self._count_crash(ended)
        if self.current is not None:
            self._mourn(self.current, ended)
            self.current = None
        if host is None:
            return
        host.close()
        if host.has_tasks:
            await self._end_tasks(host)
            self.tasks_done += host.tasks.done
        if actor is not None and type(actor).on_stop is not Actor.on_stop:
            await self._say_goodbye(actor, ended)
        if host.replies:
            gone = ActorStopped(self.name) if isinstance(ended, Shutdown | Normal) else ActorRestarting(self.name)
            for reply in list(host.replies):
                reply.fail(gone)
        self.host = self.actor = None
        self.task = self.mailbox.served_by = None

    def _count_crash(self, ended: Failed | StartFailed) -> None:
        self.crashes += 1
        self.last_error = ended.error
        message = None if self.current is None else message_of(self.current)
        if message is not None:
            self._ring.note_crash(message, at=self._now())
        self._emit(
            Crashed(
                actor=self.name,
                incarnation=self.incarnation,
                error=ended.error,
                message_type=None if message is None else type(message).__name__,
                trace=trace_of(message),
                at_start=isinstance(ended, StartFailed),
            )
        )

    # The message in hand is never tried again silently: we do not know how far it got.
    def _mourn(self, item: Any, ended: Exit) -> None:
        error = ended.error if isinstance(ended, CRASHES) else None
        if error is None:
            reason = "killed" if isinstance(ended, Killed) else "stopped"
        elif self.suspects.blame(self._key(item), message_of(item)) >= DEADLY:
            reason = "quarantined"
        elif type(item) in self.child.retry_once or (type(item) is Ask and type(item.request) in self.child.retry_once):
            self._held = item
            self._busy_otherwise = True
            return
        else:
            reason = "crashed"
        if type(item) is Ask:
            crashed = ActorCrashed(f"{self.name}: {type(error).__name__}: {error}")
            crashed.__cause__ = error
            item.fail(crashed)
        letter = self._bury_message(item, reason, error)
        if reason == "quarantined":
            self._emit(Quarantined(letter=letter))

    async def _end_tasks(self, host: Host) -> None:
        tasks = host.tasks.end()
        # Whatever happens to us, no next incarnation may begin while these still run.
        while tasks:
            try:
                _, pending = await asyncio.wait(tasks, timeout=GRACE_S)
            except asyncio.CancelledError:
                pending = {task for task in tasks if not task.done()}
            tasks = [task for task in tasks if task in pending]
            for task in tasks:
                self._emit(Lingering(actor=self.name, stack=stack_of(task)))
                task.cancel()

    async def _say_goodbye(self, actor: Actor[Any], ended: Exit) -> None:
        try:
            async with asyncio.timeout(GRACE_S if isinstance(ended, Killed) else self.child.shutdown_s):
                await actor.on_stop(ended)
        except asyncio.CancelledError:
            self._emit(StopFailed(actor=self.name, error=TimeoutError("on_stop was cancelled")))
        except Exception as error:  # noqa: BLE001 - it is going anyway
            self.last_error = error
            self._emit(StopFailed(actor=self.name, error=error))

    # --- Mail that is not delivered -----------------------------------------------------------

    def _refused(self, item: Any) -> bool:
        if not self.suspects.is_deadly(self._key(item)):
            return False
        if type(item) is Ask:
            item.answer(Rejected("quarantined"))
        self._bury_message(item, "quarantined")
        return True

    # What it told itself is never told again from elsewhere, and may well be many of a kind about one trace.
    def _key(self, item: Any) -> Hashable:
        message = message_of(item)
        return itself(message) if item is self._own_item else self.child.same(message)

    def _dropped(self, item: Any, reason: str) -> None:
        self._letters.add(item, actor=self.name, incarnation=self.incarnation, reason=reason, by_policy=True)

    def _bury_message(self, item: Any, reason: str, error: BaseException | None = None) -> Any:
        letter = self._letters.add(
            message_of(item), actor=self.name, incarnation=self.incarnation, reason=reason, error=error
        )
        self._emit(letter)
        return letter


def _ended_by(stop: Stop) -> Exit:
    return SiblingRestart(stop.reason) if stop.restart else Shutdown(stop.reason)
