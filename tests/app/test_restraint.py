"""Restraints come and go one by one."""

import pytest

from levibotd.app import restraint
from levibotd.domain.book import ACTIVE, HALTED, REDUCING, ControlState, KillState
from levibotd.ports.journal_file import DiskState


def control(state: str = ACTIVE, why: str = "") -> ControlState:
    return ControlState(risk_state=state, risk_why=why, kill=KillState())


@pytest.mark.parametrize("disk", [DiskState.REDUCING, DiskState.HALTED])
def test_a_full_disk_forbids_opening_also_behind_a_tripped_kill_switch(disk: DiskState) -> None:
    for before in (control(), control(HALTED, "kill_switch")):
        assert [(one.state, one.why) for one in restraint.of_disk(before, disk)] == [(REDUCING, "disk")]
    assert restraint.of_disk(control(REDUCING, "log_damage"), disk) == ()
    assert restraint.of_disk(control(REDUCING, "disk"), disk) == ()


@pytest.mark.parametrize("disk", [DiskState.OK, DiskState.LOW])
def test_room_on_the_disk_lifts_what_the_disk_forbade_and_nothing_else(disk: DiskState) -> None:
    assert [one.state for one in restraint.of_disk(control(REDUCING, "disk"), disk)] == [ACTIVE]
    for other in (control(), control(REDUCING, "log_damage"), control(HALTED, "kill_switch")):
        assert restraint.of_disk(other, disk) == ()


def test_damage_is_not_forgotten_behind_a_tripped_kill_switch_or_a_full_disk() -> None:
    for before in (control(), control(HALTED, "kill_switch"), control(REDUCING, "disk")):
        assert [(one.state, one.why) for one in restraint.of_damage(before, "seq 7")] == [(REDUCING, "log_damage")]
    assert restraint.of_damage(control(REDUCING, "log_damage"), "seq 7") == ()


def test_a_start_looks_at_the_disk_anew() -> None:
    assert [one.state for one in restraint.of_start(control(REDUCING, "disk"))] == [ACTIVE]
    assert restraint.of_start(control(REDUCING, "log_damage")) == ()
    assert restraint.of_start(control()) == ()


def test_damage_that_a_human_has_accepted_restrains_no_more_and_other_damage_does() -> None:
    accepted = ControlState(kill=KillState(), damage_accepted=["seq 7"])
    assert restraint.of_damage(accepted, "seq 7") == ()
    assert [one.why for one in restraint.of_damage(accepted, "seq 9")] == ["log_damage"]
