"""Processes that die, and others that go on with what they left."""

from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Any

from levibotd.domain.records import Logged
from tests.scenarios.bench import T0, Life, World

DOWN_S = (0.0, 0.3, 20.0, 90.0)

Living = Callable[[Life], Awaitable[Life]]
Expectation = Callable[[World, Life], None]


def until_minute(number: float) -> Living:
    """A life that ends a little after that minute of the world."""

    async def living(life: Life) -> Life:
        await life.minute(number)
        return life

    return living


def lived(world: World, living: Living, **options: Any) -> tuple[World, list[Logged]]:
    """A whole life, and what it wrote down."""
    life = world.run(living, **options)
    assert not life.ledger.calls
    return world, world.records()


def killed_behind(
    whole: World, records: Sequence[Logged], seqs: Sequence[int], *, living: Living, expect: Expectation
) -> None:
    """Cut the log behind each of these records, let another process go on, and expect it to have lost nothing."""
    for number, seq in enumerate(seqs):
        world, down_s = whole.after_kill(seq), DOWN_S[number % len(DOWN_S)]
        life = world.run(living, at=records[seq - 1].ts + down_s)
        try:
            assert life.operator.getvalue().count("actor_crash") == 0, life.operator.getvalue()
            expect(world, life)
        except AssertionError as error:
            raise AssertionError(f"killed behind {seq} ({records[seq - 1].event_type}), down {down_s} s") from error


def killed_again_and_again(
    world: World, records: Sequence[Logged], chance: Random, *, living: Living, expect: Expectation
) -> None:
    """Three deaths in a row, each somewhere behind the one before."""
    seq, lives = chance.randrange(1, len(records)), []
    for _ in range(3):
        at = records[seq - 1].ts + chance.choice((0.0, 0.1, 1.0, 30.0))
        world = world.after_kill(seq)
        lives.append(world.run(living, at=at))
        records = world.records()
        seq = chance.randint(seq, len(records))
    expect(world, lives[-1])


def killed_in_chaos(world: World, chance: Random, *, before: float, living: Living, expect: Expectation) -> None:
    """Cut the log of a chaos that was lived already anywhere before that minute; nothing new is said afterwards."""
    died = chance.choice([one for one in world.records() if one.ts < T0 + 60 * before])
    world = world.after_kill(died.seq)
    world.script = [event for event in world.script if event.received_at <= died.ts]
    life = world.run(living, at=died.ts + chance.choice((0.0, 0.5, 30.0)))
    try:
        expect(world, life)
    except AssertionError as error:
        raise AssertionError(f"killed behind {died.seq} ({died.event_type})") from error
