"""
Replay: the same actors on simulated time, over recorded posts and candles, twice the same bytes.

Nothing that watches the outside world is wired. `boot` is a hash of seed, configuration and inputs;
index and snapshots are not written; the log is written in place and never synced.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path
from random import Random

import anyio
import msgspec
from msgspec import Struct

from levibotd.adapters.candle_files import CandleFiles
from levibotd.adapters.candle_rows import CandleRows
from levibotd.adapters.exchange_info import read_market_list
from levibotd.adapters.post_lines import BadLine
from levibotd.adapters.replay_journal import ReplayJournal
from levibotd.adapters.replay_posts import OrderedPosts, ReplayPosts, Window, in_order
from levibotd.app.committed import CommittedState, Counts
from levibotd.app.paper import paper_venue, recorded_market
from levibotd.app.scoring import classifier_of
from levibotd.app.tree import Parts, Wired
from levibotd.config import Config, replay_config
from levibotd.domain.cards.trial import CONFIG, Trial
from levibotd.domain.ledger import Ledger
from levibotd.domain.reader import ReadAhead, Reader
from levibotd.domain.records import Entry, SignalIngest
from levibotd.domain.signal import Symbol
from levibotd.errors import Refused
from levibotd.journal import Preparer
from levibotd.kernel.clock import Clock
from levibotd.kernel.supervisor import ONE_FOR_ONE, Group, System
from levibotd.kernel.virtual_time import run_virtual
from levibotd.messages import Append
from levibotd.ports.as_of import MarketAsOf
from levibotd.recording.log import Log

INSTALLATION = "00"
DECIDED_S = 600.0  # No post takes longer from its arrival to its decision.
FOLLOWED_S = 20 * 86_400.0  # No call is followed longer.
WAIT_S = 86_400.0  # How far time moves at once while positions run out after the last post.
_DECIDES = ("exchange", "exec", "paper", "symbols", "strategy", "risk", "model")


class ReplayInput(Struct, frozen=True, kw_only=True):
    """What is replayed. Times are unix seconds, by `known_at`."""

    messages: tuple[Path, ...]
    candles: tuple[Path, ...]
    markets: Path | None = None
    out: Path
    since: float = 0.0
    until: float = float("inf")
    seed: int = 0
    strict: bool = False


class ChannelSummary(Struct, frozen=True, kw_only=True):
    closed: int
    won: int
    net: Decimal
    fees: Decimal
    r: float


class Summary(Struct, frozen=True, kw_only=True):
    """What a replay did. `contaminated` decisions rest on a model that knew later texts than the post."""

    messages: int
    decisions: dict[str, int]
    contaminated: dict[str, int]
    orders: int
    fills: int
    fees: Decimal
    funding: Decimal
    pnl: Decimal
    net: Decimal
    max_drawdown: float
    open_calls: int
    symbols: int  # That had candles.
    bad_lines: int
    bad_candles: int
    channels: dict[str, ChannelSummary]


def replay(
    config: Config,
    asked: ReplayInput,
    *,
    on_bad: Callable[[BadLine], None],
    on_bad_row: Callable[[str], None] = lambda fault: None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Summary:
    """
    Run every actor over the posts in order and write the log to `asked.out`.

    `on_bad` hears of posts that could not be read, `on_bad_row` of candles, as "file:line: reason".
    Raises Refused when that directory holds a log already, or at the first bad line when strict; OSError and
    ConfigError for inputs that cannot be read; and whatever an actor crashed with, at once.
    """
    config = replay_config(config)
    if asked.out.exists() and any(asked.out.iterdir()):
        raise Refused(f"{asked.out} is not empty; give a directory that a new log may fill", reason="not_empty")
    window = Window(since=asked.since, until=asked.until)
    with (
        CandleRows(asked.candles) as rows,  # Its children are at work while the posts are sorted.
        in_order(asked.messages, on_bad=on_bad, window=window, strict=asked.strict) as posts,
        CandleFiles(asked.candles, rows=rows) as candles,
    ):
        _tell_bad_rows(candles, on_bad_row, strict=asked.strict)
        run = _Run(config, asked, posts, candles, on_progress)
        return run_virtual(run.main, start=posts.first_at or 0.0)


def _tell_bad_rows(candles: CandleFiles, on_bad_row: Callable[[str], None], *, strict: bool) -> None:
    bad = candles.bad
    for problem in bad.problems:
        on_bad_row(problem)
        if strict:
            raise Refused(problem)
    if bad.count > len(bad.problems):
        on_bad_row(f"{bad.count - len(bad.problems)} more rows are no candles")


class _Run:
    def __init__(
        self,
        config: Config,
        asked: ReplayInput,
        posts: OrderedPosts,
        candles: CandleFiles,
        on_progress: Callable[[int, int], None],
    ) -> None:
        self._config = config
        self._asked = asked
        self._posts = posts
        self._candles = candles
        self._on_progress = on_progress
        balance = Decimal(config.paper.balance)
        self._state = CommittedState(Ledger(balance=balance))
        self._counts = Counts(balance=balance)
        self._state.add(self._counts)
        self._state.watch(self._show_progress, concerns=lambda kind: kind is SignalIngest)
        self._shown = 0
        self._failure: BaseException | None = None

    async def main(self, clock: Clock) -> Summary:
        config = self._config
        listed = None if self._asked.markets is None else read_market_list(self._asked.markets)
        market = recorded_market(config, self._candles, listed=listed)
        exhausted, failed = anyio.Event(), anyio.Event()
        reader = Reader(classifier_of(config))
        ahead = ReadAhead(reader, view=lambda at: MarketAsOf(market, at=at))
        journal = ReplayJournal(self._asked.out, boot=self._boot())
        wired = Wired(
            Parts(
                config=config,
                clock=clock,
                state=self._state,
                log=Log(journal, on_commit=self._state.observe),
                preparer=Preparer(rounded=True),
                posts=ReplayPosts(self._posts, clock=clock, on_coming=ahead),
                market=market,
                venue=paper_venue(config, market, clock),
                reader=reader,
                installation=INSTALLATION,
                in_place=True,
                on_exhausted=exhausted.set,
            )
        )
        edge = Group("edge", ONE_FOR_ONE, children=(wired.shadowing(),))
        groups = (wired.infra(), wired.trading(), wired.intake(), edge)
        tree = Group("root", ONE_FOR_ONE, intensity=3, period_s=300, children=groups)
        system = System(
            tree, clock=clock, on_event=lambda event: self._look_at(event, failed), rng=Random(self._asked.seed)
        )
        await system.start()
        async with anyio.create_task_group() as tasks:
            for ending in (system.wait, failed.wait):
                tasks.start_soon(_end_after, ending, tasks.cancel_scope)
            await exhausted.wait()
            await self._run_out(clock)
            looked = Trial(what=CONFIG, name=self._boot(), at=clock.time())
            await wired.logger.ask(Append(entries=(Entry(looked),)), timeout_s=DECIDED_S)
            tasks.cancel_scope.cancel()
        await system.stop()
        journal.finish()
        if self._failure is not None:
            raise self._failure
        return self._summary()

    async def _run_out(self, clock: Clock) -> None:
        """Let the last posts find their decisions, and what is open its end, as far as there are candles."""
        deadline = clock.time() + DECIDED_S
        while self._state.ledger().pending and clock.time() < deadline:
            await clock.sleep(1.0)
        while any(self._last_candle(symbol) > clock.time() for symbol in self._open_symbols()):
            await clock.sleep(WAIT_S)
        # Of what its bars leave open, the end comes by the clock: of its entries, or of the time it may be held.
        deadline = clock.time() + FOLLOWED_S
        while self._state.shadow.calls and clock.time() < deadline:
            await clock.sleep(WAIT_S)

    def _open_symbols(self) -> list[Symbol]:
        return [call.symbol for call in self._state.ledger().calls.values()]

    def _last_candle(self, symbol: Symbol) -> float:
        count = self._candles.count(symbol)
        return self._candles.read(symbol, count - 1, count)[0].ts if count else 0.0

    def _boot(self) -> str:
        digest = blake2b(digest_size=8)
        decides = {name: getattr(self._config, name) for name in _DECIDES}
        digest.update(msgspec.json.encode(decides, order="sorted"))
        digest.update(msgspec.json.encode(self._config.telegram.channels, order="sorted"))
        window = [self._asked.since, min(self._asked.until, 1e18), self._asked.seed]
        digest.update(msgspec.json.encode(window))
        markets = b"" if self._asked.markets is None else self._asked.markets.read_bytes()
        for part in (self._posts.digest.encode(), self._candles.digest.encode(), markets):
            digest.update(blake2b(part, digest_size=16).digest())
        return digest.hexdigest()

    # A crash in a replay is a bug to be looked at, never something to carry on from: nor to begin anew after.
    def _look_at(self, event: object, failed: anyio.Event) -> None:
        error = getattr(event, "error", None)
        if isinstance(error, BaseException) and self._failure is None:
            self._failure = error
            failed.set()

    def _show_progress(self, _committed: object) -> None:
        if self._counts.posts - self._shown >= 1000:
            self._shown = self._counts.posts
            self._on_progress(self._shown, self._posts.counts.posts)

    def _summary(self) -> Summary:
        ledger, counts = self._state.ledger(), self._counts
        channels = {
            name: ChannelSummary(closed=one.closed, won=one.won, net=one.net, fees=one.fees, r=round(one.r, 6))
            for name, one in sorted(ledger.channels.items())
        }
        return Summary(
            messages=counts.posts,
            decisions=dict(sorted(counts.decisions.items())),
            contaminated=dict(sorted(counts.contaminated.items())),
            orders=counts.orders,
            fills=counts.fills,
            fees=ledger.fees,
            funding=Decimal(0),
            pnl=ledger.realised,
            net=ledger.realised - ledger.fees,
            max_drawdown=float(f"{counts.drawdown:.6g}"),
            open_calls=len(ledger.calls),
            symbols=len(self._candles.symbols),
            bad_lines=self._posts.counts.bad,
            bad_candles=self._candles.bad.count,
            channels=channels,
        )


async def _end_after(ending: Callable[[], Awaitable[object]], scope: anyio.CancelScope) -> None:
    await ending()
    scope.cancel()
