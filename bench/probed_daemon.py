"""
The daemon with a probe in its loop. `python -m bench.probed_daemon FILE` is the demo, and FILE gets the lags.

The probe asks for a turn every five milliseconds and writes down how late it came; one JSON list, at the end.
"""

import asyncio
import json
import logging
import sys
from pathlib import Path

from levibotd.app import daemon
from levibotd.config import demo_config
from levibotd.observe.logging import Log, capture_libraries

TICK_S = 0.005


class Probe:
    """Looks at the loop that it is started in. `lags` are seconds with the moment they were seen."""

    def __init__(self) -> None:
        self.lags: list[tuple[float, float]] = []

    def start(self, log: Log) -> logging.Handler:
        """Stand in for the first thing that a daemon does in its loop."""
        loop = asyncio.get_running_loop()
        loop.call_later(TICK_S, self._tick, loop, loop.time() + TICK_S)
        return capture_libraries(log)

    def _tick(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        now = loop.time()
        self.lags.append((round(now, 4), round(max(now - due, 0.0), 5)))
        loop.call_later(TICK_S, self._tick, loop, now + TICK_S)


if __name__ == "__main__":
    probe = Probe()
    daemon.capture_libraries = probe.start  # type: ignore[attr-defined]
    code = daemon.run(demo_config(), out=sys.stdout)
    Path(sys.argv[1]).write_text(json.dumps(probe.lags), "utf-8")
    sys.exit(code)
