"""Whatever a channel says is on disk once, before Scorer hears of it, and never lost."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random

import pytest

from actors.telegram import RECENT_LENGTH_MAX, TelegramActor, TelegramState, WorkList
from levibotd.domain.book import Revision
from levibotd.domain.copies import text_print
from levibotd.domain.records import Entry, Record, SignalIngest, TgCursor
from levibotd.domain.signal import Post, TraceId, trace_id
from levibotd.errors import Unavailable
from levibotd.kernel.actor import Actor
from levibotd.kernel.clock import Clock
from levibotd.kernel.mailbox import BLOCK, Box, Ref, Rejected
from levibotd.kernel.supervisor import Child, Group, System
from levibotd.kernel.virtual_time import EPOCH
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
from levibotd.ports.posts import Deleted, Edited, Posted, PostEvent
from levibotd.sim.scripted_posts import ScriptedPosts


class Disk:
    """What survives a crash: the batches a log committed, and what a fold over them knows."""

    def __init__(self) -> None:
        self.batches: list[tuple[Entry, ...]] = []
        self.decided: set[TraceId] = set()
        self.revisions: dict[TraceId, Revision] = {}  # What became of edits, as somebody behind Scorer wrote it.
        self.deleted: set[TraceId] = set()
        self.open_: dict[TraceId, str] = {}  # What posts said of which a call is open.
        self.refuse_next = 0
        self.cannot_tell = 0  # So often nobody can say whether a post was seen.
        self.powered = True

    def records(self, kind: type[Record]) -> list[Record]:
        return [entry.record for batch in self.batches for entry in batch if isinstance(entry.record, kind)]

    def ingests(self) -> list[SignalIngest]:
        return [record for record in self.records(SignalIngest) if isinstance(record, SignalIngest)]

    def cursors(self) -> dict[str, TgCursor]:
        return {record.channel: record for record in self.records(TgCursor) if isinstance(record, TgCursor)}

    def pending(self) -> Sequence[SignalIngest]:
        return [ingest for ingest in self.ingests() if ingest.post.trace not in self.decided]

    def seen(self, channel: str, message_id: int) -> bool:
        if self.cannot_tell:
            self.cannot_tell -= 1
            raise Unavailable("the event index is made anew")
        return trace_id(channel, message_id) in {ingest.post.trace for ingest in self.ingests()}


class SlowLog(Actor[LoggerMessage]):
    """Commits each batch after a while, or refuses it."""

    def __init__(self, disk: Disk, *, clock: Clock, commit_s: float) -> None:
        self._disk = disk
        self._clock = clock
        self._commit_s = commit_s

    async def receive(self, message: LoggerMessage) -> Committed | Rejected:
        if isinstance(message, CatchUp):
            return Committed(first_seq=0, last_seq=len(self._disk.batches))
        assert isinstance(message, Append)
        await self._clock.sleep(self._commit_s)
        if not self._disk.powered:
            return Rejected("no power")
        if self._disk.refuse_next:
            self._disk.refuse_next -= 1
            return Rejected("no space")
        self._disk.batches.append(message.entries)
        return Committed(first_seq=1, last_seq=len(self._disk.batches))


class Listener(Actor[ScorerMessage]):
    """Keeps what it is told, and whether it was on disk then."""

    def __init__(self, bench: "Bench") -> None:
        self._bench = bench

    async def receive(self, message: ScorerMessage) -> None:
        if not isinstance(message, PostArrived):
            self._bench.changes.append(message)
            return
        self._bench.told.append(message)
        self._bench.on_disk.append(self._bench.disk.seen(message.post.channel, message.post.message_id))
        await self._bench.clock.sleep(self._bench.scorer_s)


class Bench:
    """TelegramActor between a source, a log and somebody who listens, on one disk."""

    def __init__(self, clock: Clock, *, disk: Disk | None = None, posts: ScriptedPosts | None = None) -> None:
        self.clock = clock
        self.disk = Disk() if disk is None else disk
        self.posts = ScriptedPosts(clock=clock) if posts is None else posts
        self.told: list[PostArrived] = []
        self.changes: list[PostEdited | PostDeleted] = []
        self.on_disk: list[bool] = []
        self.exhausted = 0
        self.commit_s = 0.01
        self.scorer_s = 0.0
        self.scorer_box = Box(1024, BLOCK, for_s=1.0)
        self.ref: Ref[TelegramMessage] = Ref("telegram", Box(64))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[System]:
        log: Ref[LoggerMessage] = Ref("log", Box(8192))
        scorer: Ref[ScorerMessage] = Ref("scorer", self.scorer_box)

        def telegram() -> TelegramActor:
            return TelegramActor(
                posts=self.posts,
                work=WorkList(
                    seen=self.disk.seen,
                    pending=self.disk.pending,
                    cursors=self.disk.cursors,
                    revision=self.disk.revisions.get,
                    deleted=self.disk.deleted.__contains__,
                    open_text=self.disk.open_.get,
                ),
                scorer=scorer,
                log=log,
                clock=self.clock,
                on_exhausted=self._count_exhausted,
            )

        children = (
            Child(log, make=lambda: SlowLog(self.disk, clock=self.clock, commit_s=self.commit_s)),
            Child(scorer, make=lambda: Listener(self)),
            Child(self.ref, make=telegram, waits_on=(log, scorer)),
        )
        system = System(Group("root", children=children), clock=self.clock, on_event=lambda event: None, rng=Random(1))
        await system.start()
        try:
            yield system
        finally:
            await system.stop()

    async def state(self, system: System) -> TelegramState:
        state = await system.inspect("telegram", timeout_s=5.0)
        assert isinstance(state, TelegramState)
        return state

    def numbers(self) -> list[int]:
        return [message.post.message_id for message in self.told]

    def _count_exhausted(self) -> None:
        self.exhausted += 1


MakeBench = Callable[..., Bench]


@pytest.fixture
def make_bench(clock: Clock) -> MakeBench:
    return lambda **kwargs: Bench(clock, **kwargs)


@pytest.fixture
def bench(make_bench: MakeBench) -> Bench:
    return make_bench()


def post(number: int = 1, text: str = "BTC long", *, channel: str = "tg:1", at: float = EPOCH) -> Post:
    return Post(channel=channel, message_id=number, posted_at=at, text=text)


def posted(number: int = 1, text: str = "BTC long", *, at: float = EPOCH, channel: str = "tg:1") -> Posted:
    cursor = TgCursor(channel=channel, upto=number)
    return Posted(post=post(number, text, at=at, channel=channel), received_at=at, cursor=cursor)


async def test_a_post_and_its_cursor_are_committed_in_one_batch(bench: Bench, clock: Clock) -> None:
    bench.posts.say(posted(7))
    async with bench.running():
        await clock.sleep(1.0)

    ingest = SignalIngest(post=post(7), received_at=EPOCH, source="telethon")
    trace = post(7).trace
    assert bench.disk.batches == [(Entry(ingest, trace), Entry(TgCursor(channel="tg:1", upto=7), trace))]
    assert bench.told == [PostArrived(trace=trace, post=post(7), received_at=EPOCH)]


async def test_nothing_is_told_before_it_is_on_disk(bench: Bench, clock: Clock) -> None:
    bench.commit_s = 5.0
    bench.posts.say(*(posted(number) for number in range(20)))
    async with bench.running():
        await clock.sleep(4.0)
        assert bench.told == []
        await clock.sleep(200.0)

    assert bench.numbers() == list(range(20))
    assert all(bench.on_disk)


async def test_numbers_that_arrive_out_of_order_are_not_lost(bench: Bench, clock: Clock) -> None:
    bench.posts.say(posted(9), posted(3), posted(10), posted(1))
    async with bench.running():
        await clock.sleep(1.0)

    assert bench.numbers() == [9, 3, 10, 1]


@pytest.mark.fault("A15")
async def test_a_post_told_a_hundred_times_and_sent_again_over_http_is_one_post(bench: Bench, clock: Clock) -> None:
    bench.posts.say(*(posted(7) for _ in range(100)))
    async with bench.running() as system:
        await clock.sleep(1.0)
        answers = [await bench.ref.ask(IngestPost(post=post(7)), timeout_s=5.0) for _ in range(3)]
        state = await bench.state(system)

    assert len(bench.disk.ingests()) == 1
    assert bench.numbers() == [7]
    assert answers == [Ingested(trace=post(7).trace, fresh=False)] * 3
    assert state.duplicates == 102


@pytest.mark.fault("A15")
async def test_while_nobody_can_say_whether_a_post_was_seen_it_waits_and_nothing_ends(
    bench: Bench, clock: Clock
) -> None:
    bench.disk.cannot_tell = 8
    bench.posts.say(posted(7), posted(7), posted(8))
    async with bench.running() as system:
        await clock.sleep(20.0)
        assert system.all_running()

    assert bench.disk.cannot_tell == 0
    assert [ingest.post.message_id for ingest in bench.disk.ingests()] == [7, 8]


async def test_a_forwarded_copy_is_a_post_of_its_own_and_again_only_one(bench: Bench, clock: Clock) -> None:
    bench.posts.say(posted(7), *(posted(7, channel="tg:2") for _ in range(10)), posted(7))
    async with bench.running():
        await clock.sleep(1.0)

    assert [(each.post.channel, each.post.message_id) for each in bench.disk.ingests()] == [("tg:1", 7), ("tg:2", 7)]
    assert len({message.trace for message in bench.told}) == len(bench.told) == 2


@pytest.mark.fault("A15")
async def test_an_http_retry_while_the_first_is_being_committed_is_no_second_post(bench: Bench, clock: Clock) -> None:
    bench.commit_s = 2.0
    bench.posts.say(posted(7))
    async with bench.running():
        await clock.sleep(1.0)  # The source's copy is under way.
        answer = await bench.ref.ask(IngestPost(post=post(7)), timeout_s=5.0)

    assert answer == Ingested(trace=post(7).trace, fresh=False)
    assert len(bench.disk.ingests()) == 1
    assert bench.numbers() == [7]


async def test_a_post_over_http_takes_the_same_path_without_a_cursor(bench: Bench, clock: Clock) -> None:
    async with bench.running():
        await clock.sleep(3.0)
        answer = await bench.ref.ask(IngestPost(post=post(7)), timeout_s=5.0)

    assert answer == Ingested(trace=post(7).trace, fresh=True)
    ingest = SignalIngest(post=post(7), received_at=EPOCH + 3.0, source="http")
    assert bench.disk.batches == [(Entry(ingest, post(7).trace),)]
    assert bench.numbers() == [7]


@pytest.mark.fault("A15")
async def test_a_post_ingested_before_a_restart_is_known_after_it(make_bench: MakeBench, clock: Clock) -> None:
    first = make_bench()
    first.posts.say(posted(7))
    async with first.running():
        await clock.sleep(1.0)
    first.disk.decided.add(post(7).trace)

    second = make_bench(disk=first.disk)
    second.posts.say(Posted(post=post(7), received_at=EPOCH + 60.0))
    async with second.running():
        await clock.sleep(100.0)
        answer = await second.ref.ask(IngestPost(post=post(7)), timeout_s=5.0)

    assert answer.fresh is False
    assert len(second.disk.ingests()) == 1
    assert second.told == []


@pytest.mark.fault("E3")
async def test_posts_without_a_decision_are_handed_on_again_before_anything_new(
    make_bench: MakeBench, clock: Clock
) -> None:
    first = make_bench()
    first.posts.say(*(posted(number) for number in range(5)))
    async with first.running():
        await clock.sleep(1.0)
    first.disk.decided |= {post(number).trace for number in (0, 3)}  # Killed before the others were decided.

    second = make_bench(disk=first.disk)
    second.posts.say(posted(8, at=clock.time()))
    async with second.running() as system:
        await clock.sleep(1.0)
        state = await second.state(system)

    assert second.numbers() == [1, 2, 4, 8]
    assert [message.trace for message in second.told[:3]] == [post(number).trace for number in (1, 2, 4)]
    assert len(second.disk.ingests()) == 6
    assert state.redelivered == 3


@pytest.mark.fault("E3")
async def test_a_crash_between_update_and_ingest_takes_the_post_from_the_source_again(
    make_bench: MakeBench, clock: Clock
) -> None:
    first = make_bench()
    first.commit_s = 10.0
    first.posts.say(posted(1), posted(2))
    async with first.running():
        await clock.sleep(15.0)  # The first is on disk, the second is under way.
        first.disk.powered = False
    assert [ingest.post.message_id for ingest in first.disk.ingests()] == [1]

    first.disk.powered = True
    second = make_bench(disk=first.disk, posts=first.posts)
    async with second.running():
        await clock.sleep(1.0)

    assert [ingest.post.message_id for ingest in second.disk.ingests()] == [1, 2]
    assert second.numbers() == [1, 2]


async def test_the_work_list_is_told_again_when_somebody_downstream_began_anew(bench: Bench, clock: Clock) -> None:
    bench.posts.say(posted(1), posted(2))
    async with bench.running():
        await clock.sleep(1.0)
        bench.disk.decided.add(post(1).trace)
        await bench.ref.tell(Redeliver())
        await clock.sleep(1.0)

    assert bench.numbers() == [1, 2, 2]


async def test_what_scorer_has_no_room_for_waits_in_the_log_and_is_told_later(bench: Bench, clock: Clock) -> None:
    bench.scorer_box = Box(2, BLOCK, for_s=1.0)
    bench.scorer_s = 10.0
    bench.posts.say(*(posted(number) for number in range(8)))
    async with bench.running() as system:
        await clock.sleep(6.0)
        crowded = await bench.state(system)
        assert len(bench.disk.ingests()) == 8  # Being busy downstream costs no intake.
        await clock.sleep(300.0)
        relieved = await bench.state(system)

    assert crowded.shed == crowded.shed_waiting == 5
    assert relieved.shed_waiting == 0
    assert sorted(bench.numbers()) == list(range(8))


async def test_a_long_work_list_does_not_keep_new_posts_waiting(make_bench: MakeBench, clock: Clock) -> None:
    first = make_bench()
    first.posts.say(*(posted(number) for number in range(50)))
    async with first.running():
        await clock.sleep(10.0)

    second = make_bench(disk=first.disk)
    second.scorer_box = Box(2, BLOCK, for_s=1.0)
    second.scorer_s = 10.0
    async with second.running() as system:
        begun = clock.time()
        await second.ref.ask(IngestPost(post=post(99)), timeout_s=60.0)
        assert clock.time() - begun < 5.0
        await clock.sleep(2000.0)
        state = await second.state(system)

    assert sorted(second.numbers()) == [*range(50), 99]
    assert state.shed_waiting == 0


async def test_what_was_shed_and_decided_meanwhile_is_not_told_again(bench: Bench, clock: Clock) -> None:
    bench.scorer_box = Box(1, BLOCK, for_s=1.0)
    bench.scorer_s = 10.0
    bench.posts.say(*(posted(number) for number in range(4)))
    async with bench.running() as system:
        await clock.sleep(5.0)
        bench.disk.decided |= {post(number).trace for number in range(4)}
        await clock.sleep(100.0)
        state = await bench.state(system)

    assert bench.numbers() == [0, 1]
    assert state.shed_waiting == 0


@pytest.mark.fault("E8")
async def test_a_post_from_the_future_counts_from_its_arrival(bench: Bench, clock: Clock) -> None:
    ahead = Post(
        channel="tg:1",
        message_id=7,
        posted_at=EPOCH + 3600.0,
        text="x",
        edited_at=EPOCH + 7200.0,
        forwarded_at=EPOCH + 60.0,
    )
    bench.posts.say(Posted(post=ahead, received_at=EPOCH))
    async with bench.running():
        await clock.sleep(1.0)

    (told,) = bench.told
    assert (told.post.posted_at, told.post.edited_at, told.post.forwarded_at) == (EPOCH, EPOCH, EPOCH)
    assert bench.disk.ingests()[0].post == told.post
    assert told.post.trace == ahead.trace


def edited(number: int, text: str, at: float = EPOCH + 9.0) -> Edited:
    return Edited(post=post(number, text), received_at=at)


def settle(bench: Bench) -> None:
    """The log says what became of all edits and deletions that were handed on."""
    for change in bench.changes:
        assert change.trace is not None
        if isinstance(change, PostEdited):
            bench.disk.revisions[change.trace] = Revision(number=change.revision, text=text_print(change.post.text))
        else:
            bench.disk.deleted.add(change.trace)


async def test_an_edit_is_handed_on_once_for_each_new_text(bench: Bench, clock: Clock) -> None:
    texts = ("BTC long", "BTC long, TP1 done", "BTC long, TP1 done", "btc  LONG, TP1 done 🚀", "BTC long, TP2 done")
    bench.posts.say(posted(7), *(edited(7, text) for text in texts))
    async with bench.running() as system:
        await clock.sleep(20.0)
        state = await bench.state(system)

    told = [(change.revision, change.post.text) for change in bench.changes if isinstance(change, PostEdited)]
    assert told == [(1, texts[1]), (2, texts[4])]
    assert bench.numbers() == [7]
    assert (state.edited, state.duplicates) == (2, 3)


async def test_of_long_texts_fewer_are_remembered(bench: Bench, clock: Clock) -> None:
    texts = dict.fromkeys(range(1, 6), "BTC long " + "!" * (RECENT_LENGTH_MAX // 4))
    bench.posts.say(*(posted(number, text) for number, text in texts.items()), edited(5, texts[5]), edited(1, texts[1]))
    async with bench.running() as system:
        await clock.sleep(20.0)
        state = await bench.state(system)

    # Of the first nobody knows any more what it said.
    assert [change.post.message_id for change in bench.changes] == [1]
    assert (state.edited, state.duplicates) == (1, 1)


async def test_of_a_post_that_is_rewritten_only_its_last_text_counts(bench: Bench, clock: Clock) -> None:
    versions = [f"{number}" + "!" * (RECENT_LENGTH_MAX // 4) for number in range(6)]
    bench.posts.say(posted(1), posted(2), *(edited(2, text) for text in versions), edited(1, "BTC long"))
    async with bench.running() as system:
        await clock.sleep(20.0)
        state = await bench.state(system)

    assert (state.edited, state.duplicates) == (6, 1)


async def test_a_post_told_again_with_another_text_is_an_edit(bench: Bench, clock: Clock) -> None:
    bench.posts.say(posted(7), posted(7, "closed"))
    async with bench.running():
        await clock.sleep(1.0)

    assert [change.post.text for change in bench.changes if isinstance(change, PostEdited)] == ["closed"]
    assert len(bench.disk.ingests()) == 1


async def test_the_edit_of_a_post_that_is_long_forgotten_makes_no_second_post(bench: Bench, clock: Clock) -> None:
    bench.posts.say(Edited(post=post(7, "x"), received_at=EPOCH))
    async with bench.running():
        await clock.sleep(1.0)

    assert bench.disk.ingests() == []
    assert bench.told == []
    assert [(change.trace, type(change)) for change in bench.changes] == [(post(7).trace, PostEdited)]


async def test_a_deletion_is_handed_on(bench: Bench, clock: Clock) -> None:
    event: PostEvent = Deleted(channel="tg:1", message_id=7, seen_by="update", received_at=EPOCH + 5.0)
    bench.posts.say(posted(7), event)
    async with bench.running():
        await clock.sleep(20.0)

    (deletion,) = bench.changes
    assert isinstance(deletion, PostDeleted)
    assert (deletion.trace, deletion.message_id, deletion.received_at) == (post(7).trace, 7, EPOCH + 5.0)


async def test_what_became_of_an_edit_is_asked_until_the_log_says_so(bench: Bench, clock: Clock) -> None:
    event: PostEvent = Deleted(channel="tg:1", message_id=8, seen_by="update", received_at=EPOCH + 9.0)
    bench.posts.say(posted(7), posted(8), edited(7, "closed"), event)
    async with bench.running():
        await clock.sleep(20.0)
        await bench.ref.tell(Redeliver())
        await clock.sleep(1.0)
        assert [type(change) for change in bench.changes] == [PostEdited, PostDeleted] * 2
        settle(bench)
        await bench.ref.tell(Redeliver())
        await clock.sleep(1.0)

    assert len(bench.changes) == 4


async def test_no_cursor_moves_past_an_edit_that_is_not_settled(bench: Bench, clock: Clock) -> None:
    cursors = [TgCursor(channel="tg:1", upto=number) for number in range(10)]
    bench.posts.say(Posted(post=post(1), received_at=EPOCH, cursor=cursors[1]), edited(1, "closed", EPOCH + 1.0))
    bench.posts.say(Posted(post=post(2), received_at=EPOCH + 2.0, cursor=cursors[2]))
    async with bench.running():
        await clock.sleep(5.0)
        assert bench.disk.cursors()["tg:1"] == cursors[1]
        settle(bench)
        bench.posts.say(Posted(post=post(3), received_at=EPOCH + 6.0, cursor=cursors[3]))
        await clock.sleep(5.0)

    assert bench.disk.cursors()["tg:1"] == cursors[3]
    assert [ingest.post.message_id for ingest in bench.disk.ingests()] == [1, 2, 3]


async def test_a_restart_goes_on_counting_revisions_and_knows_the_last_text(clock: Clock) -> None:
    disk = Disk()
    bench = Bench(clock, disk=disk, posts=ScriptedPosts([posted(7), edited(7, "closed")], clock=clock))
    async with bench.running():
        await clock.sleep(20.0)
    settle(bench)
    later = [edited(7, "Closed!", EPOCH + 30.0), edited(7, "closed at 105", EPOCH + 31.0)]
    again = Bench(clock, disk=disk, posts=ScriptedPosts(later, clock=clock))
    async with again.running():
        await clock.sleep(20.0)

    told = [(change.revision, change.post.text) for change in again.changes if isinstance(change, PostEdited)]
    assert told == [(2, "closed at 105")]


@pytest.mark.parametrize("is_open", [True, False])
async def test_a_forgotten_post_told_again_matters_while_a_call_of_it_is_open(clock: Clock, is_open: bool) -> None:
    disk = Disk()
    async with Bench(clock, disk=disk, posts=ScriptedPosts([posted(7)], clock=clock)).running():
        await clock.sleep(1.0)
    disk.open_ = {post(7).trace: text_print("BTC long")} if is_open else {}
    told_again = [Posted(post=post(7, text), received_at=EPOCH) for text in ("BTC long", "closed")]
    again = Bench(clock, disk=disk, posts=ScriptedPosts(told_again, clock=clock))
    async with again.running():
        await clock.sleep(1.0)

    assert len(again.changes) == is_open


async def test_edits_that_scorer_has_no_room_for_are_told_once_it_has(bench: Bench, clock: Clock) -> None:
    bench.scorer_box = Box(1, BLOCK, for_s=0.1)
    bench.scorer_s = 3.0
    bench.posts.say(*(posted(number) for number in range(1, 4)), edited(1, "closed", EPOCH + 1.0))
    async with bench.running() as system:
        await clock.sleep(2.0)
        state = await bench.state(system)
        await clock.sleep(20.0)

    assert state.shed >= 1
    assert [change.trace for change in bench.changes if isinstance(change, PostEdited)][:1] == [post(1).trace]


async def test_a_log_that_refuses_a_post_costs_an_incarnation_and_not_the_post(bench: Bench, clock: Clock) -> None:
    bench.disk.refuse_next = 1
    bench.posts.say(posted(1), posted(2))
    async with bench.running():
        await clock.sleep(30.0)

    assert bench.posts.followed == 2
    assert bench.numbers() == [1, 2]
    assert all(bench.on_disk)


async def test_a_source_out_of_reach_is_followed_anew_behind_the_last_post(bench: Bench, clock: Clock) -> None:
    bench.posts.say(posted(1))
    async with bench.running():
        await clock.sleep(1.0)
        bench.posts.fail_next(Unavailable("no connection"))
        bench.posts.say(posted(2))
        await clock.sleep(30.0)

    assert bench.posts.followed == 2
    assert [ingest.post.message_id for ingest in bench.disk.ingests()] == [1, 2]


async def test_the_end_of_the_source_is_announced_after_its_last_post(bench: Bench, clock: Clock) -> None:
    bench.posts.say(posted(1), posted(2))
    async with bench.running():
        await clock.sleep(1.0)
        assert bench.exhausted == 0
        bench.posts.end()
        await clock.sleep(1.0)

    assert bench.exhausted == 1
    assert bench.numbers() == [1, 2]
