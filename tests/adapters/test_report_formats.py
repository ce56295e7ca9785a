"""A report in each of its formats: the same figures, inert in a spreadsheet, typed in a data frame."""

import csv
import io
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from levibotd.adapters.report_formats import FIELDS, encoded, rows_of
from levibotd.ports.reports import (
    Change,
    ChannelPart,
    ClosedCall,
    DayPart,
    EquityPart,
    FillsPart,
    LatencyPart,
    NakedPart,
    OrdersPart,
    ProcessPart,
    Report,
)

EVIL = (
    "=cmd|' /C calc'!A0",
    "+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "</script><script>alert(1)",
    "{{7*7}}",
    'a"b,c\nd',
)


def report(channel: str = "@alpha") -> Report:
    call = ClosedCall(
        call=f"paper|{channel}|1|0", trace_id=None, channel=channel, symbol="BTCUSDT", side="BUY", net="-0.5", r=-1.0,
        reason="stop", at=1.0,
    )  # fmt: skip
    return Report(
        kind="daily", first="2026-03-02", last="2026-03-02", complete=True, through_seq=9, records=9, posts=1, edits=0,
        deletions=0, calls=1, decisions={f"REJECTED {channel}": 1}, blocked={}, opened=1, closed=1, won=0, pnl="-0.25",
        fees="0.25", net="-0.5", r=-1.0, orders=OrdersPart(intended=3, ended={"filled": 2}, rejected=0, unknown=0,
        abandoned=0), fills=FillsPart(count=2, volume="100.125", fees={"USDT": "0.25"}),
        equity=EquityPart(start="1000", end=None, max_drawdown="0", max_drawdown_share=0.0),
        naked=NakedPart(windows=0, worst_s=0.0, down_s=0.0),
        latency=LatencyPart(count=0, p50_ms=None, p90_ms=None, p99_ms=None, max_ms=None),
        process=ProcessPart(starts=1, downtime_s=0.0, crashes={}, restarts=0, dead_letters=0, errors={}, log_shed=0),
        channels=(ChannelPart(channel=channel, refused={"cooldown": 2}, net="-0.5"),),
        days=(DayPart(day="2026-03-02", has_log=True),), best=(), worst=(call,),
        changes=(Change(at=1.0, event_type="CONTROL", to="stop", why=channel, by="http"),),
    )  # fmt: skip


def table(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode(), newline="")))


def test_json_is_the_report_itself(tmp_path: Path) -> None:
    body = encoded(report(), "json", scratch=tmp_path)
    assert msgspec.json.decode(body, type=Report) == report()


def test_csv_has_a_row_for_every_figure(tmp_path: Path) -> None:
    rows = table(encoded(report(), "csv", scratch=tmp_path))

    found = {(row["section"], row["subject"], row["name"]): row["value"] for row in rows}
    assert len(found) == len(rows)
    assert found["report", "", "net"] == "-0.5"
    assert found["report", "", "complete"] == "true"
    assert found["decisions", "", "REJECTED @alpha"] == "1"
    assert found["fills", "", "fees USDT"] == "0.25"
    assert found["channels", "'@alpha", "refused cooldown"] == "2"
    assert found["worst", "paper|@alpha|1|0", "reason"] == "stop"
    assert found["equity", "", "end"] == ""
    assert {(row["first"], row["last"]) for row in rows} == {("2026-03-02", "2026-03-02")}


@pytest.mark.fault("G11")
@pytest.mark.parametrize("evil", EVIL)
def test_whatever_a_channel_is_called_csv_stays_inert(tmp_path: Path, evil: str) -> None:
    rows = table(encoded(report(evil), "csv", scratch=tmp_path))

    cells = [cell for row in rows for cell in row.values()]
    assert len(cells) == len(rows) * len(FIELDS)
    for cell in cells:
        assert not cell.lstrip(" ").startswith(("=", "+", "@", "\t", "\r", "\n")), cell
        assert not cell.startswith("-") or cell.lstrip("-").replace(".", "", 1).isdigit(), cell
    subjects = {row["subject"] for row in rows if row["section"] == "channels"}
    assert {subject.removeprefix("'") for subject in subjects} == {evil}


@pytest.mark.parametrize("evil", ["@alpha", "'; DROP TABLE report; --", *EVIL])
def test_parquet_has_the_same_rows_and_their_numbers(tmp_path: Path, evil: str) -> None:
    duckdb = pytest.importorskip("duckdb")
    path = tmp_path / "read.parquet"
    path.write_bytes(encoded(report(evil), "parquet", scratch=tmp_path))

    with duckdb.connect() as connection:
        rows = connection.execute("SELECT * FROM read_parquet($path)", {"path": str(path)}).fetchall()

    assert [dict(zip(FIELDS, row, strict=False)) for row in rows] == list(rows_of(report(evil)))
    numbers = {(row[2], row[4]): row[6] for row in rows}
    assert numbers["report", "net"] == Decimal("-0.5")
    assert numbers["fills", "volume"] == Decimal("100.125")
    assert numbers["worst", "reason"] is None
