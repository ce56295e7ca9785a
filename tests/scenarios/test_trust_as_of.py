"""What is held of a channel goes with each of its calls, and nothing that came later is in it."""

from functools import cache
from random import Random

import pytest

from levibotd.domain.records import Logged, SignalScored
from levibotd.domain.trust import ASSUMED
from levibotd.ports.posts import PostEvent
from tests.scenarios.bench import Life, World, config_of
from tests.scenarios.test_gaming import BEGIN, CALLED, DAY, END, HOUR, honest, prices


def events() -> list[PostEvent]:
    return [event for call in CALLED for event in honest(call)]


def lived(until: float) -> list[Logged]:
    """What stands in the log of a world that ends at `until`: no later post, and no bar that had not begun."""
    bars = {coin: [bar for bar in found if bar.ts + HOUR <= until + HOUR] for coin, found in prices().items()}
    script = [event for event in events() if event.received_at <= until]
    world = World(bars, config=config_of({"LEVI_RISK__POLICY": "moderate"}), script=script)

    async def to_the_end(life: Life) -> list[Logged]:
        await life.until(until)
        return list(life.records)

    return world.run(to_the_end, at=BEGIN, shadowed=True)


@cache
def whole() -> list[Logged]:
    return lived(END)


def scored(log: list[Logged], *, until: float) -> list[SignalScored]:
    return [one.entry.record for one in log if isinstance(one.entry.record, SignalScored) and one.ts < until]


@pytest.mark.parametrize("seed", range(4))
def test_a_world_that_ends_earlier_held_the_same_of_every_call_until_then(seed: int) -> None:
    until = BEGIN + Random(seed).uniform(10, 60) * DAY

    before, after = scored(lived(until), until=until), scored(whole(), until=until)

    assert before
    assert before == after


def test_the_first_call_knows_nothing_and_the_last_one_what_came_of_the_others() -> None:
    held = [one.trust for one in scored(whole(), until=END)]

    assert None not in held
    first, last = held[0], held[-1]
    assert first is not None
    assert last is not None
    assert (first.calls, first.ev_r, first.p_pays.p) == (0, ASSUMED.mean, ASSUMED.pays)
    assert last.calls == len(CALLED) - 1
    assert last.ev_r > first.ev_r
    assert all(one.prior_sha for one in scored(whole(), until=END))


def test_winners_that_end_first_earn_nothing_early() -> None:
    held = [one.trust for one in scored(whole(), until=BEGIN + 8 * DAY)]

    # Two of the first calls have won by then, and two have lost: only what was lost counts yet.
    assert held[-1] is not None
    assert held[-1].mature == 0
    assert held[-1].ev_r < ASSUMED.mean
    assert held[-1].p_pays.p < ASSUMED.pays
