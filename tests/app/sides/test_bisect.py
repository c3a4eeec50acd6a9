"""The commit that made a case slower: found by real gates, and what is said of it."""

import signal
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.analyze.gate.bisection import Probe
from bench.app.sides import bisect
from bench.measure.drive import profile_run
from bench.measure.sides.side import SideError
from bench.records import Change, Commit, Verdict
from tests.app.sides.gated_project import CODE, Repository
from tests.waiting import visited

CASE = "suites/test_it.py::test_parse[10]"
CULPRIT, BROKEN = 8, (5, 6)


def commits(repository: Repository, count: int, culprit: int, broken: Collection[int]) -> list[str]:
    """A history of commits, three times as slow from `culprit` on; `broken` ones cannot be imported."""
    made = []
    for number in range(count):
        code = CODE if number < culprit else CODE.replace("n * 1e-4", "n * 3e-4")
        repository.write({"src/project/__init__.py": "1 / 0\n" if number in broken else code})
        made.append(repository.commit(f"change {number}"))
    return made


def test_a_known_regression_is_named(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_run, "py_spy", lambda: None)  # stacks would only take their time
    culprit = 5
    made = commits(repository, 7, culprit, broken={3})
    repository.write({"suites/test_it.py": "what is being worked on\n"})
    before = repository.git("status", "--porcelain"), repository.git("for-each-ref")
    done = repository.run("bisect", "--good", made[0], "--bad", "main", CASE)
    assert done.returncode == 0, done.stdout + done.stderr
    told = done.stdout.partition("\n\n")[2].splitlines()
    assert told[0].startswith(f"{made[culprit][:10]} is the first slower commit: change {culprit} (Someone, ")
    assert told[1].startswith(
        f"  test_parse[10]: slower, 3 × (3 × to 3 ×), solid, against its parent {made[culprit - 1][:10]}"
    )
    assert "profiles: explain/base/" in told[-2]
    assert (Path(told[-1]) / "explain" / "head").is_dir()
    skipped = [line for line in done.stdout.splitlines() if "not measured" in line]
    assert skipped
    assert all("ZeroDivisionError" in line for line in skipped)
    assert before == (repository.git("status", "--porcelain"), repository.git("for-each-ref"))
    assert not (repository.folder / ".git" / "BISECT_LOG").exists()
    repository.assert_nothing_left()


def test_an_interrupt_leaves_the_runs_and_nothing_else(repository: Repository) -> None:
    slow = "import time\ndef test_slow(benchmark):\n    benchmark(time.sleep, 0.02)\n"
    repository.write({"suites/test_it.py": slow, "suites/conftest.py": None})
    good = repository.commit()
    repository.commit()
    going = repository.start("--good", good, "--bad", "main", "test_slow", command="bisect")
    journal = visited(repository.out, 2)
    going.send_signal(signal.SIGINT)
    _, stderr = going.communicate(timeout=300)
    assert going.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert journal.is_file()
    repository.assert_nothing_left()


@pytest.mark.parametrize(
    ("code", "arguments", "status", "said"),
    [
        (CODE, [CASE], 2, "main is not slower than main~1 by 5 % or more"),
        (CODE, ["test_parse*"], 2, "names 2 cases, such as suites/test_it.py::test_parse[1] and"),
        (CODE, ["test_pars"], 2, "did you mean suites/test_it.py::test_parse"),
        (CODE, ["suites/test_not.py::test_a"], 2, "suites/test_not.py is on neither side"),
        ("1 / 0\n", [CASE], 3, "head could not be collected"),
    ],
    ids=["not slower", "several", "misspelt", "no such file", "broken"],
)
def test_what_cannot_be_searched_is_one_sentence(
    repository: Repository, code: str, arguments: list[str], status: int, said: str
) -> None:
    repository.write({"src/project/__init__.py": code})
    repository.commit()
    done = repository.run("bisect", "--good", "main~1", "--bad", "main", *arguments)
    assert (done.returncode, said in done.stderr) == (status, True), done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    repository.assert_nothing_left()


def test_a_case_that_skips_itself_is_nothing_measured(repository: Repository) -> None:
    repository.write(
        {"suites/test_it.py": "import pytest\ndef test_a(benchmark):\n    pytest.skip('not here')\n"}
    )
    good = repository.commit()
    repository.commit()
    done = repository.run("bisect", "--good", good, "--bad", "main", "test_a")
    assert done.returncode == 5, done.stdout + done.stderr
    assert "not here" in done.stdout


