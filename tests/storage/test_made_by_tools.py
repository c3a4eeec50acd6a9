"""Files that other tools themselves have made, each in an environment of its own, read as runs."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import bench
from bench.__main__ import main
from tests import other_environments, rare

pytestmark = rare  # it makes environments of other releases


def run(folder: Path, *words: str | Path, **variables: str) -> str:
    """What a command prints, run in a folder. Fails the test where the command fails."""
    ours = ("PYTHON", "PYTEST", "COV_")  # of the session that runs this test
    outside = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run(
        [str(word) for word in words],
        cwd=folder, env={**outside, **variables}, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def repository(folder: Path, files: dict[str, str]) -> Path:
    """A git repository of one commit with these files."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    identity = ("-c", "user.email=a@example.org", "-c", "user.name=A", "-c", "commit.gpgsign=false")
    run(folder, "git", "init", "--quiet", "--initial-branch=main")
    run(folder, "git", "add", "--all")
    run(folder, "git", *identity, "commit", "--quiet", "--message", "one")
    return folder


def loaded(path: Path) -> pd.DataFrame:
    return bench.load(path).set_index("case")


# asv

SUITE = """
class Sums:
    params = [[10, 100], ["list", "tuple"]]
    param_names = ["n", "kind"]
    number, repeat, rounds, warmup_time = 100, 3, 1, 0

    def setup(self, n, kind):
        self.values = {"list": list, "tuple": tuple}[kind](range(n))
        if (n, kind) == (100, "tuple"):
            raise NotImplementedError("not here")

    def time_sum(self, n, kind):
        sum(self.values)

    def peakmem_sum(self, n, kind):
        sum(self.values)


def time_fails():
    raise ValueError("why")


def timeraw_one():
    return "sum(range(50))"


timeraw_one.number, timeraw_one.repeat = 10, 2


def track_size():
    return 7
"""
CONFIGURATION = {
    "version": 1, "project": "sums", "project_url": "https://example.org", "repo": ".",
    "branches": ["main"], "environment_type": "existing", "benchmark_dir": "benchmarks",
}  # fmt: skip


@pytest.mark.parametrize("options", [(), ("--record-samples",)], ids=["medians", "samples"])
def test_asv(tmp_path: Path, pytestconfig: pytest.Config, options: tuple[str, ...]) -> None:
    python = other_environments.python(pytestconfig, "asv", "asv==0.6.*", "virtualenv")
    files = {"benchmarks/__init__.py": "", "benchmarks/suite.py": SUITE}
    project = repository(tmp_path, {**files, "asv.conf.json": json.dumps(CONFIGURATION)})
    asv, home = python.parent / "asv", {"HOME": str(tmp_path / "home")}
    commit = run(project, "git", "rev-parse", "HEAD").strip()
    run(project, asv, "machine", "--yes", "--machine", "attic", **home)
    subprocess.run(  # its status is 2 where a benchmark failed, as one does here
        [asv, "run", "--machine", "attic", "-E", f"existing:{python}", "--set-commit-hash", commit, *options],
        cwd=project, env={**os.environ, **home}, capture_output=True, timeout=600,
    )  # fmt: skip
    written = _asv(next((project / "results" / "attic").glob(f"{commit[:8]}*.json")))
    cases = loaded(project / "results")
    assert cases["status"].to_dict() == {
        "suite::suite.Sums.time_sum[10-'list']": "ok", "suite::suite.Sums.time_sum[10-'tuple']": "ok",
        "suite::suite.Sums.time_sum[100-'list']": "ok", "suite::suite.Sums.time_sum[100-'tuple']": "skipped",
        "suite::suite.time_fails": "failed", "suite::suite.timeraw_one": "ok",
    }  # fmt: skip
    sums = cases[cases["operation"] == "suite.Sums.time_sum"]
    assert sums["n"].tolist() == [10, 10, 100, 100]
    assert sums["kind"].tolist() == ["list", "tuple"] * 2
    medians = [*sums["median_s"][:3], cases.loc["suite::suite.timeraw_one", "median_s"]]
    told = [*written["suite.Sums.time_sum"][0][:3], *written["suite.timeraw_one"][0]]
    assert medians == pytest.approx(told, rel=0.5 if options else 1e-9)  # of samples, a mean in logarithms
    sampled = [len(samples) for samples in written["suite.Sums.time_sum"][11][:3]] if options else [1] * 3
    assert sums["blocks"].tolist()[:3] == sampled
    assert set(cases["machine"]) == {"attic"}
    assert main(["report", str(project / "results"), "--out", str(tmp_path / "report")]) == 0


def _asv(file: Path) -> dict[str, Any]:
    results: dict[str, Any] = json.loads(file.read_text())["results"]
    return results


# pytest-benchmark

TESTS = """
import pytest

@pytest.mark.parametrize("n", [10, 1000])
def test_sum(benchmark, n):
    benchmark.extra_info["items"] = n
    benchmark(sum, range(n))

@pytest.mark.benchmark(group="sorts")
def test_sort(benchmark):
    benchmark.pedantic(sorted, args=([3, 1, 2],), rounds=5, iterations=10)
"""
QUICK = ("--benchmark-max-time=0.01", "--benchmark-min-rounds=3", "--benchmark-disable-gc")
VERSIONS = {
    "3.2": ("pytest-benchmark==3.2.3", "pytest<7", "py"),
    "3.4": ("pytest-benchmark==3.4.1", "pytest<8", "py"),
    "4.0": ("pytest-benchmark==4.0.0", "pytest<9"),
    "5": ("pytest-benchmark>=5",),
}
"""Releases that run on the Pythons that we run on, each with a pytest of its time."""


