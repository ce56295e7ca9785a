"""The shipped scrape, alert rules and dashboard ask for what the daemon really tells."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from levibotd.admin.routes import ROUTES
from levibotd.domain.gates import GateName
from levibotd.journal import EVENTS
from levibotd.observe.metrics import HISTOGRAM, ORDER_OUTCOMES, SIGNAL_STAGES, SPECS

ROOT = Path(__file__).parents[2]
SCRAPE, ALERTS, DASHBOARD = (ROOT / "etc" / name for name in ("prometheus.yml", "alerts.yml", "grafana.json"))

# Prometheus and Grafana give these to every series; `up` is Prometheus' own metric.
GIVEN = {"job", "instance"}
VALUES = {
    "event_type": set(EVENTS),
    "gate": set(GateName),
    "outcome": set(ORDER_OUTCOMES),
    "stage": set(SIGNAL_STAGES),
    "job": {"levibotd"},
}
WORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "offset", "bool", "group_left", "group_right"}
SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\s*(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"')
GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="NO promtool HERE: apt-get install --no-install-recommends prometheus"
)


def known() -> dict[str, set[str]]:
    """Every series name there is, with its labels."""
    found: dict[str, set[str]] = {"up": set()}
    for spec in SPECS:
        if spec.kind == HISTOGRAM:
            found[f"{spec.name}_bucket"] = {*spec.labels, "le"}
            found |= {f"{spec.name}_{end}": set(spec.labels) for end in ("sum", "count")}
        else:
            found[spec.name] = set(spec.labels)
    return found


def faults(query: str) -> list[str]:
    """What a query asks for that nobody tells."""
    series = known()
    asked: set[str] = set()
    found = []
    bare = re.sub(r"\[[^\]]*\]", "", query)
    for name, matchers in SELECTOR.findall(GROUPING.sub("", bare)):
        if name not in series:
            if name.startswith("levibot_") or matchers:
                found.append(f"no metric {name}")
            continue
        asked |= series[name] | GIVEN
        for label, value in MATCHER.findall(matchers):
            if label not in series[name] | GIVEN:
                found.append(f"{name} has no label {label}")
            if label in VALUES and not value.startswith("$"):
                found += [f"{label} is never {one}" for one in value.split("|") if one not in VALUES[label]]
    for labels in GROUPING.findall(bare):
        found += [f"grouped by {label}" for label in re.findall(r"\w+", labels) if label not in asked]
    return found if asked else [*found, "no metric at all"]


def rules() -> dict[str, str]:
    """The expression of each alert, folded lines joined."""
    found = {}
    for block in ALERTS.read_text("utf-8").split("- alert: ")[1:]:
        text = re.search(r"expr: (?:>\n)?(.*?)\n        (?:for|labels):", block, re.DOTALL)
        assert text is not None, block
        found[block.split("\n", 1)[0]] = " ".join(text[1].split())
    return found


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"]:
        if panel["type"] != "row":
            yield panel["title"], panel


def queries() -> list[tuple[str, str]]:
    return [(title, target["expr"]) for title, panel in panels() for target in panel["targets"]]


@pytest.mark.parametrize("name", sorted(rules()))
def test_an_alert_asks_for_what_is_told(name: str) -> None:
    assert faults(rules()[name]) == []


@pytest.mark.parametrize(("title", "query"), queries())
def test_a_panel_asks_for_what_is_told(title: str, query: str) -> None:
    assert faults(query) == []


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("levibot_nakedness > 30", "no metric levibot_nakedness"),
        ('rate(levibot_events_total{type="BOOT"}[5m])', "levibot_events_total has no label type"),
        ('levibot_events_total{event_type="BOOTED"}', "event_type is never BOOTED"),
        ("sum by (route) (rate(levibot_events_total[5m]))", "grouped by route"),
        ("rate(levibot_loop_lag_seconds[5m])", "no metric levibot_loop_lag_seconds"),
        ("time() > 5", "no metric at all"),
    ],
)
def test_a_query_that_asks_for_something_else_is_found(query: str, fault: str) -> None:
    assert fault in faults(query)


def test_each_alert_says_how_bad_it_is_and_what_it_means() -> None:
    blocks = ALERTS.read_text("utf-8").split("- alert: ")[1:]
    assert len({block.split("\n", 1)[0] for block in blocks}) == len(blocks) > 20
    for block in blocks:
        assert "severity: page" in block or "severity: ticket" in block
        assert "summary: " in block
        for method, path in re.findall(r"\b(GET|POST) (/[\w/-]+)", block):
            assert any(route.method == method and route.template == path for route in ROUTES), path


def test_the_scrape_asks_the_route_that_answers() -> None:
    text = SCRAPE.read_text("utf-8")
    assert any(f"metrics_path: {route.template}\n" in text for route in ROUTES)
    assert 'targets: ["127.0.0.1:8000"]' in text
    assert '\nbind = "127.0.0.1:8000"' in (ROOT / "etc" / "levibotd.toml").read_text("utf-8")
    assert f"- {ALERTS.name}\n" in text


def test_the_dashboard_can_be_provisioned() -> None:
    board = json.loads(DASHBOARD.read_text("utf-8"))
    assert board["uid"] == "levibotd"
    assert "id" not in board  # Given by the Grafana that takes it.
    assert {one["name"] for one in board["templating"]["list"]} == {"datasource", "instance"}
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    for title, panel in panels():
        assert panel["datasource"]["uid"] == "${datasource}", title
        assert panel["description"], title


def test_no_two_panels_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells


def promtool(*words: str) -> str:
    done = subprocess.run(("promtool", *words), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_promtool
def test_prometheus_takes_scrape_and_rules() -> None:
    assert "SUCCESS" in promtool("check", "config", str(SCRAPE))
    assert "SUCCESS" in promtool("check", "rules", str(ALERTS))


@needs_promtool
@pytest.mark.parametrize("name", ["alerts_test.yml", "alerts_of_days_test.yml"])
def test_alerts_fire_when_they_should_and_only_then(tmp_path: Path, name: str) -> None:
    cases = tmp_path / name
    text = Path(__file__).with_name(name).read_text("utf-8")
    cases.write_text(text.replace("- ALERTS\n", f"- {ALERTS}\n"), encoding="utf-8")
    assert "SUCCESS" in promtool("test", "rules", str(cases))


@needs_promtool
def test_prometheus_can_read_the_queries_of_the_dashboard(tmp_path: Path) -> None:
    lines = ["groups:", "  - name: panels", "    rules:"]
    for number, (_, query) in enumerate(queries()):
        for variable, value in (("$__rate_interval", "5m"), ("$__range", "1h"), ("$instance", ".*")):
            query = query.replace(variable, value)
        lines += [f"      - record: panel:{number}", f"        expr: {json.dumps(query)}"]
    file = tmp_path / "panels.yml"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert "SUCCESS" in promtool("check", "rules", str(file))
