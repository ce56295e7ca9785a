"""Where posts and prices come from, as the configuration says."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from msgspec import Struct

from levibotd.adapters.candle_files import CandleFiles
from levibotd.adapters.file_posts import FilePosts
from levibotd.adapters.post_lines import BadLine
from levibotd.app.paper import recorded_market
from levibotd.config import Config
from levibotd.domain.signal import Symbol
from levibotd.errors import ConfigError
from levibotd.kernel.clock import Clock
from levibotd.ports.market import Market
from levibotd.ports.posts import Posts
from levibotd.sim.demo_feed import DemoFeed
from levibotd.sim.demo_market import DemoMarket


class Sources(Struct, frozen=True, kw_only=True):
    """One feed of posts, one of prices, and the symbols that the log shows quotes of."""

    posts: Posts
    market: Market
    watched: tuple[Symbol, ...]


def sources_of(config: Config, *, clock: Clock, stack: ExitStack, on_bad: Callable[[BadLine], None]) -> Sources:
    """Open what the configuration names; `stack` closes it. Raises ConfigError, UnreadableInput."""
    market: Market
    if config.market_source == "candles":
        candles = stack.enter_context(CandleFiles([Path(name) for name in config.market.candles]))
        market = recorded_market(config, candles)
        watched: tuple[Symbol, ...] = ()
    else:
        # As replay does: swaps, unless the operator named a market.
        demo = DemoMarket(market=config.exchange.market if config.is_set("exchange.market") else "swap")
        market, watched = demo, demo.symbols
    return Sources(posts=_posts(config, market, watched, clock, on_bad), market=market, watched=watched)


def _posts(
    config: Config, market: Market, symbols: tuple[Symbol, ...], clock: Clock, on_bad: Callable[[BadLine], None]
) -> Posts:
    if config.telegram.source == "file":
        if config.telegram.file is None:
            raise ConfigError('$.telegram.file: source = "file" needs a file')
        return FilePosts(Path(config.telegram.file), clock=clock, on_bad=on_bad)
    if not symbols:
        raise ConfigError('$.telegram.source: posts are made up around made-up prices; with candles name a "file"')
    return DemoFeed(market, symbols=symbols, clock=clock)
