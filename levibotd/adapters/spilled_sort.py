"""Sort more records than fit into memory: sorted runs on disk, merged while they are read."""

import heapq
from collections.abc import Iterator
from pathlib import Path

_RUN_RECORDS = 8_000
_RUN_BYTES = 8 << 20
_FAN_IN = 64
_SIZE_BYTES = 4


class SpilledSort:
    """
    Records are bytes and come back in byte order, equal ones included.

    At most one run is in memory, and at most 64 runs of each length are on disk. `directory` is made here
    and removed by the caller.
    """

    def __init__(self, directory: Path, *, run_records: int = _RUN_RECORDS, fan_in: int = _FAN_IN) -> None:
        directory.mkdir()
        self._directory = directory
        self._run_records = run_records
        self._fan_in = fan_in
        self._run: list[bytes] = []
        self._run_bytes = 0
        self._levels: list[list[Path]] = []
        self._written = 0

    def add(self, record: bytes) -> None:
        self._run.append(record)
        self._run_bytes += len(record)
        if len(self._run) >= self._run_records or self._run_bytes >= _RUN_BYTES:
            self._spill()

    def merged(self) -> Iterator[bytes]:
        """All records in order. May be read more than once; nothing may be added any more."""
        self._run.sort()  # It stays in memory: what was read last fits there, and mostly that is everything.
        return heapq.merge(self._run, *(_records(run) for level in self._levels for run in level))

    def _spill(self) -> None:
        self._run.sort()
        self._keep(self._write(iter(self._run)), level=0)
        self._run = []
        self._run_bytes = 0

    def _keep(self, run: Path, *, level: int) -> None:
        # Runs of one length are merged into one of the next, so each record is rewritten only log(n) times.
        if level == len(self._levels):
            self._levels.append([])
        runs = self._levels[level]
        runs.append(run)
        if len(runs) < self._fan_in:
            return
        longer = self._write(heapq.merge(*map(_records, runs)))
        for each in runs:
            each.unlink()
        runs.clear()
        self._keep(longer, level=level + 1)

    def _write(self, records: Iterator[bytes]) -> Path:
        path = self._directory / f"{self._written:06d}.run"
        self._written += 1
        with path.open("xb") as file:
            for record in records:
                file.write(len(record).to_bytes(_SIZE_BYTES))
                file.write(record)
        return path


def _records(run: Path) -> Iterator[bytes]:
    with run.open("rb") as file:
        while size := file.read(_SIZE_BYTES):
            yield file.read(int.from_bytes(size))
