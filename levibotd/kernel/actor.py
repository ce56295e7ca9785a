"""
The base of all actors: one inbox, one handler at a time, and no state that outlives a crash.

An actor takes its ports and the addresses it tells as constructor arguments. It works without
a system too: `await RiskActor(...).receive(message)` is a complete test (see `alone`).
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, TypeVar

from levibotd.kernel.control import Finish
from levibotd.kernel.events import Exit
from levibotd.kernel.lane import Ask, Box
from levibotd.kernel.mailbox import Mailbox, OwnRef, Ref, Rejected
from levibotd.kernel.tasks import Limits, MakeCoro, Tasks, Timer, Timers

M = TypeVar("M")

_TIDY_FROM = 64


class Reply:
    """Where the answer to one request goes. May be kept and used later, once; ActorRestarting ends it at a restart."""

    __slots__ = ("_ask", "_kept")

    def __init__(self, ask: Ask | None, kept: "dict[Reply, None]") -> None:
        self._ask = ask
        self._kept = kept

    @property
    def waited_for(self) -> bool:
        """Is the asker still there? False for a message that was told, not asked."""
        return self._ask is not None and not self._ask.future.done()

    def send(self, value: object) -> bool:
        """Answer. False: nobody waits any more."""
        self._kept.pop(self, None)
        return self._ask is not None and self._ask.answer(value)

    def refuse(self, reason: str) -> bool:
        """Answer `Rejected(reason)`."""
        return self.send(Rejected(reason))

    def fail(self, error: BaseException) -> None:
        """Let the asker's `ask` raise `error`."""
        self._kept.pop(self, None)
        if self._ask is not None:
            self._ask.fail(error)


class Host:
    """What one incarnation lends its actor. Made by the cell; by the actor itself when it is alone."""

    def __init__(
        self, mailbox: Mailbox, *, limits: Limits | None = None, on_crash: Callable[[BaseException], None]
    ) -> None:
        self.mailbox = mailbox
        self._me: OwnRef[Any] | None = None
        self._limits = Limits() if limits is None else limits
        self._on_crash = on_crash
        self._tasks: Tasks | None = None
        self._timers: Timers | None = None
        self._ended = False
        self.replies: dict[Reply, None] = {}
        self._tidy_at = _TIDY_FROM
        self.asked: Ask | None = None
        self.reply_taken = False
        self.crashes: list[BaseException] = []

    # Made when first used: whoever starts and times nothing begins anew the sooner.
    @property
    def me(self) -> OwnRef[Any]:
        if self._me is None:
            self._me = OwnRef(self.mailbox)
        return self._me

    @property
    def tasks(self) -> Tasks:
        if self._tasks is None:
            self._tasks = Tasks(self.mailbox.name, limits=self._limits, on_crash=self._on_crash)
            if self._ended:
                self._tasks.end()
        return self._tasks

    @property
    def timers(self) -> Timers:
        if self._timers is None:
            self._timers = Timers(self.mailbox, limits=self._limits)
        return self._timers

    @property
    def has_tasks(self) -> bool:
        """Has anything been started?"""
        return self._tasks is not None

    def close(self) -> None:
        """End timers, and begin nothing any more."""
        self._ended = True
        if self._timers is not None:
            self._timers.end()

    def take_reply(self) -> Reply:
        reply = Reply(self.asked, self.replies)
        self.reply_taken = True
        if self.asked is not None:
            self.replies[reply] = None
            if len(self.replies) >= self._tidy_at:
                self._tidy()
        return reply

    # Those whose askers no longer wait must not pile up. A callback of each asker would cost a tenth of an ask.
    def _tidy(self) -> None:
        for reply in [reply for reply in self.replies if not reply.waited_for]:
            del self.replies[reply]
        self._tidy_at = max(_TIDY_FROM, 2 * len(self.replies))


class Actor(Generic[M]):
    """
    Handles one message at a time. Subclasses write `receive` and whichever hooks they need.

    A handler awaits actors downstream of it and nothing else. What takes time is started
    (`start`) or waited for by a timer (`after`), and comes back as a message to `me`.
    """

    _host: Host | None = None

    async def receive(self, message: M) -> object:
        """
        Handle one message. The return value answers it if it was asked, unless `take_reply` was called.

        Bad input is answered with `Rejected`. What is raised ends this incarnation; the message
        goes to the dead letters and is not tried again.
        """
        raise NotImplementedError

    async def on_start(self) -> None:
        """Make ready, within the start timeout. Actors declared later start when this has returned."""

    async def on_continue(self) -> None:
        """Work that comes before the first mail and may take time: reconcile, connect."""

    async def on_stop(self, reason: Exit) -> None:
        """Clean up; tasks and sources have ended. Not called when `on_start` was never reached."""

    async def on_control(self, message: object) -> None:
        """Handle what came by `Ref.control`, between two messages."""

    def inspect(self) -> object:
        """A snapshot of the state for operators, without secrets."""
        return None

    def sources(self) -> Sequence[MakeCoro]:
        """Endless work of this incarnation, begun after `on_continue`. A crash of one is a crash of the actor."""
        return ()

    @property
    def me(self) -> Ref[M]:
        """The own address, for tasks and sources: uses reserved slots, so that no actor waits for its own box."""
        return self._hosted().me

    def start(self, make_coro: MakeCoro, *, key: Hashable, urgent: bool = False) -> None:
        """
        Run work beside the handler. One runs per key; urgent ones go first and in slots of their own.

        Raises MailboxFull when too many wait (ask `can_start` before). What the work raises ends this incarnation.
        """
        self._hosted().tasks.start(make_coro, key=key, urgent=urgent)

    def can_start(self, *, urgent: bool = False) -> bool:
        """Would `start` take one more?"""
        return self._hosted().tasks.has_room(urgent=urgent)

    def after(self, delay_s: float, message: M, *, key: Hashable | None = None) -> Timer:
        """Send `message` to oneself after `delay_s`. Arming a key again replaces it; all end with the incarnation."""
        return self._hosted().timers.after(delay_s, message, key=key)

    @property
    def has_mail(self) -> bool:
        """Does more wait behind the message in hand?"""
        return self._hosted().mailbox.has_mail

    def take_reply(self) -> Reply:
        """Keep the reply to the request in hand, to answer it later. Nobody hears it if the message was told."""
        return self._hosted().take_reply()

    def finish(self) -> None:
        """End normally after the message in hand."""
        self._hosted().mailbox.put_control(Finish())

    def _hosted(self) -> Host:
        if self._host is None:
            self._host = alone(self)
        return self._host


def alone(actor: Actor[Any]) -> Host:
    """The host of an actor that no system runs: what its tasks raise is kept until somebody looks (see `Alone`)."""
    crashes: list[BaseException] = []
    host = Host(Mailbox(type(actor).__name__, Box(256)), on_crash=crashes.append)
    host.crashes = crashes
    return host
