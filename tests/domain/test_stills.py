"""Copies of folds share nothing that changes, and bytes made in pieces are those that are made at once."""

from decimal import Decimal
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from levibotd.app.committed import CommittedState
from levibotd.domain.book import State
from levibotd.domain.cards.state import Book
from levibotd.domain.climate.record import ClimateRecord
from levibotd.domain.ledger import Ledger
from levibotd.domain.records import Logged
from levibotd.domain.shadow_book import ShadowBook
from levibotd.domain.stills import AT_ONCE, in_pieces, still
from tests.domain.cards.log import BEGIN, DAY, Hand
from tests.domain.desk import Desk


class Leaf(Struct):
    name: str = "a"
    values: tuple[float, ...] = ()


class Frozen(Struct, frozen=True, array_like=True):
    place: int = 0


class Tree(Struct, kw_only=True):
    leaves: dict[str, Leaf] = {}
    counts: dict[int, float] = {}
    numbers: list[float] = []
    below: list[list[Leaf]] = []
    one: Leaf | None = None
    fixed: Frozen = Frozen()
    price: Decimal | None = None


class Row(Struct, array_like=True):
    trees: dict[str, Tree] = {}
    flags: list[bool] = []


LEAVES = st.builds(Leaf, name=st.text(max_size=40), values=st.tuples(st.floats(allow_nan=False)))
TREES = st.builds(
    Tree,
    leaves=st.dictionaries(st.text(max_size=5), LEAVES, max_size=20),
    counts=st.dictionaries(st.integers(-(2**40), 2**40), st.floats(allow_nan=False), max_size=20),
    numbers=st.lists(st.floats(allow_nan=False), max_size=20),
    below=st.lists(st.lists(LEAVES, max_size=3), max_size=3),
    one=st.none() | LEAVES,
    fixed=st.builds(Frozen, st.integers(0, 9)),
    price=st.none() | st.decimals(allow_nan=False, allow_infinity=False),
)


@given(st.builds(Row, trees=st.dictionaries(st.text(max_size=3), TREES, max_size=3), flags=st.lists(st.booleans())))
def test_bytes_in_pieces_are_those_made_at_once(row: Row) -> None:
    assert in_pieces(row) == msgspec.msgpack.encode(row)
    assert still(row) == row


@pytest.mark.parametrize("size", [0, 15, 16, AT_ONCE, AT_ONCE + 1, 65_535, 65_536])
def test_every_length_has_its_own_head(size: int) -> None:
    tree = Tree(
        leaves={str(number): Leaf() for number in range(size)},
        counts=dict.fromkeys(range(size), 0.5),
        numbers=[float(number) for number in range(size)],
    )

    assert in_pieces(tree) == msgspec.msgpack.encode(tree)


def test_a_copy_stays_as_it_is_whatever_becomes_of_the_original() -> None:
    tree = Tree(leaves={"a": Leaf()}, counts={1: 1.0}, numbers=[1.0], below=[[Leaf()]], one=Leaf())
    copy, before = still(tree), msgspec.msgpack.encode(tree)

    tree.leaves["a"].name = tree.below[0][0].name = "changed"
    tree.leaves["b"] = Leaf()
    tree.counts[2] = 2.0
    tree.numbers.append(2.0)
    tree.below.append([])
    assert tree.one is not None
    tree.one.values = (9.0,)

    assert msgspec.msgpack.encode(copy) == before
    assert msgspec.msgpack.encode(tree) != before


class Odd(Struct):
    names: set[str] = set()


def test_what_nobody_knows_how_to_copy_is_an_error_and_never_shared() -> None:
    with pytest.raises(AssertionError, match="nobody knows"):
        still(Odd())


def told(state: CommittedState, hand: Hand, *, since: int = 0) -> None:
    state.observe(
        [
            Logged(seq=number + 1, ts=BEGIN + number, event_type="X", entry=entry)
            for number, entry in enumerate(hand.entries)
            if number >= since
        ]
    )


def folds(state: CommittedState) -> dict[str, Struct]:
    return {
        "ledger": state.ledger()._state,
        "cards": state.cards._book,
        "climate": state.climate,
        "shadow": state.shadow,
    }


def changing(of: object, met: dict[int, object]) -> dict[int, object]:
    """All that is reachable and can change."""
    if isinstance(of, Struct) and not of.__struct_config__.frozen:
        met[id(of)] = of
        for name in of.__struct_fields__:
            changing(getattr(of, name), met)
    elif isinstance(of, dict):
        met[id(of)] = of
        for one in of.values():
            changing(one, met)
    elif isinstance(of, list):
        met[id(of)] = of
        for one in of:
            changing(one, met)
    return met


def test_a_copy_of_every_fold_shares_nothing_that_changes_and_has_the_same_bytes() -> None:
    hand, chance = Hand(), Random(3)
    for number in range(40):
        hand.called(f"@{number % 3}", BEGIN + number * DAY / 3, chance.uniform(-1, 2), coin=f"C{number % 5}")
    desk = Desk()
    desk.post(1)
    desk.fill(desk.cids(desk.opened(), "e")[0], "1", "100")
    state = CommittedState(Ledger.from_bytes(desk.ledger.to_bytes()))
    told(state, hand)
    before = state.to_bytes()

    copy = state.copy()
    shared = {
        name: [one for place, one in changing(fold, {}).items() if place in changing(folds(copy)[name], {})]
        for name, fold in folds(state).items()
    }

    assert not any(shared.values())
    written = len(hand.entries)
    hand.called("@1", BEGIN + 20 * DAY, -1.0)
    told(state, hand, since=written)
    assert copy.to_bytes() == before != state.to_bytes()


@pytest.mark.parametrize("fold", [Book, State, ClimateRecord, ShadowBook])
def test_no_fold_leaves_out_or_renames_a_field_that_holds_others(fold: type[Struct]) -> None:
    config = fold.__struct_config__

    assert (config.omit_defaults, config.tag) == (False, None)
    assert fold.__struct_encode_fields__ == fold.__struct_fields__
