"""A state directory whose log has some days in it, on a real disk, and the settings of an archive."""

from pathlib import Path

from levibotd.adapters.local_journal import LocalJournal
from levibotd.adapters.os_files import OsFiles
from levibotd.domain.records import Entry, SystemNote
from levibotd.journal import Preparer
from levibotd.kernel.clock import LoopClock
from levibotd.ports.journal_file import Stamped
from tests.contracts import buckets

DAY = 86_400.0
DAYS = 4
KEEP_DAYS = 2
PRUNED_DAYS = DAYS - KEEP_DAYS


class Place:
    """A state directory with some days in it, and the settings of its archive."""

    def __init__(self, folder: Path, url: str, *, bucket: str) -> None:
        self.state = folder / "state"
        self.log = self.state / "logs"
        secrets = folder / "secrets"
        secrets.mkdir(mode=0o700)
        (secrets / "s3").write_text(f"{buckets.ACCESS_KEY}\n{buckets.SECRET_KEY}\n")
        (secrets / "s3").chmod(0o600)
        self.settings = {
            "daemon__secrets_dir": str(secrets),
            "archive__endpoint": url,
            "archive__bucket": bucket,
            "archive__keep_days": "2",
        }
        self.days = fill(self.log, until_s=LoopClock().time())


def fill(log: Path, *, until_s: float, notes: int = 300) -> list[str]:
    """Days before today, some hours each, as a daemon of then would have left them."""
    journal = LocalJournal(OsFiles(log), boot="past", reserve_bytes=1024)
    journal.recover()
    preparer = Preparer()
    midnight = until_s - until_s % DAY
    for day in range(DAYS, 0, -1):
        for hour in range(3):
            at = midnight - day * DAY + hour * 3600
            batch = [
                Stamped((preparer.prepare(Entry(SystemNote(note=f"{day}/{hour}/{n}", detail="y" * 200))),), at, 1.0)
                for n in range(notes)
            ]
            list(journal.commit(batch))
    journal.close()
    return sorted(path.name for path in log.iterdir() if path.is_dir())
