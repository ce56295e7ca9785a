"""What was allowed a while ago is not sent now."""

import pytest

from levibotd.domain.order_records import OrderAbandoned, OrderIntent
from levibotd.domain.records import AutoRouteExecuted, SignalExpired
from levibotd.kernel.clock import Clock
from tests.scenarios.bench import BTC, T0, World, config_of, flat, minutes

LONG = "BTC/USDT LONG\nEntry: market\nTargets: 105, 110\nStop Loss: 95"
SLOW_MS = "40000"  # The stop stands only after its ticket is void: as if the process had stood still meanwhile.


@pytest.mark.fault("F2")
async def test_an_entry_whose_ticket_ran_out_between_commit_and_socket_is_not_sent(clock: Clock) -> None:
    config = config_of({"LEVI_PAPER__LATENCY_MS": SLOW_MS})
    world = World({BTC: minutes(*flat(100.0, 8))}, config=config)
    async with world.life(clock) as life:
        await life.until(T0 + 10)
        life.say(LONG)
        await life.minute(6)
        assert [one.why for one in life.of(OrderAbandoned)] == ["ticket_expired"]
        assert not life.ledger.calls
        assert life.venue.account.positions == {}
    entries = {one.cid for one in life.of(OrderIntent) if one.role == "e"}
    assert entries
    assert not entries & {sent.order.cid for sent in world.sent}
    world.verify()


@pytest.mark.fault("F2")
async def test_a_post_that_is_read_late_opens_nothing(clock: Clock) -> None:
    world = World({BTC: minutes(*flat(100.0, 8))})
    async with world.life(clock) as life:
        await life.until(T0 + 180)
        life.say(LONG, posted_at=T0 + 60)
        await life.minute(5)
    assert life.of(SignalExpired)
    assert not life.of(AutoRouteExecuted)
    assert not world.sent
