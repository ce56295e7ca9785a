"""A board read from a log and one made of a daemon's folds are the same bytes."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from levibotd.adapters.os_files import OsFiles
from levibotd.app.cards import FRESH_S, SHARE_MAX, BoardWatch, board, read_cards
from levibotd.app.committed import CommittedState
from levibotd.config import Config, load
from levibotd.domain.cards.card import Board, Card
from levibotd.domain.ledger import Ledger
from levibotd.domain.records import ChannelStage, DayAnchor, Entry, Logged
from levibotd.journal import decode
from levibotd.kernel.clock import Clock, LoopClock
from tests.app.card_logs import ALPHA, FEW, hand, write_log
from tests.domain.cards.log import BEGIN, DAY

AT = BEGIN + 200 * DAY
BY_WORD = ChannelStage(stage="canary", before="paper", by="me", reason="I know him", channel=FEW, unproven=True)
ANCHOR = DayAnchor(day="2024-05-31", equity=Decimal(20_000), at=AT)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    entries = [*hand().entries, Entry(BY_WORD), Entry(ANCHOR)]
    return write_log(tmp_path_factory.mktemp("cards"), entries, at=AT)


def read(logs: Path, config: Config | None = None) -> Board:
    return board(*read_cards(OsFiles(logs)), config or load(environ={}))


def card(of: Board, channel: str) -> Card:
    return next(one for one in of.cards if one.channel == channel)


def logged_in(logs: Path) -> list[Logged]:
    files = sorted(logs.rglob("*.jsonl"))
    return [decode(line) for file in files for line in file.read_bytes().splitlines(keepends=True)]


async def test_a_daemon_shows_the_bytes_that_its_log_gives(logs: Path, clock: Clock) -> None:
    state = CommittedState(Ledger(balance=Decimal(10_000)))
    state.observe(logged_in(logs))
    watch = BoardWatch(state, config=lambda: load(environ={}), clock=clock)

    assert msgspec.json.encode(await watch.get()) == msgspec.json.encode(read(logs))


async def test_a_board_is_made_again_only_after_a_while(logs: Path, clock: Clock) -> None:
    state = CommittedState(Ledger(balance=Decimal(10_000)))
    records = logged_in(logs)
    state.observe(records[: len(records) // 2])
    watch = BoardWatch(state, config=lambda: load(environ={}), clock=clock)
    first = await watch.get()
    state.observe(records[len(records) // 2 :])

    assert await watch.get() is first
    await clock.sleep(FRESH_S)
    assert len((await watch.get()).cards) > 0
    assert await watch.get() is not first


class SlowClock(LoopClock):
    """Goes on by two seconds while a board is made: between asking it and asking it again."""

    asked = 0

    def monotonic(self) -> float:
        self.asked += 1
        return super().monotonic() + 2.0 * self.asked


async def test_a_board_that_takes_long_is_made_less_often(logs: Path) -> None:
    state, clock = CommittedState(Ledger(balance=Decimal(10_000))), SlowClock()
    watch = BoardWatch(state, config=lambda: load(environ={}), clock=clock)
    first = await watch.get()

    await clock.sleep(2.0 / SHARE_MAX - 10.0)
    assert await watch.get() is first
    await clock.sleep(10.0)
    assert await watch.get() is not first


def test_what_a_channel_costs_is_told_in_r(logs: Path) -> None:
    fees = '[{id = "@alpha", fee_monthly = "100", fee_ccy = "USD"}, {id = "@few", fee_monthly = "9", fee_ccy = "XMR"}]'
    results = card(read(logs, load(environ={"LEVI_TELEGRAM__CHANNELS": fees})), ALPHA).witnessed.results

    # One R is 0.5 % of the 20,000 that the last day began with: the fee is one R a month.
    span_s = 0.0 if results.subscription is None else 90 * results.subscription * 30 * DAY
    column = card(read(logs), ALPHA).witnessed
    assert column.since is not None
    assert column.until is not None
    assert span_s == pytest.approx(column.until - column.since, rel=1e-4)
    assert results.expectancy is not None
    assert results.expectancy_net == pytest.approx(results.expectancy - (results.subscription or 0.0), abs=1e-5)
    assert card(read(logs), ALPHA).witnessed.results.subscription is None


def test_a_channel_is_smaller_where_it_may_risk_less(logs: Path) -> None:
    fees = '[{id = "@alpha", fee_monthly = "100", risk = 0.0025}]'
    half = card(read(logs, load(environ={"LEVI_TELEGRAM__CHANNELS": fees})), ALPHA).witnessed.results.subscription
    fees = '[{id = "@alpha", fee_monthly = "100", risk = 0.1}]'
    whole = card(read(logs, load(environ={"LEVI_TELEGRAM__CHANNELS": fees})), ALPHA).witnessed.results.subscription

    assert half is not None
    assert whole is not None
    assert half == pytest.approx(2 * whole, rel=1e-5)


@pytest.mark.parametrize("listed", ["", '[{id = "@few"}]', '[{id = -1, alias = "@few"}]'])
def test_a_stage_by_the_operators_word_stands_on_the_card(logs: Path, listed: str) -> None:
    config = load(environ={"LEVI_TELEGRAM__CHANNELS": listed} if listed else {})

    assert card(read(logs, config), FEW).unproven
    assert not card(read(logs, config), ALPHA).unproven


def test_the_moment_of_a_board_is_that_of_the_last_record(logs: Path) -> None:
    _, known = read_cards(OsFiles(logs))

    assert (known.at, known.equity, known.unproven) == (AT, Decimal(20_000), {FEW})


def test_lines_that_cannot_be_read_are_passed_over(logs: Path, tmp_path: Path) -> None:
    (source,) = logs.rglob("*.jsonl")
    lines = source.read_bytes().splitlines(keepends=True)
    damaged = tmp_path / source.relative_to(logs)
    damaged.parent.mkdir(parents=True)
    place = next(number for number, line in enumerate(lines) if b"SIGNAL_DELETED" in line)
    lines[place] = lines[place].replace(b'"message_id":', b'"message_no":')
    damaged.write_bytes(b"".join(lines))

    whole, less = (card(read(directory), ALPHA).witnessed.conduct.deleted for directory in (logs, tmp_path))
    assert (whole, less) == (3, 2)
