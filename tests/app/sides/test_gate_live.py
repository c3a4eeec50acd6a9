"""The gate from end to end, with real worktrees and workers: what it measures and what it says."""

import json

import pytest

from bench.measure.drive import profile_run
from tests.app.sides.gated_project import CODE, SUITE, VIRTUAL, Repository, states


def test_slowdown_in_the_working_tree_is_found_and_the_replay_agrees_to_the_last_bit(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profile_run, "py_spy", lambda: None)  # stacks would only take their time
    repository.write(
        {
            "bench/__init__.py": "raise RuntimeError('this package is the project\\'s own')\n",
            "suites/test_names.py": "from project import render\n"
            "def test_old(benchmark):\n    benchmark(render, 1)\n"
            "def test_gone(benchmark):\n    benchmark(render, 1)\n"
            "def test_skipped(benchmark):\n    import pytest\n    pytest.skip('not today')\n",
        }
    )
    repository.commit()
    repository.write(
        {
            "src/project/__init__.py": CODE.replace("work(n * 1e-4)", "helped(n * 1.06e-4)")
            + "\nfrom project.untracked import helped\n",
            "src/project/untracked.py": "from virtual import work as helped\n",
            "suites/ignored_test.py": "raise SystemExit\n",
            "suites/test_it.py": SUITE.replace("benchmark(render, 1)", "benchmark(render, n=1)"),
            "suites/test_names.py": "from project import render\n"
            "def test_new(benchmark):\n    benchmark(render, 1)\n"
            "def test_added(benchmark):\n    benchmark(render, 1)\n"
            "def test_skipped(benchmark):\n    import pytest\n    pytest.skip('not today')\n",
            "pyproject.toml": "[tool.bench.gate]\nremoved = ['test_gone']\nrenamed.test_old = 'test_new'\n",
        }
    )
    files = [repository.folder.parent / name for name in ("verdict.json", "verdict.md", "verdict.xml")]
    asked = ("--json", files[0], "--markdown", files[1], "--junit", files[2])
    done = repository.gate("--base", "main", "--explain", *asked)
    assert done.returncode == 1, done.stdout + done.stderr
    verdict = repository.verdict()
    assert states(verdict) == {
        "test_parse[1]": "slower",
        "test_parse[10]": "slower",
        "test_render": "same",
        "test_new": "same",
    }
    assert all(each["state"] == "same" for each in verdict["controls"])
    changes = {each["case"].partition("::")[2]: each["change"]["ratio"] for each in verdict["verdicts"]}
    assert changes["test_parse[10]"] == pytest.approx(1.06, abs=1e-3)
    assert verdict["benchmarks"]["renamed"] == {
        "suites/test_names.py::test_old": "suites/test_names.py::test_new"
    }
    assert verdict["benchmarks"]["removed"] == ["suites/test_names.py::test_gone"]
    assert verdict["benchmarks"]["added"] == ["suites/test_names.py::test_added"]
    assert "suites/test_it.py::test_render" in verdict["benchmarks"]["edited"]
    assert [each["case"] for each in verdict["skipped"]] == ["suites/test_names.py::test_skipped"]
    repository.assert_nothing_left()
    (run,) = repository.out.iterdir()
    parsing = {f"suites/test_it.py::test_parse[{n}]" for n in (1, 10)}
    assert verdict["explained"].keys() == parsing
    for *_, last in verdict["explained"].values():
        base, head = (json.loads((run / path / "profile.json").read_text()) for path in last.split()[1:])
        assert base["case"] == head["case"]
        assert head["plain_s"] / base["plain_s"] == pytest.approx(1.06, abs=1e-3)

    written = {file: file.read_bytes() for file in files}
    again = repository.gate("--replay", run, *asked)
    assert again.returncode == 1
    assert done.stdout.startswith(again.stdout)  # behind it comes the report's path
    assert {file: file.read_bytes() for file in files} == written


MORE = """
import pytest
from project import parse

SIDE = "base"

def test_dies(benchmark):
    if SIDE == "head":
        import os
        os._exit(5)
    benchmark(parse, 1)

def test_skipped_on_base(benchmark):
    if SIDE == "base":
        pytest.skip("not yet")
    assert benchmark(lambda: parse(1) or 7) == 7
"""


