"""Compare both followers on all that a log of replay has priced: `python -m tests.ledger LOG`. Needs LEVIBOT_DATA."""

import os
import sys
from collections import Counter
from pathlib import Path

from tests.ledger.comparing import Compared, compared
from tests.ledger.real_candles import RealCandles


def main() -> int:
    """Print the calls by how they were priced, and each that differs; 1 where one does."""
    calls: Counter[str] = Counter()
    differ: Counter[str] = Counter()
    candles = RealCandles(Path(os.environ["LEVIBOT_DATA"], "ohlcv", "dev"))  # noqa: TID251
    for one in compared(Path(sys.argv[1]), candles):
        calls[_kind(one)] += 1
        if one.differs is not None:
            differ[_kind(one)] += 1
            sys.stdout.write(f"{one.call}: {one.differs}\n")
    for kind, count in sorted(calls.items()):
        sys.stdout.write(f"{kind:32}{count:>8,}{differ[kind]:>8,}\n")
    sys.stdout.write(f"{'all':32}{calls.total():>8,}{differ.total():>8,}\n")
    return 1 if differ else 0


def _kind(one: Compared) -> str:
    ended = ", ended by its channel" if "announced" in (one.theirs["reason"], one.theirs["ended_by"]) else ""
    if one.dollars:
        return f"dollars{ended}"
    return f"another coin{', by a cross' if one.theirs['synthetic'] else ''}{ended}"


if __name__ == "__main__":
    sys.exit(main())
