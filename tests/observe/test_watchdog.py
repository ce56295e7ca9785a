import subprocess
import sys

import pytest

from levibotd.kernel.clock import LoopClock
from levibotd.observe.watchdog import Jump, JumpWatch

# The interpreter holds its lock in `sum`: no thread of Python's own could notice.
STUCK = """
import sys
from levibotd.observe.watchdog import LoopWatchdog
watchdog = LoopWatchdog(limit_s=0.2, err=sys.stderr)
watchdog.feed()
def blocks():
    {body}
blocks()
"""


def run(body: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", STUCK.format(body=body)], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.real_time
@pytest.mark.fault("F3")
def test_a_process_that_does_not_feed_it_ends_with_its_stacks() -> None:
    ended = run("sum(range(10**12))")
    assert ended.returncode == 1
    assert "in blocks" in ended.stderr


@pytest.mark.real_time
def test_a_process_that_feeds_it_in_time_or_stops_it_lives_on() -> None:
    ended = run(
        "import threading\n    for _ in range(8):\n        threading.Event().wait(0.05)\n        watchdog.feed()\n"
        "    watchdog.stop()\n    threading.Event().wait(0.4)"
    )
    assert (ended.returncode, ended.stderr) == (0, "")


class Hands:
    """A clock whose two hands the test moves."""

    def __init__(self) -> None:
        self.wall, self.mono = 1_760_000_000.0, 50.0

    def pass_(self, seconds: float, *, step: float = 0.0) -> None:
        self.mono += seconds
        self.wall += seconds + step


class HandClock(LoopClock):
    def __init__(self, hands: Hands) -> None:
        super().__init__(wall=lambda: hands.wall)
        self._hands = hands

    def monotonic(self) -> float:
        return self._hands.mono


@pytest.mark.parametrize(
    ("passed_s", "step_s", "told"),
    [
        (1.0, 0.0, None),
        (1.9, 0.0, None),  # A little late is not a jump.
        (1.0, 0.9, None),
        (1.0, 3600.0, Jump(3600.0, 0.0)),
        (1.0, -7200.0, Jump(-7200.0, 0.0)),
        (7.5, 0.0, Jump(0.0, 6.5)),
        (7.5, -2.0, Jump(-2.0, 6.5)),
    ],
)
def test_a_jump_is_told_by_its_kind_and_size(passed_s: float, step_s: float, told: Jump | None) -> None:
    hands = Hands()
    watch = JumpWatch(HandClock(hands), interval_s=1.0)
    hands.pass_(1.0)
    assert watch.look() is None

    hands.pass_(passed_s, step=step_s)
    assert watch.look() == told

    hands.pass_(1.0)
    assert watch.look() is None, "told once"