def test_side_that_fails_is_named_and_the_other_cases_are_measured(repository: Repository) -> None:
    repository.write({"suites/test_more.py": MORE, "suites/test_broken.py": "import not_there\n"})
    repository.commit()
    repository.write({"suites/test_more.py": MORE.replace('SIDE = "base"', 'SIDE = "head"')})
    done = repository.gate("--base", "main", "--json", repository.folder.parent / "verdict.json")
    assert done.returncode == 3, done.stdout + done.stderr
    troubles = {(each["case"], each["side"]): each["reason"] for each in repository.verdict()["not_measured"]}
    assert set(troubles) == {
        ("suites/test_more.py::test_dies", "head"),
        ("suites/test_broken.py", "base"),
        ("suites/test_broken.py", "head"),
    }
    assert "status 5" in troubles["suites/test_more.py::test_dies", "head"]
    assert "No module named 'not_there'" in troubles["suites/test_broken.py", "head"]
    skipped = {each["case"]: each["reason"] for each in repository.verdict()["skipped"]}
    assert skipped == {"suites/test_more.py::test_skipped_on_base": "not yet"}
    assert set(states(repository.verdict()).values()) == {"same"}
    assert len(states(repository.verdict())) == 3
    repository.assert_nothing_left()


def test_case_missing_on_head_is_no_silent_pass(repository: Repository) -> None:
    repository.write({"suites/test_it.py": SUITE.partition("def test_render")[0]})
    done = repository.gate(
        "--base", "main", "--json", repository.folder.parent / "verdict.json", "-k", "not 10"
    )
    assert done.returncode == 3, done.stdout + done.stderr
    assert [each["case"] for each in repository.verdict()["not_measured"]] == [
        "suites/test_it.py::test_render"
    ]
    assert "`removed`" in done.stdout


def test_one_suite_measures_both_sides(repository: Repository) -> None:
    repository.write({"elsewhere/test_new.py": SUITE.replace("1, 10", "1"), "elsewhere/conftest.py": VIRTUAL})
    done = repository.gate(
        "--base",
        "main",
        "--suites",
        "elsewhere",
        "--json",
        repository.folder.parent / "verdict.json",
        "-k",
        "parse",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert states(repository.verdict()) == {"test_parse[1]": "same"}
    missing = repository.gate("--base", "main", "elsewhere")
    assert missing.returncode == 2
    assert "--suites elsewhere" in missing.stderr


def test_editable_install_of_head_does_not_compare_head_with_head(repository: Repository) -> None:
    path = repository.folder / "lib"
    leads_there = f"{VIRTUAL}\nsys.path.append({str(path)!r})\n"
    repository.write(
        {"src/project/__init__.py": None, "lib/project/__init__.py": CODE, "suites/conftest.py": leads_there}
    )
    repository.commit()
    done = repository.gate("--base", "main")
    assert done.returncode == 3
    assert "base did not run its own code: module 'project' was loaded from" in done.stderr
    assert "install" in done.stderr
    repository.assert_nothing_left()


def test_commands_that_install_a_side_lead_each_to_its_own_code(repository: Repository) -> None:
    install = (
        '[tool.bench.gate]\ninstall = ["python -c \\"import os, sysconfig; '
        "open(sysconfig.get_path('purelib') + '/project.pth', 'w').write(os.getcwd() + '/lib')\\\"\"]\n"
    )
    repository.write(
        {"src/project/__init__.py": None, "lib/project/__init__.py": CODE, "pyproject.toml": install}
    )
    repository.commit()
    repository.write({"lib/project/__init__.py": CODE.replace("2e-3", "3e-3")})
    done = repository.gate(
        "--base", "main", "--json", repository.folder.parent / "verdict.json", "-k", "render"
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert states(repository.verdict()) == {"test_render": "slower"}
    repository.write({"pyproject.toml": '[tool.bench.gate]\ninstall = ["echo not today && false"]\n'})
    failed = repository.gate("--base", "main")
    assert failed.returncode == 3
    assert "not today" in failed.stderr
    repository.assert_nothing_left()
