"""The story of a message, told from records."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from levibotd.adapters.journal_reader import scan
from levibotd.adapters.os_files import OsFiles
from levibotd.app.story import as_text, story_of
from levibotd.domain.climate.terms import LegTerms, Terms
from levibotd.domain.leg_read import LegRead
from levibotd.domain.order_records import OrderBlocked
from levibotd.domain.records import (
    AutoRouteDryrun,
    Entry,
    Record,
    Resolved,
    RiskSltp,
    RiskTicket,
    SignalEdited,
    SignalExpired,
    SignalIngest,
    SignalRejected,
    SignalScored,
)
from levibotd.domain.signal import CallKey, Leg, Post, Side, trace_id
from levibotd.domain.trust import ASSUMED, trust
from levibotd.journal import Chain, Preparer
from tests.app.recordings import replayed
from tests.domain.desk import plan

TEXT = "#BTCUSDT LONG\nEntry: market\nTargets: 10% 20%"


def lines(*records: Record, text: str = TEXT) -> list[bytes]:
    """What the log says of a post and of what follows it."""
    post = Post(channel="@a", message_id=7, posted_at=1_700_000_000.0, text=text)
    chain, preparer = Chain(boot="boot", key=b""), Preparer()
    all_records = (SignalIngest(post=post, received_at=post.posted_at, source="file"), *records)
    entries = [preparer.prepare(Entry(record, post.trace)) for record in all_records]
    return [chain.line(entry, ts=1_700_000_000.0 + number, mono=1.0) for number, entry in enumerate(entries)]


def scored(*reasons: str) -> SignalScored:
    leg = Leg(
        symbol="BTC/USDT",
        side=Side.BUY,
        entry_type="market",
        tps=(10.0, 20.0),
        tp_unit="pct",
    )
    return SignalScored(
        channel="@a",
        kind="new",
        label="BUY",
        probs={"BUY": 0.9, "SELL": 0.0, "NO-TRADE": 0.1},
        p_call=0.9,
        stale=False,
        legs=(LegRead.of(leg),),
        reasons=reasons,
        revision=0,
        last_price={},
        markets_as_of=None,
        model_sha="0",
        trained_until=None,
    )


def told(found: Sequence[bytes]) -> str:
    story = story_of(found)
    assert story is not None
    return as_text(story)


def test_nothing_has_no_story() -> None:
    assert story_of([]) is None


def test_a_refusal_names_gate_value_and_limit() -> None:
    story = story_of(lines(scored(), SignalRejected(gate="confidence", value=Decimal("0.61"), limit=0.7)))

    assert story is not None
    assert story["trace_id"] == trace_id("@a", 7)
    assert story["gates"] == [{"name": "confidence", "value": "0.61", "limit": 0.7, "passed": False}]
    assert story["decision"]["event_type"] == "SIGNAL_REJECTED"
    assert [step["event_type"] for step in story["steps"]] == ["SIGNAL_INGEST", "SIGNAL_SCORED", "SIGNAL_REJECTED"]
    assert "gate confidence: 0.61 against 0.7, refused" in as_text(story)


def test_an_order_that_was_held_back_is_a_gate_too() -> None:
    blocked = OrderBlocked(call=CallKey("c"), gate="kill_switch", value="loss", limit="armed")

    assert "gate kill_switch: loss against armed, refused" in told(lines(blocked))


def test_a_story_is_told_as_far_as_it_goes() -> None:
    story = story_of(lines())

    assert story is not None
    assert (story["reading"], story["gates"], story["decision"]) == (None, [], None)
    assert as_text(story).splitlines()[:3] == [f"trace {trace_id('@a', 7)}", "post 7 of @a:", "  | #BTCUSDT LONG"]


def test_a_story_without_its_post_begins_where_it_can() -> None:
    (_, expired) = lines(SignalExpired(age_s=90.0, limit_s=60.0))

    assert told([expired]).splitlines()[1].endswith("SIGNAL_EXPIRED  age_s=90.0 limit_s=60.0")


def test_a_leg_is_told_as_it_was_written() -> None:
    text = told(lines(scored("no_sl")))

    assert "  BUY BTC/USDT market, targets 10 20 pct\n" in text
    story = story_of(lines(scored()))
    assert story is not None
    assert story["reading"]["legs"][0]["tps"] == ["10", "20"]  # Decimal text, as everywhere but in `parse`.
    assert "  because no_sl\n" in text


def test_what_was_around_a_call_is_told_term_by_term() -> None:
    leg = LegTerms(trend=1.5, eth_led=None, hybrid=0.625)
    terms = Terms(bias=0.25, pulse=None, legs=(leg,), source="hand", used=False)

    text = told(lines(replace(scored(), terms=terms)))

    assert "around it: bias +0.25, pulse ?\n" in text
    assert "  BTC/USDT: trend +1.50, led by ether ?, hybrid 0.62 (weights by hand, shown only)\n" in text
    assert "around it" not in told(lines(scored()))


def test_what_was_held_of_the_channel_is_told() -> None:
    held = trust(None, prior=ASSUMED, at=1_700_000_000.0)

    assert "held of its channel: -0.08 R a call, pays 40% (80 %: " in told(lines(replace(scored(), trust=held)))


@pytest.mark.parametrize("control", ["\x1b[2J", "\x07", "\x9b31m", "\u202e", "\u2028x"])
def test_no_post_writes_to_the_terminal_by_itself(control: str) -> None:
    text = told(lines(scored(control), text=f"BUY{control}BTC"))

    assert control not in text
    assert "BTC" in text


def test_letters_of_any_script_stay_as_they_are() -> None:
    assert "  | Вход 📈 الهدف 目标" in told(lines(text="Вход 📈 الهدف 目标"))


def test_a_whole_trade_is_told_from_its_log(tmp_path: Path) -> None:
    replayed(tmp_path)
    found = list(scan(OsFiles(tmp_path / "log"), trace_id=trace_id("@alpha", 12)))

    story = story_of(found)

    assert story is not None
    assert len(story["steps"]) == len(found)
    assert [step["seq"] for step in story["steps"]] == sorted(step["seq"] for step in story["steps"])
    assert all(gate["passed"] for gate in story["gates"])
    assert {gate["name"] for gate in story["gates"]} >= {"stage", "confidence", "ttl", "max_open", "heat"}
    assert story["decision"]["event_type"] == "AUTO_ROUTE_EXECUTED"
    assert "reason=target" in as_text(story)
    assert msgspec.json.decode(msgspec.json.encode(story)) == story


def test_a_moved_stop_names_the_post_that_moved_it_and_an_edit_what_it_says() -> None:
    moved = RiskSltp(
        call=CallKey("paper|@a|1|0"), stop=Decimal(99), stop_source="reply", targets=(), targets_source="signal",
        why="moved", said_by="0123456789abcdef.0",
    )  # fmt: skip
    edit = SignalEdited(
        channel="@a",
        message_id=1,
        revision=1,
        text="closed\nnow",
        edited_at=1.0,
        effect="review",
        reason="review.burst",
    )
    story = told(lines(moved, edit))
    assert "stop=99 stop_source=reply targets_source=signal said_by=0123456789abcdef.0" in story
    assert "effect=review reason=review.burst revision=1 text=closed\\nnow" in story


def test_a_dry_run_is_a_decision() -> None:
    story = story_of(lines(AutoRouteDryrun(legs=())))

    assert story is not None
    assert story["decision"]["event_type"] == "AUTO_ROUTE_DRYRUN"


def test_a_call_tells_which_settings_ruled_it_and_who_said_so() -> None:
    resolved = (Resolved(name="stop_mover", value="breakeven", source="channel"),)
    ticket = RiskTicket(
        call=CallKey("paper|@a|7|0"), channel="@a", plan=plan(), gates=(), policy="moderate", policy_hash="",
        equity=Decimal(1), exposure_seq=0, entry_valid_until=1.0, expires_at=1.0, at=1.0, resolved=resolved,
    )  # fmt: skip
    story = story_of(lines(scored(), ticket))

    assert story is not None
    assert story["settings"] == [{"name": "stop_mover", "value": "breakeven", "source": "channel"}]
    assert "stop_mover = breakeven, by channel" in as_text(story)
