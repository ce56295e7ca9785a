"""How the process ends, in numbers that a service manager acts on."""

from enum import IntEnum

from levibotd.errors import ConfigError, LeviError, Unavailable


class ExitCode(IntEnum):
    """The whole set; what each means stands in `MEANINGS`."""

    OK = 0
    FAILED = 1
    USAGE = 2
    TEMPORARY = 75
    CONFIG = 78


MEANINGS = {
    ExitCode.OK: "done, also after SIGTERM or SIGINT",
    ExitCode.FAILED: "the log is damaged, a check failed, or some input lines were bad",
    ExitCode.USAGE: "wrong usage, or an input file that cannot be read",
    ExitCode.TEMPORARY: "port in use, lock held by another daemon, restart budget spent, log device dead: try again",
    ExitCode.CONFIG: "bad key or value, directory not writable, unreadable credential, public bind without keys, "
    "missing extra: edit something first",
}


def exit_code_of(error: LeviError) -> ExitCode:
    """Return how a command ends that `error` ends."""
    match error:
        case ConfigError():
            return ExitCode.CONFIG
        case Unavailable():
            return ExitCode.TEMPORARY
        case _:
            return ExitCode.FAILED
