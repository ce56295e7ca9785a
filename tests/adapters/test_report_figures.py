"""The figures of a report, held against sums done by hand, by the log's writer, and by plain Python over a replay."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.big_day import write_days
from levibotd.adapters.report_child import Job, connect, days_of, report_of
from levibotd.adapters.report_figures import Figures
from levibotd.adapters.report_sources import days_in, sources_of
from levibotd.adapters.report_sums import money
from levibotd.app.committed import reason_of
from levibotd.domain import order_records
from levibotd.domain import records as r
from levibotd.domain.signal import CallKey, Post, Side
from levibotd.journal import decode
from levibotd.ports.reports import ChannelPart, Report
from tests.adapters.day_logs import DAY, OTHER, TRACE, at, entries, write
from tests.app.recordings import replayed

pytest.importorskip("duckdb")

FIRST, SECOND = CallKey("paper|@a|b|1|0"), CallKey("paper|=cmd|2|0")


def report(
    directory: Path, scratch: Path, *, kind: str = "daily", last: str = DAY, today: str = "2027-01-01"
) -> Report:
    scratch.mkdir(exist_ok=True)
    job = Job(root=str(directory), kind=kind, last=last, today=today, format="json", scratch=str(scratch))
    days = days_of(kind, last)
    sources = sources_of(directory, days, scratch=scratch)
    with connect(scratch) as connection:
        return report_of(Figures(connection, sources.paths), job, days, sources)


def ingest(channel: str, message_id: int) -> r.SignalIngest:
    return r.SignalIngest(
        post=Post(channel=channel, message_id=message_id, posted_at=1.0, text='"event_type":"POSITION_CLOSED"'),
        received_at=1.0,
        source="telethon",
    )


def scored(channel: str, *, kind: str = "new", stale: bool = False) -> r.SignalScored:
    return r.SignalScored(
        channel=channel, kind=kind, label="BUY", probs={"BUY": 1.0}, p_call=1.0, stale=stale, legs=(), reasons=(),
        revision=0, last_price={}, markets_as_of=None, model_sha="0", trained_until=None,
    )  # fmt: skip


def intent(call: CallKey, cid: str, role: str) -> order_records.OrderIntent:
    return order_records.OrderIntent(
        cid=cid, call=call, role=role, slot=0, attempt=0, side=Side.BUY, type="limit", tif="GTC", qty=Decimal(1),
        venue="paper", at=1.0,
    )  # fmt: skip


def fill(
    kind: type[order_records.OrderFill], cid: str, qty: str, price: str, fee: str, currency: str = "USDT"
) -> order_records.OrderFill:
    return kind(
        cid=cid, trade_id=f"{cid}-{qty}", side=Side.BUY, qty=Decimal(qty), price=Decimal(price), fee=Decimal(fee),
        fee_currency=currency, liquidity="taker", cum_qty=Decimal(qty), at=1.0,
    )  # fmt: skip


def closed(call: CallKey, channel: str, pnl: str, fees: str, r_: float) -> order_records.PositionClosed:
    return order_records.PositionClosed(
        call=call, channel=channel, side=Side.BUY, qty=Decimal(1), entry=Decimal(1), exit=Decimal(2), pnl=Decimal(pnl),
        fees=Decimal(fees), net=Decimal(pnl) - Decimal(fees), r=r_, reason="target", opened_at=1.0, at=at(4),
    )  # fmt: skip


def opened(call: CallKey, channel: str) -> order_records.PositionOpened:
    return order_records.PositionOpened(
        call=call, channel=channel, side=Side.BUY, qty=Decimal(1), price=Decimal(1), at=1.0
    )


def heartbeat(equity: str) -> r.Heartbeat:
    return r.Heartbeat(equity=Decimal(equity), open_positions=0, pending_posts=0)


def a_day(directory: Path) -> Path:
    """Two channels, one call each; one refusal, one skip; a crash, a trip, an edit."""
    boot = r.Boot(records=0, pending_posts=0, open_orders=0, open_positions=0, downtime_s=2.5)
    second = 1 / 3600
    log = entries(
        (1.0, boot, None),
        (1.0, r.DayAnchor(day=DAY, equity=Decimal("1000"), at=1.0), None),
        (2.0, ingest("@a|b", 1), TRACE),
        (2.0, scored("@a|b"), TRACE),
        (2.0 + 0.2 * second, intent(FIRST, "c1", "e"), TRACE),
        (2.0 + 0.2 * second, intent(FIRST, "c2", "s"), TRACE),
        (2.0 + 0.2 * second, r.AutoRouteExecuted(legs=(), effect="opened"), TRACE),
        (2.0 + 1.0 * second, opened(FIRST, "@a|b"), TRACE),
        (2.0 + 1.0 * second, fill(order_records.OrderPartialFill, "c1", "0.1", "60000.10", "0.1"), TRACE),
        (
            2.0 + 1.0 * second,
            fill(order_records.OrderFilled, "c1", "0.2", "60000.20", "0.000000000000000000001", "BNB"),
            TRACE,
        ),
        (2.0 + 3.5 * second, order_records.OrderAck(cid="c2", venue_id="v", status="open", at=1.0), TRACE),
        (2.5, heartbeat("1100.5"), None),
        (3.0, order_records.OrderDone(cid="c1", final="filled", cum_qty=Decimal("0.3")), TRACE),
        (3.0, order_records.OrderDone(cid="c2", final="cancelled", cum_qty=Decimal(0)), TRACE),
        (3.0, closed(FIRST, "@a|b", "0.1", "0.2", -0.25), TRACE),
        (3.5, ingest("=cmd", 2), OTHER),
        (3.5, scored("=cmd"), OTHER),
        (3.5, r.SignalEdited(channel="=cmd", message_id=2, revision=1, text="x", edited_at=1.0, effect="x"), OTHER),
        (3.5, scored("=cmd"), OTHER),
        (3.5, r.SignalRejected(gate="cooldown", value=1.0, limit=2.0), OTHER),
        (3.6, order_records.OrderBlocked(call=SECOND, gate="ticket_expired"), OTHER),
        (3.7, opened(SECOND, "=cmd"), OTHER),
        (3.8, closed(SECOND, "=cmd", "1E+1", "1E-7", 1.5), OTHER),
        (3.9, r.KillSwitch(tripped=True, why="loss", by="risk"), None),
        (3.9, r.Control(command="stop", by="http:key", reason="enough", effect="x"), None),
        (4.0, heartbeat("990.5"), None),
        (4.1, r.ActorCrash(actor="scorer", incarnation=1, error="x"), None),
        (4.1, r.ActorRestart(actor="scorer", incarnation=2, backoff_s=1.0), None),
        (4.1, r.LogShed(n=3), None),
        (4.1, r.LogShed(n=4), None),
        (4.1, r.DeadLetter(actor="risk", reason="poison", message="x"), None),
        (4.1, r.Error(code="LOG_EIO", detail="x"), None),
        (4.2, order_records.Protect(call=FIRST, state="protected", sl_cids=(), tp_cids=(), down_s=7.25), TRACE),
        (4.3, heartbeat("1045.3"), None),
    )  # fmt: skip
    write(directory, log)
    return directory


def test_a_day_summed_by_hand(tmp_path: Path) -> None:
    made = report(a_day(tmp_path / "log"), tmp_path / "scratch")

    assert (made.kind, made.first, made.last, made.complete, made.records) == ("daily", DAY, DAY, True, 42)
    assert made.through_seq == 42
    assert (made.posts, made.edits, made.deletions, made.calls, made.opened, made.closed, made.won) == (
        2,
        1,
        0,
        2,
        2,
        2,
        1,
    )
    assert made.decisions == {"EXECUTED opened": 1, "REJECTED cooldown": 1}
    assert made.blocked == {"ticket_expired": 1}
    # 0.1 - 0.2 + 10 - 0.0000001, in floats 9.8999998999…
    assert (made.pnl, made.fees, made.net, made.r) == ("10.1", "0.2000001", "9.8999999", 1.25)
    assert (made.orders.intended, made.orders.ended) == (2, {"cancelled": 1, "filled": 1})
    # 6000.01 + 12000.04
    assert (made.fills.count, made.fills.volume) == (2, "18000.05")
    assert made.fills.fees == {"BNB": "0.000000000000000000001", "USDT": "0.1"}
    assert (made.equity.start, made.equity.end, made.equity.max_drawdown) == ("1000", "1045.3", "110")
    assert made.equity.max_drawdown_share == round(110 / 1100.5, 6)
    assert (made.naked.windows, made.naked.worst_s, made.naked.down_s) == (2, 360.0, 7.25)
    assert (made.latency.count, made.latency.p50_ms, made.latency.max_ms) == (1, 200.0, 200.0)
    assert (made.process.starts, made.process.downtime_s, made.process.log_shed) == (1, 2.5, 7)
    assert (made.process.crashes, made.process.restarts) == ({"scorer": 1}, 1)
    assert (made.process.dead_letters, made.process.errors) == (1, {"LOG_EIO": 1})
    assert [(change.event_type, change.to, change.why, change.by) for change in made.changes] == [
        ("KILL_SWITCH", "tripped", "loss", "risk"),
        ("CONTROL", "stop", "enough", "http:key"),
    ]
    assert [(one.call, one.net) for one in made.best] == [(SECOND, "9.9999999")]
    assert [(one.call, one.net, one.symbol, one.trace_id) for one in made.worst] == [(FIRST, "-0.1", "BTCUSDT", TRACE)]
    assert made.channels == (
        ChannelPart(
            channel="=cmd", posts=1, calls=1, taken=0, refused={"cooldown": 1}, opened=1, closed=1, won=1, pnl="10",
            fees="0.0000001", net="9.9999999", r=1.5,
        ),
        ChannelPart(
            channel="@a|b", posts=1, calls=1, taken=1, refused={}, opened=1, closed=1, won=0, pnl="0.1", fees="0.2",
            net="-0.1", r=-0.25,
        ),
    )  # fmt: skip


def test_a_day_that_is_not_over_is_not_complete(tmp_path: Path) -> None:
    made = report(a_day(tmp_path / "log"), tmp_path / "scratch", today=DAY)

    assert (made.complete, made.posts, made.through_seq) == (False, 2, 42)


def test_a_log_of_nothing_but_its_own_lines_has_no_figures(tmp_path: Path) -> None:
    write(tmp_path / "log", entries((1.0, r.SystemNote(note="up"), None)))

    made = report(tmp_path / "log", tmp_path / "scratch")

    assert (made.records, made.posts, made.net, made.channels, made.latency.p50_ms) == (3, 0, "0", (), None)
    assert (made.equity.start, made.equity.end, made.equity.max_drawdown) == (None, None, "0")


def test_a_refusal_of_a_post_of_the_day_before_counts_without_a_channel(tmp_path: Path) -> None:
    write(tmp_path / "log", entries((0.1, r.SignalRejected(gate="ttl", value=1.0, limit=2.0), TRACE)))

    made = report(tmp_path / "log", tmp_path / "scratch")

    assert made.channels == (ChannelPart(channel=None, refused={"ttl": 1}),)


def test_a_large_day_has_the_sums_of_its_writer(tmp_path: Path) -> None:
    days = ("2026-02-28", DAY)
    first, second = write_days(tmp_path / "log", days=days, events=6_000)
    made = report(tmp_path / "log", tmp_path / "scratch", kind="weekly")

    assert [(part.day, part.has_log) for part in made.days if part.has_log] == [(day, True) for day in days]
    assert [part.net for part in made.days if part.has_log] == [plain(first.total.net), plain(second.total.net)]
    assert made.first == "2026-02-24"
    assert not made.complete
    assert made.records == first.events + second.events + 1  # The last seal.
    for name in ("posts", "opened", "closed", "won"):
        assert getattr(made, name) == getattr(first.total, name) + getattr(second.total, name), name
    for name in ("pnl", "fees", "net"):
        assert getattr(made, name) == plain(getattr(first.total, name) + getattr(second.total, name)), name
    assert made.fills.volume == plain(first.total.volume + second.total.volume)
    for channel in made.channels:
        assert channel.channel is not None
        sums = first.channels[channel.channel], second.channels[channel.channel]
        assert (channel.net, channel.won) == (plain(sums[0].net + sums[1].net), sums[0].won + sums[1].won)


def test_a_replayed_log_comes_to_what_plain_python_makes_of_it(tmp_path: Path) -> None:
    summary = replayed(tmp_path)
    days = days_in(tmp_path / "log")
    made = [report(tmp_path / "log", tmp_path / "scratch", last=day) for day in days]
    told = [told_by(tmp_path / "log", day) for day in days]

    assert len(days) > 1
    assert sum((Decimal(one.net) for one in made), Decimal(0)) == summary.net != 0
    assert [comparable(one) for one in made] == told


def comparable(made: Report) -> dict[str, Any]:
    return {
        "records": made.records, "decisions": made.decisions, "orders": made.orders.intended, "fills": made.fills.count,
        "volume": Decimal(made.fills.volume), "fees": Decimal(made.fees), "pnl": Decimal(made.pnl),
        "net": Decimal(made.net), "through_seq": made.through_seq, "latency": made.latency.max_ms,
        "channels": {one.channel: (one.posts, one.taken, Decimal(one.net)) for one in made.channels},
    }  # fmt: skip


def told_by(directory: Path, day: str) -> dict[str, Any]:
    """Add up a day line by line."""
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    counts: Counter[str] = Counter()
    decisions: Counter[str] = Counter()
    channels: dict[str | None, list[Any]] = defaultdict(lambda: [0, 0, Decimal(0)])
    came: dict[Any, tuple[str, float]] = {}
    acted: dict[Any, float] = {}
    seq = 0
    for line in lines_of(directory / day):
        one = decode(line)
        record, trace, seq = one.entry.record, one.entry.trace, one.seq
        counts["records"] += 1
        reason = reason_of(record)
        if reason is not None:
            decisions[reason] += 1
            channels[came[trace][0]][1] += reason == "EXECUTED opened"
        match record:
            case r.SignalIngest(post=post):
                came[trace] = (post.channel, one.ts)
                channels[post.channel][0] += 1
            case order_records.OrderIntent():
                counts["orders"] += 1
                acted.setdefault(trace, one.ts)
            case order_records.OrderFill():
                counts["fills"] += 1
                sums["volume"] += record.qty * record.price
            case order_records.PositionClosed():
                for name in ("fees", "pnl", "net"):
                    sums[name] += getattr(record, name)
                channels[record.channel][2] += record.net
    waits = [round((ts - came[trace][1]) * 1000, 3) for trace, ts in acted.items() if trace in came]
    return {
        "records": counts["records"], "decisions": dict(sorted(decisions.items())), "orders": counts["orders"],
        "fills": counts["fills"], "volume": sums["volume"], "fees": sums["fees"], "pnl": sums["pnl"],
        "net": sums["net"], "through_seq": seq, "latency": max(waits, default=None),
        "channels": {name: tuple(figures) for name, figures in channels.items()},
    }  # fmt: skip


def lines_of(directory: Path) -> Iterable[bytes]:
    for path in sorted(directory.iterdir()):
        yield from path.read_bytes().splitlines(keepends=True)


def plain(amount: Decimal) -> str:
    return money(amount)


def test_a_report_is_read_back_as_what_it_was(tmp_path: Path) -> None:
    made = report(a_day(tmp_path / "log"), tmp_path / "scratch")

    assert msgspec.json.decode(msgspec.json.encode(made), type=Report) == made
