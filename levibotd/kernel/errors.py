"""Why a message got no answer, and what keeps a system of actors from starting."""


class NotServed(Exception):
    """Root of what a sender or an asker can meet. The message itself was fine."""

    code = "NOT_SERVED"  # Stable: logged and served.


class MailboxFull(NotServed):
    """No room, and the message was not taken. Shed it or come back later."""

    code = "MAILBOX_FULL"


class ActorCrashed(NotServed):
    """The actor failed on this very request: what it did before is unknown. The cause is chained."""

    code = "ACTOR_CRASHED"


class ActorRestarting(NotServed):
    """The actor had kept the reply for later and began anew before it answered. The outcome is unknown."""

    code = "ACTOR_RESTARTING"


class ActorStopped(NotServed):
    """The actor is gone for good and takes no more mail."""

    code = "ACTOR_STOPPED"


class Deadlock(RuntimeError):
    """Nothing is ready, no timer is armed and no socket is open: on virtual time nothing will ever happen."""


class WaitCycle(Exception):
    """Actors would wait for each other in a circle. The message names it; the declared edges must change."""


class CannotStart(Exception):
    """A system gave up while it was starting. The message names the group; the cause is chained."""
