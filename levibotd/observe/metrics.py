"""
What the daemon counts and measures, in a registry of its own, for Prometheus and as JSON.

Label values come from closed sets; a value outside its set, and whatever comes after the
most series a family may have, is counted as `other`: no text from outside makes a series.
Children are kept, because finding one by its labels costs four times what counting does.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

from levibotd.domain.amendments import REVIEWS
from levibotd.domain.gates import GateName
from levibotd.domain.signal import NO_TRADE, Kind
from levibotd.journal import EVENTS

OTHER = "other"
SERIES_MAX = 256  # Per family.
PIECE_LINES = 200

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
ORDER_OUTCOMES = ("filled", "cancelled", "rejected", "expired", "abandoned")
SIGNAL_STAGES = ("ingest", "score", "risk", "intent", "sent", "acked")
# What can end a post: a gate, a kind that is no call, a command that changed nothing; "" where none did.
GATES = (
    "", *GateName, *(f"kind.{kind}" for kind in Kind), f"label.{NO_TRADE}", "call.over", "no_change",
    *(f"review.{why}" for why in REVIEWS),
)  # fmt: skip
FOLDS = ("followed", "to_compare", "on_cards", "without_end", "heard")
VENUES = ("paper", "binance-spot", "binance-usdm", "bybit-linear")

COUNTER = "counter"
GAUGE = "gauge"
HISTOGRAM = "histogram"


class Spec(NamedTuple):
    """One metric, as the reference shows it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str


SPECS = (
    Spec("levibot_http_requests_total", COUNTER, ("route", "method", "code"), "Requests answered."),
    Spec("levibot_events_total", COUNTER, ("event_type",), "Records committed to the event log."),
    Spec("levibot_decisions_total", COUNTER, ("event_type", "gate"), "Posts decided, by the gate that closed."),
    Spec("levibot_orders_total", COUNTER, ("venue", "outcome"), "Orders that reached their end."),
    Spec("levibot_tg_reconnects_total", COUNTER, (), "Times the source of posts was lost and found again."),
    Spec("levibot_tg_gap_total", COUNTER, (), "Holes seen in the message ids of a channel."),
    Spec("levibot_actor_restarts_total", COUNTER, ("actor",), "Restarts after a crash."),
    Spec("levibot_dead_letters_total", COUNTER, ("reason",), "Messages that nobody handled."),
    Spec("levibot_http_connections_dropped_total", COUNTER, (), "Connections closed because there were too many."),
    Spec("levibot_http_streams_cut_total", COUNTER, ("reason",), "Streams of events ended for the client's sake."),
    Spec("levibot_log_shed_total", COUNTER, (), "Sheddable records that were not written."),
    Spec("levibot_build_info", GAUGE, ("version", "git_sha", "branch"), "Always 1; the labels say what runs."),
    Spec("levibot_command_bursts_total", COUNTER, (), "Bursts of a channel's commands: only protection was granted."),
    Spec("levibot_ready", GAUGE, (), "1 while /readyz says so."),
    Spec("levibot_ledger_contradictions", GAUGE, (), "Records that cannot follow what was known, unknown fills."),
    Spec("levibot_remembered", GAUGE, ("fold",), "Entries of what is remembered by count."),
    Spec(
        "levibot_forgotten", GAUGE, ("fold",), "Entries that made room for others; of cards they stay in its sums."
    ),
    Spec("levibot_log_disk_state", GAUGE, (), "0 ok, 1 low, 2 reducing (nothing is opened), 3 halted (was full)."),
    Spec("levibot_equity", GAUGE, (), "Equity of the account, in quote."),
    Spec("levibot_daily_pnl", GAUGE, (), "Equity above the day's anchor, in quote."),
    Spec("levibot_open_positions", GAUGE, (), "Positions of ours that are not flat."),
    Spec("levibot_order_unknown", GAUGE, (), "Orders whose answer was lost and that are not resolved."),
    Spec("levibot_naked_seconds", GAUGE, (), "Age of our oldest unprotected position; 0 = none."),
    Spec("levibot_kill_switch", GAUGE, (), "1 while tripped."),
    Spec("levibot_risk_state", GAUGE, (), "0 ACTIVE, 1 REDUCING, 2 HALTED."),
    Spec("levibot_tg_last_message_ts", GAUGE, (), "When the last post arrived, unix seconds."),
    Spec("levibot_tg_last_score_ok_ts", GAUGE, (), "When the last post was scored, unix seconds."),
    Spec("levibot_mailbox_depth", GAUGE, ("actor",), "Messages that wait."),
    Spec("levibot_archive_unverified_bytes", GAUGE, (), "Of days that are over: bytes of the log on this disk alone."),
    Spec("levibot_model_brier", GAUGE, (), "Brier score of the served model on held-out channels, by its card."),
    Spec("levibot_model_ece", GAUGE, (), "Calibration error of the served model on held-out channels, by its card."),
    Spec("levibot_model_psi", GAUGE, (), "Drift of p(actionable) over the last 2000 posts; above 0.25: other posts."),
    Spec("levibot_http_limits_spare", GAUGE, (), "1 while rate limits are counted here alone: the store is silent."),
    Spec("levibot_http_streams", GAUGE, (), "Streams of events that are open."),
    Spec("levibot_open_fds", GAUGE, (), "Open file descriptors."),
    Spec("levibot_tasks", GAUGE, (), "Tasks of the event loop."),
    Spec("levibot_threads", GAUGE, (), "Threads of the process."),
    Spec("levibot_http_request_latency_seconds", HISTOGRAM, ("route",), "From request to answer."),
    Spec("levibot_signal_latency_seconds", HISTOGRAM, ("stage",), "From the arrival of a post to this stage."),
    Spec("levibot_naked_window_seconds", HISTOGRAM, (), "First fill to acknowledged stop, windows that ended."),
    Spec("levibot_mailbox_wait_seconds", HISTOGRAM, ("actor",), "Age of the oldest waiting message, sampled."),
    Spec("levibot_loop_lag_seconds", HISTOGRAM, (), "How late the event loop woke up."),
    Spec("levibot_log_commit_seconds", HISTOGRAM, (), "Handing over a batch to its being on disk."),
)

