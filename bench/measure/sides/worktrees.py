"""Two checkouts of one repository, side by side in a temporary folder that is always removed again.

They are git worktrees whose paths have the same length: the length of a path changes the layout of a
process's memory, and with it its speed (Mytkowicz et al., ASPLOS 2009). A gate that was killed leaves its
folder; the next one finds it by its lock being free, ends what still runs from there and removes it.
"""

import fcntl
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

PREFIX = "bench-gate-"
OWNER = "owner"
"""The file in a folder of checkouts that its gate keeps locked; it names the repository."""

FOLDER_VARIABLE = "BENCH_GATE"
"""The environment variable that says to which folder a worker, and all that it starts, belongs."""

NOT_OURS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY")
"""What git sets for its hooks: there it would lead every command to the wrong checkout."""


SUBMODULE = "160000 "
"""How git begins a line about a submodule: with its mode."""


class CheckoutError(Exception):
    """What git was asked, what it said, and what to try."""


@dataclass(frozen=True)
class Checkouts:
    """Where the two sides lie. `folder/base` and `folder/head` also hold what a side installs."""

    folder: Path
    base: Path
    head: Path


def environment() -> dict[str, str]:
    """This process's environment without what git sets for its hooks."""
    return {name: value for name, value in os.environ.items() if name not in NOT_OURS}


def repository_of(path: Path) -> Path:
    """The top folder of the working tree that `path` is in. Raises CheckoutError outside of one."""
    if shutil.which("git") is None:
        raise CheckoutError("git is not installed; revisions are measured with it")
    try:
        return Path(git(path, "rev-parse", "--show-toplevel")).resolve()
    except CheckoutError as error:
        if "not a git repository" in str(error):
            advice = "change into the project's checkout"
            raise CheckoutError(f"{path} is not in a git repository; {advice}") from None
        if "must be run in a work tree" in str(error):
            raise CheckoutError(f"{path} is a bare repository; change into a checkout") from None
        raise


