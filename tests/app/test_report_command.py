"""A report for a terminal: how far it is, and what it lacks, beside it."""

import io
import json
from pathlib import Path

import pytest

from levibotd.app.report_command import report
from levibotd.exit_codes import ExitCode
from levibotd.ports.reports import ReportQuery
from tests.adapters.day_logs import notes, write

pytestmark = pytest.mark.real_time


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_it_says_how_far_it_is_where_somebody_watches(tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    write(tmp_path / "log", notes((1.0, 2.0)), seal=False)
    out, err = io.BytesIO(), Terminal()

    code = report(ReportQuery(kind="daily"), logs=tmp_path / "log", key=b"", into=None, out=out, err=err)

    assert code == ExitCode.OK
    assert json.loads(out.getvalue())["through_seq"] == 5
    assert "\r\x1b[Kchecking segment 2 of 2\r\x1b[Kadding up\r\x1b[K" in err.getvalue()
    assert err.getvalue().endswith("levibotd: not complete: 2026-03-02 to 2026-03-02 as far as seq 5\n")


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing"):
        report(
            ReportQuery(kind="daily"),
            logs=tmp_path / "missing",
            key=b"",
            into=None,
            out=io.BytesIO(),
            err=io.StringIO(),
        )
