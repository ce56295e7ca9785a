"""Every class of error has one status and one stable code."""

from importlib import import_module
from pkgutil import walk_packages

import msgspec
import pytest

import levibotd
from levibotd.admin import problems
from levibotd.admin.problems import CODES, DETAIL_MAX, Malformed, NotFound, problem_of
from levibotd.errors import ConfigError, LeviError, OutcomeUnknown, Refused, Unavailable
from levibotd.kernel.errors import ActorCrashed, ActorRestarting, ActorStopped, MailboxFull, NotServed


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Malformed("x"), 400, "MALFORMED"),
        (problems.Unauthenticated("x"), 401, "UNAUTHENTICATED"),
        (problems.ScopeMissing("x"), 403, "SCOPE"),
        (problems.ForeignHost("x"), 403, "HOST"),
        (problems.ForeignOrigin("x"), 403, "ORIGIN"),
        (NotFound("x"), 404, "NOT_FOUND"),
        (problems.MethodNotAllowed("x"), 405, "METHOD_NOT_ALLOWED"),
        (Refused("x"), 409, "REFUSED"),
        (problems.TooLarge("x"), 413, "TOO_LARGE"),
        (ConfigError("x"), 422, "CONFIG_ERROR"),
        (MailboxFull("x"), 429, "MAILBOX_FULL"),
        (problems.TooMany("x"), 429, "RATE_LIMITED"),
        (LeviError("x"), 500, "INTERNAL"),
        (KeyError("x"), 500, "INTERNAL"),
        (Unavailable("x"), 503, "UNAVAILABLE"),
        (ActorStopped("x"), 503, "ACTOR_STOPPED"),
        (ActorRestarting("x"), 503, "ACTOR_RESTARTING"),
        (ActorCrashed("x"), 503, "ACTOR_CRASHED"),
        (OutcomeUnknown("x"), 504, "OUTCOME_UNKNOWN"),
        (TimeoutError("x"), 504, "OUTCOME_UNKNOWN"),
    ],
)
def test_each_error_has_its_status_and_its_code(error: Exception, status: int, code: str) -> None:
    problem = problem_of(error)
    body = msgspec.json.decode(problem.to_bytes())

    assert (problem.status, problem.code) == (status, code)
    assert body == {**body, "status": status, "code": code, "type": "about:blank"}


def test_what_nobody_raised_on_purpose_keeps_its_text_to_itself() -> None:
    assert b"hunter2" not in problem_of(KeyError("hunter2")).to_bytes()


@pytest.mark.parametrize("error", [MailboxFull("exec"), Unavailable("venue"), ActorCrashed("exec")])
def test_what_passes_by_itself_says_when_to_come_back(error: Exception) -> None:
    assert problem_of(error).headers["Retry-After"] == "1"


def test_a_refusal_names_its_reason() -> None:
    body = msgspec.json.decode(problem_of(Refused("no", reason="symbol_busy")).to_bytes())
    assert body["reason"] == "symbol_busy"


def test_facts_never_replace_what_every_problem_says() -> None:
    body = msgspec.json.decode(problem_of(Malformed("no", facts={"status": 200, "trace_id": "t"})).to_bytes())
    assert (body["status"], body["trace_id"]) == (400, "t")


def test_a_detail_is_cut() -> None:
    body = msgspec.json.decode(problem_of(Malformed("x" * 10_000)).to_bytes())
    assert len(body["detail"]) == DETAIL_MAX


# They end the process at start, before anybody can ask.
BEFORE_HTTP = {"DECLINED", "LEVI_ERROR", "LOCK_HELD", "NOT_SERVED", "PORT_IN_USE"}


def classes_below(root: type) -> set[type]:
    return {root}.union(*(classes_below(kind) for kind in root.__subclasses__()))


def test_every_code_that_an_answer_may_carry_is_listed() -> None:
    for module in walk_packages(levibotd.__path__, "levibotd."):
        if module.name != "levibotd.__main__":
            import_module(module.name)
    kinds = {kind for root in (LeviError, NotServed) for kind in classes_below(root)}
    found = {str(kind.code) for kind in kinds if kind.__module__.startswith("levibotd.")}

    assert sorted(found - BEFORE_HTTP | {"INTERNAL"}) == sorted(CODES)
    assert list(CODES) == sorted(set(CODES))