def commit_of(repository: Path, revision: str) -> str:
    """The commit that a revision names. Raises CheckoutError where it names none."""
    try:
        return git(repository, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    except CheckoutError:
        expected = "expected a branch, tag or commit; fetch it first (in CI: fetch-depth: 0)"
        raise CheckoutError(f"revision {revision!r} is unknown here; {expected}") from None


def merge_base(repository: Path, base: str, head: str) -> str:
    """The commit at which `head` left `base`. Raises CheckoutError where they have none in common."""
    commits = commit_of(repository, base), commit_of(repository, head)
    with suppress(CheckoutError):
        return git(repository, "merge-base", *commits)
    raise CheckoutError(
        f"{base} and {head} have no commit in common; fetch the whole history (in CI: fetch-depth: 0)"
    )


@contextmanager
def checkouts(repository: Path, base: str, head: str | None) -> Iterator[Checkouts]:
    """Both sides, checked out at the commit `base` and at the commit `head`, while the block runs.

    Without `head` its side is the working tree as it stands: tracked changes, and untracked files that are
    not ignored. The folder keeps the repository's own name: a package may lie in the top folder.
    """
    folder = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
    lock = _own(folder, repository)
    sides = Checkouts(folder, folder / "base" / repository.name, folder / "head" / repository.name)
    try:
        _add(repository, sides.base, base)
        _add(repository, sides.head, head or commit_of(repository, "HEAD"))
        if head is None:
            snapshot(repository, sides.head)
        for tree, commit in ((sides.base, base), (sides.head, head)):
            fill_submodules(repository, tree, commit, folder / "index")
        yield sides
    finally:
        with _undisturbed():
            remove(folder, repository)
            os.close(lock)


def snapshot(repository: Path, tree: Path) -> None:
    """Carries the working tree's changes over into `tree`, a checkout of the same commit."""
    changed = git(repository, "diff", "--name-only", "--no-renames", "-z", "HEAD")
    untracked = git(repository, "ls-files", "--others", "--exclude-standard", "-z")
    paths = [path for path in (changed + "\0" + untracked).split("\0") if path]
    for path in paths:
        if (tree / path).is_symlink() or (tree / path).is_file():
            (tree / path).unlink()
            with suppress(OSError):  # not empty; an empty folder may be a file now
                os.removedirs((tree / path).parent)
    for path in paths:
        here = repository / path
        if here.is_symlink() or here.is_file():  # neither deleted nor a repository of its own
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(here, tree / path, follow_symlinks=False)


def fill_submodules(repository: Path, tree: Path, commit: str | None, index: Path) -> None:
    """Puts into a checkout what its submodules hold at a commit; without one, as they stand in `repository`.

    git leaves them empty. One that is empty in `repository` stays so, since nothing is fetched. Raises
    CheckoutError where the commit of a submodule is not there.
    """
    listing = ("ls-tree", "-r", "-z", "--full-tree", commit) if commit else ("ls-files", "--stage", "-z")
    for line in git(repository, *listing).split("\0"):
        about, _, path = line.partition("\t")
        here = repository / path
        if not line.startswith(SUBMODULE) or not (here / ".git").exists():
            continue
        recorded = about.split()[2] if commit else commit_of(here, "HEAD")
        try:
            git(here, "read-tree", recorded, GIT_INDEX_FILE=str(index))
        except CheckoutError:
            what = f"the submodule {path} has no commit {recorded[:10]} here, which {str(commit)[:10]} needs"
            raise CheckoutError(f"{what}; run `git -C {shlex.quote(path)} fetch`") from None
        git(here, "checkout-index", "--all", "--force", f"--prefix={tree / path}/", GIT_INDEX_FILE=str(index))
        if commit is None:
            snapshot(here, tree / path)
        fill_submodules(here, tree / path, commit and recorded, index)


def remove_leftovers(repository: Path) -> list[Path]:
    """Removes the folders that killed gates have left, with the processes that still belong to them."""
    folders = {path.resolve() for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*")}
    for line in git(repository, "worktree", "list", "--porcelain").splitlines():
        path = Path(line.removeprefix("worktree "))
        folders |= {parent for parent in path.parents[1:2] if parent.name.startswith(PREFIX)}
    return [folder for folder in sorted(folders) if _remove_leftover(folder, repository)]


def remove(folder: Path, repository: Path) -> None:
    """Ends what still runs from a folder of checkouts, and removes it."""
    for process in _processes(folder):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)
    for side in ("base", "head"):
        with suppress(CheckoutError):  # it was never added
            git(repository, "worktree", "remove", "--force", str(folder / side / repository.name))


def _add(repository: Path, tree: Path, commit: str) -> None:
    tree.parent.mkdir(exist_ok=True)
    no_hooks = ("-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false")
    try:
        git(repository, *no_hooks, "worktree", "add", "--quiet", "--detach", str(tree), commit)
    except CheckoutError as error:
        reason = str(error).splitlines()[-1].removeprefix("fatal: ")
        hint = f"`git worktree add --detach FOLDER {commit[:10]}` has to work here"
        raise CheckoutError(f"commit {commit[:10]} cannot be checked out ({reason}); {hint}") from None


def _own(folder: Path, repository: Path) -> int:
    """Locks a new folder as this process's; the lock goes with the process, however that ends."""
    unlocked = folder / "unlocked"
    file = os.open(unlocked, os.O_RDWR | os.O_CREAT)
    fcntl.flock(file, fcntl.LOCK_EX)
    os.write(file, os.fsencode(repository))
    unlocked.rename(folder / OWNER)  # nobody sees it before it is locked
    return file


def _remove_leftover(folder: Path, repository: Path) -> bool:
    """Removes a folder that nobody holds; False where somebody does, or where it is not ours to remove."""
    try:
        file = os.open(folder / OWNER, os.O_RDWR)
    except FileNotFoundError:
        if not folder.exists():  # git still lists what a system's cleaning has removed
            remove(folder, repository)
        return False
    except OSError:  # another user's
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove(folder, Path(os.fsdecode(os.read(file, 4096))))
    except BlockingIOError:
        return False
    finally:
        os.close(file)
    return True


def _processes(folder: Path) -> list[int]:
    """The processes, stopped ones too, that were started for a folder of checkouts."""
    import psutil

    numbers = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(FOLDER_VARIABLE) == str(folder):
                numbers.append(process.pid)
    return numbers


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Lets a second Ctrl-C wait until all is removed."""
    in_main_thread = threading.current_thread() is threading.main_thread()  # elsewhere no Ctrl-C arrives
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if in_main_thread else None
    try:
        yield
    finally:
        if in_main_thread:
            signal.signal(signal.SIGINT, before)


def git(path: Path, *arguments: str, **variables: str) -> str:
    """What git prints, with further variables. Raises CheckoutError with what it says where it fails."""
    done = subprocess.run(
        ["git", "-C", str(path), *arguments],
        capture_output=True,
        text=True,
        errors="surrogateescape",
        env=environment() | {"LC_ALL": "C"} | variables,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise CheckoutError(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.rstrip("\n")
