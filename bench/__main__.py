"""
`python -m bench`: measure every row and print the table.

Each row runs in a process of its own, so that what one imports costs no other one. A missed gate
is marked in the table and is no error: figures are for people to judge.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import classify, http, kernel, log, post, process
from bench.measure import FULL, QUICK, NotHere, Row
from bench.report import Told, as_json, read_json, table

MODULES = (kernel, log, post, classify, process, http)
ROWS: tuple[Row, ...] = tuple(row for module in MODULES for row in module.ROWS)


def main(words: Sequence[str]) -> int:
    options = _parser().parse_args(words)
    wanted = [row for row in ROWS if options.only is None or any(_means(name, row) for name in options.only)]
    if not wanted:
        print(f"no such row; there are: {', '.join(row.name for row in ROWS)}", file=sys.stderr)
        return 2
    told = [measured(wanted[0], quick=options.quick)] if len(wanted) == 1 else _apart(wanted, quick=options.quick)
    command = " ".join(["python -m bench", *words])
    if options.json == Path("-"):
        sys.stdout.buffer.write(as_json(told, command=command))
        return 0
    if options.json is not None:
        options.json.write_bytes(as_json(told, command=command))
    print(table(told))
    return 0


def measured(row: Row, *, quick: bool) -> Told:
    """Measure one row here."""
    try:
        figures = tuple(row.measure(QUICK if quick else FULL))
    except NotHere as absent:
        return Told(name=row.name, floor=row.floor, absent=str(absent))
    return Told(name=row.name, floor=row.floor, figures=figures)


# A whole name, or the group it begins with.
def _means(name: str, row: Row) -> bool:
    return row.name == name or row.name.startswith(f"{name}.")


def _apart(rows: Sequence[Row], *, quick: bool) -> list[Told]:
    told: list[Told] = []
    for number, row in enumerate(rows, 1):
        print(f"[{number}/{len(rows)}] {row.name}", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "bench", "--only", row.name, "--json", "-", *(["--quick"] if quick else [])]
        child = subprocess.run(command, stdout=subprocess.PIPE, check=False)
        if child.returncode:
            told.append(Told(name=row.name, floor=row.floor, absent=f"failed with exit code {child.returncode}"))
        else:
            told += read_json(child.stdout)
    return told


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure what levibotd costs.")
    parser.add_argument("--only", action="append", metavar="NAME", help="a row, or all of a group; repeatable")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too; - prints them instead")
    parser.add_argument("--quick", action="store_true", help="see that each row runs; its figures mean nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
