"""A child process that tells what it was given: `python -m tests.app.surroundings [die]`."""

import json
import os
import signal
import sys

_TOLD = ("PYTHONHASHSEED", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

if __name__ == "__main__":
    if sys.argv[1:] == ["die"]:
        os.kill(os.getpid(), signal.SIGKILL)
    environ = {name: os.environ.get(name) for name in _TOLD}  # noqa: TID251 - The environment is what is asked for.
    sys.stdout.write(json.dumps({"executable": sys.executable, "environ": environ}))
