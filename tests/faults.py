"""
Which fault cases are claimed, and which tests hold them: `python -m tests.faults`.

The claim is `tests/faults.toml`; a test carries its cases as `@pytest.mark.fault("D1")`.
"""

import contextlib
import io
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

CLAIMS = Path(__file__).with_name("faults.toml")


class Collector:
    """A pytest plugin that collects and runs nothing: cases -> ids of the tests that carry them."""

    def __init__(self) -> None:
        self.tests: dict[str, list[str]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            for marker in item.iter_markers("fault"):
                for case in marker.args:
                    # One line for a parametrised test, however many parameters it has.
                    name = item.nodeid.split("[")[0]
                    if name not in self.tests.setdefault(case, []):
                        self.tests[case].append(name)


def claimed(path: Path = CLAIMS) -> list[str]:
    """Return the claimed cases in the order of the file."""
    return list(tomllib.loads(path.read_text("utf-8"))["claimed"])


def report(claims: Iterable[str], tests: Mapping[str, list[str]]) -> tuple[list[str], list[str]]:
    """Return the lines to print, and what is wrong: claims without a test, tests of unknown cases."""
    claims = list(claims)
    lines = [f"claimed: {' '.join(claims)}"]
    for case in claims:
        lines += [f"{case:4} {test}" for test in tests.get(case, [])]
    wrong = [f"{case} is claimed and has no test" for case in claims if not tests.get(case)]
    wrong += [f"{case} is not claimed: {tests[case][0]}" for case in sorted(tests) if case not in claims]
    return lines, wrong


def collect(path: str) -> dict[str, list[str]]:
    """Return the tests below `path` by case. Raises ValueError with pytest's words when it cannot collect."""
    collector, said = Collector(), io.StringIO()
    with contextlib.redirect_stdout(said):
        status = pytest.main(["--collect-only", "-qq", path], plugins=[collector])
    if status != pytest.ExitCode.OK:
        raise ValueError(said.getvalue())
    return collector.tests


def main() -> int:
    """Print claims and tests. Returns 1 when they do not match or the suite cannot be collected."""
    try:
        tests = collect("tests")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    lines, wrong = report(claimed(), tests)
    print("\n".join(lines))
    for fault in wrong:
        print(fault, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
