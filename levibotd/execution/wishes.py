"""What an operator wishes of Exec, and the kill switch, whoever trips it."""

from collections.abc import Callable

from msgspec import Struct

from levibotd.domain.book import ACTIVE, DISK, HALTED, KILL_SWITCH, REDUCING
from levibotd.domain.exits import EVEN, Split
from levibotd.domain.ledger import Ledger
from levibotd.domain.records import ChannelStage, Control, KillSwitch, Record, RiskState
from levibotd.execution.protocol import OrderProtocol
from levibotd.kernel.mailbox import Rejected
from levibotd.messages import SetKillSwitch, SetStage, Switch


class ExecRules(Struct, frozen=True, kw_only=True):
    """
    What rules about spending, asked anew each time.

    `stage_of` is the stage of a channel, the global one for None; `disk_is_low` when the log's disk forbids opening;
    `splits` how the targets of a channel share the position, and how many there may be.
    """

    flatten_on_trip: Callable[[], bool]
    max_open: Callable[[], int]
    stage_of: Callable[[str | None], str]
    disk_is_low: Callable[[], bool]
    splits: Callable[[str], tuple[Split, int]] = lambda channel: (EVEN, 5)


class Wishes:
    """Commit what was asked for. `on_trip` ends what a tripped kill switch ends, once that is on record."""

    def __init__(
        self,
        *,
        protocol: OrderProtocol,
        ledger: Callable[[], Ledger],
        rules: ExecRules,
        on_trip: Callable[[], None],
    ) -> None:
        self._protocol = protocol
        self._ledger = ledger
        self._rules = rules
        self._on_trip = on_trip

    async def trip(self, tripped: KillSwitch) -> None:
        """Put on record that the switch has tripped, and end what that ends."""
        records: list[Record] = [tripped]
        if self._ledger().control.risk_state == ACTIVE:
            # Another restraint keeps its name, so that arming the switch again does not lift it.
            records.append(RiskState(state=HALTED, why=KILL_SWITCH, by=tripped.by))
        await self._protocol.commit(None, None, *records)
        self._on_trip()

    async def switch(self, asked: Switch) -> bool:
        """Switch trading on or off; answers how it was."""
        before = self._ledger().control.switch_on
        command = Control(command="start" if asked.on else "stop", by=asked.by, reason=asked.reason)
        await self._protocol.commit(None, None, command)
        return before

    async def set_kill_switch(self, asked: SetKillSwitch) -> bool | Rejected:
        """Trip it, or arm it again and lift what waits for a human; answers whether it had tripped."""
        before = self._ledger().control.kill.tripped
        if asked.tripped and not before:
            await self.trip(KillSwitch(tripped=True, why=asked.reason or "operator", by=asked.by))
        elif not asked.tripped:
            records: list[Record] = [KillSwitch(tripped=False, why=asked.reason, by=asked.by)] if before else []
            records += self._lifted(asked)
            if not records and self._ledger().control.risk_state != ACTIVE:
                return Rejected("the disk of the log is low; only room on it lifts this")
            if records:
                await self._protocol.commit(None, None, *records)
        return before

    # What re-arming lifts beside the switch: all that waits for a human. A low disk waits for room.
    def _lifted(self, asked: SetKillSwitch) -> tuple[RiskState, ...]:
        control = self._ledger().control
        if control.risk_state == ACTIVE or control.risk_why == DISK:
            return ()
        lifted = RiskState(state=ACTIVE, why="re-armed", by=asked.by)
        if self._rules.disk_is_low():
            return (lifted, RiskState(state=REDUCING, why=DISK, by="log"))
        return (lifted,)

    async def set_stage(self, asked: SetStage) -> str:
        """Set the stage of all, or of a channel; answers the one before."""
        before = self._rules.stage_of(asked.channel)
        changed = ChannelStage(
            stage=asked.stage,
            before=before,
            by=asked.by,
            reason=asked.reason,
            channel=asked.channel,
            unproven=asked.unproven,
            names=asked.names,
            evidence=asked.evidence,
        )
        await self._protocol.commit(None, None, changed)
        return before
