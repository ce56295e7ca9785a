"""
Three made-up channels, every figure of whose cards was worked out by hand.

They post the same thirty calls, five a week for six weeks: an honest one, one that rewrites its losers and shows its
winners only, and one that deletes its losers.
"""

from math import sqrt
from statistics import NormalDist

import msgspec
import pytest

from levibotd.domain.cards.board import board_of, card_of
from levibotd.domain.cards.book import CardBook
from levibotd.domain.cards.card import Card, Column, CurvePoint, Results
from levibotd.domain.cards.figures import Terms
from levibotd.domain.chance import Interval
from levibotd.domain.signal import Kind
from tests.domain.cards.log import BEGIN, DAY, Hand, leg

WEEKS = 6
# Monday to Friday: +2 R, -1 R, -1 R, not filled, +0.5 R. In sum +0.5 R a week.
OF_A_WEEK = (2.0, -1.0, -1.0, None, 0.5)
NOW = BEGIN + 90 * DAY


def calls(hand: Hand, channel: str, *, first: int) -> list[tuple[int, float, float | None]]:
    """Thirty calls, each on a coin of its own, over a day after they were posted."""
    made = []
    for week in range(WEEKS):
        for day, r in enumerate(OF_A_WEEK):
            at = BEGIN + (7 * week + day) * DAY
            coin, number = f"C{week}{day}", first + 10 * week + day
            hand.post(
                channel, at, text=f"{coin} long", legs=(leg(coin, entry=100.0 + number),), message_id=number
            )  # fmt: skip
            status = "unfilled" if r is None else "filled"
            hand.end(channel, number, at + DAY, r, status=status, symbol=f"{coin}USDT")
            made.append((number, at, r))
    return made


@pytest.fixture(scope="module")
def cards() -> dict[str, Card]:
    hand = Hand()
    for number, at, r in calls(hand, "@honest", first=100):
        if r is not None:
            text = "TP1 hit ✅" if r > 0 else "SL hit, stopped out"
            hand.post("@honest", at + DAY + 60, text=text, kind=Kind.RESULT, reply_to=number)
    for number, at, r in calls(hand, "@editor", first=300):
        if r is not None and r < 0:
            hand.edit("@editor", number, at + DAY + 3600)  # What lost, it made look otherwise.
        elif r is not None:
            hand.post("@editor", at + DAY + 60, text="All targets done ✅", kind=Kind.RESULT, reply_to=number)
    for number, at, r in calls(hand, "@deleter", first=500):
        if r is not None and r < 0:
            hand.delete("@deleter", number, at + DAY + 3600)
    board = board_of(hand.book, at=NOW, terms=lambda channel: Terms(fee_monthly=50.0, r_worth=100.0))
    assert [card.channel for card in board.cards] == ["@deleter", "@editor", "@honest"]
    return {card.channel: card for card in board.cards}


@pytest.fixture(params=["@honest", "@editor", "@deleter"])
def column(request: pytest.FixtureRequest, cards: dict[str, Card]) -> Column:
    return cards[request.param].witnessed


def test_all_three_have_the_same_counts(column: Column) -> None:
    counts = column.counts

    assert (counts.calls, counts.filled, counts.unfilled, counts.cancelled) == (30, 24, 6, 0)
    assert (counts.unpriced, counts.unknown, counts.running, counts.unreadable) == (0, 0, 0, 0)
    assert (counts.coverage, counts.fill_rate, counts.distinct, counts.unpriced_by) == (1.0, 0.8, 30, {})
    assert column.withheld is None
    assert (column.since, column.until) == (BEGIN, BEGIN + 39 * DAY)


