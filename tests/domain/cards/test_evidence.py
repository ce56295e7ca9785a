"""The evidence of each stage, at its edges."""

import pytest
from msgspec.structs import replace

from levibotd.domain.acts import Tally
from levibotd.domain.cards.board import card_of
from levibotd.domain.cards.card import Card, Column, Conduct, Counts
from levibotd.domain.cards.evidence import evidence_of, lacking, lost
from levibotd.domain.signal import Kind
from levibotd.domain.trust import ASSUMED, trust
from tests.domain.cards.log import BEGIN, DAY, Hand, leg

HELD = replace(trust(None, prior=ASSUMED, at=BEGIN), t=0.9, n_eff=40.0)
NOW = BEGIN + 14 * DAY
GOOD = Card(
    channel="@c",
    witnessed=Column(counts=Counts(calls=10), conduct=Conduct(parse_coverage=0.9), since=BEGIN, until=NOW),
    trust=HELD,
)


def held(card: Card, **figures: float) -> Card:
    return replace(card, trust=replace(HELD, **figures))


def seen(**parts: object) -> Card:
    return replace(GOOD, witnessed=replace(GOOD.witnessed, **parts))


@pytest.mark.parametrize(
    ("stage", "card", "at", "says"),
    [
        ("canary", GOOD, NOW, None),
        ("canary", GOOD, NOW - DAY, ("days 13", "days 14")),
        ("canary", seen(counts=Counts(calls=9)), NOW, ("witnessed_calls 9", "witnessed_calls 10")),
        ("canary", seen(conduct=Conduct(parse_coverage=0.89)), NOW, ("parse_coverage 0.89", "parse_coverage 0.9")),
        ("canary", held(GOOD, t=0.49), NOW, ("t 0.49", "t 0.5")),
        ("live", GOOD, NOW, None),
        ("live", held(GOOD, n_eff=29.0), NOW, ("n_eff 29", "n_eff 30")),
        ("live", held(GOOD, t=0.79), NOW, ("t 0.79", "t 0.8")),
        ("live", Card(channel="@new"), NOW, ("n_eff 0", "n_eff 30")),
        ("canary", Card(channel="@new"), NOW, ("days 0", "days 14")),
        ("paper", Card(channel="@new"), NOW, None),
        ("ask", Card(channel="@new"), NOW, None),
    ],
)  # fmt: skip
def test_what_is_missing_is_named_with_value_and_limit(
    stage: str, card: Card, at: float, says: tuple[str, str] | None
) -> None:
    gate = lacking(stage, card, at=at)

    assert (None if gate is None else (gate.value, gate.limit)) == says


@pytest.mark.parametrize(
    ("stage", "t", "since_stage_r", "silent_d", "says"),
    [
        ("live", 0.35, -4.99, 30, None),
        ("live", 0.34, 0.0, 0, "t 0.34 is below 0.35"),
        ("canary", 0.34, 0.0, 0, "t 0.34 is below 0.35"),
        ("paper", 0.1, -9.0, 90, None),
        ("live", 0.9, -5.0, 0, "-5.00 R since it was put there, and -5 R is the limit"),
        ("live", 0.9, 0.0, 31, "silent for 31 days, and 30 are the limit"),
        ("live", 0.9, 0.0, None, None),
    ],
)
def test_what_is_lost_takes_a_channel_back(
    stage: str, t: float, since_stage_r: float, silent_d: float | None, says: str | None
) -> None:
    silent_s = None if silent_d is None else silent_d * DAY

    assert lost(stage, replace(HELD, t=t), since_stage_r=since_stage_r, silent_s=silent_s) == says


def test_posts_that_may_be_calls_and_cannot_be_read_are_told_on_the_card() -> None:
    hand = Hand()
    for number in range(12):
        kind = (Kind.AMBIGUOUS, Kind.CHATTER, Kind.NEW, Kind.NEW)[number % 4]
        hand.post("@c", BEGIN + number * DAY, kind=kind, legs=(leg(),) if kind is Kind.NEW else ())

    assert card_of(hand.book, "@c", at=NOW).witnessed.conduct.parse_coverage == pytest.approx(2 / 3, abs=1e-6)


def test_what_was_read_with_later_knowledge_moves_nobody_up() -> None:
    hand = Hand()
    for number in range(12):
        at = BEGIN + number * DAY
        own = hand.post("@c", at, legs=(leg(entry=100.0 + number),), trained_until=at + DAY if number % 2 else None)
        if number < 8:
            hand.end("@c", own, at + 3600.0, 0.5)
    card = card_of(hand.book, "@c", at=NOW)

    gate = lacking("canary", card, at=NOW)

    assert (card.witnessed.counts.calls, card.witnessed.counts.running) == (8, 4)
    assert gate is not None
    assert (gate.value, gate.limit) == ("witnessed_calls 6", "witnessed_calls 10")


def test_the_evidence_of_a_stage_names_what_there_was() -> None:
    hand = Hand()
    for number in range(12):
        hand.called("@c", BEGIN + number * DAY, 0.5)
    kept = hand.book.channels["@c"]

    told = evidence_of(kept, HELD, at=NOW, gate=lacking("live", Card(channel="@c"), at=NOW))

    assert (told.witnessed_calls, told.days, told.silent_days, told.since_stage_r) == (12, 14.0, 3.0, 6.0)
    assert (told.t, told.n_eff, told.prior_sha, told.parse_coverage) == (0.9, 40.0, ASSUMED.sha, 1.0)
    assert told.lacking == "n_eff 0, and n_eff 30 is the least"


@pytest.mark.parametrize(
    ("stage", "judged", "wrong", "goes"),
    [("live", 20, 2, False), ("live", 20, 3, True), ("canary", 3, 3, True), ("paper", 3, 3, False)],
)
def test_three_wrong_acts_of_twenty_take_a_stage(stage: str, judged: int, wrong: int, goes: bool) -> None:
    says = lost(stage, None, since_stage_r=0.0, silent_s=None, acts=Tally(judged=judged, wrong=wrong))

    told = f"{wrong} of the last {judged} acts that were judged are wrong, and 3 of 20 are the limit"
    assert says == (told if goes else None)
