"""Where posts and prices come from, as the configuration says."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from levibotd.adapters.candle_rows import UnreadableInput
from levibotd.adapters.post_lines import BadLine
from levibotd.app.sources import Sources, sources_of
from levibotd.config import Config, load
from levibotd.domain.signal import Symbol
from levibotd.errors import ConfigError
from levibotd.kernel.clock import Clock
from levibotd.ports.posts import Posted

CANDLES = "symbol,ts,open,high,low,close,volume\nBTCUSDT,1700006400000,100,101,99,100,5\n"
CANDLES += "BTCUSDT,1700010000000,100,101,99,100,5\n"


@pytest.fixture
def candles(tmp_path: Path) -> Path:
    path = tmp_path / "candles.csv"
    path.write_text(CANDLES)
    return path


def configured(**environ: str) -> Config:
    return load(environ={f"LEVI_{key.upper().replace('_', '__', 1)}": value for key, value in environ.items()})


def on_file(posts: Path, candles: Path) -> Config:
    return configured(
        telegram_source="file", telegram_file=str(posts), market_source="candles", market_candles=f'["{candles}"]'
    )


def opened(config: Config, clock: Clock, stack: ExitStack, bad: list[BadLine] | None = None) -> Sources:
    return sources_of(config, clock=clock, stack=stack, on_bad=(bad if bad is not None else []).append)


async def test_by_default_everything_is_made_up(clock: Clock) -> None:
    with ExitStack() as stack:
        sources = opened(configured(), clock, stack)

    assert sources.posts.name == "demo"
    assert sources.watched
    assert all(sources.market.mark(symbol, clock.time()) is not None for symbol in sources.watched)


@pytest.mark.parametrize(
    ("named", "shorts"), [({}, True), ({"exchange_market": "swap"}, True), ({"exchange_market": "spot"}, False)]
)
async def test_made_up_prices_are_of_the_market_that_is_named(
    clock: Clock,
    named: dict[str, str],
    shorts: bool,
) -> None:
    with ExitStack() as stack:
        market = opened(configured(**named), clock, stack).market

    instrument = market.instrument(Symbol("BTCUSDT"))
    assert instrument is not None
    assert instrument.can_short is shorts


async def test_posts_of_a_file_and_recorded_prices(clock: Clock, tmp_path: Path, candles: Path) -> None:
    posts, bad = tmp_path / "posts.jsonl", list[BadLine]()
    posts.write_text('junk\n{"channel": "@a", "msg_id": 3, "text": "hello"}\n')
    with ExitStack() as stack:
        sources = opened(on_file(posts, candles), clock, stack, bad)
        event = await anext(aiter(sources.posts.events({})))
        mark = sources.market.mark(Symbol("BTCUSDT"), 1_700_006_500.0)

    assert isinstance(event, Posted)
    assert (event.post.channel, event.post.message_id) == ("@a", 3)
    assert mark is not None
    assert (mark.price, sources.watched) == (100, ())
    assert [str(line).startswith(f"{posts}:1: ") for line in bad] == [True]


async def test_what_was_opened_is_closed_with_its_stack(clock: Clock, tmp_path: Path, candles: Path) -> None:
    with ExitStack() as stack:
        opened(on_file(tmp_path / "later.jsonl", candles), clock, stack)
        assert len(open_spools()) == 1

    assert open_spools() == []


def open_spools() -> list[str]:
    """The candle spools that this process has open."""
    found = [path.readlink() for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return [str(path) for path in found if "levibotd-candles-" in str(path)]


async def test_made_up_posts_need_made_up_prices(clock: Clock, candles: Path) -> None:
    config = configured(market_source="candles", market_candles=f'["{candles}"]')

    with ExitStack() as stack, pytest.raises(ConfigError, match=r"\$\.telegram\.source"):
        opened(config, clock, stack)


async def test_candles_that_are_not_there_are_named(clock: Clock, tmp_path: Path) -> None:
    with ExitStack() as stack, pytest.raises(UnreadableInput, match=r"missing\.csv"):
        opened(on_file(tmp_path / "posts.jsonl", tmp_path / "missing.csv"), clock, stack)
