"""Alive, ready, and how it stands."""

from decimal import Decimal

import msgspec
import pytest
from msgspec import structs

from levibotd.admin.health import Status, Summary
from levibotd.config import demo_config, load
from levibotd.domain import records as r
from levibotd.domain.signal import Post, Symbol
from levibotd.ports.market import Mark
from levibotd.sim.demo_market import DemoMarket
from tests.admin.site import AT, MemoryLog, open_position, serving

pytestmark = pytest.mark.real_time


async def test_ready_says_why_not() -> None:
    async with serving() as site:
        assert (await site.get("/readyz")).status == 200

        site.reasons.append("recovering")
        answer = await site.get("/readyz")
        assert (answer.status, answer.json()) == (503, {"ready": False, "reasons": ["recovering"]})
        assert (await site.get("/livez")).status == 200


async def test_status_of_a_fresh_demo() -> None:
    async with serving() as site:
        status = (await site.get("/status")).json()

    assert status["mode"] == "paper demo"
    assert (status["stage"], status["policy"], status["version"]) == ("paper", "demo", "1.2.3")
    assert (status["opening"], status["says_no"]) == (True, [])
    assert (status["equity"], status["cash"], status["daily_pnl"]) == ("10000", "10000", None)
    assert (status["open_positions"], status["pending_posts"], status["last_seq"]) == (0, 0, 0)
    assert status["uptime_s"] >= 0


async def test_status_marks_what_is_held_at_the_price_of_the_moment() -> None:
    log = MemoryLog()
    open_position(log, qty="0.5", price="60000")
    log.commit(r.DayAnchor(day="2025-10-09", equity=Decimal(9000), at=AT))
    async with serving(log=log) as site:
        status = (await site.get("/status")).json()
        (position,) = (await site.get("/positions")).json()["positions"]

    expected = Decimal("9998.75") + (Decimal(position["mark"]) - 60000) / 2
    # The price may have moved on by a second between the two requests.
    assert abs(Decimal(status["equity"]) - expected) < Decimal(400)
    assert Decimal(status["daily_pnl"]) == Decimal(status["equity"]) - 9000
    assert status["open_positions"] == status["open_calls"] == 1


async def test_status_tells_what_changed_since_it_was_asked_last() -> None:
    log = MemoryLog()
    open_position(log, qty="0.5", price="60000")
    async with serving(log=log) as site:
        first = (await site.get("/status")).json()
        log.commit(r.Control(command="stop", by="t"))
        switched = (await site.get("/status")).json()
        site.reasons.append("recovering")
        waiting = (await site.get("/status")).json()

    assert (first["switch"], first["opening"], first["ready"]) == ("on", True, True)
    assert (switched["switch"], switched["opening"], switched["ready"]) == ("off", False, True)
    assert switched["last_seq"] == first["last_seq"] + 1
    assert (waiting["ready"], waiting["not_ready"]) == (False, ["recovering"])
    assert first["now"] < switched["now"] < waiting["now"]
    assert first["uptime_s"] <= switched["uptime_s"] <= waiting["uptime_s"]


class Priced(DemoMarket):
    """The demo's market at a price of the test's own."""

    price = Decimal(60_000)

    def mark(self, symbol: Symbol, at: float) -> Mark | None:
        return Mark(price=self.price, at=at, fresh_until=at)


def status_of(summary: Summary) -> Status:
    return msgspec.json.decode(summary.now(), type=Status)


async def test_status_takes_a_new_price_and_a_new_configuration_without_a_record() -> None:
    log, market = MemoryLog(), Priced()
    of_file = {"HOME": "/nonexistent", "LEVI_TELEGRAM__SOURCE": "file", "LEVI_TELEGRAM__FILE": "posts.jsonl"}
    configs = [demo_config(environ={}), load(environ=of_file)]
    open_position(log, qty="0.5", price="60000")
    async with serving(log=log) as site:
        summary = Summary(structs.replace(site.desk, configured=lambda: configs[0], market=market))
        before = status_of(summary)
        market.price = Decimal(61_000)
        dearer = status_of(summary)
        configs.reverse()
        renamed = status_of(summary)

    assert Decimal(dearer.equity) - Decimal(before.equity) == 500
    assert (dearer.mode, renamed.mode) == ("paper demo", "paper")


async def test_status_names_all_that_says_no_to_opening() -> None:
    log = MemoryLog()
    log.commit(r.Control(command="stop", by="t"))
    log.commit(r.KillSwitch(tripped=True, why="daily loss", by="risk"))
    log.commit(r.RiskState(state="REDUCING", why="disk", by="log"))
    log.commit(r.ChannelStage(stage="observe", before="paper", by="t", reason="r"))
    async with serving(log=log) as site:
        status = (await site.get("/status")).json()

    assert [gate["name"] for gate in status["says_no"]] == ["switch", "kill_switch", "risk_state", "stage"]
    assert status["opening"] is False
    assert status["stage"] == "observe"


async def test_posts_without_a_decision_are_counted() -> None:
    log = MemoryLog()
    post = Post(channel="c", message_id=1, posted_at=AT, text="t")
    log.commit(r.SignalIngest(post=post, received_at=AT, source="file"), trace=post.trace)
    async with serving(log=log) as site:
        assert (await site.get("/status")).json()["pending_posts"] == 1


@pytest.mark.parametrize(
    ("environ", "mode"),
    [
        ({"LEVI_TELEGRAM__SOURCE": "file", "LEVI_TELEGRAM__FILE": "posts.jsonl"}, "paper"),
        (
            {"LEVI_EXCHANGE__ID": "binance", "LEVI_TELEGRAM__SOURCE": "file", "LEVI_TELEGRAM__FILE": "posts.jsonl"},
            "paper on binance",
        ),
    ],
)
async def test_what_is_no_demo_is_not_called_one(environ: dict[str, str], mode: str) -> None:
    async with serving(config=load(environ={"HOME": "/nonexistent", **environ})) as site:
        assert (await site.get("/status")).json()["mode"] == mode


async def test_metrics_in_both_forms_agree() -> None:
    async with serving(config=demo_config(environ={})) as site:
        await site.get("/livez")
        as_json = (await site.get("/metrics")).json()
        prometheus = await site.get("/metrics/prom")

    (series,) = as_json["levibot_http_requests_total"]
    assert series == {"route": "/livez", "method": "GET", "code": "200", "value": 1.0}
    assert b'levibot_http_requests_total{code="200",method="GET",route="/livez"} 1.0' in prometheus.body
    assert b'levibot_http_request_latency_seconds_count{route="/livez"} 1.0' in prometheus.body
    assert prometheus.headers["Content-Type"].startswith("text/plain; version=0.0.4")


@pytest.mark.parametrize(
    ("why", "lifted_by"), [("disk", "room on the disk"), ("log_damage", "POST /risk/kill-switch"), ("rollback", "POST")]
)
async def test_status_and_risk_say_what_lifts_a_restraint(why: str, lifted_by: str) -> None:
    log = MemoryLog()
    async with serving(log=log) as site:
        assert (await site.get("/status")).json()["restraint"] is None
        log.commit(r.RiskState(state="REDUCING", why=why, by="boot"))
        for path in ("/status", "/risk"):
            restraint = (await site.get(path)).json()["restraint"]
            assert (restraint["state"], restraint["why"]) == ("REDUCING", why)
            assert lifted_by in restraint["lifted_by"]
