"""
The route table: one line per endpoint. Metrics labels, the reference pages and the OpenAPI document
are made from it.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web
from msgspec import Struct

from levibotd.admin import (
    actors,
    archive,
    channels,
    configuration,
    control,
    events,
    features,
    health,
    hours,
    learning,
    openapi,
    orders,
    panel,
    reports,
    risk,
    signals,
    streams,
    timeline,
    trades,
    trading,
)
from levibotd.admin.auth import Scope
from levibotd.admin.replies import CSV, EVENT_STREAM, HTML, JSON, JSONL, SVG, TEXT, Body, DryRun
from levibotd.ports.reports import MEDIA, Report
from levibotd.settings import Settings

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SWITCHING = 101  # To a websocket.
PUBLIC, READ, CONTROL, TRADE = Scope.PUBLIC, Scope.READ, Scope.CONTROL, Scope.TRADE
REPORTS = tuple(MEDIA.values())
ASKS = (409, 503, 504)  # What may come of asking an actor: it says no, it is down, its answer is late.


class Route(Struct, frozen=True):
    """
    One endpoint. `scope` is the least that a key needs, where keys are configured.

    `query`, `body` and `path` are what a client may send (`replies.read_query`, `read_body`; a parameter of the
    template that `path` does not describe is any string), `answer` is what goes out as JSON: a Struct. `media`
    are the types an answer may have, `statuses` those it may come with. `errors` are the statuses of problem
    documents that are this route's own; 400, 401, 403, 404 of a template with parameters, 405, 408, 413, 429 and
    503 are known from the rest. Where what it does may need a code of now as well, `second_factor` is set.
    """

    method: str
    template: str
    handler: Handler
    scope: Scope
    summary: str
    query: type[Body] | None = None
    body: type[Body] | None = None
    path: type[Body] | None = None
    answer: Any = None
    media: tuple[str, ...] = (JSON,)
    statuses: tuple[int, ...] = (200,)
    errors: tuple[int, ...] = ()
    second_factor: bool = False
    is_stream: bool = False  # It goes on until one side ends it.


ROUTES: tuple[Route, ...] = (
    # Health.
    Route("GET", "/livez", health.get_livez, PUBLIC, "200 while the process answers",
          answer=health.Alive),
    Route("GET", "/readyz", health.get_readyz, PUBLIC, "200 when ready, else 503 with the reasons",
          statuses=(200, 503), answer=health.Readiness),
    Route("GET", "/status", health.get_status, READ, "mode, stage, policy, what forbids opening, equity, work, counts",
          answer=health.Status),
    # Control.
    Route("POST", "/start", control.post_start, CONTROL, "allow opening; ?dry_run=1 shows the plan",
          query=DryRun, body=control.Because, errors=ASKS, answer=control.Switched, second_factor=True),
    Route("POST", "/stop", control.post_stop, CONTROL, "stop opening; survives a restart; ?dry_run=1 shows the plan",
          query=DryRun, body=control.Because, errors=ASKS, answer=control.Switched),
    Route("POST", "/flatten", control.post_flatten, TRADE, "close all of our positions; ?dry_run=1 shows the plan",
          query=DryRun, body=control.Because, errors=ASKS, answer=control.Closing),
    Route("GET", "/stage", control.get_stage, READ, "the stage, and those that may be set",
          answer=control.StageShown),
    Route("PUT", "/stage", control.put_stage, TRADE, "set it: {stage, reason, confirm}, confirm = the stage again",
          body=control.StageWanted, errors=(*ASKS, 422), answer=control.StageSet, second_factor=True),
    Route("GET", "/config", control.get_config, READ, "the configuration as it rules; secrets never stand in it",
          answer=Settings),
    Route("PUT", "/config", configuration.put_config, CONTROL,
          "put keys of [risk] over the file: {risk: {key: value, null takes it away}, reason}",
          body=configuration.RiskOverrides, errors=(*ASKS, 422), answer=configuration.ConfigChanged,
          second_factor=True),
    Route("POST", "/config/reload", configuration.post_reload, CONTROL,
          "read the file anew, as SIGHUP does: {changed, needs_restart}; one fault, and the old one stays",
          body=control.Because, errors=(*ASKS, 422), answer=configuration.ConfigChanged),
    Route("GET", "/actors", control.get_actors, READ, "each actor: state, restarts, mailbox, age, last error",
          answer=control.GroupShown),
    Route("POST", "/actors/{name}/restart", actors.post_restart, CONTROL, "let an actor or a group begin anew",
          body=control.Because, errors=ASKS, answer=actors.Restarted),
    Route("GET", "/dead-letters", control.get_dead_letters, READ, "messages that nobody will handle",
          answer=control.Letters),
    Route("POST", "/dead-letters/{id}/requeue", actors.post_requeue, CONTROL, "send a dead letter again",
          body=control.Because, path=actors.LetterId, errors=ASKS, answer=actors.Requeued),
    # Risk.
    Route("GET", "/risk", risk.get_risk, READ, "limits, exposure, day anchor, kill switch",
          answer=risk.RiskShown),
    Route("GET", "/risk/policy", risk.get_policy, READ, "the policy with every row and where it comes from",
          answer=risk.PolicyShown),
    Route("PUT", "/risk/policy", risk.put_policy, CONTROL,
          "switch the policy: {policy, reason}; only loosening needs a reason",
          body=risk.PolicyWanted, errors=(*ASKS, 422), answer=risk.PolicySet, second_factor=True),
    Route("POST", "/risk/leverage", risk.post_leverage, CONTROL,
          "cap the leverage of new calls: {leverage, reason}, null lifts it; only loosening needs a reason",
          body=risk.LeverageWanted, errors=ASKS, answer=risk.LeverageSet, second_factor=True),
    Route("GET", "/risk/kill-switch", risk.get_kill_switch, READ, "the kill switch as last set",
          answer=risk.KillSwitchShown),
    Route("POST", "/risk/kill-switch", risk.post_kill_switch, CONTROL,
          "trip or re-arm: {tripped, reason}; only re-arming needs a reason",
          body=risk.KillSwitchWanted, errors=ASKS, answer=risk.KillSwitchSet, second_factor=True),
    # Signals.
    Route("POST", "/signals/ingest-and-score", signals.post_ingest, TRADE,
          "ingest a post and await its decision: {text, channel, message_id?}",
          body=signals.IngestWanted, errors=ASKS, answer=signals.Decided),
    Route("POST", "/signals/score", signals.post_score, READ, "read a post without side effects: {text, channel?}",
          body=signals.ScoreWanted, answer=signals.ReadText),
    Route("GET", "/signals", timeline.get_signals, READ,
          "posts and what became of them; ?channel&symbol&kind&label&decision&since_iso&limit&cursor",
          query=timeline.SignalsWanted, errors=(503,), answer=timeline.Signals),
    Route("GET", "/why/{trace_id}", events.get_why, READ, "a post's whole story, every gate with value and limit",
          errors=(503,), answer=events.Story),
    # Learning.
    Route("POST", "/ml/dataset/append", learning.post_label, CONTROL,
          "keep a label: {text, label, channel?, ts?, lang?, replace?}",
          body=learning.LabelWanted, errors=(*ASKS, 422), answer=learning.LabelTaken),
    Route("GET", "/ml/dataset", learning.get_dataset, READ, "how many labels there are, by class and language",
          errors=(409, 422), answer=learning.Dataset),
    Route("GET", "/ml/queue", learning.get_queue, READ, "posts worth a label, best first, and why; ?limit",
          query=learning.QueueWanted, errors=(409,), answer=learning.Queue),
    Route("GET", "/ml/model", learning.get_model, READ,
          "the served model, its figures, the last training and past ones",
          errors=(409, 422), answer=learning.ModelShown),
    Route("POST", "/ml/retrain", learning.post_retrain, CONTROL, "begin a training now; /ml/model tells how it ended",
          statuses=(202,), errors=(*ASKS, 422), answer=learning.TrainingStarted),
    Route("POST", "/ml/rollback", learning.post_rollback, CONTROL, "serve the model before, or a kept one: {sha256?}",
          body=learning.RollbackWanted, errors=(*ASKS, 422), answer=learning.RolledBack),
    # Channels.
    Route("GET", "/channels", channels.get_channels, READ, "every channel: stage, open calls, figures, scorecard",
          answer=channels.Channels),
    Route("GET", "/channels/{id}", channels.get_channel, READ, "one of them, by number, name or alias",
          answer=channels.ChannelShown),
    Route("GET", "/channels/{id}/equity.svg", channels.get_channel_equity, READ,
          "what following it came to, in R, beside what it claims: a picture", media=(SVG,)),
    Route("GET", "/ml/reliability.svg", channels.get_reliability, READ,
          "said against seen: is p_call of the served model what it says? A picture", media=(SVG,)),
    Route("PUT", "/channels/{id}/stage", channels.put_channel_stage, TRADE,
          "set its own stage: {stage, reason, unproven?}; its calls act at the lower of this and the global one",
          body=channels.ChannelStageWanted, errors=(*ASKS, 422), answer=channels.ChannelStageSet, second_factor=True),
    # What is around calls.
    Route("GET", "/features", features.get_features, READ,
          "how channels lean, how busy they are, where prices go; the hybrid score, and why it is used or not",
          answer=features.FeaturesShown),
    # Trading.
    Route("GET", "/positions", trading.get_positions, READ, "open positions with stop, targets and open profit",
          answer=trading.Positions),
    Route("POST", "/positions/{id}/close", trading.post_close, TRADE, "close one position; ?dry_run=1 shows the plan",
          query=DryRun, body=control.Because, errors=ASKS, answer=control.Closing),
    Route("POST", "/exec/test-order", orders.post_test_order, TRADE,
          "what would be sent for {symbol, side, notional_usd}; places nothing",
          body=orders.OrderToTry, errors=ASKS, answer=orders.OrderTried),
    Route("POST", "/paper/order", orders.post_paper_order, TRADE,
          "a call of one's own, on paper: {symbol, side, notional_usd?, entry?, stop?, targets?, reason?}",
          body=orders.PaperOrderWanted, errors=ASKS, answer=signals.Decided),
    Route("GET", "/orders", trading.get_orders, READ, "orders of open calls, and the newest of ended ones",
          answer=trading.Orders),
    Route("GET", "/trades", trades.get_trades, READ,
          "closed calls, or the fills they were made of; ?rows=calls|fills&format=json|csv&order&limit&cursor",
          query=trades.TradesWanted, media=(JSON, CSV), errors=(503,), answer=trades.Trades),
    # Reports.
    Route("GET", "/reports/daily", reports.get_daily, READ, "what a day came to; ?date&format=json|csv|parquet",
          query=reports.DailyWanted, media=REPORTS, errors=(404, 409, 422, 503), answer=Report),
    Route("GET", "/reports/weekly", reports.get_weekly, READ,
          "what the seven days up to a day came to; ?end&format=json|csv|parquet",
          query=reports.WeeklyWanted, media=REPORTS, errors=(404, 409, 422, 503), answer=Report),
    # Events and metrics.
    Route("GET", "/events", events.get_events, READ,
          "the event log; ?trace_id&since_iso&type&symbol&order=asc|desc&limit&cursor&format=json|jsonl",
          query=events.EventsWanted, media=(JSON, JSONL), errors=(503,), answer=events.Events),
    Route("GET", "/events/hours", hours.get_hours, READ,
          "how many events of which type, hour by hour; ?since_iso&until_iso, without them the last day",
          query=hours.HoursWanted, errors=(503,), answer=hours.Hours),
    Route("GET", "/events/stream", streams.get_event_stream, READ,
          "the event log as server-sent events, live; ?since_seq&type&symbol&trace_id&ticket, Last-Event-ID",
          query=streams.StreamWanted, media=(EVENT_STREAM,), errors=(503,), is_stream=True),
    Route("GET", "/ws/events", streams.get_ws_events, READ,
          "the event log over a websocket, live; ?since_seq&type&symbol&trace_id&ticket",
          query=streams.StreamWanted, media=(), statuses=(SWITCHING,), errors=(503,),
          is_stream=True),
    Route("POST", "/ws/ticket", streams.post_ticket, READ,
          "a ticket for either of these two: once, within 30 s, in place of a key",
          answer=streams.TicketIssued),
    Route("GET", "/metrics", health.get_metrics, READ, "all metrics as JSON",
          answer=Mapping[str, health.Metric]),
    Route("GET", "/metrics/prom", health.get_prometheus, READ, "all metrics as Prometheus text", media=(TEXT,)),
    # What describes all of it. Not public: who has no key does not learn which routes there are.
    Route("GET", "/openapi.json", openapi.get_openapi, READ, "this interface as an OpenAPI document",
          answer=Mapping[str, object]),
    # The archive.
    Route("GET", "/archive", archive.get_archive, READ, "each day's state, bytes on this disk alone, last run and next",
          answer=archive.ArchiveShown),
    Route("POST", "/archive/run", archive.post_run, CONTROL, "begin a run now: {upload?, prune?}",
          body=archive.RunWanted, statuses=(202,), errors=(409, 503), answer=archive.RunBegun),
    # The page.
    Route("GET", "/", panel.get_page, PUBLIC, "the status page", media=(HTML,)),
    Route("GET", "/static/{name}", panel.get_asset, PUBLIC, "its files", media=panel.MEDIA),
)  # fmt: skip
