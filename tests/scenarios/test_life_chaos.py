"""
Seeded chaos in the life of calls: channels edit, reply, delete and close at random, while everything else goes wrong.

Beside the laws of all chaos: no stop is ever loosened by anybody, no call becomes larger than it was planned, no
entry is added to what has filled, an edit is decided once, and nothing opens by an edit.
"""

from collections import Counter
from random import Random

import msgspec
import pytest

from levibotd.domain.records import ActorCrash, AutoRouteExecuted, SignalDeleted, SignalEdited
from levibotd.domain.signal import trace_id
from levibotd.messages import ClosePosition, SetKillSwitch, Switch
from levibotd.ports.posts import Deleted, Edited, Posted
from levibotd.settings import ChannelConfig
from tests.scenarios.bench import BTC, ETH, T0, Life, World, config_of
from tests.scenarios.deaths import killed_in_chaos
from tests.scenarios.laws import expect_laws, expect_never_worse
from tests.scenarios.test_chaos import END_MINUTE, QUIET_MINUTE, asked, at_rest, disturb, prices, say

SEEDS = 120
DEATHS = 64
GROUPS = 8

ON_DELETE = ("ignore", "cancel", "close")
MOVERS = ("none", "breakeven", "breakeven-1%", "moving-target", "trailing", "trailing-1.5%")


def new_world(chance: Random) -> World:
    config = config_of()
    channels = tuple(
        msgspec.convert(
            {"id": name, "on_delete": chance.choice(ON_DELETE), "stop_mover": chance.choice(MOVERS)},
            ChannelConfig,
        )
        for name in ("@calls", "@others")
    )
    telegram = msgspec.structs.replace(config.telegram, channels=channels)
    made = msgspec.structs.replace(config, telegram=telegram)
    return World({BTC: prices(chance, 100.0), ETH: prices(chance, 50.0)}, config=made)


def change(chance: Random, life: Life) -> None:
    """The channel says something about one of its posts."""
    posts = [event.post for event in life.world.script if isinstance(event, Posted)]
    if not posts:
        return
    held = {call.trace for call in life.ledger.calls.values()}
    post = chance.choice([post for post in posts if post.trace in held] or posts[-6:])
    price = 50.0 if "ETH" in post.text else 100.0
    level = round(price * (1 + chance.gauss(0, 0.02)), 2)
    replies = (
        f"Move SL to {level}",
        "SL to breakeven",
        "Close half",
        f"New targets: {round(level * 1.03, 2)}, {round(level * 1.06, 2)}",
        f"New entry: {level}",
        "Close this trade now",
    )
    now = life.clock.time()
    match chance.randrange(5):
        case 0 | 1:
            life.say(chance.choice(replies), channel=post.channel, reply_to=post.message_id)
        case 2 | 3:
            text = "\n".join(_shifted(line, chance) for line in post.text.splitlines())
            edit = msgspec.structs.replace(post, text=text, edited_at=now)
            life.world.script.append(event := Edited(post=edit, received_at=now))
            life.posts.say(event)
        case _:
            event_ = Deleted(channel=post.channel, message_id=post.message_id, seen_by="update", received_at=now)
            life.world.script.append(event_)
            life.posts.say(event_)


# One of the lines of a call says other numbers now, in some of its edits.
def _shifted(line: str, chance: Random) -> str:
    head, colon, numbers = line.partition(": ")
    if not colon or "market" in numbers or chance.random() < 0.6:
        return line
    share = 1 + chance.gauss(0, 0.01)
    parts = numbers.replace(" - ", ", ").split(", ")
    moved = [str(round(float(part) * share, 2)) for part in parts]
    return f"{head}: " + (" - " if " - " in numbers else ", ").join(moved)


async def chaos(life: Life, chance: Random) -> Life:
    end = T0 + 60 * QUIET_MINUTE
    while (now := life.clock.time()) < end:
        await life.until(now + chance.expovariate(1 / 10.0))
        match chance.randrange(10):
            case 0 | 1 | 2:
                say(chance, life)
            case 3 | 4 | 5 | 6 | 7:
                change(chance, life)
            case _:
                await disturb(chance, life)
                if chance.random() < 0.7:  # Or nothing would be open in most of the chaos.
                    await asked(life, Switch(on=True, by="operator", reason="on"))
                    await asked(life, SetKillSwitch(tripped=False, by="operator", reason="on"))
    life.state.fail_at = None
    await life.clock.sleep(30.0)  # What was said last is settled by now, whatever was down.
    await asked(life, ClosePosition(by="operator", reason="the end"))
    await life.minute(END_MINUTE)
    return life


def expect_life(world: World, life: Life) -> None:
    expect_laws(world, life)
    records = [logged.entry.record for logged in world.records()]
    expect_never_worse(records)
    edits = Counter((one.channel, one.message_id, one.revision) for one in records if isinstance(one, SignalEdited))
    assert max(edits.values(), default=1) == 1, "an edit was decided twice"
    deleted = Counter((one.channel, one.message_id) for one in life.of(SignalDeleted))
    assert max(deleted.values(), default=1) == 1, "a deletion was decided twice"
    told = {(event.post.channel, event.post.message_id) for event in world.script if isinstance(event, Edited)}
    known = {trace for trace in {trace_id(*each) for each in told} if life.ledger.revision(trace) is not None}
    texts = {trace_id(*each) for each in told if _says_more(world, *each)}
    assert texts <= known, "an edit was lost"


# Is there an edit that says something else than the post did?
def _says_more(world: World, channel: str, number: int) -> bool:
    trace = trace_id(channel, number)
    posts = [event.post for event in world.script if isinstance(event, Posted | Edited)]
    return len({post.text for post in posts if post.trace == trace}) > 1


@pytest.mark.parametrize("group", range(GROUPS))
def test_the_laws_of_a_calls_life_hold_in_any_chaos(group: int) -> None:
    seen = Counter[str]()
    for seed in range(group, SEEDS, GROUPS):
        chance = Random(seed)
        world = new_world(chance)

        async def run(life: Life, chance: Random = chance) -> Life:
            return await chaos(life, chance)

        try:
            life = world.run(run)
            expect_life(world, life)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error
        seen.update(one.effect for one in (*life.of(SignalEdited), *life.of(AutoRouteExecuted)))
        seen["crashes"] += len(life.of(ActorCrash))
    wanted = ("opened", "moved", "replaced", "reduced", "targets", "closed", "cancelled", "review", "crashes")
    assert min(seen[one] for one in wanted) >= 1, seen


@pytest.mark.parametrize("group", range(GROUPS))
def test_the_laws_of_a_calls_life_hold_when_a_process_dies_in_the_middle_of_it(group: int) -> None:
    for seed in range(5000 + group, 5000 + DEATHS, GROUPS):
        chance = Random(seed)
        world = new_world(chance)

        async def run(life: Life, chance: Random = chance) -> Life:
            return await chaos(life, chance)

        world.run(run)
        try:
            killed_in_chaos(world, chance, before=QUIET_MINUTE, living=at_rest, expect=expect_life)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error
