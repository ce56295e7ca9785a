"""Cards as text: coverage first, columns side by side, nothing said that is withheld or not known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.app.card_text import UNKNOWN, WITHHELD, as_text
from levibotd.domain.cards.card import Baselines, Board, Card, Column, Conduct, Counts, Results, Stops
from levibotd.domain.chance import Interval

COUNTS = Counts(
    calls=30, filled=20, unfilled=4, cancelled=1, unpriced=3, unknown=2, running=5, unreadable=1, coverage=25 / 30,
    fill_rate=20 / 27, unpriced_by={"no_candles": 2, "unreadable": 1},
)  # fmt: skip
RESULTS = Results(
    win_rate=0.4, win_rate_95=Interval(0.22, 0.61), expectancy=-0.05, expectancy_95=Interval(-0.3, 0.2),
    expectancy_filled=-0.07, expectancy_low=-0.1, expectancy_high=0.02, expectancy_followed=-0.02, sum_r=-1.35,
    sharpe_weekly=-0.12, deflated_sharpe=0.03, max_drawdown=6.5,
    visible_edge=0.44, subscription=0.125, expectancy_net=-0.175, placebo=-0.02,
    placebo_excess=-0.03, placebo_excess_95=Interval(-0.2, 0.14), latency={"1": -0.04, "30": None}, undecided=2,
)  # fmt: skip
CONDUCT = Conduct(
    edited=4, edited_after_move=3, deleted=2, deleted_after_loss=1, copied=6, copied_from={"@first": 5, "@b": 1},
    copied_by_others=7, claimed_wins=9, claims_measured=8, claims_that_won=4, claimed_win_rate=0.9,
)  # fmt: skip
STOPS = Stops(
    without_share=0.25, median_distance=0.05, without_calls=5, without_return_pct=-2.0, without_worst_pct=-31.0
)
SHOWN = Column(
    withheld=None,
    counts=COUNTS,
    results=RESULTS,
    stops=STOPS,
    conduct=CONDUCT,
    since=1_700_000_000.0,
    until=1_701_000_000.0,
)
HELD_BACK = Column(counts=Counts(calls=3, filled=3, coverage=1.0), withheld="too few priced calls (3 of 3)")


def rows(card: Card) -> dict[str, str]:
    lines = [line.strip() for line in as_text(Board(cards=(card,))).splitlines()]
    return {name.strip(): rest.strip() for name, _, rest in (line.partition("  ") for line in lines)}


def test_every_figure_of_the_card_is_said() -> None:
    said = rows(Card(channel="@a", witnessed=SHOWN, sentence="A sentence."))

    expected = {
        "coverage: priced of all calls": "83% (25 of 30)",
        "calls": "30",
        "filled + unfilled + cancelled": "20 + 4 + 1",
        "unpriced": "3 (no_candles 2, unreadable 1)",
        "text unknown": "2",
        "unreadable pictures": "1",
        "not over": "5",
        "win rate, of filled": "40% (22% to 61%)",
        "R a call": "-0.05 (-0.30 to +0.20)",
        "R a filled call": "-0.07",
        "deepest fall, R": "6.50",
        "Sharpe of weeks, deflated": "-0.12, 3%",
        "edits, after the move": "4, 3",
        "deletions, after a loss": "2, 1",
        "copies, and who was first": "6 (@first 5, @b 1)",
        "copied by others": "7",
        "R a call by delay": "1 s -0.04, 30 s –",
        "worst to best order in a bar": "-0.10 to +0.02, 2 undecided",
        "same trades at random times, R": "-0.02; timing -0.03 (-0.20 to +0.14)",
        "R a call net of the fee": "-0.17 (fee 0.125)",
        "wins it claims": "9 (90%), 4 of 8 measured paid",
        "without a stop": "25%; held as posted -2.0 %, worst -31.0 %",
    }
    for name, figure in expected.items():
        first, _, second = said[name].partition("  ")
        assert (name, first.strip()) == (name, figure)
        assert second.strip() in (UNKNOWN, "none")
    assert "A sentence." in said


def test_coverage_comes_before_counts_and_counts_before_results() -> None:
    lines = as_text(Board(cards=(Card(channel="@a", witnessed=SHOWN),))).splitlines()
    places = [
        next(number for number, line in enumerate(lines) if line.strip().startswith(name))
        for name in (
            "coverage",
            "calls",
            "filled + ",
            "win rate",
            "R a call ",
            "deepest",
            "edits",
            "deletions",
            "copies",
        )
    ]

    assert places == sorted(places)


def test_withheld_figures_read_as_withheld_and_counts_are_still_said() -> None:
    said = rows(Card(channel="@a", witnessed=HELD_BACK, sentence="Nothing can be said."))

    assert said["win rate, of filled"].split() == [WITHHELD, UNKNOWN]
    assert said["R a call"].split() == [WITHHELD, UNKNOWN]
    assert said["coverage: priced of all calls"].startswith("100% (3 of 3)")


def test_columns_stand_side_by_side_and_are_never_added() -> None:
    said = rows(Card(channel="@a", witnessed=SHOWN, backfilled=HELD_BACK))

    assert said["calls"].split() == ["30", "3"]
    assert said["R a call"].split("  ")[-1].strip() == WITHHELD
    assert "33" not in as_text(Board(cards=(Card(channel="@a", witnessed=SHOWN, backfilled=HELD_BACK),)))


def test_several_channels_have_an_overview_one_does_not() -> None:
    one, two = Card(channel="@a", witnessed=SHOWN), Card(channel="@b", backfilled=HELD_BACK)

    assert as_text(Board(cards=(one, two))).splitlines()[0].split()[:3] == ["channel", "coverage", "calls"]
    assert as_text(Board(cards=(one,))).startswith("@a\n")


def test_what_nobody_in_particular_would_have_made_stands_at_the_end() -> None:
    said = as_text(
        Board(
            cards=(Card(channel="@a", witnessed=SHOWN),),
            baselines=Baselines(copy_all=-0.1, copy_all_95=Interval(-0.2, 0.0), hold_btc_pct=12.0),
            trials=7,
            overfitting=0.3,
        )
    )

    assert said.endswith(
        "following nobody in particular\n  copying every channel: -0.10 R a call (-0.20 to +0.00)\n"
        "  holding bitcoin: +12.0 %\n  looked at: 7 channels, configurations, filters and thresholds\n"
        "  the best of one half of the weeks is below the median in the other: 30%"
    )


def test_what_is_missing_for_a_stage_is_said() -> None:
    said = as_text(Board(cards=(Card(channel="@a", lacking={"live": "n_eff 2.1, wanted 30"}),)))

    assert "  for stage live it lacks: n_eff 2.1, wanted 30\n" in said


def test_without_cards_there_is_nothing_to_say() -> None:
    assert as_text(Board()) == "no calls in this log"


@pytest.mark.parametrize("name", ["\x1b[2J", "a\nb", "\u202ex", "\x00"])
def test_a_name_cannot_act_on_the_terminal(name: str) -> None:
    conduct = Conduct(copied=1, copied_from={name: 1})
    card = Card(
        channel=name, heading=name, sentence=name, witnessed=Column(counts=COUNTS, conduct=conduct, withheld=None)
    )

    said = as_text(Board(cards=(card, card)))
    assert name not in said
    assert all(line.isprintable() for line in said.split("\n"))


@given(
    figures=st.builds(
        Results, expectancy=st.none() | st.floats(-9, 9), win_rate=st.none() | st.floats(0, 1),
        max_drawdown=st.none() | st.floats(0, 99), sum_r=st.none() | st.floats(-99, 99),
    ),
    counts=st.builds(Counts, calls=st.integers(0, 99), coverage=st.none() | st.floats(0, 1)),
)  # fmt: skip
def test_no_figure_is_ever_said_as_none_or_not_a_number(figures: Results, counts: Counts) -> None:
    said = as_text(Board(cards=(Card(channel="@a", witnessed=Column(counts=counts, results=figures, withheld=None)),)))

    assert "None" not in said
    assert "nan" not in said
