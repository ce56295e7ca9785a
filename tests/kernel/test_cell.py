"""What holds of actors whatever happens: on random scripts, and with faults planted in the cell."""

import asyncio
import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings

from levibotd.kernel.actor import Actor, Host
from levibotd.kernel.cell import Cell
from levibotd.kernel.events import Exit
from levibotd.kernel.supervisor import System
from tests.kernel.planted import expect_caught
from tests.kernel.system_check import SCRIPTS, Step, check


@settings(max_examples=300, deadline=None)
@given(script=SCRIPTS)
def test_nothing_is_lost_doubled_or_left_behind_whatever_crashes(script: list[Step]) -> None:
    check(script)


# --- Planted faults ---------------------------------------------------------------------------


class LetsItsTasksLive(Cell):
    async def _end_tasks(self, host: Host) -> None:
        host.tasks._ended = True


class DoesNotWaitForItsTasks(Cell):
    async def _end_tasks(self, host: Host) -> None:
        host.tasks.end()


class RetriesInSilence(Cell):
    def _mourn(self, item: Any, ended: Exit) -> None:
        self._held = item
        self._busy_otherwise = True


class LosesTheMessageInHand(Cell):
    def _mourn(self, item: Any, ended: Exit) -> None:
        pass


class LosesItsMailWhenItRestarts(Cell):
    async def _bury(self, ended: Exit) -> None:
        await super()._bury(ended)
        self.mailbox.user.items.clear()


class ForgetsKeptReplies(Cell):
    async def _bury(self, ended: Exit) -> None:
        if self.host is not None:
            self.host.replies.clear()
        await super()._bury(ended)


class KeepsItsActor(Cell):
    def __init__(self, child: Any, **rest: Any) -> None:
        actor = child.make()
        super().__init__(dataclasses.replace(child, make=lambda: actor), **rest)


class ForgivesPoison(Cell):
    def _refused(self, item: Any) -> bool:
        return False


class HandlesSeveralAtOnce(Cell):
    async def _serve(self, actor: Actor[Any], host: Host) -> Exit:
        receive, tasks = actor.receive, set()

        async def spawn(message: Any) -> None:
            tasks.add(asyncio.create_task(receive(message)))

        actor.receive = spawn  # type: ignore[method-assign]
        return await super()._serve(actor, host)


class ThrowsItsMailAwayWhenItCloses(Cell):
    def close(self, reason: str, *, failed: bool = False) -> None:
        self.mailbox.user.items.clear()
        super().close(reason, failed=failed)


FAULTS = [
    LetsItsTasksLive,
    DoesNotWaitForItsTasks,
    RetriesInSilence,
    LosesTheMessageInHand,
    LosesItsMailWhenItRestarts,
    ForgetsKeptReplies,
    KeepsItsActor,
    ForgivesPoison,
    HandlesSeveralAtOnce,
    ThrowsItsMailAwayWhenItCloses,
]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught(fault: type[Cell]) -> None:
    class Faulty(System):
        make_cell = fault

    expect_caught(lambda script: check(script, Faulty), SCRIPTS, examples=1000)
