"""
`python -m bench`: measure every row and print the table.

Each group of rows runs in a process of its own, so that what one imports costs no other one. A missed gate
is marked in the table and is no error: figures are for people to judge.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from bench.measure import FULL, QUICK, NotHere, Row
from bench.report import Told, as_json, as_markdown, read_json, table

# Modules of this package, each with its ROWS.
GROUPS = ("kernel", "post", "classify", "log", "process", "http", "replay", "history", "day", "busy", "live")


def main(words: Sequence[str]) -> int:
    options = _parser().parse_args(words)
    asked: Sequence[str] = options.only or GROUPS
    groups = tuple(dict.fromkeys(name.partition(".")[0] for name in asked))
    if unknown := [group for group in groups if group not in GROUPS]:
        print(f"no group {unknown[0]!r}; there are: {', '.join(GROUPS)}", file=sys.stderr)
        return 2
    if len(groups) == 1:
        told = _here(groups[0], asked, quick=options.quick)
        if not told:
            print(f"no such row; there are: {', '.join(row.name for row in rows_of(groups[0]))}", file=sys.stderr)
            return 2
    else:
        told = [one for group in groups for one in _apart(group, asked, quick=options.quick)]
    command = " ".join(["python -m bench", *words])
    if options.json == Path("-"):
        sys.stdout.buffer.write(as_json(told, command=command))
        return 0
    if options.json is not None:
        options.json.write_bytes(as_json(told, command=command))
    print(as_markdown(told) if options.markdown else table(told))
    return 0


def rows_of(group: str) -> Sequence[Row]:
    rows: Sequence[Row] = import_module(f"bench.{group}").ROWS
    return rows


def _here(group: str, asked: Sequence[str], *, quick: bool) -> list[Told]:
    told: list[Told] = []
    for row in rows_of(group):
        if group not in asked and row.name not in asked:
            continue
        print(row.name, file=sys.stderr, flush=True)
        try:
            figures = tuple(row.measure(QUICK if quick else FULL))
        except NotHere as absent:
            told.append(Told(name=row.name, floor=row.floor, absent=str(absent)))
        else:
            told.append(Told(name=row.name, floor=row.floor, figures=figures))
    return told


def _apart(group: str, asked: Sequence[str], *, quick: bool) -> list[Told]:
    wanted = [name for name in asked if name == group or name.startswith(f"{group}.")]
    command = [sys.executable, "-m", "bench", "--json", "-", *(["--quick"] if quick else [])]
    for name in wanted:
        command += ["--only", name]
    child = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if child.returncode:
        return [Told(name=group, floor="", absent=f"failed with exit code {child.returncode}")]
    return read_json(child.stdout)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure what levibotd costs.")
    parser.add_argument(
        "--only", action="append", metavar="NAME", help=f"a row, or one of {', '.join(GROUPS)}; repeatable"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too; - prints them instead")
    parser.add_argument("--markdown", action="store_true", help="print the tables of docs/performance.md")
    parser.add_argument("--quick", action="store_true", help="see that each row runs; its figures mean nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
