import pytest

from levibotd.kernel.errors import WaitCycle
from levibotd.kernel.mailbox import Ref
from levibotd.kernel.tree import Child, Group, check, children_of
from tests.kernel.bench import Doer, ref


def child(of: Ref[object], *waits_on: Ref[object]) -> Child:
    return Child(of, Doer, waits_on=waits_on)


def test_a_circle_of_waits_is_refused_and_named() -> None:
    scorer, risk, execution = ref("scorer"), ref("risk"), ref("exec")
    trading = Group("trading", children=(child(execution, risk), child(risk, execution)))
    tree = Group("root", children=(trading, child(scorer, risk)))

    with pytest.raises(WaitCycle, match="exec -> risk -> exec"):
        check(tree)


def test_an_actor_that_waits_for_itself_is_a_circle() -> None:
    a = ref("a")

    with pytest.raises(WaitCycle, match="a -> a"):
        check(Group("root", children=(child(a, a),)))


def test_a_long_circle_is_found_behind_a_tail() -> None:
    a, b, c, d = ref("a"), ref("b"), ref("c"), ref("d")

    with pytest.raises(WaitCycle, match="b -> c -> d -> b"):
        check(Group("root", children=(child(a, b), child(b, c), child(c, d), child(d, b))))


def test_a_diamond_and_an_address_outside_the_tree_are_no_circle() -> None:
    a, b, c, d, outside = ref("a"), ref("b"), ref("c"), ref("d"), ref("outside")
    tree = Group("root", children=(child(a, b, c), child(b, d), child(c, d), child(d, outside)))

    check(tree)

    assert [one.name for one in children_of(tree)] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("name", ["a", "root", "inner"])
def test_a_name_used_twice_is_refused(name: str) -> None:
    tree = Group("root", children=(Group("inner", children=(child(ref("a")), child(ref(name)))),))

    with pytest.raises(ValueError, match=name):
        check(tree)
