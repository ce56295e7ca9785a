"""What says no to another plan."""

import pytest
from msgspec.structs import replace

from levibotd.domain.book import CLOSING
from levibotd.domain.orders import ENTRY
from levibotd.domain.records import KillSwitch, RiskTicket
from levibotd.execution.replacing import may_not_begin
from tests.domain.desk import Desk, plan


@pytest.mark.parametrize(
    ("case", "why"),
    [
        ("sound", None),
        ("closing", "closing"),
        ("over", "expired"),
        ("inferred", "absent"),
        ("late", "ticket_expired"),
        ("no ticket", "ticket_expired"),
        ("tightened", "stop_widened"),
        ("newer", "superseded"),
        ("larger", "too_large"),
        ("resting", "too_large"),
        ("tripped", "kill_switch"),
    ],
)
def test_each_no_has_its_name(case: str, why: str | None) -> None:
    desk = Desk()
    key = desk.ticket(plan())
    given = next(one.record for one in desk.entries if isinstance(one.record, RiskTicket))
    cid = desk.rest(key, ENTRY, "1", price="100")
    if case != "resting":
        desk.done(cid)
    entries = [desk.order(cid)]
    ticket = replace(given, revision=1, expires_at=desk.now + 60, plan=plan(rungs=(("1", "97"),), stop="88"))
    if case != "no ticket":
        desk.write(ticket)
    if case == "closing":
        desk.call(key).status = CLOSING
    elif case == "inferred":
        entries = [replace(entries[0], absent=True)]
    elif case == "tightened":
        desk.call(key).stop += 1
    elif case == "larger":
        ticket = replace(ticket, plan=plan(rungs=(("1.1", "97"),), stop="88"))
        desk.write(ticket)
    elif case == "newer":
        desk.write(replace(ticket, plan=plan(rungs=(("1", "96"),), stop="88")))
    elif case == "tripped":
        desk.write(KillSwitch(tripped=True, why="x", by="test"))
    now = desk.now + (120 if case == "late" else 0)

    over = "expired" if case == "over" else None
    assert may_not_begin(desk.call(key), ticket, entries, desk.ledger, over=over, now=now) == why
