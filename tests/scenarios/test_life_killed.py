"""
The process dies behind every single record of calls that their channel changes, and another one goes on.

Stops are moved by replies and edits, a part is closed, a pending entry is replaced, a post is deleted. However
often the process dies, no stop is ever loosened, nothing is bought or closed twice, and nothing stands naked.
"""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from random import Random

import msgspec
import pytest

from levibotd.domain.book import CLOSING
from levibotd.domain.ledger import Ledger
from levibotd.domain.order_records import OrderFill, OrderIntent
from levibotd.domain.orders import CLOSE, ENTRY, STOP
from levibotd.domain.records import Control, Logged, Record, SignalDeleted, SignalEdited
from levibotd.domain.signal import Post, Side
from levibotd.ports.posts import Deleted, Edited
from levibotd.settings import ChannelConfig
from tests.scenarios.bench import BTC, CHANNEL, ETH, T0, Life, World, config_of, flat, minutes
from tests.scenarios.deaths import killed_again_and_again, killed_behind, lived, until_minute
from tests.scenarios.laws import expect_calm_laws, expect_never_worse

PARTS = 6
LIVING = until_minute(14)
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
    edit(world, first, LONG.replace("95", "97").replace("110", "112"), at=T0 + 260)
    edit(world, first, LONG.replace("95", "90").replace("110", "112"), at=T0 + 300)
    world.post("New targets: 53, 55", at=T0 + 310, number=4, reply_to=2)
    world.post("Close half", at=T0 + 330, number=5, reply_to=1)
    edit(world, second, PENDING.replace("48", "49.5").replace("46", "48"), at=T0 + 500)
    world.script.append(Deleted(channel=CHANNEL, message_id=2, seen_by="update", received_at=T0 + 560))
    world.post("Close all trades now", at=T0 + 620, number=6)
    return world


def edit(world: World, post: Post, text: str, *, at: float) -> None:
    world.script.append(Edited(post=msgspec.structs.replace(post, text=text, edited_at=at), received_at=at))


@cache
def first_life() -> tuple[World, list[Logged]]:
    return lived(new_world(), LIVING)


def expect_whole(world: World, life: Life) -> None:
    expect_calm_laws(world, life, posts=6)
    records = [one.entry.record for one in world.records()]
    edits = Counter((one.message_id, one.revision) for one in records if isinstance(one, SignalEdited))
    assert max(edits.values(), default=1) == 1, "an edit was decided twice"
    assert [one.message_id for one in records if isinstance(one, SignalDeleted)] == [2]
    expect_never_worse(records)
    assert all(sent.side is Side.SELL for sent in records if isinstance(sent, OrderIntent) and sent.reduce_only)
    expect_closed_once(records)
    expect_fitting_stops(world)


def expect_closed_once(records: Sequence[Record]) -> None:
    asked = [one for one in records if isinstance(one, Control) and one.command == "reduce"]
    assert len(asked) <= 1, "a part was closed twice"
    parts = {one.cid for one in records if isinstance(one, OrderIntent) and (one.role, one.slot) == ("c", 1)}
    closed = sum((one.qty for one in records if isinstance(one, OrderFill) and one.cid in parts), Decimal(0))
    assert not asked or closed <= Decimal(asked[0].effect.rpartition(" ")[2])


def expect_fitting_stops(world: World) -> None:
    """Before all is closed, and long after the half was: one stop rests, and covers what is left and no more."""
    ledger = Ledger(balance=Decimal(world.config.paper.balance))
    for one in world.records():
        if one.ts < T0 + 610:
            ledger.apply(one.entry)
    for call in ledger.calls.values():
        orders = ledger.orders_of(call.key)
        parts = sum((one.filled for one in orders if one.role == CLOSE), Decimal(0))
        may_fill = sum((one.remaining for one in orders if one.role == ENTRY and one.live), Decimal(0))
        stops = [one.remaining for one in orders if one.role == STOP and one.live]
        if parts and call.status != CLOSING:
            assert len(stops) == 1, call.key
            assert call.qty + may_fill <= stops[0] <= call.bought - parts + may_fill, call.key


def test_the_life_that_is_cut_short_is_a_rich_one() -> None:
    world, records = first_life()
    expect_whole(world, world.after_kill(len(records)).run(LIVING, at=records[-1].ts + 1.0))
    edits = [(one.entry.record.effect, one.entry.record.reason) for one in records if one.event_type == "SIGNAL_EDITED"]
    widened, filled = "review.stop_widened", "review.entry_filled"
    assert edits == [("replaced", ""), ("moved", ""), ("review", widened), ("moved", filled)]
    effects = [one.entry.record.effect for one in records if one.event_type == "AUTO_ROUTE_EXECUTED"]
    assert effects == ["opened", "opened", "moved", "targets", "reduced", "closed"]
    assert len(records) >= 80


@pytest.mark.fault("E6")
@pytest.mark.parametrize("part", range(PARTS))
def test_a_process_killed_behind_any_record_neither_loosens_nor_doubles(part: int) -> None:
    whole, records = first_life()
    seqs = range(1 + part, len(records), PARTS)
    killed_behind(whole, records, seqs, living=LIVING, expect=expect_whole)


@pytest.mark.parametrize("seed", range(12))
def test_a_process_killed_again_and_again_neither_loosens_nor_doubles(seed: int) -> None:
    world, records = first_life()
    killed_again_and_again(world, records, Random(seed), living=LIVING, expect=expect_whole)


@pytest.mark.parametrize("actor", ["exec", "risk", "scorer", "telegram", "logger"])
def test_an_actor_that_crashes_behind_any_of_its_messages_neither_loosens_nor_doubles(actor: str) -> None:
    clean = new_world().run(LIVING, stumbles={actor: []})
    handled = clean.handled.get(actor, 0)
    for number in range(1, handled + 1, 1 + handled // 25):
        world = new_world()
        life = world.run(LIVING, stumbles={actor: [number]})
        try:
            expect_whole(world, life)
        except AssertionError as error:
            raise AssertionError(f"{actor} crashed behind its message {number}") from error
