"""What an operator wishes of Exec is on record before it is answered; beside a whole life see the tests of Exec."""

from levibotd.domain.records import Control, KillSwitch, RiskState
from levibotd.kernel.clock import Clock
from levibotd.kernel.mailbox import Rejected
from levibotd.messages import SetKillSwitch, Switch
from tests.actors.test_exec import spending


async def test_a_trip_halts_and_arming_again_lifts_that(clock: Clock) -> None:
    async with spending(clock) as life:
        exec_ = life.wired.exec_
        assert await exec_.ask(SetKillSwitch(tripped=True, by="op", reason="look"), timeout_s=5.0) is False
        assert await exec_.ask(SetKillSwitch(tripped=True, by="op", reason="again"), timeout_s=5.0) is True
        assert [state.state for state in life.of(RiskState)] == ["HALTED"]
        assert await exec_.ask(SetKillSwitch(tripped=False, by="op", reason="seen"), timeout_s=5.0) is True

    assert [one.tripped for one in life.of(KillSwitch)] == [True, False]
    assert [state.state for state in life.of(RiskState)] == ["HALTED", "ACTIVE"]


async def test_a_switch_answers_how_it_was(clock: Clock) -> None:
    async with spending(clock) as life:
        wishes = [Switch(on=on, by="op", reason="try") for on in (False, False, True)]
        answers = [await life.wired.exec_.ask(wish, timeout_s=5.0) for wish in wishes]

    assert not any(isinstance(answer, Rejected) for answer in answers)
    assert answers == [True, False, False]
    assert [one.command for one in life.of(Control)] == ["stop", "stop", "start"]
