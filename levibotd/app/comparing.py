"""From a log and recorded prices to what its calls would have made at other times. For command lines, off any loop."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from levibotd.adapters.candle_files import CandleFiles
from levibotd.adapters.journal_reader import located
from levibotd.adapters.os_files import OsFiles
from levibotd.app.following import pricing_of
from levibotd.app.paper import recorded_market
from levibotd.config import Config
from levibotd.domain.cards.compared import Compared, OtherTimes
from levibotd.domain.records import Logged, SignalIngest, SignalScored
from levibotd.domain.signal import Symbol
from levibotd.execution.holding import equal_weight_pct, held_pct
from levibotd.execution.placebo import OtherTimesBench, calls_of
from levibotd.journal import EVENT_OF, Damaged, logged

_TOLD = frozenset(EVENT_OF[record].name for record in (SignalIngest, SignalScored))
_AT_ONCE = 100


def compared(
    files: OsFiles,
    candles: Sequence[Path],
    config: Config,
    *,
    until: float,
    channels: frozenset[str],
    progress: Callable[[int, int], None] = lambda done, whole: None,
) -> Compared:
    """
    Follow every call of these channels at other times. `progress` is told how many of them are done.

    Raises UnreadableInput for candles that cannot be read.
    """
    calls = [call for call in calls_of(_read(files)) if call.channel in channels]
    if not calls:
        return Compared()
    with CandleFiles(candles) as rows:
        market = recorded_market(config, rows)
        bench = OtherTimesBench(market, pricing=pricing_of(config), until=until, calls=len(calls))
        found: list[OtherTimes] = []
        for number, call in enumerate(calls, 1):
            one = bench.of(call)
            found += [] if one is None else [one]
            if number % _AT_ONCE == 0:
                progress(number, len(calls))
        since = min(call.posted_at for call in calls)
        last = min(until, max(call.posted_at for call in calls))
        coins = [call.symbol for call in calls]
        btc = market.symbol("BTC", market.stable_quote) or Symbol("BTCUSDT")
        return Compared.of(
            found,
            hold_btc_pct=held_pct(market, btc, since=since, until=last),
            equal_weight_pct=equal_weight_pct(market, coins, since=since, until=last),
        )


# Lines that cannot be read are passed over, as for the cards themselves.
def _read(files: OsFiles) -> Iterator[Logged]:
    for found in located(files):
        if found.line.event_type in _TOLD:
            try:
                yield logged(found.line)
            except Damaged:
                continue
