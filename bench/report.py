"""What was measured, as a table for people and as JSON."""

import platform
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from bench.measure import Figure, Spread

COLUMNS = ("row", "figure", "median", "quartiles", "gate", "aim", "")


class Told(Struct, frozen=True, kw_only=True):
    """One row when it is done. `absent` says why there are no figures."""

    name: str
    floor: str
    figures: tuple[Figure, ...] = ()
    absent: str | None = None


def table(rows: Sequence[Told]) -> str:
    lines = [COLUMNS]
    for row in rows:
        if row.absent is not None:
            lines.append((row.name, f"- {row.absent}", "", "", "", "", ""))
        for figure in row.figures:
            lines.append(
                (
                    row.name,
                    figure.what,
                    f"- {figure.absent}" if figure.spread is None else f"{number(figure.spread.median)} {figure.unit}",
                    "" if figure.spread is None else _quartiles(figure.spread),
                    "" if figure.gate is None else str(figure.gate),
                    "" if figure.aim is None else str(figure.aim),
                    figure.verdict,
                )
            )
    widths = [max(len(line[place]) for line in lines) for place in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def as_markdown(rows: Sequence[Told]) -> str:
    """The same as tables of a document, one for each group."""
    lines: list[str] = []
    group = ""
    for row in rows:
        if row.name.partition(".")[0] != group:
            group = row.name.partition(".")[0]
            lines += [f"\n### `{group}`\n", "| row | figure | measured | gate | aim | |", "|---|---|---|---|---|---|"]
        if row.absent is not None:
            lines.append(f"| `{row.name}` | {row.absent} | | | | |")
        for figure in row.figures:
            measured = f"- {figure.absent}"
            if figure.spread is not None:
                measured = f"{number(figure.spread.median)} {figure.unit} {_quartiles(figure.spread)}".strip()
            bounds = " | ".join("" if bound is None else str(bound) for bound in (figure.gate, figure.aim))
            verdict = f"**{figure.verdict}**" if figure.verdict == "MISSED" else figure.verdict
            lines.append(f"| `{row.name}` | {figure.what} | {measured} | {bounds} | {verdict} |")
    return "\n".join(lines).strip()


def as_json(rows: Sequence[Told], *, command: str) -> bytes:
    """Ratios and bounds, and nothing that names a machine."""
    document = {
        "command": command,
        "python": platform.python_version(),
        "rows": [
            {
                "name": row.name,
                "floor": row.floor,
                "absent": row.absent,
                "figures": [
                    {**msgspec.to_builtins(figure), "verdict": figure.verdict or None} for figure in row.figures
                ],
            }
            for row in rows
        ],
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


def read_json(document: bytes) -> list[Told]:
    """Back from `as_json`."""
    return msgspec.convert(msgspec.json.decode(document)["rows"], list[Told])


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _quartiles(spread: Spread) -> str:
    return "" if spread.count < 2 else f"[{number(spread.low)}, {number(spread.high)}]"
