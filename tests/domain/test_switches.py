"""Switches, stages, caps and overrides, as the log leaves them."""

from decimal import Decimal

import pytest

from levibotd.domain.book import ACTIVE, DISK, LOG_DAMAGE, REDUCING
from levibotd.domain.ledger import Ledger
from levibotd.domain.records import Boot, ConfigUpdate, Control, Entry, Error, Record, RiskState
from levibotd.domain.switches import ACCEPTED_MAX


def folded(*records: Record) -> Ledger:
    ledger = Ledger(balance=Decimal(10_000))
    for record in records:
        ledger.apply(Entry(record))
    return ledger


def boot(damage: str | None) -> Boot:
    return Boot(records=1, pending_posts=0, open_orders=0, open_positions=0, downtime_s=0.0, damage=damage)


def restrained(why: str) -> RiskState:
    return RiskState(state=REDUCING, why=why, by="boot")


LIFTED = RiskState(state=ACTIVE, why="re-armed", by="http:local")


@pytest.mark.parametrize("told", [boot("seq 7"), Error(code="LOG_DAMAGE", detail="seq 7")])
def test_damage_counts_as_accepted_once_its_restraint_was_lifted(told: Record) -> None:
    assert folded(told, restrained(LOG_DAMAGE)).control.damage_accepted == []
    ledger = folded(told, restrained(LOG_DAMAGE), LIFTED, boot(None), restrained(LOG_DAMAGE), LIFTED)
    assert ledger.control.damage_accepted == ["seq 7"]
    assert Ledger.from_bytes(ledger.to_bytes()) == ledger


def test_lifting_another_restraint_accepts_no_damage() -> None:
    ledger = folded(boot("seq 7"), restrained(DISK), LIFTED, Error(code="OTHER", detail="x"))
    assert (ledger.control.damage, ledger.control.damage_accepted) == ("seq 7", [])


def test_no_more_accepted_damages_are_remembered_than_the_limit() -> None:
    records: list[Record] = []
    for number in range(ACCEPTED_MAX + 3):
        records += [boot(f"seq {number}"), restrained(LOG_DAMAGE), LIFTED]
    accepted = folded(*records).control.damage_accepted
    assert (len(accepted), accepted[-1]) == (ACCEPTED_MAX, f"seq {ACCEPTED_MAX + 2}")


def test_the_cap_on_leverage_is_the_one_set_last() -> None:
    cap = Control(command="leverage", by="http:local", effect="3")
    assert folded(cap).control.leverage_cap == 3
    assert folded(cap, Control(command="restart", by="http:local", effect="risk")).control.leverage_cap == 3
    assert folded(cap, Control(command="leverage", by="http:local")).control.leverage_cap is None


def test_overrides_are_those_of_the_last_update_that_names_them() -> None:
    first = ConfigUpdate(sha="a", risk={"max_open": 2, "notional_max": "5%", "cooldown_s": 0.5})
    assert folded(first, ConfigUpdate(sha="b")).control.risk_over == {
        "max_open": 2, "notional_max": "5%", "cooldown_s": 0.5,
    }  # fmt: skip
    ledger = folded(first, ConfigUpdate(sha="c", risk={}))
    assert ledger.control.risk_over == {}
