"""The list of claimed fault cases against the tests that carry them."""

from pathlib import Path

import pytest

from tests.faults import claimed, collect, report


def test_every_claimed_case_is_printed_with_its_tests() -> None:
    lines, wrong = report(["D1", "D2"], {"D1": ["a::x", "a::y"], "D2": ["b::z"]})

    assert lines == ["claimed: D1 D2", "D1   a::x", "D1   a::y", "D2   b::z"]
    assert wrong == []


def test_a_claimed_case_without_a_test_is_wrong() -> None:
    assert report(["D1", "D2"], {"D1": ["a::x"]})[1] == ["D2 is claimed and has no test"]


def test_a_test_of_a_case_nobody_claims_is_wrong() -> None:
    assert report(["D1"], {"D1": ["a::x"], "Z9": ["b::y"]})[1] == ["Z9 is not claimed: b::y"]


def test_cases_are_found_by_collecting(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_default_fixture_loop_scope = function\nmarkers = fault(*ids): a case\n"
    )
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "@pytest.mark.fault('A1', 'B2')\n"
        "@pytest.mark.parametrize('n', [1, 2])\n"
        "def test_holds(n): raise AssertionError('collected, never run')\n"
    )

    assert collect(str(tmp_path)) == {"A1": ["test_it.py::test_holds"], "B2": ["test_it.py::test_holds"]}


def test_a_suite_that_cannot_be_collected_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    (tmp_path / "test_broken.py").write_text("import no_such_module\n")

    with pytest.raises(ValueError, match="no_such_module"):
        collect(str(tmp_path))


def test_no_case_is_claimed_twice() -> None:
    claims = claimed()

    assert claims
    assert len(claims) == len(set(claims))
