"""Trust as the book knows it, as of a moment."""

from random import Random

import pytest
from msgspec.structs import replace

from levibotd.domain.cards.board import card_of
from levibotd.domain.cards.book import CardBook
from levibotd.domain.cards.trusting import CALLS_AT_ONCE, TrustDesk, survival_of
from levibotd.domain.outcomes import AS_FOLLOWED, PLACEBO, ShadowOutcome
from levibotd.domain.records import Entry, SignalIngest, SignalScored
from levibotd.domain.signal import Kind, Side
from levibotd.domain.trust import ASSUMED, CHANNELS_FOR_PRIOR
from tests.domain.cards.log import BEGIN, DAY, Hand, leg


def happened_at(entry: Entry, before: float) -> float:
    match entry.record:
        case SignalIngest(received_at=at):
            return at
        case ShadowOutcome(at=at):
            return at
        case SignalScored():
            return before
    raise AssertionError(entry)


def in_time(entries: list[Entry]) -> list[tuple[float, Entry]]:
    """The log as it would have been written: each record when it happened."""
    times, before = [], 0.0
    for entry in entries:
        before = happened_at(entry, before)
        times.append((before, entry))
    return sorted(times, key=lambda one: one[0])


@pytest.mark.parametrize("seed", range(5))
def test_what_came_later_changes_nothing_that_was_held(seed: int) -> None:
    chance, hand = Random(seed), Hand()
    for number in range(300):
        channel = f"@{number % (CHANNELS_FOR_PRIOR + 3)}"
        source = "replay" if number % 11 == 0 else "telethon"
        hand.called(
            channel, BEGIN + number * DAY / 2, chance.uniform(-1, 2), after_s=chance.uniform(0.01, 8) * DAY,
            coin=f"C{number % 13}", source=source,
        )  # fmt: skip
    log = in_time(hand.entries)
    whole = CardBook()
    for _, entry in log:
        whole.apply(entry)

    for _ in range(6):
        at = BEGIN + chance.uniform(0, 160) * DAY
        then = CardBook()
        for time, entry in log:
            if time <= at:
                then.apply(entry)
        for channel in ("@1", "@7", "@nobody"):
            assert TrustDesk(then).of(channel, at=at) == TrustDesk(whole).of(channel, at=at)


def test_a_call_that_was_forgotten_and_comes_back_is_seen_by_a_desk_that_was_asked_before() -> None:
    hand = Hand()
    hand.book = CardBook(calls_max=20)
    first = hand.post("@1", BEGIN, legs=(leg("A"),))
    again = hand.post("@1", BEGIN + 60.0, legs=(leg("A", side=Side.SELL),))
    others = [hand.post("@1", BEGIN + 60.0 * number, legs=(leg(f"C{number}"),)) for number in range(19)]
    assert [f"{number}|0" in hand.book.channels["@1"].calls for number in (first, again)] == [False, True]
    for number in others[:4]:
        hand.end("@1", number, BEGIN + DAY / 4, 1.0)
    hand.post("@1", BEGIN + 3600.0, legs=(leg("D"),))  # Two make room for it.
    hand.end("@1", again, BEGIN + DAY / 2, 1.0)

    asked = TrustDesk(hand.book)
    alone = asked.of("@1", at=BEGIN + DAY, sides=("SELL",))
    hand.end("@1", first, BEGIN + DAY / 2, -1.0)
    held = asked.of("@1", at=BEGIN + DAY, sides=("SELL",))
    assert held == TrustDesk(hand.book).of("@1", at=BEGIN + DAY, sides=("SELL",))
    assert held != alone


@pytest.mark.parametrize("calls_max", [30, 20_000])
def test_a_desk_that_was_asked_all_along_says_what_a_new_one_says(calls_max: int) -> None:
    chance, hand, waiting = Random(calls_max), Hand(), []
    hand.book = CardBook(calls_max=calls_max)
    marks: dict[str, float] = {}
    desk = TrustDesk(hand.book, running=lambda _: marks)
    for number in range(150):
        at, channel = BEGIN + number * DAY / 2, f"@{number % 4}"
        side = chance.choice((Side.BUY, Side.SELL))
        source = "replay" if number % 7 == 0 else "telethon"
        legs = (leg(chance.choice("ABC"), side=side, entry=100.0 + number % 11),)
        waiting.append((channel, hand.post(channel, at, legs=legs, source=source), at))
        marks[f"{waiting[-1][1]}|0"] = chance.uniform(-1, 1)
        if chance.random() < 0.8:
            ended, message, posted_at = waiting.pop(chance.randrange(len(waiting)))
            status = chance.choice(("filled", "filled", "unfilled", "unpriced"))
            hand.end(ended, message, posted_at + DAY, chance.uniform(-1, 2), status=status)
        asked = f"@{chance.randrange(4)}"

        held = desk.of(asked, at=at, sides=("BUY", "SELL"))

        assert held == TrustDesk(hand.book, running=lambda _: marks).of(asked, at=at, sides=("BUY", "SELL"))


