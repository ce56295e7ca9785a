"""Memory that nobody needs any more goes back."""

import subprocess
import sys
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


CHILD = """
import sys
from threading import Thread
from levibotd.observe.memory import keep_together
from tests.observe.test_memory import resident_bytes

if sys.argv[1] == "together":
    assert keep_together()
kept = []

def work():
    for _ in range(3):  # From the second time on the C library thinks that what is so large will be wanted again.
        pieces = [bytes(1 << 20) for _ in range(60)]
        kept.append(bytes(100_000))  # Behind them all: what is before it stays.
        del pieces

before = resident_bytes()
for _ in range(4):
    thread = Thread(target=work)
    thread.start()
    thread.join()
print((resident_bytes() - before) // (1 << 20))
"""


def test_what_is_large_goes_back_at_once_whichever_thread_it_was_of() -> None:
    root = Path(__file__).parents[2]
    left = {
        how: int(subprocess.run([sys.executable, "-c", CHILD, how], cwd=root, check=True, capture_output=True).stdout)
        for how in ("apart", "together")
    }

    assert left["together"] < 15
    assert left["apart"] > left["together"] + 20, "else there is nothing to be gained"
