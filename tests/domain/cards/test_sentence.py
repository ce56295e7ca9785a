"""One plain sentence for each kind of card."""

import pytest
from msgspec.structs import replace

from levibotd.domain.cards.card import Baselines, Card, Column, Conduct, Counts, Results, Stops
from levibotd.domain.cards.sentence import heading_of, sentence_of
from levibotd.domain.chance import Interval

WITHHELD = Column(counts=Counts(calls=3), withheld="too few priced calls (3 of 3)")
LOST = Results(expectancy=-0.2, expectancy_95=Interval(-0.5, 0.1))
SHOWN = Column(withheld=None, counts=Counts(calls=30), results=LOST)


@pytest.mark.parametrize(
    ("results", "everyone", "said"),
    [
        ({}, None, "lost 0.20 R a call after costs, which may be chance (95 %: -0.50 to +0.10)"),
        (
            {"expectancy": 0.3, "expectancy_95": Interval(0.1, 0.5)},
            None,
            "made 0.30 R a call after costs (95 %: +0.10 to +0.50)",
        ),
        ({"expectancy_95": None}, None, "lost 0.20 R a call after costs, in too few weeks to tell it from chance"),
        (
            {"expectancy": 0.3, "expectancy_95": Interval(0.2, 0.4), "subscription": 0.1},
            None,
            "made 0.20 R a call after costs and its fee (95 %: +0.10 to +0.30)",
        ),
        (
            {"expectancy_95": None, "placebo_excess_95": Interval(-0.2, 0.2)},
            0.0,
            "lost 0.20 R a call after costs, in too few weeks to tell it from chance, "
            "no better than the same trades at random times, no better than copying every channel",
        ),
        (
            {"expectancy_95": None, "placebo_excess_95": Interval(-0.2, -0.1)},
            -0.3,
            "lost 0.20 R a call after costs, in too few weeks to tell it from chance, "
            "worse than the same trades at random times",
        ),
        (
            {"expectancy_95": None, "placebo_excess_95": Interval(0.1, 0.2)},
            -0.3,
            "lost 0.20 R a call after costs, in too few weeks to tell it from chance",
        ),
    ],
)
def test_the_verdict(results: dict[str, object], everyone: float | None, said: str) -> None:
    column = replace(SHOWN, results=replace(SHOWN.results, **results))

    assert (
        sentence_of(Card(channel="@c", witnessed=column), Baselines(copy_all=everyone))
        == f"Following every call {said}."
    )


def test_where_witnessed_calls_say_nothing_the_past_is_told_as_such() -> None:
    card = Card(channel="@c", witnessed=WITHHELD, backfilled=SHOWN)

    assert sentence_of(card, Baselines()).startswith(
        "Witnessed calls prove nothing yet; of its past, as far as it is there: "
    )
    assert sentence_of(replace(card, backfilled=Column()), Baselines()) == (
        "Nothing can be said: too few priced calls (3 of 3)."
    )


@pytest.mark.parametrize(
    ("witnessed", "backfilled", "unproven", "heading"),
    [
        (Column(), Column(), False, None),
        (Column(stops=Stops(without_share=0.2)), Column(), False, None),
        (Column(stops=Stops(without_share=0.21)), Column(), False, "posts no stop: figures are with our stop"),
        (Column(), Column(stops=Stops(without_share=0.5)), False, "posts no stop: figures are with our stop"),
        (
            Column(),
            Column(conduct=Conduct(contaminated=1)),
            True,
            "contaminated: calls were read with knowledge of later than their posts; "
            "unproven: live by the operator's word, not by evidence",
        ),
    ],
)
def test_what_must_be_known_first(witnessed: Column, backfilled: Column, unproven: bool, heading: str | None) -> None:
    assert heading_of(witnessed, backfilled, unproven=unproven) == heading
