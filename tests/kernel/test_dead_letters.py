import asyncio
from dataclasses import dataclass

from levibotd.kernel.dead_letters import DeadLetters
from levibotd.kernel.lane import Ask


@dataclass(frozen=True)
class Traced:
    trace: str


def letters(kept_max: int = 8) -> DeadLetters:
    return DeadLetters(now=lambda: 12.5, kept_max=kept_max)


async def test_a_letter_says_what_it_was_and_why_it_died() -> None:
    dead = letters()
    asked = Ask(Traced("t-1"), asyncio.get_running_loop().create_future())

    letter = dead.add(asked, actor="risk", incarnation=3, reason="crashed", error=ValueError("unlucky"))

    assert dead.all() == [letter]
    assert letter.message == Traced("t-1")
    assert (letter.actor, letter.incarnation, letter.trace, letter.at) == ("risk", 3, "t-1", 12.5)
    assert letter.error == "ValueError: unlucky"


def test_they_are_bounded_and_counted_by_reason() -> None:
    dead = letters()
    for number in range(20):
        dead.add(number, actor="a", incarnation=1, reason="stopped")

    assert [letter.message for letter in dead.all()] == list(range(12, 20))
    assert dead.counts == {"stopped": 20}
    assert dead.total == 20


def test_a_flood_of_drops_does_not_push_out_what_matters() -> None:
    dead = letters()
    dead.add("fill", actor="logger", incarnation=1, reason="crashed")
    for number in range(1000):
        dead.add(number, actor="logger", incarnation=1, reason="drop_newest", by_policy=True)

    assert [letter.message for letter in dead.all()] == ["fill", 998, 999]
    assert len(dead) == 3


def test_a_letter_is_found_and_removed_by_its_id() -> None:
    dead = letters()
    first = dead.add("a", actor="a", incarnation=1, reason="crashed")
    second = dead.add("b", actor="a", incarnation=1, reason="drop_oldest", by_policy=True)

    assert dead.find(second.id) == second
    dead.remove(second.id)
    dead.remove(second.id)

    assert dead.find(second.id) is None
    assert dead.find(first.id) == first
