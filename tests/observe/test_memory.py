"""Memory that nobody needs any more goes back."""

from pathlib import Path

from levibotd.observe.memory import give_back

MIB = 1 << 20


def resident_bytes() -> int:
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS"))) * 1024


def test_what_was_freed_is_given_back_to_the_system() -> None:
    # Pieces small enough for the heap, one of them kept behind all others: the heap cannot shrink by itself.
    pieces = [bytes(100_000) for _ in range(600)]
    last = bytes(100_000)
    held = resident_bytes()
    del pieces

    assert give_back()

    assert resident_bytes() < held - 30 * MIB
    assert last
