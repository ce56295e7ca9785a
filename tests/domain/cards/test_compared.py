"""What stands on a card once it is compared with other times."""

import pytest

from levibotd.domain.cards.board import board_of
from levibotd.domain.cards.compared import Compared, OtherTimes
from tests.domain.cards.log import BEGIN, DAY, Hand

NOW = BEGIN + 120 * DAY


def compared(hand: Hand, *, placebo_r: float, delayed: dict[float, float | None]) -> Compared:
    ids = list(hand.book.channels["@c"].calls)
    found = [OtherTimes(channel="@c", id=name, placebo_r=placebo_r, times=10, delayed_r=delayed) for name in ids]
    return Compared.of(found, hold_btc_pct=12.5, equal_weight_pct=-3.0)


@pytest.fixture
def hand() -> Hand:
    hand = Hand()
    for number in range(40):
        hand.called("@c", BEGIN + number * 2 * DAY, 0.5 if number % 2 else 0.3)
    return hand


def test_the_excess_over_the_placebo_is_shown_with_its_interval(hand: Hand) -> None:
    board = board_of(hand.book, at=NOW, compared=compared(hand, placebo_r=0.25, delayed={}))
    results = board.cards[0].witnessed.results

    assert results.placebo == 0.25
    assert results.placebo_excess == pytest.approx(0.15)
    assert results.placebo_excess_95 is not None
    assert 0 < results.placebo_excess_95.lo < 0.15 < results.placebo_excess_95.hi
    assert "random times" not in board.cards[0].sentence
    assert (board.baselines.hold_btc_pct, board.baselines.equal_weight_pct) == (12.5, -3.0)


def test_what_random_times_make_too_is_said(hand: Hand) -> None:
    same = board_of(hand.book, at=NOW, compared=compared(hand, placebo_r=0.4, delayed={})).cards[0]
    worse = board_of(hand.book, at=NOW, compared=compared(hand, placebo_r=0.9, delayed={})).cards[0]

    assert "no better than the same trades at random times" in same.sentence
    assert "worse than the same trades at random times" in worse.sentence


def test_from_twenty_effective_calls_on_trust_is_in_what_is_beyond_the_placebo(hand: Hand) -> None:
    bare = board_of(hand.book, at=NOW).cards[0].trust
    adjusted = board_of(hand.book, at=NOW, compared=compared(hand, placebo_r=0.4, delayed={})).cards[0].trust

    assert bare is not None
    assert adjusted is not None
    assert (bare.adjusted, adjusted.adjusted) == (False, True)
    assert adjusted.ev_r < bare.ev_r
    assert adjusted.p_pays == bare.p_pays


def test_what_a_delay_costs_is_told_of_the_calls_it_can_be_told_of(hand: Hand) -> None:
    told = board_of(hand.book, at=NOW, compared=compared(hand, placebo_r=0.0, delayed={0.2: 0.4, 120.0: 0.1}))
    dark = board_of(hand.book, at=NOW, compared=compared(hand, placebo_r=0.0, delayed={0.2: None, 120.0: None}))

    assert told.cards[0].witnessed.results.latency == {"0.2": 0.4, "120": 0.1}
    assert dark.cards[0].witnessed.results.latency == {"0.2": None, "120": None}


def test_comparing_changes_nothing_in_the_book(hand: Hand) -> None:
    before = hand.book.to_bytes()

    board_of(hand.book, at=NOW, compared=compared(hand, placebo_r=0.4, delayed={}))

    assert hand.book.to_bytes() == before
