"""Metrics say what the records say."""

from decimal import Decimal

import pytest

from levibotd.app.telemetry import Telemetry
from levibotd.domain.cards.book import CardBook
from levibotd.domain.order_records import OrderFilled
from levibotd.domain.orders import STOP
from levibotd.domain.records import Entry, Logged, MarketQuote, SignalIngest, SignalRejected
from levibotd.domain.signal import Post, Side, Symbol
from levibotd.kernel.clock import Clock
from levibotd.messages import Append, SetKillSwitch
from levibotd.ports.venue import OrderEnded
from tests.scenarios.bench import BTC, T0, Life, World, flat, minutes

LONG = "BTC/USDT LONG\nEntry: market\nTargets: 105, 110\nStop Loss: 95"


def telemetry(life: Life) -> Telemetry:
    found = Telemetry(life.metrics, state=life.state, equity=life.equity, clock=life.clock, venue="paper")
    life.state.watch(found.observe)
    return found


def value(life: Life, line: str) -> float:
    """The number behind a series, as it is scraped."""
    rendered = life.metrics.render().decode().splitlines()
    (found,) = [one for one in rendered if one.startswith(f"{line} ")]
    return float(found.rsplit(" ", 1)[1])


async def test_a_trade_is_counted_record_by_record(clock: Clock) -> None:
    world = World({BTC: minutes(*flat(100.0, 3), (100.0, 106.0, 99.5, 105.5), (105.5, 111.0, 105.0, 110.5))})
    async with world.life(clock) as life:
        seen = telemetry(life)
        await life.until(T0 + 10)
        life.say(LONG)
        life.say("Good morning everyone, have a nice day!")
        life.say(LONG, channel="@others")
        await life.minute(6)

    assert seen.decisions == {"EXECUTED opened": 1, "SKIPPED kind.chatter": 1, "REJECTED symbol_busy": 1}
    assert value(life, 'levibot_events_total{event_type="SIGNAL_INGEST"}') == 3
    assert value(life, 'levibot_events_total{event_type="POSITION_CLOSED"}') == 1
    rejected = 'levibot_decisions_total{event_type="SIGNAL_REJECTED",gate="symbol_busy"}'
    assert value(life, rejected) == 1
    assert value(life, 'levibot_orders_total{outcome="cancelled",venue="paper"}') == 1  # The stop of a flat call.
    assert value(life, 'levibot_orders_total{outcome="filled",venue="paper"}') == 3  # The entry and two targets.
    assert value(life, 'levibot_decisions_total{event_type="AUTO_ROUTE_SKIPPED",gate="kind.chatter"}') == 1


async def test_the_way_of_a_post_is_timed_once_a_stage(clock: Clock) -> None:
    world = World({BTC: minutes(*flat(100.0, 3), *flat(102.0, 4))})
    async with world.life(clock) as life:
        telemetry(life)
        await life.until(T0 + 10)
        life.say(LONG)  # A stop and an entry: two intents, and later two targets.
        life.say("Good morning everyone, have a nice day!")
        await life.until(T0 + 200)

    count = "levibot_signal_latency_seconds_count"
    counted = {stage: value(life, f'{count}{{stage="{stage}"}}') for stage in ("ingest", "score", "risk")}
    assert counted == {"ingest": 2, "score": 2, "risk": 1}
    assert [value(life, f'{count}{{stage="{stage}"}}') for stage in ("intent", "sent", "acked")] == [1, 1, 1]
    assert value(life, 'levibot_signal_latency_seconds_sum{stage="acked"}') < 1
    assert value(life, "levibot_log_commit_seconds_count") > 0


async def test_gauges_are_those_of_the_moment(clock: Clock) -> None:
    world = World({BTC: minutes(*flat(100.0, 3), *flat(102.0, 4))})
    async with world.life(clock) as life:
        seen = telemetry(life)
        await life.until(T0 + 10)
        life.say(LONG)
        await life.until(T0 + 200)
        with life.looks_of_the_test():
            seen.sample(life.system, tasks=3)
        # 9.95 bought at 100.02 for a fee of .4975995, now worth 102.
        assert abs(value(life, "levibot_equity") - 10_019.2034005) < 1e-9
        assert abs(value(life, "levibot_daily_pnl") - 19.2034005) < 1e-9
        assert value(life, "levibot_open_positions") == 1
        assert value(life, "levibot_naked_seconds") == 0
        assert (value(life, "levibot_kill_switch"), value(life, "levibot_risk_state")) == (0, 0)

        await life.wired.exec_.ask(SetKillSwitch(tripped=True, by="operator", reason="stop"), timeout_s=5)
        with life.looks_of_the_test():
            seen.sample(life.system, tasks=3)
        assert (value(life, "levibot_kill_switch"), value(life, "levibot_risk_state")) == (1, 2)
        assert value(life, 'levibot_mailbox_depth{actor="exec"}') == 0
        assert value(life, 'levibot_mailbox_wait_seconds_count{actor="exec"}') == 2