def test_only_witnessed_calls_are_evidence() -> None:
    live, past = Hand(), Hand()
    for number in range(40):
        live.called("@c", BEGIN + number * 2 * DAY, 1.0)
        past.called("@c", BEGIN + number * 2 * DAY, 1.0, source="replay")

    seen = TrustDesk(live.book).of("@c", at=BEGIN + 120 * DAY)
    told = TrustDesk(past.book).of("@c", at=BEGIN + 120 * DAY)

    assert seen.n_eff > 10
    assert seen.t > 0.9
    assert told.n_eff == 0
    assert ASSUMED.mean < told.ev_r < seen.ev_r
    assert told.ev_sd == ASSUMED.sd


def test_calls_read_with_later_knowledge_are_no_evidence() -> None:
    hand = Hand()
    number = hand.post("@c", BEGIN, legs=(), trained_until=BEGIN + DAY)
    hand.end("@c", number, BEGIN + DAY, 2.0, contaminated=True)

    assert TrustDesk(hand.book).of("@c", at=BEGIN + 30 * DAY).calls == 0


def test_an_open_loser_counts_at_its_mark() -> None:
    hand = Hand()
    number = hand.called("@c", BEGIN, 1.0)
    hand.post("@c", BEGIN + DAY, legs=())
    open_book = CardBook()
    for entry in hand.entries:
        if not isinstance(entry.record, ShadowOutcome):
            open_book.apply(entry)

    blind = TrustDesk(open_book).of("@c", at=BEGIN + DAY)
    marks = {"@c": {f"{number}|0": -0.8}}
    seen = TrustDesk(open_book, running=lambda channel: marks.get(channel, {})).of("@c", at=BEGIN + DAY)

    assert blind.calls == seen.calls == 1
    assert seen.ev_r < blind.ev_r


def test_a_call_split_into_ten_is_no_more_evidence() -> None:
    one, ten = Hand(), Hand()
    for number in range(12):
        at = BEGIN + number * 3 * DAY
        one.called("@c", at, 0.7)
        for part in range(10):
            ten.called("@c", at + part * 60, 0.7)

    first = TrustDesk(one.book).of("@c", at=BEGIN + 60 * DAY)
    second = TrustDesk(ten.book).of("@c", at=BEGIN + 60 * DAY)

    assert second.n_eff == pytest.approx(first.n_eff)
    assert second.t == pytest.approx(first.t)
    assert second.mature == first.mature == 12


def test_who_posts_in_pictures_is_held_for_no_more_than_anybody() -> None:
    hand = Hand()
    for number in range(30):
        hand.called("@c", BEGIN + number * 2 * DAY, 1.0)
    shown = TrustDesk(hand.book).of("@c", at=BEGIN + 80 * DAY)
    for number in range(8):
        hand.post("@c", BEGIN + number * DAY, text="", media="photo", kind=Kind.CHATTER)
    hidden = TrustDesk(hand.book).of("@c", at=BEGIN + 80 * DAY)

    assert (shown.withheld, hidden.withheld) == (False, True)
    assert shown.ev_r > 0
    assert hidden.ev_r == ASSUMED.mean
    assert hidden.t < 0.5
    assert hidden.p_pays.p == ASSUMED.pays


def test_pictures_that_come_later_are_not_held_against_it_before() -> None:
    hand = Hand()
    for number in range(30):
        hand.called("@c", BEGIN + number * 2 * DAY, 1.0)
    for number in range(20):
        hand.post("@c", BEGIN + (70 + number) * DAY, text="", media="photo", kind=Kind.CHATTER)

    desk = TrustDesk(hand.book)

    assert not desk.of("@c", at=BEGIN + 69 * DAY).withheld
    assert desk.of("@c", at=BEGIN + 90 * DAY).withheld


