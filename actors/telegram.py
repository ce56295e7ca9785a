"""
TelegramActor: whatever a channel says is on disk before anybody acts on it.

Posts come from the posts port or over HTTP and take the same path: seen before? then nothing; else
SIGNAL_INGEST together with the source's TG_CURSOR in one durable batch, and only then on to Scorer.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from levibotd.domain.book import Revision
from levibotd.domain.copies import text_print
from levibotd.domain.records import Entry, Record, SignalIngest, TgCursor
from levibotd.domain.signal import Post, TraceId, trace_id
from levibotd.errors import Unavailable
from levibotd.kernel.actor import Actor
from levibotd.kernel.clock import Clock
from levibotd.kernel.errors import MailboxFull
from levibotd.kernel.mailbox import Ref
from levibotd.kernel.tasks import MakeCoro
from levibotd.messages import (
    Append,
    CatchUp,
    Committed,
    Ingested,
    IngestPost,
    LoggerMessage,
    PostArrived,
    PostDeleted,
    PostEdited,
    Redeliver,
    ScorerMessage,
    TelegramMessage,
)
from levibotd.ports.posts import Deleted, Edited, Posted, PostEvent, Posts

RECENT_MAX = 4096
RECENT_LENGTH_MAX = 1 << 22  # Characters of their texts.
CHANGES_MAX = 1024
COMMIT_TIMEOUT_S = 30.0
SHED_RETRY_S = 1.0
SEEN_RETRY_S = 0.5


class WorkList(Struct, frozen=True, kw_only=True):
    """
    What the log knows, as of the call: which posts were ingested, which of them wait for their decision,
    where each source goes on.

    `seen` must know every post that may be told again; of the last few thousand the actor keeps track itself.
    `revision` and `deleted` are what became of a post since, `open_text` is the print of what it said, as long as a
    call of it is open.
    """

    seen: Callable[[str, int], bool]
    pending: Callable[[], Iterable[SignalIngest]]
    cursors: Callable[[], Mapping[str, TgCursor]]
    revision: Callable[[TraceId], Revision | None] = lambda trace: None
    deleted: Callable[[TraceId], bool] = lambda trace: False
    open_text: Callable[[TraceId], str | None] = lambda trace: None


class TelegramState(Struct, kw_only=True):
    """Counts since the actor began; `shed` waits in the log alone, until Scorer has room again."""

    source: str
    ingested: int = 0
    duplicates: int = 0
    edited: int = 0
    deleted: int = 0
    redelivered: int = 0
    shed: int = 0
    shed_waiting: int = 0
    last_received_at: float | None = None


class _Known(Struct, gc=False):
    text: str
    revision: int = 0


class TelegramActor(Actor[TelegramMessage]):
    """
    Ingest each post once and hand it to Scorer.

    A restart loses nothing: cursors, ingested posts and those without a decision are read from the
    log, and the latter are handed on again before anything new. Edits and deletions are handed on until
    the log says what became of them; until then no cursor moves on, so that a source tells them again.
    """

    def __init__(
        self,
        *,
        posts: Posts,
        work: WorkList,
        scorer: Ref[ScorerMessage],
        log: Ref[LoggerMessage],
        clock: Clock,
        on_exhausted: Callable[[], None] | None = None,
    ) -> None:
        self._posts = posts
        self._work = work
        self._scorer = scorer
        self._log = log
        self._clock = clock
        self._on_exhausted = on_exhausted
        self._state = TelegramState(source=posts.name)
        # Source and handler run side by side: between "seen before?" and the commit nobody else may ask.
        self._ingesting = asyncio.Lock()
        self._recent: OrderedDict[tuple[str, int], _Known] = OrderedDict()
        self._recent_length = 0
        self._shed: dict[TraceId, None] = {}
        # The newest edit, and the deletion, of posts whose fate the log does not tell yet.
        self._changes: OrderedDict[tuple[TraceId, bool], PostEdited | PostDeleted] = OrderedDict()
        self._retrying = False

    async def on_continue(self) -> None:
        # What an earlier incarnation ingested without hearing so must be seen before the source tells it again.
        await self._log.ask(CatchUp(), timeout_s=COMMIT_TIMEOUT_S)
        await self._redeliver()

    def sources(self) -> Sequence[MakeCoro]:
        return (self._follow,)

    async def receive(self, message: TelegramMessage) -> Ingested | None:
        match message:
            case IngestPost(post=post):
                arrived = Posted(post=post, received_at=self._clock.time())
                return Ingested(trace=post.trace, fresh=await self._arrive(arrived, source="http"))
            case Redeliver():
                await self._redeliver()
                for change in self._unsettled():
                    await self._tell_change(change)
                return None

    def inspect(self) -> TelegramState:
        return replace(self._state, shed_waiting=len(self._shed))

    async def _follow(self) -> None:
        async for event in self._posts.events(self._work.cursors()):
            await self._take(event)
        if self._on_exhausted is not None:
            self._on_exhausted()

    async def _take(self, event: PostEvent) -> None:
        match event:
            case Posted():
                await self._arrive(event, source=self._posts.name)
            case Edited(post=post, received_at=received_at):
                await self._take_edit(_not_from_the_future(post, received_at), received_at)
            case Deleted():
                await self._take_deletion(event)

    async def _arrive(self, arrived: Posted, *, source: str) -> bool:
        # False: this post had been ingested before.
        post = _not_from_the_future(arrived.post, arrived.received_at)
        ingest = SignalIngest(post=post, received_at=arrived.received_at, source=source, late=arrived.late)
        async with self._ingesting:
            if await self._was_seen(post):
                await self._again(post, arrived.received_at)
                return False
            await self._commit(ingest, None if self._unsettled() else arrived.cursor)
            self._remember(post)
        self._state.ingested += 1
        self._state.last_received_at = arrived.received_at
        await self._hand_on(ingest)
        return True

    # A post that is told twice is an edit when it says something else, and nothing otherwise. Where nobody remembers
    # what it said, it is looked at again if that may still matter.
    async def _again(self, post: Post, received_at: float) -> None:
        known = (post.channel, post.message_id) in self._recent
        if known or post.edited_at is not None or self._work.open_text(post.trace) is not None:
            await self._take_edit(post, received_at)
        else:
            self._state.duplicates += 1

    async def _commit(self, ingest: SignalIngest, cursor: TgCursor | None) -> None:
        trace = ingest.post.trace
        records: tuple[Record, ...] = (ingest,) if cursor is None else (ingest, cursor)
        entries = tuple([Entry(record, trace) for record in records])
        answer = await self._log.ask(Append(trace=trace, entries=entries), timeout_s=COMMIT_TIMEOUT_S)
        if not isinstance(answer, Committed):
            raise Unavailable(f"the log did not take a post: {answer}")

    async def _hand_on(self, ingest: SignalIngest) -> bool:
        # False: Scorer has no room. The log has the post, so memory need not: it is told again from there.
        try:
            await self._scorer.tell(_arrival(ingest))
        except MailboxFull:
            self._shed_from_memory(ingest)
            return False
        if self._shed:
            self._shed.pop(ingest.post.trace, None)
        return True

    def _shed_from_memory(self, ingest: SignalIngest) -> None:
        if ingest.post.trace in self._shed:
            return
        self._state.shed += 1
        if not self._shed:
            self.start(self._retry_shed, key="shed")
        self._shed[ingest.post.trace] = None

    async def _redeliver(self) -> None:
        room = True
        for ingest in tuple(self._work.pending()):
            if room:
                self._state.redelivered += 1
                room = await self._hand_on(ingest)
            else:
                # One wait tells that Scorer is behind; nobody gains by waiting as long for each of the others.
                self._shed_from_memory(ingest)

    async def _retry_shed(self) -> None:
        while self._shed:
            await self._clock.sleep(SHED_RETRY_S)
            waiting = [ingest for ingest in self._work.pending() if ingest.post.trace in self._shed]
            self._shed = {ingest.post.trace: None for ingest in waiting}  # The others were decided meanwhile.
            for ingest in waiting:
                if not await self._hand_on(ingest):
                    break
                self._state.redelivered += 1

    # Edits and deletions.

    async def _take_edit(self, post: Post, received_at: float) -> None:
        known = self._recent.get((post.channel, post.message_id))
        logged = self._work.revision(post.trace)
        if self._says_nothing_new(post, known, logged):
            self._state.duplicates += 1
            return
        numbers = [known.revision if known is not None else 0, logged.number if logged is not None else 0]
        revision = max(numbers) + 1
        self._remember(post, revision=revision)
        self._state.edited += 1
        edit = PostEdited(trace=post.trace, post=post, received_at=received_at, revision=revision)
        await self._hand_on_change(edit, (post.trace, False))

    # Reactions and counts of views come as edits too, and so do changed links and spaces.
    def _says_nothing_new(self, post: Post, known: _Known | None, logged: Revision | None) -> bool:
        if known is not None:
            return known.text == post.text or text_print(known.text) == text_print(post.text)
        if logged is not None and post.edited_at is not None and post.edited_at < logged.at:
            return True  # A source that tells its past again, and not what the post says now.
        before = self._work.open_text(post.trace) if logged is None else logged.text
        return before is not None and before == text_print(post.text)

    async def _take_deletion(self, event: Deleted) -> None:
        trace = trace_id(event.channel, event.message_id)
        if (trace, True) in self._changes or self._work.deleted(trace):
            self._state.duplicates += 1
            return
        self._state.deleted += 1
        deletion = PostDeleted(
            trace=trace,
            channel=event.channel,
            message_id=event.message_id,
            seen_by=event.seen_by,
            received_at=event.received_at,
        )
        await self._hand_on_change(deletion, (trace, True))

    async def _hand_on_change(self, change: PostEdited | PostDeleted, key: tuple[TraceId, bool]) -> None:
        self._changes[key] = change
        self._changes.move_to_end(key)
        if len(self._changes) > CHANGES_MAX:
            self._changes.popitem(last=False)
        await self._tell_change(change)

    async def _tell_change(self, change: PostEdited | PostDeleted) -> None:
        try:
            await self._scorer.tell(change)
        except MailboxFull:
            self._state.shed += 1
            if not self._retrying:
                self._retrying = True
                self.start(self._retry_changes, key="changes")

    async def _retry_changes(self) -> None:
        while waiting := self._unsettled():
            await self._clock.sleep(SHED_RETRY_S)
            try:
                for change in waiting:
                    await self._scorer.tell(change)
                break
            except MailboxFull:
                continue
        self._retrying = False

    # Those whose fate the log does not tell; the others are forgotten.
    def _unsettled(self) -> list[PostEdited | PostDeleted]:
        if not self._changes:
            return []
        for key, change in list(self._changes.items()):
            if self._is_settled(key[0], change):
                del self._changes[key]
        return list(self._changes.values())

    def _is_settled(self, trace: TraceId, change: PostEdited | PostDeleted) -> bool:
        if isinstance(change, PostDeleted):
            return self._work.deleted(trace)
        logged = self._work.revision(trace)
        return logged is not None and logged.number >= change.revision

    # While the index is made anew nobody can say; to begin anew would not help, and a source may not tell it again.
    async def _was_seen(self, post: Post) -> bool:
        while True:
            try:
                return (post.channel, post.message_id) in self._recent or self._work.seen(post.channel, post.message_id)
            except Unavailable:
                await self._clock.sleep(SEEN_RETRY_S)

    def _remember(self, post: Post, *, revision: int = 0) -> None:
        key = (post.channel, post.message_id)
        before = self._recent.pop(key, None)
        self._recent[key] = _Known(post.text, revision)
        self._recent_length += len(post.text) - (0 if before is None else len(before.text))
        while len(self._recent) > RECENT_MAX or self._recent_length > RECENT_LENGTH_MAX:
            _, oldest = self._recent.popitem(last=False)
            self._recent_length -= len(oldest.text)


def _arrival(ingest: SignalIngest) -> PostArrived:
    return PostArrived(trace=ingest.post.trace, post=ingest.post, received_at=ingest.received_at, late=ingest.late)


def _not_from_the_future(post: Post, at: float) -> Post:
    # A clock that runs ahead must not keep a call fresh: no time of a post is later than its arrival.
    if (
        post.posted_at <= at
        and (post.edited_at is None or post.edited_at <= at)
        and (post.forwarded_at is None or post.forwarded_at <= at)
    ):
        return post
    return replace(
        post,
        posted_at=min(post.posted_at, at),
        edited_at=None if post.edited_at is None else min(post.edited_at, at),
        forwarded_at=None if post.forwarded_at is None else min(post.forwarded_at, at),
    )
