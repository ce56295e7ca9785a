"""
The process dies behind every single record of calls that their channel changes, and another one goes on.

Stops are moved by replies and edits, a part is closed, a pending entry is replaced, a post is deleted. However
often the process dies, no stop is ever loosened, nothing is bought or closed twice, and nothing stands naked.
"""

from collections import Counter
from decimal import Decimal
from functools import cache
from random import Random

import msgspec
import pytest

from levibotd.domain.order_records import OrderDone, OrderFill, OrderIntent
from levibotd.domain.records import Control, Logged, RiskSltp, RiskTicket, SignalDeleted, SignalEdited, SignalIngest
from levibotd.domain.signal import CallKey, Post, Side
from levibotd.journal import TERMINAL
from levibotd.ports.posts import Deleted, Edited
from levibotd.settings import ChannelConfig
from tests.scenarios.bench import BTC, CHANNEL, ETH, T0, Life, World, config_of, flat, minutes

NAKED_S = 5.0
END_MINUTE = 14
PARTS = 6
LONG = "BTC/USDT LONG\nEntry: 98 - 99\nTargets: 105, 110\nStop Loss: 95"
PENDING = "ETH/USDT LONG\nEntry: 48\nTargets: 52, 54\nStop Loss: 46"


def new_world() -> World:
    config = config_of()
    channels = (msgspec.convert({"id": CHANNEL, "on_delete": "close"}, ChannelConfig),)
    telegram = msgspec.structs.replace(config.telegram, channels=channels)
    world = World(
        {
            BTC: minutes(
                *flat(100.0, 2), (100.0, 100.0, 97.0, 99.0), *flat(99.0, 3), (99.0, 105.5, 99.0, 105.2), *flat(105.2, 9)
            ),
            ETH: minutes(*flat(50.0, 6), (50.0, 50.0, 48.5, 49.0), *flat(49.0, 9)),
        },
        config=msgspec.structs.replace(config, telegram=telegram),
    )
    first = world.post(LONG, at=T0 + 10, number=1).post
    second = world.post(PENDING, at=T0 + 20, number=2).post
    edit(world, second, PENDING.replace("48", "49").replace("46", "47"), at=T0 + 90)
    world.post("Move SL to 96", at=T0 + 200, number=3, reply_to=1)
    world.post("Close half", at=T0 + 230, number=4, reply_to=1)
    edit(world, first, LONG.replace("95", "97").replace("110", "112"), at=T0 + 260)
    edit(world, first, LONG.replace("95", "90").replace("110", "112"), at=T0 + 300)
    world.post("New targets: 53, 55", at=T0 + 310, number=5, reply_to=2)
    edit(world, second, PENDING.replace("48", "49.5").replace("46", "48"), at=T0 + 500)
    world.script.append(Deleted(channel=CHANNEL, message_id=2, seen_by="update", received_at=T0 + 560))
    world.post("Close all trades now", at=T0 + 620, number=6)
    return world


def edit(world: World, post: Post, text: str, *, at: float) -> None:
    world.script.append(Edited(post=msgspec.structs.replace(post, text=text, edited_at=at), received_at=at))


async def to_the_end(life: Life) -> Life:
    await life.minute(END_MINUTE)
    return life


@cache
def first_life() -> tuple[World, list[Logged]]:
    world = new_world()
    life = world.run(to_the_end)
    assert not life.ledger.calls
    return world, world.records()


def expect_whole(world: World, life: Life) -> None:
    world.verify()
    records = [one.entry.record for one in world.records()]
    assert life.operator.getvalue().count("actor_crash") == 0, life.operator.getvalue()
    ingested = [one.post.trace for one in records if isinstance(one, SignalIngest)]
    assert len(ingested) == 6
    assert Counter(one.entry.trace for one in world.records() if one.event_type in TERMINAL) == Counter(ingested)
    edits = Counter((one.message_id, one.revision) for one in records if isinstance(one, SignalEdited))
    assert max(edits.values(), default=1) == 1, "an edit was decided twice"
    assert [one.message_id for one in records if isinstance(one, SignalDeleted)] == [2]

    cids = [sent.order.cid for sent in world.sent]
    assert len(cids) == len(set(cids)), "a client id was placed twice"
    assert set(cids) <= {one.cid for one in records if isinstance(one, OrderIntent)}
    expect_no_more_than_planned(records)
    expect_only_tightened(records)
    expect_closed_once(records)

    assert world.fold() == life.ledger
    assert not life.ledger.calls
    assert life.ledger.orphan_fills == 0
    assert life.venue.account.positions == {}
    assert abs(life.venue.account.cash - life.ledger.cash) <= Decimal("1e-9")
    assert life.naked.look() <= NAKED_S


