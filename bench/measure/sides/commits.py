"""The commits between two, as git knows them: what each is, and which halve what lies between."""

from collections.abc import Sequence
from pathlib import Path

from bench import plain
from bench.measure.sides.worktrees import CheckoutError, commit_of, git, merge_base
from bench.records import Commit

FIELDS = "%H%x00%an%x00%cs%x00%P%x00%s"
"""What `git show` prints of a commit: id, author, day, parents, subject; see git-log(1)."""


def about(repository: Path, revision: str) -> Commit:
    """What git says of a commit. Raises CheckoutError where the revision names none."""
    commit = commit_of(repository, revision)
    shown = git(repository, "show", "--no-patch", "--no-show-signature", f"--format={FIELDS}", commit)
    id_, author, day, parents, subject = map(plain.text, shown.split("\0", 4))
    return Commit(id_, author, day, subject, parents.partition(" ")[0])


def ends(repository: Path, good: str, bad: str) -> tuple[Commit, Commit]:
    """Both ends of what is searched. Raises CheckoutError where `bad` does not come after `good`."""
    start, end = about(repository, good), about(repository, bad)
    if start.id == end.id:
        raise CheckoutError(f"{good} and {bad} are one commit, {start.id[:10]}; expected two")
    if (fork := merge_base(repository, start.id, end.id)) != start.id:
        raise CheckoutError(
            f"{bad} does not come after {good}; expected a good commit among its ancestors, such as the one "
            f"where they parted: --good {fork[:10]}"
        )
    return start, end


def halving(repository: Path, bad: str, goods: Sequence[str]) -> list[str]:
    """`bad` and its ancestors that are none of `goods` nor of their ancestors.

    First come those that leave the fewest to search, whatever is found of them: git-rev-list(1),
    `--bisect-all`. git's own state of a bisection is neither read nor written.
    """
    listed = git(repository, "rev-list", "--bisect-all", bad, "--not", *goods)
    return [line.partition(" ")[0] for line in listed.splitlines()]


def oldest_first(repository: Path, commits: Sequence[str]) -> list[str]:
    """These commits, each behind those that it was made from."""
    listed = git(repository, "rev-list", "--topo-order", "--reverse", *commits).splitlines()
    return [each for each in listed if each in commits]
