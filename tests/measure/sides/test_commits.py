"""What git says of the commits of a project."""

from pathlib import Path

import pytest

from bench.measure.sides import commits
from bench.measure.sides.worktrees import CheckoutError
from tests.app.sides.gated_project import Repository


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Five commits in a row, and one that leaves them at the second and comes back as the sixth."""
    made = Repository(tmp_path_factory.mktemp("history") / "project")
    for number in (1, 2, 3):
        made.commit(f"the {number}th")
    made.git("checkout", "--quiet", "-b", "aside", "HEAD~2")
    made.commit("aside | \N{SNOWMAN} \t")
    made.git("checkout", "--quiet", "main")
    made.git("merge", "--quiet", "--no-ff", "-m", "both", "aside")
    made.commit("the last")
    return made


def id_(history: Repository, revision: str) -> str:
    return history.git("rev-parse", revision).strip()


def test_a_commit_is_told_as_git_tells_it(history: Repository) -> None:
    told = commits.about(history.folder, "aside")
    assert (told.author, told.subject) == ("Someone", "aside | \N{SNOWMAN}")
    assert (told.id, told.parent) == (id_(history, "aside"), id_(history, "aside~1"))
    assert told.day.count("-") == 2
    root = history.git("rev-list", "--max-parents=0", "HEAD").strip()
    assert commits.about(history.folder, root).parent == ""
    assert commits.about(history.folder, "main~1").parent == id_(history, "main~2"), "of a merge, the first"


def test_what_lies_between_leaves_out_what_is_known_to_be_good(history: Repository) -> None:
    good, bad = id_(history, "main~4"), id_(history, "main")
    names = ["main", "main~1", "main~2", "main~3", "aside"]
    listed = commits.halving(history.folder, bad, [good])
    assert sorted(listed) == sorted(id_(history, name) for name in names)
    assert listed[-1] == bad, "it is known to be bad, so it halves nothing"
    again = commits.halving(history.folder, bad, [good, id_(history, "main~2")])
    assert sorted(again) == sorted(id_(history, name) for name in ["main", "main~1", "aside"])
    in_order = commits.oldest_first(history.folder, listed)
    assert in_order[-2:] == [id_(history, "main~1"), bad]
    assert in_order.index(id_(history, "main~3")) < in_order.index(id_(history, "main~2"))


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ("main", "main~0", "are one commit"),
        ("main", "main~2", "main~2 does not come after main"),
        ("aside", "main~2", "such as the one where they parted: --good"),
        ("nowhere", "main", "revision 'nowhere' is unknown"),
    ],
)
def test_ends_that_span_nothing_are_refused(history: Repository, good: str, bad: str, said: str) -> None:
    with pytest.raises(CheckoutError, match=said):
        commits.ends(history.folder, good, bad)


def test_outside_of_a_repository_git_is_not_believed(tmp_path: Path) -> None:
    with pytest.raises(CheckoutError):
        commits.about(tmp_path, "main")
