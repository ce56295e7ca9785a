"""The route table: one line per endpoint. Metrics labels and the reference pages are made from it."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from msgspec import Struct

from levibotd.admin import control, events, health, panel, risk, signals, trading
from levibotd.admin.auth import Scope

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PUBLIC, READ, CONTROL, TRADE = Scope.PUBLIC, Scope.READ, Scope.CONTROL, Scope.TRADE


class Route(Struct, frozen=True):
    """One endpoint. `scope` is the least that a key needs, where keys are configured."""

    method: str
    template: str
    handler: Handler
    scope: Scope
    summary: str


ROUTES: tuple[Route, ...] = (
    # Health.
    Route("GET", "/livez", health.get_livez, PUBLIC, "200 while the process answers"),
    Route("GET", "/readyz", health.get_readyz, PUBLIC, "200 when ready, else 503 with the reasons"),
    Route("GET", "/status", health.get_status, READ, "mode, stage, policy, what forbids opening, equity, work, counts"),
    # Control.
    Route("POST", "/start", control.post_start, CONTROL, "allow opening; ?dry_run=1 shows the plan"),
    Route("POST", "/stop", control.post_stop, CONTROL, "stop opening; survives a restart; ?dry_run=1 shows the plan"),
    Route("POST", "/flatten", control.post_flatten, TRADE, "close all of our positions; ?dry_run=1 shows the plan"),
    Route("GET", "/stage", control.get_stage, READ, "the stage, and those that may be set"),
    Route("PUT", "/stage", control.put_stage, TRADE, "set it: {stage, reason, confirm}, confirm = the stage again"),
    Route("GET", "/config", control.get_config, READ, "the configuration as it rules; secrets never stand in it"),
    Route("GET", "/actors", control.get_actors, READ, "each actor: state, restarts, mailbox, age, last error"),
    Route("GET", "/dead-letters", control.get_dead_letters, READ, "messages that nobody will handle"),
    # Risk.
    Route("GET", "/risk", risk.get_risk, READ, "limits, exposure, day anchor, kill switch"),
    Route("GET", "/risk/policy", risk.get_policy, READ, "the policy with every row and where it comes from"),
    Route("PUT", "/risk/policy", risk.put_policy, CONTROL,
          "switch the policy: {policy, reason}; only loosening needs a reason"),
    Route("GET", "/risk/kill-switch", risk.get_kill_switch, READ, "the kill switch as last set"),
    Route("POST", "/risk/kill-switch", risk.post_kill_switch, CONTROL,
          "trip or re-arm: {tripped, reason}; only re-arming needs a reason"),
    # Signals.
    Route("POST", "/signals/ingest-and-score", signals.post_ingest, TRADE,
          "ingest a post and await its decision: {text, channel, message_id?}"),
    Route("POST", "/signals/score", signals.post_score, READ, "read a post without side effects: {text, channel?}"),
    Route("GET", "/signals", signals.get_signals, READ, "posts and what became of them; ?channel&limit&cursor"),
    Route("GET", "/why/{trace_id}", events.get_why, READ, "a post's whole story, every gate with value and limit"),
    # Trading.
    Route("GET", "/positions", trading.get_positions, READ, "open positions with stop, targets and open profit"),
    Route("POST", "/positions/{id}/close", trading.post_close, TRADE, "close one position; ?dry_run=1 shows the plan"),
    Route("GET", "/orders", trading.get_orders, READ, "orders of open calls, and the newest of ended ones"),
    Route("GET", "/trades", trading.get_trades, READ, "closed positions, newest first; ?format=json|csv&limit"),
    # Events and metrics.
    Route("GET", "/events", events.get_events, READ,
          "the event log; ?trace_id&since_iso&type&symbol&order=asc|desc&limit&cursor&format=json|jsonl"),
    Route("GET", "/metrics", health.get_metrics, READ, "all metrics as JSON"),
    Route("GET", "/metrics/prom", health.get_prometheus, READ, "all metrics as Prometheus text"),
    # The page.
    Route("GET", "/", panel.get_page, PUBLIC, "the status page"),
    Route("GET", "/static/{name}", panel.get_asset, PUBLIC, "its files"),
)  # fmt: skip