# From here on a judge that knows stands for the gates; the repository is a real one.

Judge = Callable[[int, int], "Verdict | str"]
"""What a gate says of two commits by their numbers: its verdict, or what keeps a side from being measured."""


def verdict(base: float, head: float, state: str = "") -> Verdict:
    ratio = head / base
    known = state or ("slower" if ratio > 1.05 else "faster" if ratio < 0.95 else "same")
    change = Change(CASE, ratio, ratio * 0.99, ratio * 1.01, 8)
    return Verdict(CASE, known, "screen", "why", 0.05, change)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Judged:
    """`run` is `bench bisect` over twelve commits that are judged so; `errors` what each gate might err."""

    run: Callable[[Judge], int]
    errors: list[float]


@pytest.fixture
def judged(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Judged:
    errors: list[float] = []
    numbers = {commit: number for number, commit in enumerate(commits(repository, 12, CULPRIT, BROKEN))}
    first, *_, last = numbers
    repository.write({"suites/test_it.py": "def test_parse(benchmark): ...\n"})

    def run(judge: Judge) -> int:
        def gated(
            _: object, base: Commit, head: Commit, error: float, explained: bool = False
        ) -> bisect.Gated:
            errors.append(error)
            said = judge(numbers[base.id], numbers[head.id])
            if said == "skips itself":
                return bisect.Gated(Probe(head, base, reason=said, skipped=True))
            if isinstance(said, str):
                raise SideError(said)
            return bisect.Gated(Probe(head, base, said, said.reason), Path("run"), ("came: a",) * explained)

        monkeypatch.setattr(bisect, "_gated", gated)
        monkeypatch.chdir(repository.folder)
        return main(["bisect", "--good", first, "--bad", last, CASE])

    return Judged(run, errors)


def times(seconds: Mapping[int, float]) -> Judge:
    """A judge that knows what the case takes from each of these commits on."""

    def at(number: int) -> float:
        return seconds[max(each for each in seconds if each <= number)]

    return lambda base, head: verdict(at(base), at(head))


def test_a_later_and_larger_regression_is_a_search_of_its_own(
    judged: Judged, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judged.run(times({0: 1.0, 3: 1.2, 9: 3.0})) == 0
    told = capsys.readouterr().out
    assert "is the first slower commit: change 3" in told
    assert "slower, +20.0 % (+18.8 % to +21.2 %), solid, against its parent" in told
    assert "  came: a\n" in told
    assert "what made the rest of it is found by bench bisect --good" in told


def test_a_case_that_crept_says_so(judged: Judged, capsys: pytest.CaptureFixture[str]) -> None:
    assert judged.run(times({number: 1 + 0.02 * number for number in range(12)})) == 0
    told = capsys.readouterr().out
    assert "change 3" in told
    assert "in steps too small to be told alone" in told


def test_commits_that_stay_open_are_named(judged: Judged, capsys: pytest.CaptureFixture[str]) -> None:
    known = times({0: 1.0, 8: 3.0})

    def judge(base: int, head: int) -> Verdict | str:
        if head == 6:
            return "does not build"
        return verdict(1, 1, "undecided") if head == 7 else known(base, head)

    assert judged.run(judge) == 4
    told = capsys.readouterr().out.partition("\n\n")[2].splitlines()
    assert told[0] == "the first slower commit is one of these 3:"
    assert [line.split()[1] for line in told[1:]] == ["not", "undecided", "slower"]
    assert told[1].endswith("change 6: does not build")
    assert told[2].endswith("change 7: why")


@pytest.mark.parametrize(
    ("judge", "status"),
    [
        (lambda _, head: verdict(1, 3) if head == 11 else "does not build", 3),
        (lambda *_: verdict(1, 1, "undecided"), 4),
        (lambda *_: "skips itself", 5),
        (lambda *_: "does not build", 3),
        (lambda *_: verdict(1, 0.5), 2),
    ],
)
def test_what_is_not_known_is_no_success(judged: Judged, judge: Judge, status: int) -> None:
    assert judged.run(judge) == status


def test_all_gates_together_err_no_more_than_one_may(judged: Judged) -> None:
    assert judged.run(times({0: 1.0, CULPRIT: 3.0})) == 0
    assert len(judged.errors) >= 5
    assert 0.005 < sum(judged.errors) <= 0.01
