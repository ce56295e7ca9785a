"""
When the state of disk and log forbids opening, and when it does no longer.

Restraints have one place in the log (RISK_STATE). One of them never lifts another; the kill switch forbids
by itself as well, so one of these may take the place of its HALTED.
"""

from levibotd.domain.book import ACTIVE, REDUCING, ControlState
from levibotd.domain.records import RiskState
from levibotd.ports.journal_file import DiskState

_DISK = "disk"
_DAMAGE = "log_damage"
_KILL_SWITCH = "kill_switch"


def of_disk(control: ControlState, disk: DiskState) -> tuple[RiskState, ...]:
    """What a disk that allows less, or more again, changes."""
    if disk in (DiskState.REDUCING, DiskState.HALTED):
        free = control.risk_state == ACTIVE or control.risk_why == _KILL_SWITCH
        return (RiskState(state=REDUCING, why=_DISK, by="log"),) if free else ()
    if control.risk_why == _DISK and control.risk_state != ACTIVE:
        return (RiskState(state=ACTIVE, why="disk has room again", by="log"),)
    return ()


def of_damage(control: ControlState) -> tuple[RiskState, ...]:
    """What damage in the log changes. It outlasts a full disk, so it takes its place."""
    known = control.risk_state != ACTIVE and control.risk_why == _DAMAGE
    return () if known else (RiskState(state=REDUCING, why=_DAMAGE, by="boot"),)


def of_start(control: ControlState) -> tuple[RiskState, ...]:
    """What an earlier life's disk was like is no longer known; the first write of this one looks anew."""
    return of_disk(control, DiskState.OK)