# Every figure there is, so that none is added without being worked out.
def by_hand(column: Column) -> Results:
    half = 1.959964 / (2 * sqrt(24 + 1.959964**2))  # Wilson at 1/2: 1/2 -+ z / (2 sqrt(n + z^2)).
    z = NormalDist().inv_cdf(0.975) + NormalDist().inv_cdf(0.8)  # 80 % power at 5 %, two-sided.
    fee = 0.5 / (30 / 1.3)  # 50 a month over 100 an R, and 30 calls in 39 days: 1.3 months.
    return Results(
        win_rate=0.5,  # 12 of 24.
        win_rate_95=Interval(six(0.5 - half), six(0.5 + half)),
        expectancy=0.1,  # 3 R over 30 calls.
        expectancy_95=Interval(0.1, 0.1),  # Every week is alike: drawing weeks makes no other mean.
        expectancy_filled=0.125,  # 3 R over 24.
        expectancy_filled_95=Interval(0.125, 0.125),
        expectancy_low=0.1,  # No bar left a doubt.
        expectancy_high=0.1,
        expectancy_followed=0.1,
        sum_r=3.0,  # 6 weeks x 0.5.
        profit_factor=1.25,  # 15 R won, 12 lost.
        max_drawdown=2.0,  # Tuesday and Wednesday.
        visible_edge=six(z * sqrt((4 + 1 + 1 + 0 + 0.25) / 5 - 0.01) * sqrt(1.4 / 30)),
        subscription=six(fee),
        expectancy_net=six(0.1 - six(fee)),
        placebo=None,  # Nobody gave prices to make one of.
        placebo_excess=None,
        placebo_excess_95=None,
        sharpe_weekly=None,  # Six weeks are too few.
        deflated_sharpe=None,
        latency={},
        curve=column.results.curve,
        claimed_curve=column.results.claimed_curve,
        undecided=0,
    )


def six(figure: float) -> float:
    return float(f"{figure:.6g}")


def test_all_three_have_the_same_results(column: Column) -> None:
    assert column.results == by_hand(column)
    # The curve: the sum over filled calls, at the time each was over.
    running, points = 0.0, []
    for week in range(WEEKS):
        for day, r in enumerate(OF_A_WEEK):
            if r is not None:
                running += r
                points.append(CurvePoint(BEGIN + (7 * week + day + 1) * DAY, running))
    assert column.results.curve == tuple(points)


def test_all_three_post_the_same_stops(column: Column) -> None:
    stops = column.stops

    assert stops.without_share == 0.0
    assert (stops.without_calls, stops.without_return_pct, stops.without_worst_pct) == (0, None, None)
    assert stops.median_distance is not None
    assert 0 < stops.median_distance <= 0.05


def test_the_honest_one_has_done_nothing_to_its_posts(cards: dict[str, Card]) -> None:
    conduct = cards["@honest"].witnessed.conduct

    assert (conduct.edited, conduct.edited_after_move, conduct.deleted, conduct.deleted_after_loss) == (0, 0, 0, 0)
    assert (conduct.claimed_wins, conduct.claims_that_won, conduct.claimed_win_rate) == (12, 12, 0.5)
    assert (conduct.repeated, conduct.copied, conduct.contaminated) == (0, 0, 0)


def test_the_one_that_edits_is_shown_to_and_claims_more_than_it_made(cards: dict[str, Card]) -> None:
    column = cards["@editor"].witnessed

    assert (column.conduct.edited, column.conduct.edited_after_move) == (12, 12)
    assert (column.conduct.claimed_wins, column.conduct.claims_that_won, column.conduct.claimed_win_rate) == (
        12,
        12,
        1.0,
    )
    assert column.results.win_rate == 0.5
    # The targets lie at 10, the stops at 5: it says 2 R of each of its twelve, and nothing of the others.
    assert column.results.claimed_curve[-1].r == 24.0
    assert column.results.curve[-1].r == 3.0


def test_the_one_that_deletes_keeps_what_it_deleted(cards: dict[str, Card]) -> None:
    conduct = cards["@deleter"].witnessed.conduct

    assert (conduct.deleted, conduct.deleted_after_loss, conduct.edited) == (12, 12, 0)
    assert conduct.claimed_win_rate is None


def test_what_each_is_trusted_for_is_the_same(cards: dict[str, Card]) -> None:
    held = [cards[name].trust for name in ("@honest", "@editor", "@deleter")]

    assert held[0] == held[1] == held[2]
    assert held[0] is not None
    assert (held[0].calls, held[0].mature) == (30, 30)
    weights = [2.0 ** -((NOW - BEGIN) / DAY - 7 * week - day) for week in range(WEEKS) for day in range(5)]
    weights = [weight ** (1 / 120) for weight in weights]
    assert held[0].n_eff == pytest.approx(sum(weights) ** 2 / sum(w * w for w in weights) / 1.4, rel=1e-5)


def test_what_is_missing_for_a_stage_is_told(cards: dict[str, Card]) -> None:
    held = cards["@honest"].trust

    assert held is not None
    assert cards["@honest"].lacking == {
        "canary": f"t {held.t:g}, and t 0.5 is the least",
        "live": f"n_eff {held.n_eff:g}, and n_eff 30 is the least",
    }


