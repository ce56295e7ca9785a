"""
A process that writes a log until it is killed: `python -m tests.scenarios.log_writer DIR BOOT ACKNOWLEDGED`.

After each commit it appends the last seq to the file ACKNOWLEDGED, as an asker would hear it.
"""

import os
import sys
from itertools import count
from pathlib import Path

from levibotd.adapters.local_journal import LocalJournal
from levibotd.adapters.os_files import OsFiles
from levibotd.domain.records import Entry, SystemNote
from levibotd.journal import Preparer
from levibotd.ports.journal_file import Stamped

NOON = 20_000 * 86_400.0 + 43_200


def main(directory: str, boot: str, acknowledged: str) -> None:
    journal = LocalJournal(OsFiles(Path(directory)), boot=boot)
    first = journal.recover().position.seq
    preparer = Preparer()
    told = os.open(acknowledged, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in count(first):
        records = tuple(preparer.prepare(Entry(SystemNote(note=f"{number}.{index}" * 20))) for index in range(5))
        # Twenty seconds a commit: it is killed in rotations too.
        list(journal.commit([Stamped(records, NOON + number * 20, float(number))]))
        os.write(told, b"%d\n" % journal.position.seq)


if __name__ == "__main__":
    main(*sys.argv[1:])