def expect_no_more_than_planned(records: list[object]) -> None:
    """Of no call more is bought than was planned first, and no entry goes out beside another plan's."""
    planned: dict[CallKey, Decimal] = {}
    intents = {one.cid: one for one in records if isinstance(one, OrderIntent)}
    live: dict[str, OrderIntent] = {}
    filled: Counter[CallKey] = Counter()
    for one in records:
        match one:
            case RiskTicket(call=call, plan=plan):
                assert plan.qty <= planned.setdefault(call, plan.qty), "an edit made a call larger"
            case OrderIntent(role="e", cid=cid, call=call):
                others = [other for other in live.values() if other.call == call]
                assert all(other.revision == one.revision for other in others), "two plans at once"
                assert not filled[call] or one.revision == 0, "an entry was added to what has filled"
                live[cid] = one
            case OrderFill(cid=cid, qty=qty) if intents[cid].role == "e":
                filled[intents[cid].call] += qty  # type: ignore[assignment]
                assert filled[intents[cid].call] <= planned[intents[cid].call], "more was bought than planned"
            case OrderDone(cid=cid):
                live.pop(cid, None)


def expect_only_tightened(records: list[object]) -> None:
    stops: dict[CallKey, Decimal] = {}
    for one in records:
        if isinstance(one, RiskTicket):
            stops.setdefault(one.call, one.plan.stop)
        if isinstance(one, RiskSltp):
            if one.why == "moved":
                assert one.stop >= stops[one.call], "a stop was loosened"
            stops[one.call] = one.stop
    assert all(sent.side is Side.SELL for sent in records if isinstance(sent, OrderIntent) and sent.reduce_only)


def expect_closed_once(records: list[object]) -> None:
    asked = [one for one in records if isinstance(one, Control) and one.command == "reduce"]
    assert len(asked) <= 1, "a part was closed twice"
    parts = {one.cid for one in records if isinstance(one, OrderIntent) and (one.role, one.slot) == ("c", 1)}
    closed = sum((one.qty for one in records if isinstance(one, OrderFill) and one.cid in parts), Decimal(0))
    assert not asked or closed <= Decimal(asked[0].effect.rpartition(" ")[2])


def test_the_life_that_is_cut_short_is_a_rich_one() -> None:
    world, records = first_life()
    expect_whole(world, world.after_kill(len(records)).run(to_the_end, at=records[-1].ts + 1.0))
    edits = [(one.entry.record.effect, one.entry.record.reason) for one in records if one.event_type == "SIGNAL_EDITED"]
    assert edits == [("replaced", ""), ("moved", ""), ("review", "review.stop_widened"), ("moved", "")]
    effects = [one.entry.record.effect for one in records if one.event_type == "AUTO_ROUTE_EXECUTED"]
    assert effects == ["opened", "opened", "moved", "reduced", "targets", "closed"]
    assert len(records) >= 80


@pytest.mark.fault("E6")
@pytest.mark.parametrize("part", range(PARTS))
def test_a_process_killed_behind_any_record_neither_loosens_nor_doubles(part: int) -> None:
    whole, records = first_life()
    for seq in range(1 + part, len(records), PARTS):
        world = whole.after_kill(seq)
        down_s = (0.0, 0.3, 20.0, 90.0)[seq // PARTS % 4]
        try:
            life = world.run(to_the_end, at=records[seq - 1].ts + down_s)
            expect_whole(world, life)
        except AssertionError as error:
            raise AssertionError(f"killed behind {seq} ({records[seq - 1].event_type}), down {down_s} s") from error


@pytest.mark.parametrize("seed", range(12))
def test_a_process_killed_again_and_again_neither_loosens_nor_doubles(seed: int) -> None:
    chance = Random(seed)
    world, records = first_life()
    seq = chance.randrange(1, len(records))
    lives = []
    for _ in range(3):
        at = records[seq - 1].ts + chance.choice((0.0, 0.1, 1.0, 30.0))
        world = world.after_kill(seq)
        lives.append(world.run(to_the_end, at=at))
        records = world.records()
        seq = chance.randint(seq, len(records))

    expect_whole(world, lives[-1])


@pytest.mark.parametrize("actor", ["exec", "risk", "scorer", "telegram", "logger"])
def test_an_actor_that_crashes_behind_any_of_its_messages_neither_loosens_nor_doubles(actor: str) -> None:
    clean = new_world().run(to_the_end, stumbles={actor: []})
    handled = clean.handled.get(actor, 0)
    for number in range(1, handled + 1, 1 + handled // 25):
        world = new_world()
        life = world.run(to_the_end, stumbles={actor: [number]})
        life.operator.seek(0)
        life.operator.truncate()
        try:
            expect_whole(world, life)
        except AssertionError as error:
            raise AssertionError(f"{actor} crashed behind its message {number}") from error