def measured(folder: Path, python: Path, *options: str) -> None:
    """Runs the tests under pytest-benchmark, which puts a file into `.benchmarks`."""
    run(
        folder, python, "-m", "pytest", "-q", "-c", "/dev/null", "--rootdir=.", *QUICK, *options, "test_it.py"
    )


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("options", [(), ("--benchmark-save-data",)], ids=["medians", "rounds"])
def test_pytest_benchmark(
    tmp_path: Path, pytestconfig: pytest.Config, version: str, options: tuple[str, ...]
) -> None:
    python = other_environments.python(pytestconfig, f"pytest-benchmark-{version}", *VERSIONS[version])
    (tmp_path / "test_it.py").write_text(TESTS)
    measured(tmp_path, python, "--benchmark-save=run", *options)
    (file,) = (tmp_path / ".benchmarks").rglob("*.json")
    document = json.loads(file.read_text())
    medians = {each["name"]: each["stats"]["median"] for each in document["benchmarks"]}
    cases = loaded(tmp_path / ".benchmarks")
    assert {name.rpartition("::")[2] for name in cases.index} == set(medians)
    assert cases["n"].dropna().tolist() == [10, 1000]
    assert cases["items"].dropna().tolist() == [10, 1000]
    for name, case in cases.iterrows():
        assert case["median_s"] == pytest.approx(medians[str(name).rpartition("::")[2]], rel=1e-9)
    pedantic = cases[cases["operation"] == "sort"].iloc[0]
    assert pedantic["blocks"] == (5 if options else 1)
    assert set(cases["status"]) <= {"ok", "noisy"}


def test_a_history_of_eight_files_of_pytest_benchmark_is_drawn(
    tmp_path: Path, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    python = other_environments.python(pytestconfig, "pytest-benchmark-5", *VERSIONS["5"])
    for number in range(8):
        size = 1000 if number < 4 else 20_000  # so much slower that no machine hides it
        (tmp_path / "test_it.py").write_text(f"def test_sum(benchmark):\n    benchmark(sum, range({size}))\n")
        measured(tmp_path, python, f"--benchmark-save=run{number}", "--benchmark-save-data")
    page = tmp_path / "history.html"
    assert main(["history", str(tmp_path / ".benchmarks"), "--out", str(page)]) == 0
    told = capsys.readouterr().out
    assert "1 series of up to 8 runs" in told
    assert re.search(r"test_sum\b.*(×|%)", told)
    assert "test_sum" in page.read_text("utf-8")


# pyperf, and github-action-benchmark


def test_pyperf(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    python = other_environments.python(pytestconfig, "pyperf", "pyperf>=2.6")
    file = tmp_path / "sums.json"
    for name, statement in {"ten": "sum(range(10))", "many": "sum(range(1000))"}.items():
        run(tmp_path, python, "-m", "pyperf", "timeit", statement, "--name", name, "--values", "2",
            "--processes", "3", "--append", file)  # fmt: skip
    cases = loaded(file)
    assert cases.index.tolist() == ["pyperf::ten", "pyperf::many"]
    assert cases["launches"].tolist() == [3, 3]
    for name, case in cases.iterrows():
        shown = run(tmp_path, python, "-m", "pyperf", "stats", file, "--benchmark", str(name)[8:])
        low, high = (_seconds(shown, f"{end}:") for end in ("Minimum", "Maximum"))
        assert low * 0.99 <= case["median_s"] <= high * 1.01
    assert cases["median_s"].is_monotonic_increasing


def _seconds(shown: str, label: str) -> float:
    found = re.search(rf"{label}\s+([\d.]+) (ns|us|ms|sec)", shown)
    return float(found[1]) * {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "sec": 1.0}[found[2]]


def test_github_action_benchmarks_own_form_of_pytest_benchmarks_results(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """The action runs on GitHub alone: what it makes of a file is written here as its README tells."""
    python = other_environments.python(pytestconfig, "pytest-benchmark-5", *VERSIONS["5"])
    (tmp_path / "test_it.py").write_text(TESTS)
    measured(tmp_path, python, f"--benchmark-json={tmp_path / 'output.json'}")
    output = json.loads((tmp_path / "output.json").read_text())
    benches = [
        {
            "name": each["fullname"], "value": each["stats"]["ops"], "unit": "iter/sec",
            "range": f"stddev: {each['stats']['stddev']}",
            "extra": f"mean: {each['stats']['mean']} sec\nrounds: {each['stats']['rounds']}",
        }
        for each in output["benchmarks"]
    ]  # fmt: skip
    commit = {
        "author": {"email": "a@example.org", "name": "A", "username": "a"}, "message": "one", "id": "c" * 40,
        "timestamp": "2026-01-05T10:15:00+01:00", "url": "https://github.com/owner/project/commit/c",
    }  # fmt: skip
    entry = {"commit": commit, "date": 1767608100000, "tool": "pytest", "benches": benches}
    document = {"lastUpdate": 1767608100000, "repoUrl": "https://github.com/owner/project",
                "entries": {"Python Benchmark": [entry]}}  # fmt: skip
    (tmp_path / "data.js").write_text(f"window.BENCHMARK_DATA = {json.dumps(document, indent=2)}")
    cases = loaded(tmp_path / "data.js")
    means = {each["fullname"]: each["stats"]["mean"] for each in output["benchmarks"]}
    assert cases["median_s"].to_dict() == pytest.approx(means)