def test_what_is_gone_from_a_channel_is_told_by_its_numbers() -> None:
    hand = Hand()
    for number in (1, 2, 4, 10):
        hand.post("@c", BEGIN, source="replay", message_id=number, edited_at=BEGIN + 60 if number == 4 else None)

    survival = survival_of(hand.book.channels["@c"])

    assert survival.missing == pytest.approx(0.6)
    assert survival.edited == pytest.approx(0.25)


def sided(hand: Hand, side: Side, at: float, r: float, *, coin: str = "BTC") -> None:
    number = hand.post("@c", at, legs=(leg(coin, side=side, entry=100.0 + (at - BEGIN) // 3600),))
    hand.end("@c", number, at + DAY, r, symbol=f"{coin}USDT")


def test_longs_and_shorts_are_held_apart_and_of_two_sides_the_lower_counts() -> None:
    hand = Hand()
    for number in range(60):
        side, r = (Side.BUY, 1.0) if number % 2 else (Side.SELL, -0.6)
        sided(hand, side, BEGIN + number * 2 * DAY, r)
    desk, at = TrustDesk(hand.book), BEGIN + 140 * DAY

    asked = ((), (Side.BUY,), (Side.SELL,), (Side.BUY, Side.SELL))
    whole, long, short, both = (desk.of("@c", at=at, sides=sides) for sides in asked)

    assert short.expected_r < whole.expected_r < long.expected_r
    assert both == short
    assert whole.kind is None
    assert desk.of("@nobody", at=at, sides=(Side.SELL,)).expected_r == ASSUMED.mean


def test_a_side_gains_nothing_by_calls_that_hedge_the_other() -> None:
    plain, hedged = Hand(), Hand()
    for number in range(30):
        at = BEGIN + number * 4 * DAY
        for hand in (plain, hedged):
            sided(hand, Side.BUY, at, -0.5)
        sided(hedged, Side.SELL, at + 60, 1.5)
    at = BEGIN + 140 * DAY

    found = [TrustDesk(hand.book).of("@c", at=at, sides=(Side.SELL,)).expected_r for hand in (plain, hedged)]

    assert found[1] <= found[0]


def test_a_placebo_is_taken_off_from_when_it_was_known() -> None:
    hand = Hand()
    for number in range(60):
        hand.called("@c", BEGIN + number * DAY, 0.5)
    at = BEGIN + 90 * DAY
    before = TrustDesk(hand.book).of("@c", at=at)
    for known_at, r in ((at, 0.4), (at + 10 * DAY, 0.1)):
        for entry in [one for one in hand.entries if isinstance(one.record, ShadowOutcome)]:
            if entry.record.ledger == AS_FOLLOWED:
                placebo = replace(entry.record, ledger=PLACEBO, at=known_at, r=r, status="compared")
                hand.write(placebo, "@c", 0)
    desk = TrustDesk(hand.book)

    earlier, then, later = (desk.of("@c", at=at + days * DAY) for days in (-0.001, 0, 10))

    assert not before.adjusted
    assert (earlier.adjusted, earlier.ev_r) == (False, pytest.approx(before.ev_r, abs=1e-4))
    assert then.adjusted
    assert then.ev_r < later.ev_r < before.ev_r
    assert card_of(hand.book, "@c", at=at).witnessed.results.placebo == pytest.approx(0.1)


def test_the_prior_of_a_new_week_is_measured_in_parts_and_comes_to_the_same() -> None:
    hand, chance = Hand(), Random(3)
    for number in range(4 * CALLS_AT_ONCE // 3):
        channel = f"@{number % (CHANNELS_FOR_PRIOR + 3)}"
        hand.called(channel, BEGIN + number * 1_200.0, chance.uniform(-1, 2), coin=f"C{number % 13}")
    desk, first = TrustDesk(hand.book), BEGIN + 40 * DAY
    before = desk.prior(at=first)

    next_week = [desk.prior(at=first + 7 * DAY) for _ in range(3)]

    assert next_week[0] == before
    assert next_week[1] == next_week[2] == TrustDesk(hand.book).prior(at=first + 7 * DAY)
    assert next_week[1].sha != before.sha
    assert desk.prior(at=first) == before


def test_a_call_that_may_wait_longer_by_its_own_word_is_mature_later() -> None:
    hand = Hand()
    number = hand.post("@c", BEGIN, text="BTC long, valid for 3 days", legs=(leg(),))
    hand.end("@c", number, BEGIN + DAY, 2.0)
    desk = TrustDesk(hand.book)

    early, late = (desk.of("@c", at=BEGIN + days * DAY) for days in (9.9, 10))

    assert (early.mature, late.mature) == (0, 1)
    assert early.ev_r < late.ev_r
