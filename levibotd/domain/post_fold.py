"""
What the records of posts do to the state: what waits for its decision, what was said since, how far each source is.

Called by `fold.py` alone.
"""

from collections.abc import Callable
from typing import Any

from levibotd.domain import records
from levibotd.domain.book import PendingPost, Revision, State
from levibotd.domain.copies import text_print
from levibotd.domain.posted_stops import note_stops
from levibotd.domain.records import Entry, Record
from levibotd.domain.remembering import remember

DECIDED_MAX = 16_384  # Posts whose decision is remembered, so that a second one is seen.
REVISIONS_MAX = 16_384  # Edited posts whose last text is known.


def _ingested(state: State, entry: Entry, record: records.SignalIngest) -> None:
    trace = entry.trace or record.post.trace
    if trace not in state.pending and trace not in state.decided:
        state.pending[trace] = PendingPost(ingest=record, text=record.post.text)


def _edited(state: State, entry: Entry, record: records.SignalEdited) -> None:
    if entry.trace is None:
        return
    known = state.revisions.get(entry.trace)
    if known is None or record.revision > known.number:
        revision = Revision(number=record.revision, text=text_print(record.text), at=record.edited_at)
        remember(state.revisions, entry.trace, revision, limit=REVISIONS_MAX)
    post = state.pending.get(entry.trace)
    if post is not None and record.revision > post.revision:
        post.revision = record.revision
        post.text = record.text
        post.edited_at = record.edited_at


def _deleted(state: State, entry: Entry, record: records.SignalDeleted) -> None:
    if entry.trace is not None:
        remember(state.deleted, entry.trace, None, limit=REVISIONS_MAX)


def _decided(state: State, entry: Entry, record: Record) -> None:
    if entry.trace is not None:
        state.pending.pop(entry.trace, None)
        state.control.call_caps.pop(entry.trace, None)
        remember(state.decided, entry.trace, _TERMINAL[type(record)], limit=DECIDED_MAX)


def _scored(state: State, entry: Entry, record: records.SignalScored) -> None:
    note_stops(state.stop_distances, record)


def _cursor(state: State, entry: Entry, record: records.TgCursor) -> None:
    state.cursors[record.channel] = record


_TERMINAL: dict[type[Record], str] = {
    records.AutoRouteSkipped: "AUTO_ROUTE_SKIPPED",
    records.SignalExpired: "SIGNAL_EXPIRED",
    records.SignalRejected: "SIGNAL_REJECTED",
    records.AutoRouteDryrun: "AUTO_ROUTE_DRYRUN",
    records.AutoRouteExecuted: "AUTO_ROUTE_EXECUTED",
}

CHANGES: dict[type[Record], Callable[[State, Entry, Any], None]] = {
    **dict.fromkeys(_TERMINAL, _decided),
    records.SignalIngest: _ingested,
    records.SignalEdited: _edited,
    records.SignalDeleted: _deleted,
    records.SignalScored: _scored,
    records.TgCursor: _cursor,
}
