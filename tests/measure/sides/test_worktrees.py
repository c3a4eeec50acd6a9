"""Checkouts of two sides: what lies in them, whatever the repository is, and that nothing stays behind."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.measure.sides.worktrees import CheckoutError, checkouts


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.email=a@b.c", "-c", "user.name=a", "-c", "protocol.file.allow=always")
    done = subprocess.run(["git", "-C", str(folder), *identity, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def committed(folder: Path, files: dict[str, str]) -> str:
    """Writes files and commits all there is, in a repository that is made where there is none; the commit."""
    if not (folder / ".git").exists():
        folder.mkdir()
        git(folder, "init", "--quiet", "--initial-branch=main")
    for name, text in files.items():
        (folder / name).write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "as it stands")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """One with a submodule in `a b/sub`, which has another one in `inner`."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    committed(tmp_path / "inner", {"deep.py": "old"})
    committed(tmp_path / "sub", {"helper.py": "old"})
    git(tmp_path / "sub", "submodule", "--quiet", "add", str(tmp_path / "inner"), "inner")
    committed(tmp_path / "sub", {})
    folder = tmp_path / "project"
    committed(folder, {"code.py": "old"})
    git(folder, "submodule", "--quiet", "add", str(tmp_path / "sub"), "a b/sub")
    git(folder, "submodule", "--quiet", "update", "--init", "--recursive")
    committed(folder, {})
    yield folder
    assert not list(temporary.iterdir())
    assert len(git(folder, "worktree", "list").splitlines()) == 1
    assert len(git(folder / "a b/sub", "worktree", "list").splitlines()) == 1


def test_submodules_are_checked_out_at_each_side_s_commit(repository: Path) -> None:
    base = git(repository, "rev-parse", "HEAD")
    sub = repository / "a b/sub"
    committed(sub, {"helper.py": "new"})
    head = committed(repository, {})
    with checkouts(repository, base, head) as sides:
        assert [(tree / "a b/sub/helper.py").read_text() for tree in (sides.base, sides.head)] == [
            "old",
            "new",
        ]
        assert (sides.base / "a b/sub/inner/deep.py").read_text() == "old"
        assert git(sides.head, "status", "--porcelain") == ""
    assert git(sub, "status", "--porcelain") == ""


def test_the_working_tree_has_its_submodules_as_they_stand(repository: Path) -> None:
    base, sub = git(repository, "rev-parse", "HEAD"), repository / "a b/sub"
    committed(sub, {"more.py": "committed there alone"})
    (sub / "helper.py").write_text("changed")
    (sub / "inner/new.py").write_text("untracked")
    with checkouts(repository, base, None) as sides:
        there = sides.head / "a b/sub"
        assert (there / "more.py").exists()
        assert (there / "helper.py").read_text() == "changed"
        assert (there / "inner/new.py").read_text() == "untracked"
        assert (there / "inner/deep.py").exists()
        assert not (sides.base / "a b/sub/more.py").exists()


def test_a_submodule_that_is_empty_here_stays_empty(repository: Path) -> None:
    base = git(repository, "rev-parse", "HEAD")
    git(repository, "submodule", "--quiet", "deinit", "--force", "a b/sub")
    with checkouts(repository, base, None) as sides:
        assert not list((sides.base / "a b/sub").iterdir())


def test_a_commit_of_a_submodule_that_is_not_here_is_named(repository: Path) -> None:
    entry = f"160000,{'1' * 40},a b/sub"
    git(repository, "update-index", "--cacheinfo", entry)
    git(repository, "commit", "--quiet", "--message", "beyond")
    beyond = git(repository, "rev-parse", "HEAD")
    expected = r"the submodule a b/sub has no commit 1111111111 here.*; run `git -C 'a b/sub' fetch`"
    with pytest.raises(CheckoutError, match=expected), checkouts(repository, beyond, beyond):
        pass


def test_a_filter_that_fails_is_one_sentence(repository: Path) -> None:
    """As where files of git-lfs cannot be fetched."""
    for name, value in (("required", "true"), ("clean", "cat"), ("smudge", "false")):
        git(repository, "config", f"filter.gone.{name}", value)
    base = committed(repository, {".gitattributes": "*.bin filter=gone\n", "x.bin": "x"})
    with pytest.raises(CheckoutError) as raised, checkouts(repository, base, None):
        pass
    assert len(str(raised.value).splitlines()) == 1
    assert f"commit {base[:10]} cannot be checked out (x.bin: smudge filter gone failed); " in str(
        raised.value
    )
