"""
The operators' log: structlog, one JSON object a line, made for `journalctl -o cat`.

It is not the event log: nothing is decided from it and it may lose lines. What reaches it is
not trusted: secrets are masked at the sink, values are cut, and control characters, terminal
sequences and bidirectional overrides are written out, so that no text can pose as another line.
"""

import logging
import math
import re
import sys
import traceback
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from typing import Any, TextIO, TypeAlias

import msgspec
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from levibotd.domain.masking import Masker
from levibotd.kernel.clock import Clock

Log: TypeAlias = FilteringBoundLogger

TEXT_MAX = 2000
ITEMS_MAX = 64
DEPTH_MAX = 6
INTEGER_BITS_MAX = 64
FRAMES_MAX = 12

LIBRARY_EVENT = "library"
# Below INFO these write requests, and with them keys, into the log.
_TALKATIVE = ("aiohttp", "asyncio", "ccxt", "telethon", "urllib3")

# Controls (C0, DEL, C1), line and paragraph separators, bidirectional marks and overrides, the byte
# order mark, and halves of surrogate pairs, which no encoder takes.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def make_log(stream: TextIO, *, clock: Clock, masker: Masker, level: str = "info") -> Log:
    """
    Return a logger that writes to `stream`. Writing never raises: a closed pipe costs the line.

    Bound and context values (`trace_context`) are part of each line; `ts` is ISO 8601, UTC.
    """

    def stamp(_: WrappedLogger, method: str, event: EventDict) -> EventDict:
        return {"ts": clock.now().isoformat(timespec="milliseconds"), "level": method, **event}

    def render(_: WrappedLogger, __: str, event: EventDict) -> str:
        # Bounded before it is masked, for speed; cut after it, so that no secret loses its telling half.
        return msgspec.json.encode(_written_out(masker.tree(bounded(event)))).decode()

    logger: Log = structlog.wrap_logger(
        _Lines(stream),
        processors=[structlog.contextvars.merge_contextvars, stamp, _exception, render],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        context_class=dict,
        cache_logger_on_first_use=True,
    )
    return logger


def trace_context(trace: str) -> AbstractContextManager[None]:
    """Every line written inside carries `trace_id`, across awaits and in tasks started there."""
    return structlog.contextvars.bound_contextvars(trace_id=trace)


def capture_libraries(log: Log) -> logging.Handler:
    """
    Send what libraries log through stdlib `logging` to `log`, from WARNING on.

    Returns the handler, so that the caller can take it off the root logger again.
    """
    handler = _Forward(log)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    return handler


def printable(text: str, *, limit: int = TEXT_MAX) -> str:
    """Write out what a terminal would obey, and cut what is longer than `limit`, saying by how much."""
    cut = text if len(text) <= limit else f"{text[:limit]}…(+{len(text) - limit})"
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", cut)


def bounded(value: Any, *, depth: int = DEPTH_MAX) -> Any:
    """Return `value` in plain JSON types: containers cut in length and depth, texts to a multiple of their limit."""
    match value:
        case None | bool():
            return value
        case int():
            # Neither JSON readers nor str() take any length.
            return value if value.bit_length() < INTEGER_BITS_MAX else f"…({value.bit_length()} bits)"
        case float():
            return value if math.isfinite(value) else str(value)
        case Mapping() | list() | tuple() if depth == 0:
            return f"…({len(value)})"
        case Mapping():
            items = [(str(key), bounded(item, depth=depth - 1)) for key, item in list(value.items())[:ITEMS_MAX]]
            return dict(items if len(value) <= ITEMS_MAX else [*items, ("…", len(value) - ITEMS_MAX)])
        case list() | tuple():
            kept = [bounded(item, depth=depth - 1) for item in value[:ITEMS_MAX]]
            return kept if len(value) <= ITEMS_MAX else [*kept, f"…(+{len(value) - ITEMS_MAX})"]
        case _:
            return str(value)[: TEXT_MAX * 4]


def _written_out(value: Any) -> Any:
    match value:
        case str():
            return printable(value)
        case dict():
            return {printable(key): _written_out(item) for key, item in value.items()}
        case list():
            return [_written_out(item) for item in value]
        case _:
            return value


class _Lines:
    # What structlog calls at the end of the chain, under any level's name.
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        # ValueError: the stream is closed.
        with suppress(OSError, ValueError):
            self._stream.write(f"{line}\n")
            self._stream.flush()

    debug = info = warning = error = critical = exception = msg


class _Forward(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.log(
            record.levelno,
            LIBRARY_EVENT,
            logger=record.name,
            message=record.getMessage(),
            exc_info=record.exc_info if record.exc_info and record.exc_info[0] else None,
        )


def _exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    # The type, the words and the innermost frames; never local variables, which hold secrets.
    found = event.pop("exc_info", None)
    error = sys.exc_info()[1] if found is True else found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        event["error"] = f"{type(error).__name__}: {error}"
        frames = traceback.extract_tb(error.__traceback__)[-FRAMES_MAX:]
        event["frames"] = [f"{_module(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]
    return event


def _module(filename: str) -> str:
    # The last two parts tell the module; the rest is where somebody's home is.
    return "/".join(filename.replace("\\", "/").split("/")[-2:])
