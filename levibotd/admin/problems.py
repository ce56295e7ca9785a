"""
What went wrong with a request, as `application/problem+json` (RFC 9457).

Every error has a stable `code`. What is not known here is an INTERNAL error: its class goes to
the operators' log, never into the answer.
"""

from collections.abc import Mapping

import msgspec

from levibotd.domain.records import Gate
from levibotd.errors import ConfigError, LeviError, OutcomeUnknown, Refused, Unavailable
from levibotd.kernel.errors import ActorCrashed, ActorRestarting, ActorStopped, MailboxFull

CONTENT_TYPE = "application/problem+json"
DETAIL_MAX = 500
FAULTS_MAX = 100
RETRY_AFTER_S = 1  # For what passes by itself: a full mailbox, an actor that begins anew.


class Declined(LeviError):
    """
    The request itself is at fault; nothing was done.

    `facts` are further members of the answer, `headers` further headers of it.
    """

    code = "DECLINED"
    status = 400

    def __init__(
        self, detail: str, *, facts: Mapping[str, object] | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.facts = facts or {}
        self.headers = headers or {}


class Malformed(Declined):
    """Not understood: bad JSON, a wrong type, a parameter out of bounds."""

    code = "MALFORMED"
    status = 400


class Unauthenticated(Declined):
    """No key, or one that nobody has."""

    code = "UNAUTHENTICATED"
    status = 401

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "ApiKey"})


class ScopeMissing(Declined):
    """The key is known and may not do this."""

    code = "SCOPE"
    status = 403


class SecondFactorMissing(Declined):
    """Loosening from stage `ask` up, without the code of now."""

    code = "TOTP"
    status = 403


class ForeignHost(Declined):
    """Addressed to a name that is not ours: DNS rebinding."""

    code = "HOST"
    status = 403


class ForeignOrigin(Declined):
    """Sent by a web page that is not ours."""

    code = "ORIGIN"
    status = 403


class NotFound(Declined):
    """No such route, or nothing with this id."""

    code = "NOT_FOUND"
    status = 404


class MethodNotAllowed(Declined):
    """The route is there and does not take this method."""

    code = "METHOD_NOT_ALLOWED"
    status = 405


class KeyReused(Declined):
    """An Idempotency-Key under which something else was asked before. Nothing was done."""

    code = "KEY_REUSED"
    status = 422


class Blocked(Declined):
    """A gate said no: its name, what was found and what would have been allowed."""

    code = "GATE"
    status = 409

    def __init__(self, gate: Gate, *, facts: Mapping[str, object] | None = None) -> None:
        told = {"gate": gate.name, "value": gate.value, "limit": gate.limit}
        super().__init__(f"{gate.name}: {gate.value}, limit {gate.limit}", facts={**(facts or {}), **told})


class TooSlow(Declined):
    """A request that did not arrive in time."""

    code = "TOO_SLOW"
    status = 408


class TooLarge(Declined):
    """A body beyond the limit."""

    code = "TOO_LARGE"
    status = 413


class TooMany(Declined):
    """More requests than this client may send."""

    code = "RATE_LIMITED"
    status = 429


class Undecided(Declined):
    """It was taken in, and how it ends is not known yet. The same request again asks for it."""

    code = OutcomeUnknown.code
    status = 504


# Every `code` that an answer may carry. They are stable: clients act on them.
CODES = (
    "ACTOR_CRASHED", "ACTOR_RESTARTING", "ACTOR_STOPPED", "ARCHIVE_BAD_COPY", "ARCHIVE_BAD_MANIFEST",
    "ARCHIVE_STEP_FAILED", "CONFIG_ERROR", "FELL_BEHIND", "GATE", "HOST", "INTERNAL", "KEY_REUSED", "LOG_DAMAGED",
    "LOG_DEVICE_DEAD", "LOG_ROLLBACK", "MAILBOX_FULL", "MALFORMED", "METHOD_NOT_ALLOWED", "NOT_ARCHIVED", "NOT_FOUND",
    "NO_LOG", "ORIGIN", "OUTCOME_UNKNOWN", "RATE_LIMITED", "REFUSED", "SCOPE", "STORE_ALREADY_THERE", "STORE_NOT_THERE",
    "STORE_REFUSED", "STORE_UNAVAILABLE", "TOO_LARGE", "TOO_SLOW", "TOTP", "UNAUTHENTICATED", "UNAVAILABLE",
    "UNWRITABLE",
)  # fmt: skip


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One answer that says no."""

    status: int
    code: str
    title: str
    detail: str
    facts: Mapping[str, object] = {}
    headers: Mapping[str, str] = {}

    def to_bytes(self) -> bytes:
        members = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail[:DETAIL_MAX],
        }
        return msgspec.json.encode({**self.facts, **members}, enc_hook=str)


TITLES = {
    400: "Bad request",
    401: "A key is needed",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    408: "Request too slow",
    409: "Refused",
    413: "Body too large",
    422: "Configuration does not allow this",
    429: "Too many requests",
    500: "Internal error",
    503: "Not available now",
    504: "Outcome unknown",
}
_RETRY = {"Retry-After": str(RETRY_AFTER_S)}


def problem_of(error: BaseException) -> Problem:
    """Translate any error; one that nobody raised on purpose becomes INTERNAL and keeps its text to itself."""
    match error:
        case Declined():
            return _problem(error.status, error.code, str(error), facts=error.facts, headers=error.headers)
        case Refused():
            return _problem(409, error.code, str(error), facts={"reason": error.reason})
        case ConfigError():
            faults = _faults(error)
            return _problem(422, error.code, "\n".join(faults), facts={"faults": faults})
        case MailboxFull():
            return _problem(429, error.code, "too many requests wait already", headers=_RETRY)
        case ActorCrashed() | ActorRestarting():
            return _problem(503, error.code, "the actor failed on this; it may have happened", headers=_RETRY)
        case ActorStopped():
            return _problem(503, error.code, "the actor is down", headers=_RETRY)
        case Unavailable():
            return _problem(503, error.code, str(error), headers=_RETRY)
        case OutcomeUnknown():
            return _problem(504, error.code, str(error))
        case TimeoutError():
            return _problem(504, OutcomeUnknown.code, "no answer in time; it may still happen")
        case _:
            return _problem(500, "INTERNAL", "see the log of the daemon")


# Each fault of a configuration stands in a line of its own; the line before them names the file, which is nobody's
# business here.
def _faults(error: ConfigError) -> list[str]:
    lines = str(error).splitlines()
    named = [line for line in lines if line.startswith("$")]
    return [line[:DETAIL_MAX] for line in named or lines][:FAULTS_MAX]


def _problem(
    status: int,
    code: str,
    detail: str,
    *,
    facts: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Problem:
    return Problem(
        status=status, code=code, title=TITLES[status], detail=detail, facts=facts or {}, headers=headers or {}
    )
