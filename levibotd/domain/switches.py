"""
What the records of control do to the state: switches, stages, policy, and what was put over the file.

Called by `fold.py` alone.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from levibotd.domain import records
from levibotd.domain.accounting import expect_sound, is_sound
from levibotd.domain.book import ACTIVE, CLOSING, LOG_DAMAGE, LOG_ROLLBACK, KillState, State
from levibotd.domain.records import Entry, Record
from levibotd.domain.risk import STAGES
from levibotd.domain.signal import CallKey, TraceId

ACCEPTED_MAX = 64  # Damages of the log that a human has looked at.
CALLS_MAX = 64  # An operator's own calls that are not decided yet.
CONFIRMED_MAX = 16  # One-time passwords; only the newest ones could still be used.
_SMALL_MAX = 1 << 53
DAMAGE_CODE = "LOG_DAMAGE"  # Of the ERROR that tells of damage found after the start.
ROLLBACK_CODE = "LOG_ROLLBACK"  # Of the one that names the manifest which knows another log; a colon follows it.


def _control(state: State, entry: Entry, record: records.Control) -> None:
    if record.command in ("start", "stop"):
        state.control.switch_on = record.command == "start"
    elif record.command == "leverage":
        state.control.leverage_cap = _small(record.effect) if record.effect else None
    elif record.command == "call":
        trace, _, cap = record.effect.partition(" ")
        if cap:
            most = Decimal(cap)
            expect_sound(most)
            state.control.call_caps = dict([*state.control.call_caps.items(), (TraceId(trace), most)][-CALLS_MAX:])
    elif record.command == "confirm":
        state.control.confirmed = [*state.control.confirmed, _small(record.effect)][-CONFIRMED_MAX:]
    elif record.command in ("close", "flatten") and (call := state.calls.get(CallKey(record.effect))) is not None:
        call.status = CLOSING  # From here on, also in a life that never heard the command.
        call.levels_by = record.reason or call.levels_by
    elif record.command == "cancel" and (call := state.calls.get(CallKey(record.effect))) is not None:
        call.entries_over = "cancelled"
    elif record.command == "reduce":
        key, _, qty = record.effect.rpartition(" ")
        if (call := state.calls.get(CallKey(key))) is not None:
            part = Decimal(qty)
            expect_sound(part)
            assert part > 0, f"a part of nothing: {qty}"
            # Once for each that says so: a life that died in between reads the same words again.
            call.reductions.setdefault(record.reason, part)


def _small(written: str) -> int:
    number = int(written)
    assert abs(number) < _SMALL_MAX, f"no such number: {written[:40]}"
    return number


def _risk_state(state: State, entry: Entry, record: records.RiskState) -> None:
    control = state.control
    if record.state == ACTIVE and control.risk_why == LOG_DAMAGE and control.damage not in control.damage_accepted:
        control.damage_accepted = [*control.damage_accepted, control.damage][-ACCEPTED_MAX:]
    seen = control.rollback_accepted
    if record.state == ACTIVE and control.risk_why == LOG_ROLLBACK and control.rollback not in seen:
        control.rollback_accepted = [*seen, control.rollback][-ACCEPTED_MAX:]
    control.risk_state = record.state
    control.risk_why = record.why


def _boot(state: State, entry: Entry, record: records.Boot) -> None:
    if record.damage is not None:
        state.control.damage = record.damage


def _error(state: State, entry: Entry, record: records.Error) -> None:
    if record.code == DAMAGE_CODE:
        state.control.damage = record.detail
    elif record.code == ROLLBACK_CODE:
        state.control.rollback = record.detail.partition(":")[0]


def _config(state: State, entry: Entry, record: records.ConfigUpdate) -> None:
    if record.risk is not None:
        state.control.risk_over = dict(record.risk)


def _kill_switch(state: State, entry: Entry, record: records.KillSwitch) -> None:
    state.control.kill = KillState(
        tripped=record.tripped,
        why=record.why,
        by=record.by,
        equity=_figure(record.equity),
        anchor=_figure(record.anchor),
        limit=_figure(record.limit),
    )


# A switch trips whatever its figures have become.
def _figure(number: Decimal | None) -> Decimal | None:
    return number if number is not None and is_sound(number) else None


def _safe_mode(state: State, entry: Entry, record: records.SafeMode) -> None:
    groups = [group for group in state.control.safe_mode if group != record.group]
    state.control.safe_mode = [*groups, record.group] if record.on else groups


def _stage(state: State, entry: Entry, record: records.ChannelStage) -> None:
    assert record.stage in STAGES, f"no stage: {record.stage!r}"
    if record.channel is None:
        state.control.stage = record.stage
    else:
        state.control.channel_stages[record.channel] = record.stage
        state.control.unproven[record.channel] = record.unproven


def _policy(state: State, entry: Entry, record: records.RiskPolicyChanged) -> None:
    state.control.policy = record.policy


CHANGES: dict[type[Record], Callable[[State, Entry, Any], None]] = {
    records.Control: _control,
    records.RiskState: _risk_state,
    records.KillSwitch: _kill_switch,
    records.SafeMode: _safe_mode,
    records.ChannelStage: _stage,
    records.RiskPolicyChanged: _policy,
    records.ConfigUpdate: _config,
    records.Boot: _boot,
    records.Error: _error,
}