_BUCKETS = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# Reasons are words of ours; anything that does not look like one came from outside.
_WORD = re.compile(r"[a-z][a-z0-9_.:-]{0,39}")

M = TypeVar("M", Counter, Gauge, Histogram)


class Family(Generic[M]):
    """One metric and its children. `of` never fails and never makes a series of a foreign value."""

    def __init__(self, metric: M, *, allowed: tuple[Callable[[str], bool], ...]) -> None:
        self._metric: M = metric
        self._allowed = allowed
        self._children: dict[tuple[str, ...], M] = {}

    def of(self, *values: str) -> M:
        """Return the child for these label values, in the order of the metric's labels."""
        child = self._children.get(values)
        return child if child is not None else self._found(values)

    def _found(self, values: tuple[str, ...]) -> M:
        known = tuple(value if allows(value) else OTHER for value, allows in zip(values, self._allowed, strict=True))
        if known not in self._children and len(self._children) >= SERIES_MAX:
            known = (OTHER,) * len(values)
        child = self._children.get(known)
        if child is None:
            child = self._metric.labels(*known) if known else self._metric
            self._children[known] = child
        return child


class Metrics:
    """
    Every metric of the daemon. One object a process; give it to whoever counts.

    `routes` are the templates of the HTTP interface and `actors` the names in the tree: the label
    values that are known only when the parts are wired.
    """

    def __init__(
        self,
        *,
        version: str,
        git_sha: str = "unknown",
        branch: str = "unknown",
        routes: Iterable[str] = (),
        actors: Iterable[str] = (),
    ) -> None:
        disable_created_metrics()
        self._registry = CollectorRegistry(auto_describe=True)
        self._allowed = _closed_sets(routes=routes, actors=actors)
        self.http_requests = self._family(Counter, "levibot_http_requests_total")
        self.events = self._family(Counter, "levibot_events_total")
        self.decisions = self._family(Counter, "levibot_decisions_total")
        self.orders = self._family(Counter, "levibot_orders_total")
        self.tg_reconnects = self._family(Counter, "levibot_tg_reconnects_total").of()
        self.tg_gap = self._family(Counter, "levibot_tg_gap_total").of()
        self.actor_restarts = self._family(Counter, "levibot_actor_restarts_total")
        self.dead_letters = self._family(Counter, "levibot_dead_letters_total")
        self.http_connections_dropped = self._family(Counter, "levibot_http_connections_dropped_total").of()
        self.http_streams_cut = self._family(Counter, "levibot_http_streams_cut_total")
        self.command_bursts = self._family(Counter, "levibot_command_bursts_total").of()
        self.log_shed = self._family(Counter, "levibot_log_shed_total").of()
        self.ready = self._family(Gauge, "levibot_ready").of()
        self.ledger_contradictions = self._family(Gauge, "levibot_ledger_contradictions").of()
        self.remembered = self._family(Gauge, "levibot_remembered")
        self.forgotten = self._family(Gauge, "levibot_forgotten")
        self.log_disk_state = self._family(Gauge, "levibot_log_disk_state").of()
        self.equity = self._family(Gauge, "levibot_equity").of()
        self.daily_pnl = self._family(Gauge, "levibot_daily_pnl").of()
        self.open_positions = self._family(Gauge, "levibot_open_positions").of()
        self.order_unknown = self._family(Gauge, "levibot_order_unknown").of()
        self.naked = self._family(Gauge, "levibot_naked_seconds").of()
        self.kill_switch = self._family(Gauge, "levibot_kill_switch").of()
        self.risk_state = self._family(Gauge, "levibot_risk_state").of()
        self.tg_last_message = self._family(Gauge, "levibot_tg_last_message_ts").of()
        self.tg_last_score_ok = self._family(Gauge, "levibot_tg_last_score_ok_ts").of()
        self.mailbox_depth = self._family(Gauge, "levibot_mailbox_depth")
        self.archive_unverified = self._family(Gauge, "levibot_archive_unverified_bytes").of()
        self.model_brier = self._family(Gauge, "levibot_model_brier").of()
        self.model_ece = self._family(Gauge, "levibot_model_ece").of()
        self.model_psi = self._family(Gauge, "levibot_model_psi").of()
        self.http_limits_spare = self._family(Gauge, "levibot_http_limits_spare").of()
        self.http_streams = self._family(Gauge, "levibot_http_streams").of()
        self.open_fds = self._family(Gauge, "levibot_open_fds").of()
        self.tasks = self._family(Gauge, "levibot_tasks").of()
        self.threads = self._family(Gauge, "levibot_threads").of()
        self.http_latency = self._family(Histogram, "levibot_http_request_latency_seconds")
        self.signal_latency = self._family(Histogram, "levibot_signal_latency_seconds")
        self.naked_window = self._family(Histogram, "levibot_naked_window_seconds").of()
        self.mailbox_wait = self._family(Histogram, "levibot_mailbox_wait_seconds")
        self.loop_lag = self._family(Histogram, "levibot_loop_lag_seconds").of()
        self.log_commit = self._family(Histogram, "levibot_log_commit_seconds").of()
        self._family(Gauge, "levibot_build_info").of(version, git_sha, branch).set(1)

    def sample_process(self, *, tasks: int) -> None:
        """Take what the system knows of this process: descriptors and threads; `tasks` the loop knows."""
        self.tasks.set(tasks)
        for gauge, directory in ((self.open_fds, Path("/proc/self/fd")), (self.threads, Path("/proc/self/task"))):
            if directory.is_dir():
                gauge.set(len(os.listdir(directory)))

    def render(self) -> bytes:
        """Return the Prometheus text. It takes milliseconds: the loop takes it in `pieces`."""
        return b"".join(self.pieces())

    def pieces(self) -> Iterator[bytes]:
        """
        Yield the Prometheus text in pieces of a millisecond or two, so that others have their turn between them.

        A thread would help nobody: it holds the interpreter for five milliseconds at a time.
        """
        for metric in self._registry.collect():
            name = f"{metric.name}_total" if metric.type == COUNTER else metric.name
            yield f"# HELP {name} {metric.documentation}\n# TYPE {name} {metric.type}\n".encode()
            for place in range(0, len(metric.samples), PIECE_LINES):
                yield "".join(map(_line, metric.samples[place : place + PIECE_LINES])).encode()

    def as_json(self) -> dict[str, Any]:
        """Return each metric by name: a number, or a list of series with their labels; histograms as count and sum."""
        found: dict[str, Any] = {}
        for metric in self._registry.collect():
            spec = _SPEC_OF[metric.name]
            series: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
            for sample in metric.samples:
                field = sample.name.removeprefix(metric.name).lstrip("_")
                if field != "bucket":
                    labels = tuple(sample.labels.items())
                    series.setdefault(labels, {})[field if spec.kind == HISTOGRAM else "value"] = sample.value
            values = [{**dict(labels), **value} for labels, value in series.items()]
            found[spec.name] = values if spec.labels else values[0].get("value", values[0])
        return found

    def _family(self, kind: type[M], name: str) -> Family[M]:
        spec = _SPEC_OF[name.removesuffix("_total")]
        options: dict[str, Any] = {"buckets": _BUCKETS} if spec.kind == HISTOGRAM else {}
        metric = kind(name, spec.help, spec.labels, registry=self._registry, **options)
        return Family(metric, allowed=tuple(self._allowed[label] for label in spec.labels))


