"""
The figures of a report, computed by DuckDB. Runs in the child only.

Each file is read once; of each record only the members named here leave the reader. Money stays the text it is in the
log until it is added up (`report_sums.py`), and is never a float.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from levibotd.adapters.report_sums import Closed, ClosedSums, EquityPath, FillSums, Result, money
from levibotd.ports.reports import (
    Change,
    ChannelPart,
    DayPart,
    EquityPart,
    FillsPart,
    LatencyPart,
    NakedPart,
    OrdersPart,
    ProcessPart,
)

CHANGES_MAX = 100
RECORD_MAX_BYTES = 4 << 20  # A post is a quarter of it; readers take room for two of them each.

# What leaves the reader, and how; whatever else a payload has stays closed.
_TEXTS = (
    "channel", "call", "kind", "label", "gate", "reason", "effect", "cid", "role", "final", "qty", "price", "fee",
    "fee_currency", "side", "pnl", "fees", "net", "equity", "state", "stage", "policy", "group", "command", "why", "by",
    "actor", "code",
)  # fmt: skip
_PAYLOAD = {
    **dict.fromkeys(_TEXTS, "VARCHAR"),
    **dict.fromkeys(("r", "at", "n", "down_s", "downtime_s"), "DOUBLE"),
    **dict.fromkeys(("stale", "tripped", "on"), "BOOLEAN"),
    "post": "STRUCT(channel VARCHAR)",
}
# Where it is kept. An empty column costs as much as a full one, so what no record has together shares one:
# `name` is what a record is counted by, `detail` says more, the amounts are money as written.
_KEPT = """
    seq, ts, CAST(floor(ts / 86400) AS INTEGER) AS day, event_type, symbol, trace_id, cid, "at",
    coalesce(channel, post.channel) AS channel, coalesce(call, "by") AS call,
    CASE event_type
        WHEN 'SIGNAL_SCORED' THEN CASE WHEN kind = 'new' AND label <> 'NO-TRADE' AND NOT stale THEN 'call' END
        WHEN 'KILL_SWITCH' THEN CASE WHEN tripped THEN 'tripped' ELSE 'armed' END
        WHEN 'SAFE_MODE' THEN "group" || CASE WHEN "on" THEN ' on' ELSE ' off' END
        ELSE coalesce(command, state, stage, policy, gate, effect, final, fee_currency, actor, code, role, reason)
    END AS name,
    coalesce(side, why, reason) AS detail,
    coalesce(pnl, qty, equity) AS first_amount, coalesce(fees, price) AS second_amount,
    coalesce(net, fee) AS third_amount, coalesce(r, n, down_s, downtime_s) AS number
