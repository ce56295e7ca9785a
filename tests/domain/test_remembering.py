"""Memories of bounded size."""

from levibotd.domain.remembering import forget_oldest, remember


def test_what_is_remembered_is_bounded_and_the_newest_stays() -> None:
    memory: dict[int, None] = {}
    for number in range(1_000):
        remember(memory, number, None, limit=80)
        assert len(memory) <= 90
    assert list(memory)[-80:] == list(range(920, 1_000))


def test_a_memory_within_its_limit_and_an_eighth_forgets_nothing() -> None:
    memory = dict.fromkeys(range(90))
    forget_oldest(memory, limit=80)
    assert list(memory) == list(range(90))

    memory[90] = None
    forget_oldest(memory, limit=80)
    assert list(memory) == list(range(11, 91))
