"""
`levibotd parse`: JSON lines in, what each post says out, in the same order.

Each answer is written before more input is waited for, so that a program may talk to it line by line.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import msgspec

from levibotd.adapters.compiled_classifier import DEFAULT_MODEL, CompiledClassifier, load_classifier
from levibotd.adapters.exchange_info import read_market_list
from levibotd.domain.posts.market_view import EMPTY_VIEW, ListedMarketView, MarketView
from levibotd.domain.posts.parse_output import BadLine, LineParser
from levibotd.exit_codes import ExitCode

LINE_BYTES_MAX = 1 << 20
EXPLAINED = 10  # N-grams told by `--explain`.

_CHUNK_BYTES = 1 << 16


class Chunks(Protocol):
    """A stream that gives what is there and waits only when nothing is."""

    def read1(self, size: int, /) -> bytes: ...


def parse(lines: Chunks, out: BinaryIO, *, markets: Path | None, explain: bool, model: Path = DEFAULT_MODEL) -> int:
    """
    Answer every line of `lines`; 1 when one of them was no post.

    Raises ConfigError (of the model), UnreadableInput (of `markets`) before the first line, never after it.
    """
    answer = _answers(load_classifier(model), market_view(markets), explain=explain)
    failed = False
    for batch in _batches(lines):
        for raw in batch:
            answered = answer(raw)
            failed = failed or "error" in answered
            out.write(msgspec.json.encode(answered) + b"\n")
        out.flush()
    return ExitCode.FAILED if failed else ExitCode.OK


def market_view(markets: Path | None) -> MarketView:
    """The coins of an exchangeInfo document as the reader of posts sees them; without one, no list."""
    if markets is None:
        return EMPTY_VIEW
    listed = read_market_list(markets)
    # The coin decides, not the pair: what is known tells what a text means, not what can be traded.
    return ListedMarketView(bases=frozenset(one.base for one in listed.instruments), prices={})


class Explaining:
    """Passes texts on to a classifier and remembers the last one, to say what weighed in it."""

    def __init__(self, classifier: CompiledClassifier) -> None:
        self._classifier = classifier
        self._last: tuple[str, Sequence[str]] | None = None

    def probs(self, text: str, structure: Sequence[str]) -> Mapping[str, float]:
        self._last = (text, structure)
        return self._classifier.probs(text, structure)

    def plausible(self, probs: Mapping[str, float]) -> Sequence[str]:
        return self._classifier.plausible(probs)

    def explain(self, label: str) -> list[dict[str, Any]]:
        """What weighed most for `label` in the text judged since the last call; nothing where a rule decided."""
        if self._last is None:
            return []
        text, structure = self._last
        self._last = None
        shares = self._classifier.explain(text, structure, label=label, top=EXPLAINED)
        return [{"gram": gram, "share": float(f"{share:.6g}")} for gram, share in shares]


def _answers(classifier: CompiledClassifier, market: MarketView, *, explain: bool) -> Callable[[bytes], dict[str, Any]]:
    explaining = Explaining(classifier)
    parser = LineParser(explaining, market=market)

    def answer(raw: bytes) -> dict[str, Any]:
        line_id: object = None
        try:
            if len(raw) > LINE_BYTES_MAX:
                raise BadLine(f"longer than {LINE_BYTES_MAX} bytes")
            line = msgspec.json.decode(raw)
            line_id = line.get("id") if isinstance(line, dict) else None
            answered = parser.parse_line(line)
            return {**answered, "explain": explaining.explain(answered["label"])} if explain else answered
        except (BadLine, msgspec.DecodeError, UnicodeDecodeError) as error:
            return _error(line_id, str(error))
        except Exception as error:  # noqa: BLE001 - One line must not take the others with it.
            return _error(line_id, f"{type(error).__name__}: {error}")

    return answer


def _error(line_id: object, reason: str) -> dict[str, Any]:
    return {"error": reason} if line_id is None else {"id": line_id, "error": reason}


# The whole lines of each chunk. What is too long for a line is cut there, and its rest thrown away.
def _batches(lines: Chunks) -> Iterator[list[bytes]]:
    rest = b""
    while chunk := lines.read1(_CHUNK_BYTES):
        *whole, rest = (rest[: LINE_BYTES_MAX + 1] + chunk).split(b"\n")
        yield [line for line in whole if line.strip()]
    if rest.strip():
        yield [rest]
