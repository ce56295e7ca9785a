"""
What the service manager is told: ready, reloading, stopping, alive, and a line for `systemctl status`.

The protocol is one datagram a message on the socket that systemd names (`sd_notify(3)`). Without a
socket nobody is told anything, and nothing else changes.
"""

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from levibotd.kernel.clock import Clock
from levibotd.observe.logging import Log, printable

TICK_S = 1.0
LAG_MAX_S = 1.0  # A loop that is later than this is not called alive.
DEGRADED_AFTER_S = 30.0  # What is not whole by then serves as it is, and says what is missing.
STATUS_MAX = 500


class Notifier:
    """The manager's ear at `address`: a path, or `@name` in the abstract namespace. None: nobody listens."""

    def __init__(self, address: str | None) -> None:
        self.address = address

    def send(self, *assignments: str) -> bool:
        """Send one message; was it taken? Never waits and never raises."""
        if not self.address:
            return False
        name = os.fsencode(self.address)
        if name.startswith(b"@"):
            name = b"\0" + name[1:]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as ear:
                ear.sendto("\n".join(assignments).encode(), name)
        except (OSError, ValueError):  # ValueError: a name that no socket can have.
            return False
        return True


class Herald:
    """
    Tells the manager how the daemon is, from tick to tick, as long as `run` runs.

    READY once `missing` names nothing; after half a minute READY all the same, with what is missing.
    WATCHDOG only while the loop is in time and `stalled` names nobody: a daemon that moves and does
    nothing is to be killed. What the manager did not take is sent again with the next tick.
    """

    def __init__(
        self,
        notifier: Notifier,
        *,
        clock: Clock,
        log: Log,
        watchdog_s: float | None,
        missing: Callable[[], Sequence[str]],
        stalled: Callable[[], Sequence[str]],
        doing: str,
    ) -> None:
        self._notifier = notifier
        self._clock = clock
        self._log = log
        self._watchdog_s = watchdog_s
        self._missing = missing
        self._stalled = stalled
        self._doing = doing
        self._note = ""
        self._ready = False
        self._stopping = False
        self._told = ""
        self._still: tuple[str, ...] = ()

    async def run(self) -> None:
        if self._notifier.address is None:
            return
        interval_s = TICK_S if self._watchdog_s is None else min(TICK_S, self._watchdog_s / 2)
        since = due = self._clock.monotonic()
        while not self._stopping:
            now = self._clock.monotonic()
            self._tell_state(patient=now - since < DEGRADED_AFTER_S)
            if self._watchdog_s is not None:
                self._tell_alive(late_s=now - due)
            due = self._clock.monotonic() + interval_s
            await self._clock.sleep(interval_s)

    def stopping(self) -> None:
        """From now on the manager hears nothing more; being told twice changes nothing."""
        if not self._stopping:
            self._stopping = True
            self._notifier.send("STOPPING=1", "STATUS=stopping")

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """The manager waits as long as this lasts, however it ends."""
        if not self._ready or self._stopping:
            yield
            return
        self._notifier.send("RELOADING=1", f"MONOTONIC_USEC={int(self._clock.monotonic() * 1e6)}", "STATUS=reloading")
        try:
            yield
        finally:
            if not self._stopping:
                # Not taken: READY is owed, and the next tick sends it.
                self._ready = self._send_state("READY=1")

    def note(self, text: str) -> None:
        """Stands in the status line from now on, until another note. Empty: none."""
        self._note = text

    def status(self) -> str:
        """What `systemctl status` shows."""
        missing = "; ".join(self._missing())
        state = f"degraded: {missing}" if missing else self._doing
        return printable(f"{state}; {self._note}" if self._note else state, limit=STATUS_MAX)

    def _tell_state(self, *, patient: bool) -> None:
        if not self._ready:
            if not (patient and self._missing()):
                self._ready = self._send_state("READY=1")
        elif self.status() != self._told:
            self._send_state()

    def _tell_alive(self, *, late_s: float) -> None:
        still = tuple(self._stalled())
        if still and still != self._still:
            # The manager will end the process: whoever looks for the reason finds it here.
            self._log.error("no_progress", actors=list(still), watchdog_s=self._watchdog_s)
        self._still = still
        if not still and late_s < LAG_MAX_S:
            self._notifier.send("WATCHDOG=1")

    def _send_state(self, *assignments: str) -> bool:
        status = self.status()
        taken = self._notifier.send(*assignments, f"STATUS={status}")
        if taken:
            self._told = status
        return taken
