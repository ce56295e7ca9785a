"""
A daemon that says everything it can: `python -m tests.process.talkative --config F` logs at DEBUG, libraries too.

It stands in for `levibotd run`, whose levels nobody can lower; what must not be said may not be said even so.
"""

import logging
import sys
from functools import partial
from pathlib import Path

from levibotd.app import daemon
from levibotd.config import load
from levibotd.observe.logging import Log, capture_libraries, make_log


def capture_everything(log: Log) -> logging.Handler:
    """As the daemon does, from DEBUG on; whoever asks a logger to be quieter is not heard."""
    handler = capture_libraries(log)
    handler.setLevel(logging.DEBUG)
    for name in (None, *logging.root.manager.loggerDict):
        logging.getLogger(name).setLevel(logging.DEBUG)
    logging.Logger.setLevel = lambda logger, level: None  # type: ignore[method-assign]
    return handler


if __name__ == "__main__":
    daemon.make_log = partial(make_log, level="debug")  # type: ignore[attr-defined]
    daemon.capture_libraries = capture_everything  # type: ignore[attr-defined]
    sys.exit(daemon.run(load(Path(sys.argv[2])), reread=partial(load, Path(sys.argv[2])), out=sys.stdout))
