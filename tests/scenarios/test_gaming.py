"""
Nobody makes his card better by what he does to his posts.

An honest channel posts thirty calls, and half of them pay. Then the same calls are told with a trick: edited,
deleted, without stops, with a first target just above the entry, over a wider band, both ways, again until they win,
in pictures, after the move, in ten legs, closed in hindsight, beside entries nobody reaches, in two languages, anew
under another number, with the stop in a reply. All of it goes through the actors that trade, over the
same prices, into the log; the cards are made of that log.
"""

from collections.abc import Callable, Sequence
from functools import cache

import msgspec
import pytest

from levibotd.domain.cards.board import card_of
from levibotd.domain.cards.card import Card
from levibotd.domain.outcomes import AS_POSTED, ShadowOutcome
from levibotd.domain.signal import Post, Symbol
from levibotd.ports.market import Bar
from levibotd.ports.posts import Deleted, Edited, Posted, PostEvent
from tests.scenarios.bench import CHANNEL, Life, World, config_of

HOUR = 3600.0
DAY = 86_400.0
BEGIN = 1_699_833_600.0  # A Monday, 00:00 UTC.
CALLS = 30
EVERY_S = 2 * DAY
COINS = ("BTC", "ETH", "SOL", "XRP", "ADA", "LTC")
END = BEGIN + (CALLS * 2 + 12) * DAY

