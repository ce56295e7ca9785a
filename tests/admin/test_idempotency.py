"""Same key, same answer, for a day and over restarts."""

import asyncio
from collections.abc import Sequence

import pytest

from levibotd.admin.idempotency import KEPT_S, STORED_BYTES_MAX, Answers, Kept, checked_key
from levibotd.admin.problems import KeyReused, Malformed
from tests.admin.site import serving


class Store:
    """Keeps lines in memory; `full` refuses more."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.full = False

    def load(self) -> Sequence[bytes]:
        return tuple(self.lines)

    def renew(self, lines: Sequence[bytes]) -> None:
        self.lines = list(lines)

    def add(self, line: bytes) -> None:
        if self.full:
            raise OSError("no space left")
        self.lines.append(line)


class Till:
    """Hands out numbers, so that a second answer is told from a repeated one."""

    def __init__(self, store: Store | None = None, *, now: float = 0.0) -> None:
        self.faults: list[OSError] = []
        self.answers = Answers(store=store, answers_max=2, on_fault=self.faults.append)
        self.answers.load(now=now)
        self.made = 0

    async def ask(
        self, key: str, *, now: float = 0.0, keep: bool = True, takes_s: float = 0.0, asked: bytes = b"", size: int = 0
    ) -> tuple[int, bool]:
        async def answer() -> Kept:
            self.made += 1
            number = self.made
            await asyncio.sleep(takes_s)
            return Kept(status=number, content_type="text/plain", body=b"x" * size)

        kept, again = await self.answers.once(key, answer, asked=asked, keep=lambda _: keep, now=now)
        return kept.status, again


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


async def test_another_question_under_a_key_gets_no_answer_and_does_nothing() -> None:
    till = Till()
    await till.ask("a", asked=b'{"qty":"1"}')

    with pytest.raises(KeyReused):
        await till.ask("a", asked=b'{"qty":"2"}')

    assert till.made == 1
    assert await till.ask("a", asked=b'{"qty":"1"}') == (1, True)


async def test_answers_outlive_the_process_that_gave_them() -> None:
    store = Store()
    await Till(store).ask("a", asked=b"x")

    again = Till(store, now=KEPT_S)
    assert await again.ask("a", asked=b"x", now=KEPT_S) == (1, True)
    with pytest.raises(KeyReused):
        await again.ask("a", asked=b"y", now=KEPT_S)
    assert await Till(store, now=KEPT_S + 1).ask("a", now=KEPT_S + 1) == (1, False)


async def test_what_is_stored_is_bounded_and_junk_in_it_is_left_out() -> None:
    store = Store()
    till = Till(store)
    for key in "abcd":
        await till.ask(key)
    await till.ask("long", size=STORED_BYTES_MAX + 1)
    store.lines += [b"", b"[1,2", b'["x"]', b"\xff"]

    assert len(Till(store).answers) == 2
    assert len(store.lines) == 2


async def test_a_full_disk_is_told_and_costs_nobody_an_answer() -> None:
    store = Store()
    till = Till(store)
    store.full = True

    assert await till.ask("a") == (1, False)
    assert await till.ask("a") == (1, True)
    assert len(till.faults) == 1


@pytest.mark.real_time
async def test_over_http_another_body_under_the_same_key_is_422() -> None:
    async with serving() as site:
        first = await site.post("/signals/score", {"text": "BUY"}, Idempotency_Key="k-1")
        again = await site.post("/signals/score", {"text": "BUY"}, Idempotency_Key="k-1")
        other = await site.post("/signals/score", {"text": "SELL"}, Idempotency_Key="k-1")

    assert (first.status, again.status, again.body) == (200, 200, first.body)
    assert (other.status, other.json()["code"]) == (422, "KEY_REUSED")


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
