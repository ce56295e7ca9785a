"""Which commit this is, as far as the installation can tell."""

from pathlib import Path

import levibotd

UNKNOWN = "unknown"


def git_sha() -> str:
    """The commit of the checkout that the package runs from; "unknown" when it was installed without one."""
    git = Path(levibotd.__file__).parent.parent / ".git"
    try:
        head = (git / "HEAD").read_text(encoding="ascii").strip()
        if not head.startswith("ref: "):
            return head[:12]
        name = head.removeprefix("ref: ")
        loose = git / name
        if loose.is_file():
            return loose.read_text(encoding="ascii").strip()[:12]
        for line in (git / "packed-refs").read_text(encoding="utf-8").splitlines():
            if line.endswith(f" {name}"):
                return line[:12]
    except (OSError, UnicodeDecodeError):
        pass
    return UNKNOWN