_SPEC_OF = {spec.name.removesuffix("_total"): spec for spec in SPECS}


def _closed_sets(*, routes: Iterable[str], actors: Iterable[str]) -> Mapping[str, Callable[[str], bool]]:
    return {
        "route": frozenset(routes).__contains__,
        "actor": frozenset(actors).__contains__,
        "event_type": frozenset(EVENTS).__contains__,
        "method": frozenset(METHODS).__contains__,
        "code": lambda code: len(code) == 3 and code.isascii() and code.isdigit(),
        "outcome": frozenset(ORDER_OUTCOMES).__contains__,
        "stage": frozenset(SIGNAL_STAGES).__contains__,
        "venue": frozenset(VENUES).__contains__,
        "fold": frozenset(FOLDS).__contains__,
        "gate": frozenset(GATES).__contains__,
        "reason": _is_word,
        **dict.fromkeys(("version", "git_sha", "branch"), lambda value: len(value) <= 64),
    }


def _line(sample: Sample) -> str:
    value = floatToGoString(sample.value)
    if not sample.labels:
        return f"{sample.name} {value}\n"
    labels = ",".join([f'{name}="{_escaped(label)}"' for name, label in sorted(sample.labels.items())])
    return f"{sample.name}{{{labels}}} {value}\n"


def _escaped(label: str) -> str:
    if label.isalnum():
        return label
    return label.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _is_word(value: str) -> bool:
    return _WORD.fullmatch(value) is not None
