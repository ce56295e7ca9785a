"""
A daemon with a bug: once a file named `block` lies beside its log, the market actor blocks the loop for good; while one
named `eat` does, it takes more memory with each price.

`python -m tests.process.blocked` stands in for `python -m levibotd run --demo`.
"""

import signal
import sys

from levibotd.adapters.os_files import OsFiles
from levibotd.app.daemon import run
from levibotd.config import demo_config
from levibotd.domain.signal import Symbol
from levibotd.ports.market import Mark
from levibotd.sim.demo_market import DemoMarket

MEAL = 128 << 20  # Bytes.


def blocks_for_good(*, when: OsFiles) -> None:
    """Plant it in the price of the demo's market: everybody asks for that in the loop."""
    real = DemoMarket.mark
    eaten: list[bytes] = []

    def mark(market: DemoMarket, symbol: Symbol, at: float) -> Mark | None:
        if "block" in when.names():
            signal.pause()
        if "eat" in when.names():
            eaten.append(b"\x01" * MEAL)
        return real(market, symbol, at)

    DemoMarket.mark = mark  # type: ignore[method-assign]


if __name__ == "__main__":
    config = demo_config()
    blocks_for_good(when=OsFiles(config.log_dir.parent / "trigger"))
    sys.exit(run(config, out=sys.stdout))
