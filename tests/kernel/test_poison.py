from dataclasses import dataclass

from levibotd.kernel.poison import Suspects, itself, same_trace


@dataclass(frozen=True)
class Arrived:
    trace: str | None
    received_at: float = 0.0


@dataclass(frozen=True)
class Edited:
    trace: str


def test_a_message_told_again_is_the_same_by_type_and_trace() -> None:
    assert same_trace(Arrived("t", 1.0)) == same_trace(Arrived("t", 2.0))
    assert same_trace(Arrived("t")) != same_trace(Edited("t"))
    assert same_trace(Arrived("t")) != same_trace(Arrived("u"))


def test_without_a_trace_only_the_object_itself_is_the_same() -> None:
    one, other = Arrived(None), Arrived(None)

    assert same_trace(one) == same_trace(one) == itself(one)
    assert same_trace(one) != same_trace(other)


def test_two_crashes_make_it_deadly_and_success_in_between_does_not() -> None:
    suspects, message = Suspects(), Arrived("t")
    key = same_trace(message)
    assert suspects.blame(key, message) == 1
    assert not suspects.is_deadly(key)
    suspects.acquit(key)
    assert suspects.blame(key, message) == 1

    assert suspects.blame(key, message) == 2
    assert suspects.is_deadly(key)


def test_released_by_hand_it_has_one_more_try() -> None:
    suspects, message = Suspects(), Arrived("t")
    key = same_trace(message)
    for _ in range(2):
        suspects.blame(key, message)

    suspects.release(key)

    assert not suspects.is_deadly(key)
    assert suspects.blame(key, message) == 2
    suspects.release("unknown")


def test_suspects_are_bounded_and_the_oldest_is_forgotten() -> None:
    suspects = Suspects()
    for number in range(3000):
        suspects.blame(number, None)

    assert len(suspects.blamed) == 1024
    assert 0 not in suspects.blamed
    assert 2999 in suspects.blamed
