"""Records come back in order however many runs they were spilled into."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.adapters.spilled_sort import SpilledSort


@given(st.lists(st.binary(max_size=12)), st.integers(1, 5), st.integers(2, 4))
def test_what_went_in_comes_out_sorted(records: list[bytes], run_records: int, fan_in: int) -> None:
    with TemporaryDirectory() as directory:
        ordered = SpilledSort(Path(directory, "runs"), run_records=run_records, fan_in=fan_in)
        for record in records:
            ordered.add(record)

        assert list(ordered.merged()) == sorted(records)
        assert list(ordered.merged()) == sorted(records)


def test_few_files_are_kept_however_many_runs_there_were(tmp_path: Path) -> None:
    ordered = SpilledSort(tmp_path / "runs", run_records=1, fan_in=4)
    for number in reversed(range(1000)):
        ordered.add(number.to_bytes(4))

    assert [int.from_bytes(record) for record in ordered.merged()] == list(range(1000))
    assert len(list((tmp_path / "runs").iterdir())) <= 3 * 5  # 1000 in base 4 has five digits.


def test_what_fits_into_memory_never_reaches_the_disk(tmp_path: Path) -> None:
    ordered = SpilledSort(tmp_path / "runs")
    for number in reversed(range(100)):
        ordered.add(number.to_bytes(4))

    assert [int.from_bytes(record) for record in ordered.merged()] == list(range(100))
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.parametrize("size", [1 << 20, 3 << 20])
def test_large_records_are_spilled_before_they_fill_the_memory(tmp_path: Path, size: int) -> None:
    ordered = SpilledSort(tmp_path / "runs")
    for number in range(20):
        ordered.add(bytes([number]) * size)

    assert len(list((tmp_path / "runs").iterdir())) >= 20 * size // (12 << 20)
