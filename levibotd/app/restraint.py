"""
When the state of disk and log forbids opening, and when it does no longer.

Restraints have one place in the log (RISK_STATE). One of them never lifts another; the kill switch forbids
by itself as well, so one of these may take the place of its HALTED.
"""

from levibotd.domain.book import ACTIVE, DISK, KILL_SWITCH, LOG_DAMAGE, LOG_ROLLBACK, REDUCING, ControlState
from levibotd.domain.records import RiskState
from levibotd.ports.journal_file import DiskState


def of_disk(control: ControlState, disk: DiskState) -> tuple[RiskState, ...]:
    """What a disk that allows less, or more again, changes."""
    if disk_is_low(disk):
        free = control.risk_state == ACTIVE or control.risk_why == KILL_SWITCH
        return (RiskState(state=REDUCING, why=DISK, by="log"),) if free else ()
    if control.risk_why == DISK and control.risk_state != ACTIVE:
        return (RiskState(state=ACTIVE, why="disk has room again", by="log"),)
    return ()


def of_damage(control: ControlState, damage: str) -> tuple[RiskState, ...]:
    """
    What damage in the log changes. It outlasts a full disk, so it takes its place.

    Old damage is found at every start; once a human has re-armed with it before his eyes, it restrains no more.
    """
    known = control.risk_state != ACTIVE and control.risk_why == LOG_DAMAGE
    return () if known or damage in control.damage_accepted else (RiskState(state=REDUCING, why=LOG_DAMAGE, by="boot"),)


def of_rollback(control: ControlState, manifest: str) -> tuple[RiskState, ...]:
    """
    What an archive changes that knows more than this log, or something else: trades may be missing here.

    It takes the place of a full disk and of damage. Once a human has re-armed, that manifest restrains no more.
    """
    known = control.risk_state != ACTIVE and control.risk_why == LOG_ROLLBACK
    if known or manifest in control.rollback_accepted:
        return ()
    return (RiskState(state=REDUCING, why=LOG_ROLLBACK, by="archiver"),)


def disk_is_low(disk: DiskState) -> bool:
    """Does the disk of the log forbid opening?"""
    return disk in (DiskState.REDUCING, DiskState.HALTED)


def of_start(control: ControlState) -> tuple[RiskState, ...]:
    """What an earlier life's disk was like is no longer known; the first write of this one looks anew."""
    return of_disk(control, DiskState.OK)
