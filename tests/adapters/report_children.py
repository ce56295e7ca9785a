"""
Children that do not behave, for tests: `python -m tests.adapters.report_children`.

What the child does stands in its job's `root`: a directory whose name says so; there it leaves its process id.
"""

import os
import signal
import sys
from pathlib import Path

import msgspec

from levibotd.adapters.report_child import Job


def main() -> int:
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    (Path(job.root) / "pid").write_text(str(os.getpid()))
    (Path(job.root) / "scratch").write_text(job.scratch)
    (Path(job.scratch) / "left.jsonl").write_text("x")
    sys.stderr.write('{"progress":"up"}\n')
    sys.stderr.flush()
    match Path(job.root).name:
        case "hangs":
            signal.pause()
        case "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        case "raises":
            raise MemoryError("no more room")
    return 0


if __name__ == "__main__":
    sys.exit(main())
