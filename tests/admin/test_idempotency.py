"""Same key, same answer."""

import asyncio

import pytest

from levibotd.admin.idempotency import KEPT_S, Answers, checked_key
from levibotd.admin.problems import Malformed


class Till:
    """Hands out numbers, so that a second answer is told from a repeated one."""

    def __init__(self) -> None:
        self.answers: Answers[int] = Answers(answers_max=2)
        self.made = 0

    async def ask(self, key: str, *, now: float = 0.0, keep: bool = True, takes_s: float = 0.0) -> tuple[int, bool]:
        async def answer() -> int:
            self.made += 1
            number = self.made
            await asyncio.sleep(takes_s)
            return number

        return await self.answers.once(key, answer, keep=lambda _: keep, now=now)


async def test_a_repetition_gets_the_first_answer() -> None:
    till = Till()
    assert await till.ask("a") == (1, False)
    assert await till.ask("a") == (1, True)
    assert await till.ask("b") == (2, False)


async def test_repetitions_that_arrive_meanwhile_wait_for_it() -> None:
    till = Till()
    answers = await asyncio.gather(*(till.ask("a", takes_s=5) for _ in range(10)))
    assert sorted(answers) == [(1, False)] + [(1, True)] * 9


async def test_what_is_not_kept_is_made_again_by_one_after_the_other() -> None:
    till = Till()
    answers = await asyncio.gather(*(till.ask("a", keep=False, takes_s=5) for _ in range(3)))
    assert sorted(answers) == [(1, False), (2, False), (3, False)]
    assert len(till.answers) == 0


async def test_an_answer_is_forgotten_after_a_day() -> None:
    till = Till()
    await till.ask("a", now=0.0)
    assert await till.ask("a", now=KEPT_S) == (1, True)
    assert await till.ask("a", now=KEPT_S + 1) == (2, False)


async def test_the_number_of_answers_is_bounded() -> None:
    till = Till()
    for key in "abc":
        await till.ask(key)
    assert len(till.answers) == 2
    assert (await till.ask("a"))[1] is False


async def test_a_client_that_leaves_does_not_block_the_next() -> None:
    till = Till()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await till.ask("a", takes_s=60)

    assert await till.ask("a") == (2, False)


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb", "é", "\x00"])
def test_a_key_is_short_printable_text(key: str) -> None:
    with pytest.raises(Malformed, match="Idempotency-Key"):
        checked_key(key)


def test_no_key_is_fine() -> None:
    assert checked_key(None) is None
    assert checked_key("order 66") == "order 66"