def test_the_sentence_says_what_it_came_to(cards: dict[str, Card]) -> None:
    assert cards["@honest"].sentence == (
        "Following every call made 0.08 R a call after costs and its fee (95 %: +0.08 to +0.08), "
        "no better than copying every channel."
    )


def test_nothing_is_told_of_a_handful_of_calls_or_of_those_without_prices() -> None:
    hand = Hand()
    for number in range(19):
        hand.called("@few", BEGIN + number * 2 * DAY, 1.0)
    for number in range(30):
        status = "unpriced" if number % 3 == 0 else "filled"
        hand.called("@dark", BEGIN + number * 2 * DAY, 1.0, status=status, reason="no_candles")

    few, dark = (card_of(hand.book, name, at=NOW) for name in ("@few", "@dark"))

    assert few.witnessed.withheld == "too few priced calls (19 of 19)"
    assert few.witnessed.results.expectancy is None
    assert few.sentence == "Nothing can be said: too few priced calls (19 of 19)."
    assert dark.witnessed.counts.coverage == pytest.approx(2 / 3, abs=1e-6)
    assert dark.witnessed.withheld == "too few priced calls (20 of 30)"
    assert dark.witnessed.counts.unpriced_by == {"no_candles": 10}
    assert dark.witnessed.counts.fill_rate == 1.0


def test_both_columns_are_shown_and_never_added() -> None:
    hand = Hand()
    for number in range(25):
        hand.called("@c", BEGIN + number * 2 * DAY, 1.0)
        hand.called("@c", BEGIN + number * 2 * DAY + 3600, -1.0, coin="ETH", source="replay")

    card = card_of(hand.book, "@c", at=NOW)

    assert (card.witnessed.counts.calls, card.backfilled.counts.calls) == (25, 25)
    assert (card.witnessed.results.expectancy, card.backfilled.results.expectancy) == (1.0, -1.0)


def test_a_channel_without_stops_is_headed_so() -> None:
    hand = Hand()
    for number in range(25):
        at = BEGIN + number * 2 * DAY
        posted = hand.post("@c", at, legs=(leg(entry=100.0 + number, sl=None if number < 6 else 95.0),))
        own = {"posted_stop": False, "return_pct": 2.0, "worst_pct": -8.0 - number, "imputed_r": -1.0}
        hand.end("@c", posted, at + DAY, None if number < 6 else 1.0, **(own if number < 6 else {}))

    card = card_of(hand.book, "@c", at=NOW, unproven=True)

    assert card.witnessed.stops.without_share == 0.24
    assert (
        card.heading
        == "posts no stop: figures are with our stop; unproven: live by the operator's word, not by evidence"
    )
    assert (card.witnessed.stops.without_calls, card.witnessed.stops.without_return_pct) == (6, 2.0)
    assert card.witnessed.stops.without_worst_pct == -13.0
    assert card.witnessed.results.sum_r == 19.0 - 6.0


def test_what_a_channel_does_to_its_posts_is_told_before_their_calls_are_over() -> None:
    hand = Hand()
    first, second = (hand.post("@c", BEGIN + number, legs=(leg(entry=100.0 + number),)) for number in range(2))
    hand.edit("@c", first, BEGIN + 60)
    hand.delete("@c", second, BEGIN + 60)

    told = card_of(hand.book, "@c", at=BEGIN + 120).witnessed

    assert (told.counts.calls, told.counts.running) == (0, 2)
    assert (told.conduct.edited, told.conduct.deleted) == (1, 1)
    assert (told.conduct.edited_after_move, told.conduct.deleted_after_loss) == (0, 0)


def test_a_channel_that_nobody_knows_has_an_empty_card() -> None:
    card = card_of(CardBook(), "@nobody", at=NOW)

    assert card.witnessed.counts.calls == 0
    assert card.sentence == "No call of it is over: nothing can be said."
    assert board_of(CardBook(), at=NOW).cards == ()


def test_the_same_records_give_the_same_bytes(cards: dict[str, Card]) -> None:
    hand = Hand()
    calls(hand, "@honest", first=100)
    first = msgspec.json.encode(board_of(hand.book, at=NOW))
    again = CardBook.from_bytes(hand.book.to_bytes())

    assert msgspec.json.encode(board_of(again, at=NOW)) == first
