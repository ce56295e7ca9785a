"""Tickets for streams: once, for a short time, with the scope of a key."""

import pytest

from levibotd.admin.auth import Caller, Scope
from levibotd.admin.problems import ScopeMissing, Unauthenticated
from levibotd.admin.tickets import TICKET_S, TICKETS_MAX, Tickets

READER = Caller(name="reader", scope=Scope.READ)
TRADER = Caller(name="trader", scope=Scope.TRADE)


def test_a_ticket_opens_once_and_for_whom_it_was_issued() -> None:
    tickets = Tickets()
    mine, theirs = tickets.issue(READER, now=0.0), tickets.issue(TRADER, now=0.0)

    assert tickets.redeem(theirs, needs=Scope.READ, now=1.0) == TRADER
    assert tickets.redeem(mine, needs=Scope.READ, now=1.0) == READER
    for used in (mine, theirs):
        with pytest.raises(Unauthenticated):
            tickets.redeem(used, needs=Scope.READ, now=1.0)


@pytest.mark.parametrize(("age_s", "opens"), [(TICKET_S - 0.1, True), (TICKET_S, False)])
def test_it_lives_for_half_a_minute(age_s: float, opens: bool) -> None:
    tickets = Tickets()
    ticket = tickets.issue(READER, now=100.0)
    if opens:
        assert tickets.redeem(ticket, needs=Scope.READ, now=100.0 + age_s) == READER
    else:
        with pytest.raises(Unauthenticated):
            tickets.redeem(ticket, needs=Scope.READ, now=100.0 + age_s)


@pytest.mark.parametrize("made_up", ["", "0" * 64, "\udcff", "x" * 10_000])
def test_a_made_up_one_opens_nothing(made_up: str) -> None:
    tickets = Tickets()
    tickets.issue(READER, now=0.0)
    with pytest.raises(Unauthenticated):
        tickets.redeem(made_up, needs=Scope.READ, now=0.0)


def test_its_scope_is_that_of_the_key_and_a_try_uses_it_up() -> None:
    tickets = Tickets()
    ticket = tickets.issue(READER, now=0.0)
    with pytest.raises(ScopeMissing):
        tickets.redeem(ticket, needs=Scope.TRADE, now=0.0)
    with pytest.raises(Unauthenticated):
        tickets.redeem(ticket, needs=Scope.READ, now=0.0)


def test_who_asks_for_many_loses_his_own_oldest_and_nobody_elses() -> None:
    tickets = Tickets()
    other = tickets.issue(TRADER, now=0.0)
    own = [tickets.issue(READER, now=0.0) for _ in range(TICKETS_MAX + 1)]

    assert len(tickets) == TICKETS_MAX + 1
    with pytest.raises(Unauthenticated):
        tickets.redeem(own[0], needs=Scope.READ, now=0.0)
    assert tickets.redeem(own[1], needs=Scope.READ, now=0.0) == READER
    assert tickets.redeem(other, needs=Scope.READ, now=0.0) == TRADER


def test_those_too_old_are_not_kept() -> None:
    tickets = Tickets()
    for _ in range(10):
        tickets.issue(READER, now=0.0)
    tickets.issue(READER, now=TICKET_S)
    assert len(tickets) == 1


def test_no_ticket_lies_about_in_memory() -> None:
    tickets = Tickets(draw=lambda count: b"\x07" * count)
    ticket = tickets.issue(READER, now=0.0)
    assert ticket == "07" * 32
    assert ticket not in repr(vars(tickets))
    assert "\\x07\\x07" not in repr(vars(tickets))