"""
_COLUMNS = {"seq": "BIGINT", "ts": "DOUBLE", "event_type": "VARCHAR", "symbol": "VARCHAR", "trace_id": "VARCHAR"}
# Nothing is asked of these; most of a log is made of them.
_PASSED_OVER = (
    "TG_CURSOR", "RISK_SLTP", "ORDER_NEW", "CANCEL_INTENT", "CANCEL_DONE", "MARKET_QUOTE", "FILE_OPEN", "FILE_SEAL",
)  # fmt: skip
_DECISIONS = ("AUTO_ROUTE_SKIPPED", "SIGNAL_EXPIRED", "SIGNAL_REJECTED", "AUTO_ROUTE_DRYRUN", "AUTO_ROUTE_EXECUTED")
_CHANGES = ("KILL_SWITCH", "RISK_STATE", "SAFE_MODE", "CHANNEL_STAGE", "RISK_POLICY_CHANGED", "CONTROL")
_EQUITY = ("DAY_ANCHOR", "HEARTBEAT", "RISK_TICKET")
_FILLS = "IN ('ORDER_FILLED', 'ORDER_PARTIAL_FILL')"
_ROWS = 10_000
_IS_CALL = "event_type = 'SIGNAL_SCORED' AND name = 'call'"


class Figures:
    """One reading of the log's files, and the questions to it."""

    def __init__(self, connection: Any, paths: Sequence[Path]) -> None:
        self._connection = connection
        self.closed = ClosedSums()
        self._read(paths)

    def _read(self, paths: Sequence[Path]) -> None:
        payload = ", ".join(f'"{name}" {kind}' for name, kind in _PAYLOAD.items())
        columns = ", ".join(f"{name}: '{kind}'" for name, kind in {**_COLUMNS, "payload": f"STRUCT({payload})"}.items())
        lines = (
            f"read_json($paths, format = 'newline_delimited', columns = {{{columns}}}, ignore_errors = false, "
            f"maximum_object_size = {RECORD_MAX_BYTES})"
        )
        self._connection.execute(
            f"CREATE TEMP TABLE log AS SELECT {_KEPT} FROM (SELECT * EXCLUDE (payload), payload.* FROM {lines} "
            f"WHERE event_type NOT IN {_PASSED_OVER})",
            {"paths": [str(path) for path in paths]},
        )
        self._connection.execute(
            "CREATE TEMP TABLE posts AS SELECT trace_id, any_value(channel) AS channel "
            "FROM log WHERE event_type IN ('SIGNAL_INGEST', 'SIGNAL_SCORED', 'RISK_TICKET') AND trace_id IS NOT NULL "
            "GROUP BY trace_id"
        )
        closed = 'SELECT seq, day, call, trace_id, channel, symbol, detail, name, "at", number, first_amount, '
        closed += "second_amount, third_amount FROM log WHERE event_type = 'POSITION_CLOSED' ORDER BY seq"
        for page in self._pages(closed):
            self.closed.add(Closed(*row) for row in page)

    def totals(self) -> dict[str, Any]:
        """What stands at the top of a report."""
        posts, edits, deletions, calls, opened = self._row(
            "SELECT count(*) FILTER (event_type = 'SIGNAL_INGEST'), count(*) FILTER (event_type = 'SIGNAL_EDITED'), "
            "count(*) FILTER (event_type = 'SIGNAL_DELETED'), "
            f"count(DISTINCT trace_id) FILTER ({_IS_CALL}), count(*) FILTER (event_type = 'POSITION_OPENED') FROM log"
        )
        return {
            "posts": posts, "edits": edits, "deletions": deletions, "calls": calls, "opened": opened,
            "decisions": self._counts(
                "SELECT CASE event_type WHEN 'AUTO_ROUTE_EXECUTED' THEN 'EXECUTED ' || name "
                "WHEN 'AUTO_ROUTE_SKIPPED' THEN 'SKIPPED ' || name WHEN 'SIGNAL_REJECTED' THEN 'REJECTED ' || name "
                "WHEN 'SIGNAL_EXPIRED' THEN 'EXPIRED' ELSE 'DRYRUN' END, count(*) FROM log "
                f"WHERE event_type IN {_DECISIONS}"
            ),
            "blocked": self._counts("SELECT name, count(*) FROM log WHERE event_type = 'ORDER_BLOCKED'"),
            **_result(self.closed.total),
        }  # fmt: skip

    def orders(self) -> OrdersPart:
        intended, rejected, unknown, abandoned = self._row(
            "SELECT count(*) FILTER (event_type = 'ORDER_INTENT'), count(*) FILTER (event_type = 'ORDER_REJECT'), "
            "count(*) FILTER (event_type = 'ORDER_UNKNOWN'), count(*) FILTER (event_type = 'ORDER_ABANDONED') FROM log"
        )
        ended = self._counts("SELECT name, count(*) FROM log WHERE event_type = 'ORDER_DONE'")
        return OrdersPart(intended=intended, ended=ended, rejected=rejected, unknown=unknown, abandoned=abandoned)

    def fills(self) -> FillsPart:
        sums = FillSums()
        for page in self._pages(
            f"SELECT first_amount, second_amount, third_amount, name FROM log WHERE event_type {_FILLS}"
        ):
            sums.add(page)
        return sums.part()

    def equity(self) -> EquityPart:
        path = EquityPath()
        for page in self._pages(f"SELECT first_amount, event_type FROM log WHERE event_type IN {_EQUITY} ORDER BY seq"):
            path.add(page)
        return path.part()

    def naked(self) -> NakedPart:
        windows, worst_s = self._row(
            "SELECT count(*), coalesce(max(naked_s), 0) FROM (SELECT least(coalesce(acked, closed, opened), "
            "coalesce(closed, acked, opened)) - opened AS naked_s FROM "
            "(SELECT call, min(ts) AS opened FROM log WHERE event_type = 'POSITION_OPENED' GROUP BY call) LEFT JOIN "
            "(SELECT call, max(ts) AS closed FROM log WHERE event_type = 'POSITION_CLOSED' GROUP BY call) USING (call) "
            "LEFT JOIN (SELECT intent.call, min(ack.ts) AS acked FROM log AS intent JOIN log AS ack USING (cid) "
            "WHERE intent.event_type = 'ORDER_INTENT' AND intent.name = 's' AND ack.event_type = 'ORDER_ACK' "
            "GROUP BY intent.call) USING (call)) WHERE naked_s > 0"
        )
        (down_s,) = self._row("SELECT coalesce(max(number), 0) FROM log WHERE event_type = 'PROTECT'")
        return NakedPart(windows=windows, worst_s=round(worst_s, 3), down_s=round(down_s, 3))

    def latency(self) -> LatencyPart:
        count, *quantiles = self._row(
            "SELECT count(*), quantile_cont(ms, 0.5), quantile_cont(ms, 0.9), quantile_cont(ms, 0.99), max(ms) FROM "
            "(SELECT (min(log.ts) - min(post.ts)) * 1000 AS ms FROM log JOIN log AS post USING (trace_id) "
            "WHERE log.event_type = 'ORDER_INTENT' AND post.event_type = 'SIGNAL_INGEST' GROUP BY trace_id)"
        )
        p50, p90, p99, most = (None if each is None else round(each, 3) for each in quantiles)
        return LatencyPart(count=count, p50_ms=p50, p90_ms=p90, p99_ms=p99, max_ms=most)

    def process(self) -> ProcessPart:
        starts, downtime_s, restarts, dead_letters, shed = self._row(
            "SELECT count(*) FILTER (event_type = 'BOOT'), "
            "coalesce(sum(number) FILTER (event_type = 'BOOT'), 0), count(*) FILTER (event_type = 'ACTOR_RESTART'),"
            " count(*) FILTER (event_type = 'DEAD_LETTER'), coalesce(sum(number) FILTER (event_type = 'LOG_SHED'), 0) "
            "FROM log"
        )
        return ProcessPart(
            starts=starts,
            downtime_s=round(downtime_s, 3),
            crashes=self._counts("SELECT name, count(*) FROM log WHERE event_type = 'ACTOR_CRASH'"),
            restarts=restarts,
            dead_letters=dead_letters,
            errors=self._counts("SELECT name, count(*) FROM log WHERE event_type = 'ERROR'"),
            log_shed=int(shed),
        )

    def channels(self) -> tuple[ChannelPart, ...]:
        """Best first."""
        found: dict[str | None, dict[str, Any]] = {}
        for channel, posts, calls, taken in self._rows(
            "SELECT posts.channel, count(*) FILTER (event_type = 'SIGNAL_INGEST'), "
            f"count(DISTINCT trace_id) FILTER ({_IS_CALL}), "
            "count(*) FILTER (event_type = 'AUTO_ROUTE_EXECUTED' AND name = 'opened') "
            "FROM log LEFT JOIN posts USING (trace_id) "
            f"WHERE event_type IN {(*_DECISIONS, 'SIGNAL_INGEST', 'SIGNAL_SCORED')} GROUP BY 1"
        ):
            found[channel] = {"posts": posts, "calls": calls, "taken": taken, "refused": {}}
        for channel, gate, count in self._rows(
            "SELECT posts.channel, name, count(*) FROM log LEFT JOIN posts USING (trace_id) "
            "WHERE event_type = 'SIGNAL_REJECTED' GROUP BY 1, 2 ORDER BY 1, 2"
        ):
            found[channel]["refused"][gate] = count
        for channel, count in self._rows(
            "SELECT channel, count(*) FROM log WHERE event_type = 'POSITION_OPENED' GROUP BY 1"
        ):
            found.setdefault(channel, {"refused": {}})["opened"] = count
        for channel, result in self.closed.by_channel.items():
            found.setdefault(channel, {"refused": {}}).update(_result(result))
        parts = [ChannelPart(channel=channel, **sums) for channel, sums in found.items()]
        return tuple(sorted(parts, key=lambda part: (-Decimal(part.net), part.channel or "")))

    def days(self) -> dict[int, DayPart]:
        """By number of the day since 1970; what the log's files tell is for the caller to add."""
        rows = self._rows(
            "SELECT day, count(*) FILTER (event_type = 'SIGNAL_INGEST'), "
            "count(*) FILTER (event_type = 'POSITION_OPENED') FROM log GROUP BY 1 ORDER BY 1"
        )
        return {
            day: DayPart(
                day="", has_log=True, posts=posts, opened=opened,
                closed=self.closed.by_day[day].closed, net=money(self.closed.by_day[day].net),
            )
            for day, posts, opened in rows
        }  # fmt: skip

    def changes(self) -> tuple[Change, ...]:
        rows = self._rows(
            "SELECT ts, event_type, coalesce(name, ''), coalesce(detail, ''), coalesce(call, '') FROM log "
            f"WHERE event_type IN {_CHANGES} ORDER BY seq DESC LIMIT {CHANGES_MAX}"
        )
        return tuple(
            Change(at=at, event_type=event_type, to=to, why=why, by=by)
            for at, event_type, to, why, by in reversed(rows)
        )

    def _pages(self, statement: str) -> Iterator[list[tuple[Any, ...]]]:
        asked = self._connection.execute(statement)
        while rows := asked.fetchmany(_ROWS):
            yield rows

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        return list(self._connection.execute(statement).fetchall())

    def _row(self, statement: str) -> tuple[Any, ...]:
        return self._rows(statement)[0]

    def _counts(self, statement: str) -> dict[str, int]:
        return {str(name): int(count) for name, count in self._rows(f"{statement} GROUP BY 1 ORDER BY 1")}


def _result(sums: Result) -> dict[str, Any]:
    return {
        "closed": sums.closed, "won": sums.won, "pnl": money(sums.pnl), "fees": money(sums.fees),
        "net": money(sums.net), "r": round(sums.r, 6),
    }  # fmt: skip