# Hour by hour from the call on, in percent of its price. Both begin with a little up and down.
_START = (0.0, 0.3, -0.3, 0.2)
WINS = (*_START, *(min(0.6 * hour, 12.5) for hour in range(1, 40)))
_DOWN, _BACK = tuple(-0.8 * hour for hour in range(1, 11)), tuple(-8.0 + 0.4 * hour for hour in range(1, 21))
LOSES = (*_START, *_DOWN, *(-8.0,) * 100, *_BACK)


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One call as an honest channel tells it, and how the market goes on."""

    number: int
    coin: str
    at: float
    price: float
    wins: bool

    def text(self, *, entry: str | None = None, targets: Sequence[float] | None = None, stop: bool = True) -> str:
        aims = [self.price * (1 + share) for share in (targets or (0.06, 0.12))]
        lines = [f"#{self.coin}/USDT LONG", f"Entry: {entry or f'{self.price * 0.998:.2f}'}"]
        lines += [f"Target {number}: {aim:.2f}" for number, aim in enumerate(aims, 1)]
        return "\n".join(lines + ([f"Stop Loss: {self.price * 0.95:.2f}"] if stop else []))


def calls() -> list[Told]:
    """Every other day one, on each coin in turn. Which win is not in the order of anything."""
    told, prices = [], dict.fromkeys(COINS, 100.0)
    for number in range(CALLS):
        coin, wins = COINS[number % len(COINS)], (number * 7 + number // 6) % 2 == 0
        at = BEGIN + 12 * HOUR + number * EVERY_S
        told.append(Told(number=number, coin=coin, at=at, price=round(prices[coin], 2), wins=wins))
        prices[coin] = round(prices[coin], 2) * (1 + (WINS if wins else LOSES)[-1] / 100)
    return told


CALLED = calls()


@cache
def prices() -> dict[str, list[Bar]]:
    made: dict[str, list[Bar]] = {}
    for coin in COINS:
        own = [call for call in CALLED if call.coin == coin]
        closes = [_price(own, BEGIN - 2 * DAY + number * HOUR) for number in range(int((END - BEGIN) / HOUR) + 48)]
        found, before = [], closes[0]
        for number, close in enumerate(closes):
            high, low = max(before, close) * 1.0005, min(before, close) * 0.9995
            found.append(Bar(BEGIN - 2 * DAY + number * HOUR, before, high, low, close, 1e6, HOUR))
            before = close
        made[f"{coin}USDT"] = found
    return made


def _price(own: Sequence[Told], at: float) -> float:
    """Close of the hour that begins at `at`."""
    price = 100.0
    for call in own:
        hour = int((at - call.at) // HOUR)
        if hour >= 0:
            path = WINS if call.wins else LOSES
            price = call.price * (1 + path[min(hour, len(path) - 1)] / 100)
    return price


Trick = Callable[[Told], list[PostEvent]]


def posted(call: Told, text: str, *, at: float | None = None, part: int = 0, **more: object) -> Posted:
    when = call.at if at is None else at
    post = Post(channel=CHANNEL, message_id=1000 * (call.number + 1) + part, posted_at=when, text=text, **more)
    return Posted(post=post, received_at=when)


def honest(call: Told) -> list[PostEvent]:
    return [posted(call, call.text())]


def edits_its_losers(call: Told) -> list[PostEvent]:
    first = posted(call, call.text())
    better = call.text(entry=f"{call.price * 0.94:.2f}").replace("Stop Loss", "Stop").replace("LONG", "SHORT")
    when = call.at + 30 * HOUR
    edit = Edited(post=msgspec.structs.replace(first.post, text=better, edited_at=when), received_at=when)
    return [first] if call.wins else [first, edit]


def deletes_its_losers(call: Told) -> list[PostEvent]:
    first = posted(call, call.text())
    gone = Deleted(channel=CHANNEL, message_id=first.post.message_id, seen_by="update", received_at=call.at + 30 * HOUR)
    return [first] if call.wins else [first, gone]


def posts_no_stop(call: Told) -> list[PostEvent]:
    return [posted(call, call.text(stop=False))]


def posts_a_first_target_at_once(call: Told) -> list[PostEvent]:
    return [posted(call, call.text(targets=(0.001, 0.06, 0.12)))]


def posts_a_wide_band(call: Told) -> list[PostEvent]:
    return [posted(call, call.text(entry=f"{call.price * 0.96:.2f} - {call.price * 0.998:.2f}"))]


def posts_both_sides(call: Told) -> list[PostEvent]:
    short = "\n".join((
        f"#{call.coin}/USDT SHORT", f"Entry: {call.price * 1.002:.2f}", f"Target 1: {call.price * 0.94:.2f}",
        f"Target 2: {call.price * 0.88:.2f}", f"Stop Loss: {call.price * 1.05:.2f}",
    ))  # fmt: skip
    return [posted(call, call.text()), posted(call, short, at=call.at + 60, part=1)]


def posts_losers_again(call: Told) -> list[PostEvent]:
    """The same text, while the price is still where it can be entered, and once more a day later."""
    first = posted(call, call.text())
    again = [posted(call, call.text(), at=call.at + delay, part=part) for part, delay in ((1, HOUR), (2, 25 * HOUR))]
    return [first] if call.wins else [first, *again]


def posts_losers_in_pictures(call: Told) -> list[PostEvent]:
    return [posted(call, call.text())] if call.wins else [posted(call, "👇", media="photo")]


def posts_winners_after_the_move(call: Told) -> list[PostEvent]:
    return [posted(call, call.text(), at=call.at + 24 * HOUR)] if call.wins else []


def posts_far_entries_beside(call: Told) -> list[PostEvent]:
    """Nobody reaches them, so they cost nothing."""
    others = [coin for coin in COINS if coin != call.coin]
    texts = []
    for coin in others:
        price = _price([one for one in CALLED if one.coin == coin], call.at)
        texts.append(
            f"#{coin}/USDT LONG\nEntry: {price * 0.86:.2f}\nTarget 1: {price * 1.2:.2f}\nStop Loss: {price * 0.8:.2f}"
        )
    far = [posted(call, text, at=call.at + 60 * part, part=part) for part, text in enumerate(texts, 1)]
    return [posted(call, call.text()), *far]


def says_it_in_two_languages(call: Told) -> list[PostEvent]:
    there = f"#{call.coin}/USDT ЛОНГ\nВход: {call.price * 0.998:.2f}\n"
    there += f"Цели: {call.price * 1.06:.2f}, {call.price * 1.12:.2f}\nСтоп: {call.price * 0.95:.2f}"
    return [posted(call, call.text()), posted(call, there, at=call.at + 60, part=1)]


def forwards_its_winners(call: Told) -> list[PostEvent]:
    again = posted(call, call.text(), at=call.at + 10 * HOUR, part=1, forwarded_at=call.at)
    return [posted(call, call.text()), again] if call.wins else [posted(call, call.text())]


def deletes_and_posts_anew(call: Told) -> list[PostEvent]:
    first = posted(call, call.text())
    gone = Deleted(channel=CHANNEL, message_id=first.post.message_id, seen_by="update", received_at=call.at + 0.3)
    return [first, gone, posted(call, call.text(), at=call.at + 30, part=1)]


def announces_targets_early(call: Told) -> list[PostEvent]:
    first = posted(call, call.text())
    told = posted(call, "TP1 hit ✅ +6%", at=call.at + 2 * HOUR, part=1, reply_to=first.post.message_id)
    return [first, told]


def says_its_stop_in_a_reply(call: Told) -> list[PostEvent]:
    first = posted(call, call.text(stop=False))
    stop = f"SL {call.price * 0.95:.2f}"
    return [first, posted(call, stop, at=call.at + 5, part=1, reply_to=first.post.message_id)]


def splits_into_ten(call: Told) -> list[PostEvent]:
    return [posted(call, call.text(), at=call.at + part, part=part) for part in range(10)]


def closes_losers_in_hindsight(call: Told) -> list[PostEvent]:
    first = posted(call, call.text())
    when = call.at + 30 * HOUR
    number = first.post.message_id
    close = posted(call, f"We closed #{call.coin} at the top, close it", at=when, part=1, reply_to=number)
    return [first] if call.wins else [first, close]


def card(trick: Trick) -> Card:
    """What the card says of a channel that does so to all of its calls."""
    return lived(trick, CALLS)[0]


def outcomes(trick: Trick) -> dict[str, float | None]:
    """What came of each call as posted."""
    return {one.call: one.r for one in lived(trick, CALLS)[1] if one.ledger == AS_POSTED}


@cache
def lived(trick: Trick, count: int) -> tuple[Card, list[ShadowOutcome]]:
    """The card and the outcomes of a channel that does so to its first calls."""
    told = CALLED[:count]
    events = sorted((event for call in told for event in trick(call)), key=lambda event: event.received_at)
    world = World(prices(), config=config_of({"LEVI_RISK__POLICY": "moderate"}), script=events)

    async def to_the_end(life: Life) -> tuple[Card, list[ShadowOutcome]]:
        await life.until(END)
        return card_of(life.state.cards, CHANNEL, at=END), life.of(ShadowOutcome)

    return world.run(to_the_end, at=BEGIN, shadowed=True)


TRICKS: tuple[Trick, ...] = (
    edits_its_losers,
    deletes_its_losers,
    posts_no_stop,
    posts_a_first_target_at_once,
    posts_a_wide_band,
    posts_both_sides,
    posts_losers_again,
    posts_losers_in_pictures,
    posts_winners_after_the_move,
    posts_far_entries_beside,
    says_it_in_two_languages,
    forwards_its_winners,
    deletes_and_posts_anew,
    announces_targets_early,
    says_its_stop_in_a_reply,
    splits_into_ten,
    closes_losers_in_hindsight,
)


def test_the_honest_channel_is_read_and_followed_whole() -> None:
    column = card(honest).witnessed

    assert (column.counts.calls, column.counts.filled, column.counts.running) == (CALLS, CALLS, 0)
    assert column.withheld is None
    assert column.results.win_rate == 0.5
    assert column.results.expectancy is not None
    assert 0.2 < column.results.expectancy < 0.6


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick.__name__)
def test_no_figure_of_a_card_is_better_for_a_trick(trick: Trick) -> None:
    fair, tricked = card(honest), card(trick)
    before, after = fair.witnessed.results, tricked.witnessed.results

    if tricked.witnessed.withheld is None:
        for figure in ("expectancy", "expectancy_filled", "win_rate", "profit_factor", "expectancy_low"):
            assert (getattr(after, figure) or 0.0) <= getattr(before, figure) + 1e-6, figure
        assert after.expectancy_95.lo <= before.expectancy_95.lo + 1e-6
        assert after.win_rate_95 is None or after.win_rate_95.lo <= before.win_rate_95.lo + 1e-6
        assert after.sum_r <= before.sum_r + 1e-6
        if tricked.witnessed.counts.filled >= fair.witnessed.counts.filled:
            assert after.max_drawdown >= before.max_drawdown * 0.98  # Costs are another share of another stop.
    assert tricked.trust is not None
    assert fair.trust is not None
    assert tricked.trust.ev_r <= fair.trust.ev_r + 1e-6
    assert tricked.trust.t <= fair.trust.t + 1e-6
    assert tricked.trust.p_pays.p <= fair.trust.p_pays.p + 1e-6


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick.__name__)
def test_three_calls_never_become_enough_to_be_shown(trick: Trick) -> None:
    assert lived(trick, 3)[0].witnessed.withheld is not None


@pytest.mark.parametrize("trick", [edits_its_losers, deletes_its_losers, closes_losers_in_hindsight])
def test_what_is_done_afterwards_changes_no_outcome(trick: Trick) -> None:
    fair, tricked = card(honest).witnessed, card(trick).witnessed

    assert tricked.results == msgspec.structs.replace(fair.results, claimed_curve=tricked.results.claimed_curve)
    assert tricked.counts == fair.counts
    assert outcomes(trick) == outcomes(honest)


def test_the_tricks_themselves_are_told() -> None:
    assert card(edits_its_losers).witnessed.conduct.edited_after_move == CALLS // 2
    assert card(deletes_its_losers).witnessed.conduct.deleted_after_loss == CALLS // 2
    assert card(posts_no_stop).heading == "posts no stop: figures are with our stop"
    assert card(posts_losers_in_pictures).witnessed.counts.unreadable == CALLS // 2
    assert card(posts_losers_in_pictures).witnessed.withheld is not None
    assert card(splits_into_ten).witnessed.conduct.repeated == 9 * CALLS
    assert card(splits_into_ten).witnessed.counts.distinct == CALLS
    assert card(honest).heading is None


def test_a_call_told_again_is_another_call_and_the_first_stays_lost() -> None:
    first, again = outcomes(honest), outcomes(posts_losers_again)

    assert card(posts_losers_again).witnessed.counts.calls == CALLS + 2 * (CALLS // 2)
    assert {call: again[call] for call in first} == first


def test_the_market_of_this_test_has_its_coins() -> None:
    assert list(prices()) == [Symbol(f"{coin}USDT") for coin in COINS]
