"""
Strange texts through `parse`, a million by `make fuzz`: `python -m tests.corpus.fuzz [COUNT] [SEED]`.

Nothing may raise, nothing may cost more than a few milliseconds of this thread, and what comes out must be whole.
"""

import sys
import time
from collections.abc import Iterable, Iterator

from msgspec import Struct

from levibotd.adapters.compiled_classifier import DEFAULT_MODEL, load_classifier
from levibotd.domain.posts.market_view import EMPTY_VIEW
from levibotd.domain.posts.parse_output import LineParser
from tests.corpus.strange import strange_texts

CPU_MS_MAX = 5.0
TRIES = 40  # A busy machine may hold any one call up; it does not hold up all of them.

_BAR = 40
_LABELS = frozenset({"BUY", "SELL", "NO-TRADE"})


class Fault(Struct, frozen=True):
    """A text that was not read as it should."""

    text: str
    what: str


def faults(texts: Iterable[str]) -> Iterator[Fault]:
    """Parse each text and yield what is wrong with the answers."""
    classifier = load_classifier(DEFAULT_MODEL)
    for text in texts:
        fault = _fault(text, LineParser(classifier, market=EMPTY_VIEW))
        if fault is not None:
            yield Fault(text, fault)


def cpu_ms(text: str, parser: LineParser) -> float:
    """The least that parsing `text` costs this thread, over a few tries where the first was dear."""
    least = float("inf")
    for _ in range(TRIES):
        begun = time.thread_time()
        parser.parse_line({"text": text})
        least = min(least, (time.thread_time() - begun) * 1000)
        if least <= CPU_MS_MAX:
            break
    return least


def _fault(text: str, parser: LineParser) -> str | None:
    try:
        cost = cpu_ms(text, parser)
        found = parser.parse_line({"id": 1, "text": text})
    except Exception as error:  # noqa: BLE001 - To say which text it was is what this program is for.
        return f"{type(error).__name__}: {error}"
    if cost > CPU_MS_MAX:
        return f"{cost:.1f} ms"
    if found["label"] not in _LABELS or abs(sum(found["probs"].values()) - 1) > 1e-9:
        return f"no probabilities: {found['label']} {found['probs']}"
    if bool(found["legs"]) != (found["kind"] == "new"):
        return f"{found['kind']} with {len(found['legs'])} legs"
    return None


def main(count: int = 1_000_000, seed: int = 0) -> int:
    """Print each fault as it is found, a bar while none is; 1 if there was one."""
    found = done = 0
    shown = -1

    def watched() -> Iterator[str]:
        nonlocal done, shown
        for text in strange_texts(seed, count):
            yield text
            done += 1
            if done * 1000 // count != shown:
                shown = done * 1000 // count
                filled = _BAR * done // count
                sys.stderr.write(f"\r[{'#' * filled}{'.' * (_BAR - filled)}] {done:,} of {count:,}, {found} faults")
                sys.stderr.flush()

    for fault in faults(watched()):
        found += 1
        sys.stderr.write(f"\n{fault.what}: {fault.text[:300]!a}\n")
    sys.stderr.write("\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:3])))
