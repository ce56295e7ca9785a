"""Metrics: their names, their bounds and both ways to read them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest

from levibotd.journal import EVENTS
from levibotd.observe.metrics import COUNTER, GATES, PIECE_LINES, SERIES_MAX, SPECS, Metrics


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(version="1.2.3", git_sha="abc", branch="main", routes=("/status",), actors=("risk", "exec"))


def lines(metrics: Metrics, start: str) -> list[str]:
    return [line for line in metrics.render().decode().splitlines() if line.startswith(start)]


def test_every_metric_of_the_reference_is_rendered_once(metrics: Metrics) -> None:
    text = metrics.render().decode()

    declared = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert sorted(declared) == sorted(spec.name for spec in SPECS)


def test_names_follow_the_conventions() -> None:
    for spec in SPECS:
        assert spec.name.startswith("levibot_")
        assert spec.name.endswith("_total") == (spec.kind == COUNTER)
        assert spec.help.endswith(".")


def test_what_was_counted_stands_in_the_text(metrics: Metrics) -> None:
    metrics.http_requests.of("/status", "GET", "200").inc()
    metrics.decisions.of("SIGNAL_REJECTED", "cooldown").inc(2)
    metrics.equity.set(10_050.5)

    assert lines(metrics, "levibot_http_requests") == [
        'levibot_http_requests_total{code="200",method="GET",route="/status"} 1.0'
    ]
    assert lines(metrics, "levibot_decisions") == [
        'levibot_decisions_total{event_type="SIGNAL_REJECTED",gate="cooldown"} 2.0'
    ]
    assert lines(metrics, "levibot_equity") == ["levibot_equity 10050.5"]
    assert lines(metrics, "levibot_build_info") == [
        'levibot_build_info{branch="main",git_sha="abc",version="1.2.3"} 1.0'
    ]


def test_there_are_no_created_series(metrics: Metrics) -> None:
    metrics.mailbox_wait.of("risk").observe(0.1)

    assert b"_created" not in metrics.render()


@pytest.mark.parametrize("foreign", ["/admin/../../etc", "A" * 10_000, "", "риск", "x\ny"])
def test_a_value_outside_its_set_is_other(metrics: Metrics, foreign: str) -> None:
    metrics.http_requests.of(foreign, foreign, foreign).inc()
    metrics.actor_restarts.of(foreign).inc()
    metrics.events.of(foreign).inc()

    assert lines(metrics, "levibot_http_requests") == [
        'levibot_http_requests_total{code="other",method="other",route="other"} 1.0'
    ]
    assert lines(metrics, "levibot_actor_restarts") == ['levibot_actor_restarts_total{actor="other"} 1.0']
    assert lines(metrics, "levibot_events_total") == ['levibot_events_total{event_type="other"} 1.0']


@given(gates=st.lists(st.sampled_from(GATES) | st.text(), max_size=20))
def test_a_family_counts_everything_and_never_fails(gates: list[str]) -> None:
    metrics = Metrics(version="1")

    for gate in gates:
        metrics.decisions.of("SIGNAL_REJECTED", gate).inc()

    assert sum(float(line.rsplit(" ", 1)[1]) for line in lines(metrics, "levibot_decisions")) == len(gates)


def test_many_words_make_a_bounded_number_of_series(metrics: Metrics) -> None:
    for number in range(10 * SERIES_MAX):
        metrics.dead_letters.of(f"reason_{number}").inc()

    series = lines(metrics, "levibot_dead_letters")
    assert len(series) == SERIES_MAX + 1
    assert sum(float(line.rsplit(" ", 1)[1]) for line in series) == 10 * SERIES_MAX


def test_a_child_is_kept(metrics: Metrics) -> None:
    assert metrics.mailbox_depth.of("risk") is metrics.mailbox_depth.of("risk")


def test_json_has_numbers_series_and_histograms(metrics: Metrics) -> None:
    metrics.log_shed.inc(3)
    metrics.mailbox_depth.of("risk").set(7)
    metrics.signal_latency.of("score").observe(0.25)
    metrics.loop_lag.observe(0.5)

    found: dict[str, Any] = json.loads(json.dumps(metrics.as_json()))

    assert set(found) == {spec.name for spec in SPECS}
    assert found["levibot_log_shed_total"] == 3
    assert found["levibot_mailbox_depth"] == [{"actor": "risk", "value": 7}]
    assert found["levibot_signal_latency_seconds"] == [{"stage": "score", "count": 1, "sum": 0.25}]
    assert found["levibot_loop_lag_seconds"] == {"count": 1, "sum": 0.5}
    assert found["levibot_actor_restarts_total"] == []


def test_two_daemons_in_one_process_count_apart() -> None:
    one, two = Metrics(version="1"), Metrics(version="2")

    one.log_shed.inc()

    assert two.as_json()["levibot_log_shed_total"] == 0


def test_the_process_is_sampled(metrics: Metrics) -> None:
    metrics.sample_process(tasks=12)

    found = metrics.as_json()
    assert found["levibot_tasks"] == 12
    assert found["levibot_open_fds"] >= 0
    assert found["levibot_threads"] >= 0


def test_its_pieces_are_what_the_library_would_write(metrics: Metrics) -> None:
    for number, route in enumerate(("/status", "/signals/{id}")):
        metrics.http_requests.of(route, "GET", "200").inc(number + 0.5)
        metrics.http_latency.of(route).observe(0.003)
    odd = Metrics(version='1 "quoted" \\ back\nline', routes=(), actors=())

    for each in (metrics, odd):
        assert each.render() == generate_latest(each._registry)


def test_no_piece_is_long(metrics: Metrics) -> None:
    for actor in ("exec", "risk", "scorer"):
        metrics.mailbox_wait.of(actor).observe(1.0)
    for event_type in EVENTS:
        metrics.events.of(event_type).inc()

    pieces = list(metrics.pieces())

    assert max(piece.count(b"\n") for piece in pieces) <= PIECE_LINES
    assert len(pieces) > len(SPECS)
