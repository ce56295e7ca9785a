"""Where figures begin to be shown; what they are is worked out by hand in test_board.py."""

import pytest

from levibotd.domain.cards.calls import DAY_S, CallKept, Ended
from levibotd.domain.cards.card import CURVE_POINTS_MAX
from levibotd.domain.cards.figures import Terms, column_of
from levibotd.domain.cards.sums import Sums, add
from levibotd.domain.signal import Side

FREE = Terms()


def sums_of(*, filled: int = 0, unpriced: int = 0, unknown: int = 0, repeats: int = 0) -> Sums:
    sums, number = Sums(), 0
    for status, count in (("filled", filled), ("unpriced", unpriced), ("unknown", unknown), ("filled", repeats)):
        for _ in range(count):
            at = number * DAY_S
            first = "0|0" if number >= filled + unpriced + unknown else f"{number}|0"
            ended = Ended(status=status, at=at + 1, r=1.0)
            add(
                sums,
                CallKept(
                    id=f"{number}|0", coin="BTC", side=Side.BUY, posted_at=at, witnessed=True, first=first,
                    as_posted=ended,
                ),
            )  # fmt: skip
            number += 1
    return sums


@pytest.mark.parametrize(
    ("sums", "withheld"),
    [
        (sums_of(), "too few priced calls (0 of 0)"),
        (sums_of(filled=19), "too few priced calls (19 of 19)"),
        (sums_of(filled=20), None),
        (sums_of(filled=20, unpriced=5), None),
        (sums_of(filled=20, unpriced=6), "too few priced calls (20 of 26)"),
        (sums_of(filled=20, unknown=6), "too few priced calls (20 of 26)"),
        (sums_of(filled=10, repeats=30), "too few priced calls (10 different ones of 40)"),
    ],
)
def test_figures_need_twenty_priced_calls_and_four_fifths_of_all(sums: Sums, withheld: str | None) -> None:
    column = column_of(sums, running=0, witnessed=True, terms=FREE, seed="s")

    assert column.withheld == withheld
    assert (column.results.expectancy is None) is (withheld is not None)


def test_calls_of_unknown_text_count_as_nothing_made() -> None:
    results = column_of(sums_of(filled=24, unknown=6), running=0, witnessed=False, terms=FREE, seed="s").results

    assert results.expectancy == 0.8
    assert results.expectancy_filled == 1.0
    assert results.profit_factor is None  # Nothing was lost: there is no such number.


def test_saying_a_thing_ten_times_makes_no_interval_narrower() -> None:
    few = column_of(sums_of(filled=25), running=0, witnessed=True, terms=FREE, seed="s").results
    often = column_of(sums_of(filled=25, repeats=250), running=0, witnessed=True, terms=FREE, seed="s").results

    assert often.win_rate_95 == few.win_rate_95
    assert often.visible_edge == few.visible_edge


def test_a_fee_is_told_in_r_only_where_a_call_is_worth_something() -> None:
    sums = sums_of(filled=30)
    paid = column_of(sums, running=0, witnessed=True, terms=Terms(fee_monthly=60.0, r_worth=20.0), seed="s").results
    free = column_of(sums, running=0, witnessed=True, terms=Terms(fee_monthly=60.0), seed="s").results

    assert paid.subscription == pytest.approx(0.1)  # Thirty calls a month.
    assert paid.expectancy_net == pytest.approx(0.9)
    assert (free.subscription, free.expectancy_net) == (None, None)


def test_a_long_curve_is_thinned_and_ends_where_it_ended() -> None:
    results = column_of(sums_of(filled=390), running=0, witnessed=True, terms=FREE, seed="s").results

    assert len(results.curve) <= CURVE_POINTS_MAX
    assert results.curve[-1].r == 390.0
