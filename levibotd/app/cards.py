"""
The scorecards, as of the last record: read from a log directory, or from the folds of a daemon, to the same bytes.

Nothing here looks at a clock. What following a channel costs is told from the configuration and from the equity at
the beginning of the log's last day.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

import anyio
from msgspec import Struct

from levibotd.adapters.journal_reader import Located, located
from levibotd.adapters.os_files import OsFiles
from levibotd.app.committed import CommittedState
from levibotd.config import Config, channel_names
from levibotd.domain.cards.board import board_of
from levibotd.domain.cards.book import CardBook
from levibotd.domain.cards.card import Board
from levibotd.domain.cards.compared import NOTHING_COMPARED, Compared
from levibotd.domain.cards.figures import Terms
from levibotd.domain.cards.trial import Trial
from levibotd.domain.outcomes import ShadowOutcome
from levibotd.domain.records import (
    ChannelStage,
    DayAnchor,
    Entry,
    SignalDeleted,
    SignalEdited,
    SignalIngest,
    SignalScored,
)
from levibotd.journal import EVENT_OF, Damaged, logged
from levibotd.kernel import offload
from levibotd.kernel.clock import Clock
from levibotd.policies import resolve_policy
from levibotd.settings import ChannelConfig

FRESH_S = 5.0  # So long a board is shown again before another is made,
SHARE_MAX = 0.05  # and so long that making boards takes no more of the time than this.

_NOT_LISTED = ChannelConfig(id="")
_QUOTES = (None, "USD", "USDT", "USDC", "FDUSD", "BUSD")  # Fees in other money are not converted, and so not told.
_AT_ONCE = 4096


class Known(Struct, frozen=True, kw_only=True):
    """
    What the log says beside the calls. `unproven` are the channels whose stage rests on the operator's word.

    `first_seq` is that of the first record there is: what a pruned log no longer has is in no figure.
    """

    at: float
    first_seq: int = 1
    equity: Decimal | None = None
    unproven: frozenset[str] = frozenset()


def read_cards(files: OsFiles, *, progress: Callable[[int], None] = lambda records: None) -> tuple[CardBook, Known]:
    """Read a log to its end. Lines that cannot be read are passed over: `log verify` tells of them."""
    book, at = CardBook(), 0.0
    equity: Decimal | None = None
    by_word: dict[str, bool] = {}
    first_seq: int | None = None
    for number, found in enumerate(located(files), 1):
        at = found.line.ts
        if first_seq is None:
            first_seq = found.line.seq
        if number % _AT_ONCE == 0:
            progress(number)
        if (entry := _told(found)) is None:
            continue
        match entry.record:
            case DayAnchor(equity=anchored):
                equity = anchored
            case ChannelStage(channel=str(channel), unproven=unproven):
                by_word[channel] = unproven
            case _:
                book.apply(entry)
    return book, Known(at=at, first_seq=first_seq or 1, equity=equity, unproven=_unproven(by_word))


def board(book: CardBook, known: Known, config: Config, *, compared: Compared = NOTHING_COMPARED) -> Board:
    """The cards of all channels with at least one call, under the fees of `config`."""
    names = {name: channel_names(one) for one in config.telegram.channels for name in channel_names(one)}
    channels = {name: one for one in config.telegram.channels for name in channel_names(one)}
    risk = Decimal(str(resolve_policy(config).risk_per_trade))
    equity = Decimal(config.paper.balance) if known.equity is None else known.equity

    def terms(channel: str) -> Terms:
        own = channels.get(channel, _NOT_LISTED)
        if own.fee_monthly is None or own.fee_ccy not in _QUOTES:
            return Terms()
        share = risk if own.risk is None else min(risk, Decimal(str(own.risk)))
        return Terms(fee_monthly=float(own.fee_monthly), r_worth=float(share * equity))

    def is_unproven(channel: str) -> bool:
        return not known.unproven.isdisjoint(names.get(channel, (channel,)))

    return board_of(book, at=known.at, terms=terms, is_unproven=is_unproven, compared=compared)


class BoardWatch:
    """
    The board of a running daemon, made off the loop, where somebody asks, and not too often.

    What it is made of is copied first: the fold moves on meanwhile. Whoever asks at the same time waits for the same.
    """

    def __init__(self, state: CommittedState, *, config: Callable[[], Config], clock: Clock) -> None:
        self._state = state
        self._config = config
        self._clock = clock
        self._fresh_until: float | None = None
        self._board = Board()
        self._making = anyio.Lock()

    async def get(self) -> Board:
        """The board as of a few seconds ago; where it takes seconds to make, as of a minute or so."""
        async with self._making:
            began = self._clock.monotonic()
            if self._fresh_until is None or began >= self._fresh_until:
                self._board = await offload.call(board, self._state.cards.copy(), self._known(), self._config())
                made = self._clock.monotonic()
                self._fresh_until = max(began + FRESH_S, made + (made - began) / SHARE_MAX)
            return self._board

    def _known(self) -> Known:
        ledger, at = self._state.ledger(), self._state.last_ts
        return Known(
            at=self._clock.time() if at is None else at,
            equity=None if ledger.day_anchor is None else ledger.day_anchor.equity,
            unproven=_unproven(ledger.control.unproven),
        )


def _unproven(by_word: Mapping[str, bool]) -> frozenset[str]:
    return frozenset([name for name, unproven in by_word.items() if unproven])


_TELL = (SignalIngest, SignalScored, SignalEdited, SignalDeleted, ShadowOutcome, DayAnchor, ChannelStage, Trial)
_TOLD = frozenset([EVENT_OF[record].name for record in _TELL])


def _told(found: Located) -> Entry | None:
    if found.line.event_type not in _TOLD:
        return None
    try:
        return logged(found.line).entry
    except Damaged:
        return None
