"""The climate as a fold over records: what counts as a call, and how it ends."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from levibotd.domain.climate.record import ON_THEIR_WAY_KEPT, ClimateRecord
from levibotd.domain.climate.terms import LegTerms, Terms
from levibotd.domain.leg_read import LegRead
from levibotd.domain.outcomes import AS_FOLLOWED, AS_POSTED, ShadowOutcome
from levibotd.domain.records import Entry, Logged, Record, SignalIngest, SignalScored
from levibotd.domain.signal import Leg, Post, Side, TraceId, call_key

T0 = 1_700_000_000.0


class Log:
    """Feeds a fold as the log would."""

    def __init__(self) -> None:
        self.state = ClimateRecord()
        self.now = T0
        self.number = 0

    def call(self, channel: str = "@a", *, terms: Terms | None = None, legs: int = 1, **more: Any) -> Post:
        self.number += 1
        post = Post(channel=channel, message_id=self.number, posted_at=self.now, text="call")
        self.take(SignalIngest(post=post, received_at=self.now, source="file"), post.trace)
        self.take(scored(channel, entry=100.0 + self.number, legs=legs, terms=terms, **more), post.trace)
        return post

    def ends(self, post: Post, *, leg: int = 0, **more: Any) -> None:
        known: dict[str, Any] = {
            "call": call_key("paper", post.channel, post.message_id, leg), "channel": post.channel,
            "ledger": AS_FOLLOWED, "side": Side.BUY, "status": "filled", "witnessed": True,
            "posted_at": post.posted_at, "decided_at": post.posted_at, "at": self.now, "r": 1.0,
        }  # fmt: skip
        self.take(ShadowOutcome(**(known | more)), post.trace)

    def take(self, record: Record, trace: TraceId | None) -> None:
        self.now += 1.0
        entry = Entry(record, trace)
        self.state.apply(Logged(seq=1, ts=self.now, event_type="", entry=entry))


def scored(channel: str, *, entry: float, legs: int = 1, terms: Terms | None = None, **more: Any) -> SignalScored:
    leg = Leg(symbol="BTC/USDT", side=Side.BUY, entry=(entry,), tps=(entry * 1.1,), sl=entry * 0.9, sl_kind="price")
    known: dict[str, Any] = {
        "channel": channel, "kind": "new", "label": "BUY", "probs": {"BUY": 1.0}, "p_call": 0.9, "stale": False,
        "legs": (LegRead.of(leg),) * legs, "reasons": (), "revision": 0, "last_price": {"BTC/USDT": Decimal(100)},
        "markets_as_of": None, "model_sha": "", "trained_until": None, "terms": terms,
    }  # fmt: skip
    return SignalScored(**(known | more))


def terms(*hybrids: float) -> Terms:
    legs = tuple(LegTerms(trend=1.0, eth_led=False, hybrid=one) for one in hybrids)
    return Terms(bias=0.5, pulse=None, legs=legs, source="hand", used=False)


def test_a_scored_call_is_heard_once_at_the_time_the_log_had_it() -> None:
    log = Log()
    log.call()
    log.call("@b", label="SELL")

    seen = log.state.seen(at=log.now, eth_led=None, trends={})
    assert seen.bias is not None
    assert (seen.bias.channels, round(seen.bias.value, 3), seen.pulse.calls) == (2, 0.0, 2)
    assert log.state.crowd.times == [T0 + 2, T0 + 4]
    assert (seen.hybrid.source, seen.hybrid.used) == ("hand", False)


@pytest.mark.parametrize(
    "change", [{"kind": "result"}, {"label": "NO-TRADE"}, {"stale": True}, {"revision": 1}, {"legs": 0}, {"label": "?"}]
)
def test_what_is_no_new_call_is_not_heard(change: dict[str, Any]) -> None:
    log = Log()
    log.call(**change)

    assert log.state.crowd.times == []
    assert log.state.crowd.since == T0 + 2  # But the past has begun.


def test_a_call_with_terms_is_awaited_leg_by_leg_and_ends_as_it_was_followed() -> None:
    log = Log()
    post = log.call(terms=terms(0.5, 0.6), legs=2)
    assert len(log.state.proof.awaited) == 2

    log.ends(post, leg=1, r=-0.5, ledger=AS_POSTED)
    assert len(log.state.proof.awaited) == 2
    log.ends(post, leg=1, r=-0.5)
    log.ends(post, leg=0, r=0.1)
    assert ([case.pays for case in log.state.proof.cases], log.state.proof.awaited) == ([False, True], {})
    assert log.state.proof.cases[0].row[1:] == pytest.approx((0.5, 0.0, 1 / 3, 0.0))


@pytest.mark.parametrize("change", [{"status": "unfilled", "r": 0.0}, {"r": None}, {"contaminated": True}])
def test_a_call_that_says_nothing_about_paying_teaches_nothing(change: dict[str, Any]) -> None:
    log = Log()
    log.ends(log.call(terms=terms(0.5)), **change)

    assert (log.state.proof.resolved, log.state.proof.awaited) == (0, {})


def test_terms_that_do_not_fit_the_legs_are_left_alone() -> None:
    log = Log()
    log.call(terms=terms(0.5), legs=2)

    assert log.state.proof.awaited == {}


def test_a_snapshot_and_what_came_after_is_all_there_was() -> None:
    log = Log()
    first = log.call(terms=terms(0.5))
    log.call("@b")
    again = ClimateRecord.from_bytes(log.state.to_bytes())
    assert again == log.state

    log.ends(first)
    one, log.state = log.state, again
    log.ends(first)
    assert (again.proof, again.crowd.voices) == (one.proof, one.crowd.voices)


def test_bytes_of_something_else_are_no_snapshot() -> None:
    with pytest.raises(msgspec.DecodeError):
        ClimateRecord.from_bytes(b"\x01")


def test_posts_that_are_never_read_do_not_pile_up() -> None:
    log = Log()
    for number in range(ON_THEIR_WAY_KEPT + 3):
        post = Post(channel="@a", message_id=number, posted_at=T0, text="")
        log.take(SignalIngest(post=post, received_at=T0, source="file"), post.trace)

    assert len(log.state.posted_at) == ON_THEIR_WAY_KEPT