async def test_records_that_cannot_be_are_counted_where_an_alert_sees_them(clock: Clock) -> None:
    async with World({BTC: minutes(*flat(100.0, 3))}).life(clock) as life:
        seen = telemetry(life)
        seen.sample(life.system, tasks=1)
        before = value(life, "levibot_ledger_contradictions")
        nobodys = OrderFilled(
            cid="nobodys", trade_id="1", side=Side.BUY, qty=Decimal(1), price=Decimal(100), fee=Decimal(0),
            fee_currency="USDT", liquidity="taker", cum_qty=Decimal(1), at=T0,
        )  # fmt: skip
        await life.wired.logger.ask(Append(entries=(Entry(nobodys, symbol=BTC),)), timeout_s=5)
        seen.sample(life.system, tasks=1)

        assert (before, value(life, "levibot_ledger_contradictions")) == (0, 1)


async def test_what_is_remembered_by_count_and_what_made_room_is_seen(clock: Clock) -> None:
    async with World({BTC: minutes(*flat(100.0, 3))}).life(clock) as life:
        seen = telemetry(life)
        life.state.cards = CardBook(calls_max=2)
        await life.until(T0 + 10)
        for number in range(3):
            life.say(LONG, channel=f"@{number}")
        await life.until(T0 + 20)
        with life.looks_of_the_test():
            seen.sample(life.system, tasks=1)

        kept = {fold: value(life, f'levibot_remembered{{fold="{fold}"}}') for fold in ("followed", "on_cards")}
        assert kept == {"followed": len(life.state.shadow.calls), "on_cards": 2}
        assert kept["followed"] > 0
        assert value(life, 'levibot_forgotten{fold="without_end"}') == 1
        assert value(life, 'levibot_forgotten{fold="on_cards"}') == 0
        assert value(life, 'levibot_forgotten{fold="to_compare"}') == 0


async def test_a_position_without_its_stop_is_seen_until_it_has_one_again(clock: Clock) -> None:
    world = World({BTC: minutes(*flat(100.0, 6))})
    async with world.life(clock) as life:
        seen = telemetry(life)
        await life.until(T0 + 10)
        life.say(LONG)
        await life.minute(2)
        stop = next(order for order in life.ledger.open_orders() if order.role == STOP)
        gone = OrderEnded(cid=stop.cid, symbol=BTC, final="cancelled", cum_qty=stop.cum_qty, at=clock.time())
        await life.wired.exec_.tell(gone)
        await clock.sleep(0.1)
        seen.sample(life.system, tasks=1)
        assert 0.0 < value(life, "levibot_naked_seconds") <= 0.1
        await clock.sleep(1.0)
        seen.sample(life.system, tasks=1)

    assert value(life, "levibot_naked_seconds") == 0
    assert value(life, "levibot_naked_window_seconds_count") == 1


@pytest.mark.fault("G14")
async def test_a_hundred_thousand_channels_symbols_and_words_make_no_series(clock: Clock) -> None:
    world = World({BTC: minutes(*flat(100.0, 3))})
    async with world.life(clock) as life:
        seen = telemetry(life)
        seen.observe([_odd(number) for number in range(300)])  # Now `other` has its series.
        before = life.metrics.render().count(b"\n")

        for begin in range(300, 100_300, 1000):
            seen.observe([_odd(number) for number in range(begin, begin + 1000)])
            life.metrics.http_requests.of(f"/channels/{begin}", f"GET{begin}", "200").inc()
            life.metrics.dead_letters.of(f"no room in box_{begin} for \x1b{begin}").inc()

        rendered = life.metrics.render()
        assert rendered.count(b"\n") <= before + 2
        assert b"coin99999" not in rendered.lower()
        assert b"@chan" not in rendered
        assert value(life, "levibot_tg_last_message_ts") == T0 + 100_299


# A record with a channel, a symbol or a gate that nobody has heard of.
def _odd(number: int) -> Logged:
    post = Post(channel=f"@chan{number}", message_id=number, posted_at=T0, text="x")
    record = (
        SignalIngest(post=post, received_at=T0 + number, source="demo"),
        SignalRejected(gate=f"gate_{number}", value=1.0, limit=0.0),
        MarketQuote(price=Decimal(1), at=T0),
    )[number % 3]
    event_type = ("SIGNAL_INGEST", "SIGNAL_REJECTED", f"COIN{number}")[number % 3]
    return Logged(
        seq=number, ts=T0, event_type=event_type, entry=Entry(record, post.trace, Symbol(f"COIN{number}USDT"))
    )


@pytest.mark.fault("G21")
async def test_a_burst_of_commands_is_counted_once_and_what_it_asked_has_a_label_of_its_own(clock: Clock) -> None:
    async with World({BTC: minutes(*flat(100.0, 6))}).life(clock) as life:
        telemetry(life)
        await life.until(T0 + 10)
        life.say(LONG)
        await life.minute(2)
        for _ in range(8):
            life.say("New targets: 108, 112", reply_to=1)
        await life.minute(3)

    assert value(life, "levibot_command_bursts_total") == 1
    skipped = 'levibot_decisions_total{event_type="AUTO_ROUTE_SKIPPED",gate='
    assert value(life, f'{skipped}"no_change"}}') == 4
    assert value(life, f'{skipped}"review.burst"}}') == 3
