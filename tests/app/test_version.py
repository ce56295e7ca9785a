"""Which commit is running."""

from pathlib import Path

import pytest

from levibotd.app.version import UNKNOWN, branch_of, commit_of, git_branch, git_sha

SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def git(tmp_path: Path) -> Path:
    (tmp_path / ".git" / "refs" / "heads").mkdir(parents=True)
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    return tmp_path / ".git"


def test_a_branch_is_followed_to_its_commit(git: Path) -> None:
    (git / "refs" / "heads" / "main").write_text(f"{SHA}\n")

    assert commit_of(git) == SHA[:12]


def test_a_packed_branch_is_found(git: Path) -> None:
    (git / "packed-refs").write_text(
        f"# pack-refs with: peeled\n{'f' * 40} refs/heads/other/main\n{SHA} refs/heads/main\n"
    )

    assert commit_of(git) == SHA[:12]


def test_a_detached_head_is_its_own_commit(git: Path) -> None:
    (git / "HEAD").write_text(f"{SHA}\n")

    assert commit_of(git) == SHA[:12]


def test_a_worktree_is_followed_to_where_its_commits_lie(git: Path, tmp_path: Path) -> None:
    inner = git / "worktrees" / "w"
    inner.mkdir(parents=True)
    (inner / "HEAD").write_text("ref: refs/heads/side\n")
    (inner / "commondir").write_text("../..\n")
    (git / "refs" / "heads" / "side").write_text(f"{SHA}\n")
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / ".git").write_text(f"gitdir: {inner}\n")

    assert commit_of(tmp_path / "w" / ".git") == SHA[:12]


@pytest.mark.parametrize("head", [b"ref: refs/heads/none\n", b"\xff\xfe", b""])
def test_what_cannot_be_told_is_unknown(git: Path, head: bytes) -> None:
    (git / "HEAD").write_bytes(head)

    assert commit_of(git) == UNKNOWN
    assert commit_of(git / "missing") == UNKNOWN


@pytest.mark.parametrize(
    ("head", "branch"),
    [
        ("ref: refs/heads/main\n", "main"),
        ("ref: refs/heads/fix/a-b\n", "fix/a-b"),
        (f"ref: refs/heads/{'b' * 65}\n", UNKNOWN),  # More than a label may be.
        (f"{SHA}\n", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_the_branch_is_told_where_there_is_one(git: Path, head: str, branch: str) -> None:
    (git / "HEAD").write_text(head)

    assert branch_of(git) == branch
    assert branch_of(git / "missing") == UNKNOWN


def test_the_branch_of_a_worktree_is_its_own(git: Path, tmp_path: Path) -> None:
    inner = git / "worktrees" / "w"
    inner.mkdir(parents=True)
    (inner / "HEAD").write_text("ref: refs/heads/side\n")
    (inner / "commondir").write_text("../..\n")
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / ".git").write_text(f"gitdir: {inner}\n")

    assert branch_of(tmp_path / "w" / ".git") == "side"


def test_the_commit_of_this_package_is_short_or_unknown() -> None:
    assert git_sha() == UNKNOWN or len(git_sha()) == 12
    assert git_branch()
