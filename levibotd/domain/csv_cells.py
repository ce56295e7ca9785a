"""CSV that no spreadsheet obeys: a cell that would begin a formula gets a quote before it."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

# What makes a spreadsheet read a cell as a formula, also behind blanks.
_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def csv_of(fields: Sequence[str], rows: Iterable[Mapping[str, object]], *, header: bool = True) -> bytes:
    """Write a header and a line per row; CRLF, UTF-8. Without the header it is more of the same table."""
    text = io.StringIO()
    writer = csv.writer(text)
    if header:
        writer.writerow(fields)
    writer.writerows([cell_of(row.get(field)) for field in fields] for row in rows)
    return text.getvalue().encode("utf-8", "replace")


def cell_of(value: object) -> str:
    """Write one value. A number stays one, also below zero; other text is made inert."""
    if value is None:
        return ""
    text = str(value)
    if not text.lstrip(" ").startswith(_STARTS) or _is_number(text):
        return text
    return f"'{text}"


def _is_number(text: str) -> bool:
    digits = text.removeprefix("-").replace(".", "", 1)
    return digits.isascii() and digits.isdigit()
