"""
Every error LeviBot raises on purpose, named by who must act.

The kernel has its own (`kernel/errors.py`), because it could be published alone.
"""


class LeviError(Exception):
    """Root of what LeviBot raises on purpose."""

    code = "LEVI_ERROR"  # Stable: logged and served.


class ConfigError(LeviError):
    """The operator must edit something. Exit 78, never restarted."""

    code = "CONFIG_ERROR"


class Unavailable(LeviError):
    """Somebody outside does not answer. Try again later."""

    code = "UNAVAILABLE"


class Refused(LeviError):
    """
    A definite no. Do not send it again unchanged.

    `reason` is a short stable word ("tick", "duplicate_cid"); the message is for people.
    """

    code = "REFUSED"

    def __init__(self, message: str, *, reason: str = "refused") -> None:
        super().__init__(message)
        self.reason = reason


class OutcomeUnknown(LeviError):
    """We sent it and lost the answer. Reconcile before any new order."""

    code = "OUTCOME_UNKNOWN"
