"""An operator's own call keeps its ceiling whatever happens between his word and the decision."""

from decimal import Decimal

import pytest

from levibotd.domain.records import AutoRouteExecuted, Control, Entry, RiskTicket, SignalIngest
from levibotd.domain.signal import Post
from levibotd.messages import Append, AwaitDecision, IngestPost
from tests.scenarios.bench import BTC, T0, Life, World, flat, minutes

TEXT = "#BTC/USDT LONG\nEntry: market 100\nTP1: 105\nSL: 95"
POST = Post(channel="manual", message_id=1, posted_at=T0 + 5, text=TEXT)
COMMAND = Control(command="call", by="http:ops", reason="a hunch", effect=f"{POST.trace} 120")


def decided(life: Life) -> None:
    (ticket,) = life.of(RiskTicket)
    assert Decimal(100) < ticket.plan.notional <= Decimal(120)
    assert len(life.of(AutoRouteExecuted)) == 1
    assert life.ledger.control.call_caps == {}  # Over with the decision.


def test_a_call_of_ones_own_is_opened_like_any_other_and_spends_no_more_than_its_ceiling() -> None:
    world = World({BTC: minutes(*flat(100.0, 6))})

    async def say(life: Life) -> None:
        await life.until(POST.posted_at)
        await life.wired.logger.ask(Append(entries=(Entry(COMMAND),)), timeout_s=5)
        await life.wired.telegram.ask(IngestPost(trace=POST.trace, post=POST), timeout_s=5)
        await life.wired.logger.ask(AwaitDecision(trace=POST.trace), timeout_s=5)
        decided(life)
        await life.clock.sleep(70)
        assert life.ledger.positions[BTC].qty > 0

    world.run(say)
    world.verify()


@pytest.mark.parametrize("times", [1, 2])
def test_the_ceiling_outlasts_a_crash_between_the_post_and_its_decision(times: int) -> None:
    world = World({BTC: minutes(*flat(100.0, 6))})

    async def dies(life: Life) -> None:
        ingested = SignalIngest(post=POST, received_at=POST.posted_at, source="http")
        entries = (Entry(COMMAND), Entry(ingested, POST.trace))
        await life.wired.logger.ask(Append(entries=entries), timeout_s=5)

    async def goes_on(life: Life) -> None:
        await life.clock.sleep(1)
        decided(life)

    world.run(dies, at=POST.posted_at)
    world.run(goes_on, at=POST.posted_at + 2.0)
    for _ in range(times - 1):
        world.run(goes_on_with_one_ticket, at=POST.posted_at + 10.0)
    world.verify()
    assert [one.event_type for one in world.records()].count("RISK_TICKET") == 1


async def goes_on_with_one_ticket(life: Life) -> None:
    await life.clock.sleep(1)
    assert len(life.of(RiskTicket)) == 1  # That of the life before stands.
    assert life.ledger.control.call_caps == {}
