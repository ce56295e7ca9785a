"""
A report as JSON, CSV or Parquet.

JSON is the report itself. The other two are one table of all its figures, a figure a row, so that a spreadsheet and a
data frame read the same: which section, what it is about, the name of the figure, and the value. Runs in the child.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from levibotd.domain.csv_cells import csv_of
from levibotd.ports.reports import Format, Report

FIELDS = ("first", "last", "section", "subject", "name", "value")
_HEAD = "report"
_NUMBER = "DECIMAL(38, 20)"

# What a row of these sections is about.
_SUBJECTS = {"channels": "channel", "days": "day", "best": "call", "worst": "call", "changes": "at"}

Row = dict[str, str | None]


def encoded(report: Report, format_: Format, *, scratch: Path) -> bytes:
    """The report in this format; `scratch` may be written to."""
    match format_:
        case "json":
            return msgspec.json.encode(report)
        case "csv":
            return csv_of(FIELDS, rows_of(report))
        case "parquet":
            return _parquet(list(rows_of(report)), scratch / "report.parquet")


def rows_of(report: Report) -> Iterator[Row]:
    """Each figure of a report as a row."""
    for section, value in msgspec.to_builtins(report).items():
        if isinstance(value, dict):
            yield from _figures(report, section, None, value)
        elif isinstance(value, list | tuple):
            for item in value:
                subject = item.pop(_SUBJECTS[section])
                yield from _figures(report, section, _text(subject), item)
        else:
            yield _row(report, _HEAD, None, section, value)


def _figures(report: Report, section: str, subject: str | None, values: dict[str, object]) -> Iterator[Row]:
    for name, value in values.items():
        if isinstance(value, dict):
            for inner, each in value.items():
                yield _row(report, section, subject, f"{name} {inner}", each)
        else:
            yield _row(report, section, subject, name, value)


def _row(report: Report, section: str, subject: str | None, name: str, value: object) -> Row:
    return {
        "first": report.first, "last": report.last, "section": section, "subject": subject, "name": name,
        "value": _text(value),
    }  # fmt: skip


def _text(value: object) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def _parquet(rows: list[Row], path: Path) -> bytes:
    import duckdb  # Here: it is heavy, and only Parquet needs it.

    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE report ({', '.join(f'{name} VARCHAR' for name in FIELDS)})")
        marks = ", ".join("?" * len(FIELDS))
        connection.executemany(f"INSERT INTO report VALUES ({marks})", [[row[name] for name in FIELDS] for row in rows])
        connection.execute(
            f"COPY (SELECT *, try_cast(value AS {_NUMBER}) AS number FROM report) TO '{path}' (FORMAT parquet)"
        )
    return path.read_bytes()
