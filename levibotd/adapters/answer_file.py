"""Answers to clients in one file of the state directory, appended to and now and then written anew."""

from collections.abc import Sequence

from levibotd.ports.files import Appending, Files

NAME = "answers"
_NEXT = f"{NAME}.next"


class AnswerFile:
    """One line an answer. A torn last line is not told of: whoever it was for has no answer yet."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._file: Appending | None = None

    def load(self) -> Sequence[bytes]:
        try:
            data = self._files.read(NAME)
        except FileNotFoundError:
            return ()
        return data[: data.rfind(b"\n") + 1].splitlines()

    def renew(self, lines: Sequence[bytes]) -> None:
        self._files.remove(_NEXT)
        file = self._files.create(_NEXT)
        try:
            file.write(b"".join([line + b"\n" for line in lines]))
            file.sync()
            self._files.rename(_NEXT, NAME)
        except OSError:
            file.close()
            raise
        if self._file is not None:
            self._file.close()
        self._file = file

    def add(self, line: bytes) -> None:
        if self._file is None:
            raise OSError("the file of answers was not made")
        self._file.write(line + b"\n")
        self._file.sync()
