"""Files of other tools: read as runs, with what they cannot tell left empty."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import bench
from bench.__main__ import main
from bench.analyze.analyzed import AnalyzedRun
from bench.app import stored
from bench.storage import store
from bench.storage.formats import foreign
from bench.storage.journal import StoreError
from tests import made_cases
from tests import recorded_runs as recorded

STATS = {
    "min": 1e-3,
    "max": 2e-3,
    "mean": 1.2e-3,
    "stddev": 1e-4,
    "median": 1.1e-3,
    "rounds": 3,
    "iterations": 2,
}
MACHINE = {
    "node": "attic",
    "machine": "x86_64",
    "system": "Linux",
    "release": "6.1",
    "python_version": "3.12.4",
}

PYTEST_BENCHMARK: dict[str, Any] = {
    "machine_info": MACHINE, "commit_info": {"id": "abc", "dirty": False}, "version": "2.5.0",
    "datetime": "2026-01-05T10:15:00",
    "benchmarks": [
        {"group": None, "name": "test_a[1]", "fullname": "tests/test_x.py::test_a[1]", "params": {"n": 1},
         "stats": STATS},
        {"group": "g", "name": "test_b", "fullname": "tests/test_x.py::test_b", "params": None,
         "extra_info": {"items": 3}, "stats": {**STATS, "data": [1e-3, 1.1e-3, 2e-3]}},
    ],
}  # fmt: skip

PYPERF: dict[str, Any] = {
    "version": "1.0", "metadata": {"hostname": "attic", "loops": 4, "python_version": "3.12.4"},
    "benchmarks": [
        {"metadata": {"name": "sum"}, "runs": [
            {"warmups": [[1, 9.0]], "metadata": {"calibrate_loops": 4}},
            {"values": [1e-3, 1.1e-3], "metadata": {"date": "2026-01-05 10:15:00"}},
            {"values": [1.2e-3, 1.3e-3]},
        ]},
        {"metadata": {"name": "memory", "unit": "byte"}, "runs": [{"values": [5e6]}]},
    ],
}  # fmt: skip

ASV: dict[str, Any] = {
    "commit_hash": "0a1b2c3d4e", "env_name": "virtualenv-py3.12", "date": 1767608100000, "version": 2,
    "params": {"machine": "attic", "os": "Linux", "cpu": "Example 3000"}, "python": "3.12",
    "result_columns": ["result", "params", "version", "samples", "stats_number"],
    "results": {
        "suite.time_sum": [[1e-3, None, float("nan")], [["10", "20", "30"]], "v"],
        "suite.time_one": [[2e-3], [], "v", [[1.9e-3, 2e-3, 2.1e-3]], [5]],
        "suite.peakmem_one": [[1e6], [], "v"],
    },
}  # fmt: skip


def entry(commit: str, day: int, value: float, unit: str) -> dict[str, Any]:
    benches = [
        {"name": "test_x.py::test_a", "value": value, "unit": unit},
        {"name": "size", "value": 7, "unit": "bytes"},
    ]
    return {
        "commit": {"id": commit},
        "date": 1767608100000 + day * 86400000,
        "tool": "pytest",
        "benches": benches,
    }


DATA_JS = {"lastUpdate": 0, "repoUrl": "", "entries": {"Suite": [
    entry("b" * 40, 1, 2.5, "ms/iter"), entry("a" * 40, 0, 500, "iter/sec"),
]}}  # fmt: skip


def write(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    script = "window.BENCHMARK_DATA = " if path.suffix == ".js" else ""
    path.write_text(script + json.dumps(document))
    return path


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    asv = write(tmp_path / "results" / "attic" / "0a1b2c3d-py3.12.json", ASV)
    write(
        tmp_path / "results" / "benchmarks.json",
        {"suite.time_sum": {"unit": "seconds", "param_names": ["n"]}, "version": 2},
    )
    return {
        "pytest_benchmark": write(tmp_path / ".benchmarks" / "Linux" / "0001_abc.json", PYTEST_BENCHMARK),
        "pyperf": write(tmp_path / "pyperf.json", PYPERF),
        "asv": asv,
        "data_js": write(tmp_path / "data.js", DATA_JS),
    }


def frame(path: Path) -> Any:
    return bench.load(path).set_index("case")


def test_pytest_benchmark_is_read_with_and_without_its_rounds(files: dict[str, Path]) -> None:
    cases = frame(files["pytest_benchmark"])
    assert cases.loc["tests/test_x.py::test_a[1]", ["median_s", "n", "blocks"]].tolist() == [1.1e-3, 1, 1]
    assert cases["low_s"].isna().all(), "one launch tells nothing of others"
    assert cases.loc["tests/test_x.py::test_b", ["median_s", "items", "blocks"]].tolist() == [1.1e-3, 3, 3]
    assert set(cases["machine"]) == {"attic"}
    (run,) = store.foreign_runs(files["pytest_benchmark"])
    assert run.header.commit["id"] == "abc"


def test_pyperfs_processes_are_launches(files: dict[str, Path]) -> None:
    cases = frame(files["pyperf"])
    assert list(cases.index) == ["pyperf::sum"]
    assert cases.loc["pyperf::sum", "median_s"] == pytest.approx(1.15e-3, rel=0.01)  # a mean in logarithms
    assert cases.loc["pyperf::sum", "launches"] == 2
    assert cases.loc["pyperf::sum", "low_s"] < 1.15e-3


def test_asvs_failures_and_skips_are_told(files: dict[str, Path]) -> None:
    cases = frame(files["asv"])
    assert cases["status"].to_dict() == {
        "suite::suite.time_sum[10]": "ok", "suite::suite.time_sum[20]": "failed",
        "suite::suite.time_sum[30]": "skipped", "suite::suite.time_one": "ok",
    }  # fmt: skip
    assert cases.loc["suite::suite.time_sum[10]", "n"] == 10
    assert cases.loc["suite::suite.time_one", ["median_s", "blocks"]].tolist() == pytest.approx([2e-3, 3])


def test_a_history_of_github_action_benchmark_is_read_in_order(files: dict[str, Path]) -> None:
    cases = bench.load(files["data_js"])
    assert cases["case"].tolist() == ["test_x.py::test_a"] * 2
    assert cases["median_s"].tolist() == pytest.approx([2e-3, 2.5e-3])
    assert [name.rpartition("-")[2] for name in cases["run"]] == ["a" * 10, "b" * 10]


@pytest.mark.parametrize("tool", ["pytest_benchmark", "pyperf", "asv"])
def test_every_tools_file_has_a_report(files: dict[str, Path], tmp_path: Path, tool: str) -> None:
    before = files[tool].read_bytes()
    assert main(["report", str(files[tool])]) == 2, "there is no folder of its own"
    assert main(["report", str(files[tool]), "--out", str(tmp_path / "out")]) == 0
    assert "sum" in (tmp_path / "out" / "report.html").read_text("utf-8") or tool == "pytest_benchmark"
    assert files[tool].read_bytes() == before
    assert main(["compare", str(files[tool]), str(files[tool])]) == 0


def test_a_history_of_eight_files_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(8):
        seconds = 1e-3 * (1.5 if number >= 4 else 1) * (1 + 0.002 * (number % 3))
        stats = {**STATS, "data": [seconds * (1 + 0.001 * part) for part in range(5)]}
        benchmarks = [{**PYTEST_BENCHMARK["benchmarks"][0], "stats": stats}]
        document = {
            **PYTEST_BENCHMARK,
            "benchmarks": benchmarks,
            "datetime": f"2026-01-{number + 1:02d}T10:00:00",
        }
        write(tmp_path / ".benchmarks" / "Linux" / f"{number:04d}_run.json", document)
    write(tmp_path / ".benchmarks" / "Linux" / "0009_cut.json", None).write_text('{"machine_info": {')
    assert main(["history", str(tmp_path / ".benchmarks"), "--out", str(tmp_path / "page.html")]) == 0
    told = capsys.readouterr().out
    assert "1 series of up to 8 runs" in told
    assert "test_a[1]" in told
    assert "left out" in told
    assert "0009_cut.json" in told
    assert "test_a[1]" in (tmp_path / "page.html").read_text("utf-8")


@pytest.mark.parametrize("tool", ["pytest_benchmark", "pyperf", "asv", "data_js"])
def test_a_damaged_file_is_one_line(files: dict[str, Path], tool: str) -> None:
    text = files[tool].read_text()
    for damaged in (
        text[:-9],
        text.replace("1", "x", 3),
        text.replace('": {', '": null, "x": {'),
        "[]",
        "null",
        "{}",
    ):
        files[tool].write_text(damaged)
        try:
            bench.load(files[tool])
        except StoreError as error:
            said = str(error)
        else:
            said = str(files[tool])
        assert "\n" not in said
        assert str(files[tool]) in said


def test_our_data_js_reads_as_the_run_that_it_was(tmp_path: Path) -> None:
    run = recorded.write(tmp_path / "run", made_cases.course(None)[:4])
    stored.write(stored.read([run]))
    ours = AnalyzedRun(store.read_run(run)).cases.set_index("case")["median_s"]
    again = frame(run / "data.js")["median_s"]
    assert again.to_dict() == pytest.approx(ours.to_dict())


def test_what_pytest_benchmark_itself_writes_is_read(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_sum(benchmark):\n    benchmark(sum, range(100))\n")
    quick = [
        "--benchmark-max-time=0.01",
        "--benchmark-min-rounds=3",
        "--benchmark-save=run",
        "--benchmark-save-data",
    ]
    # Where tests run side by side, pytest-benchmark would measure nothing.
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    environment = alone | {"PYTEST_ADDOPTS": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "pytest_benchmark.plugin", *quick, "test_it.py"],
        cwd=tmp_path, capture_output=True, env=environment, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    cases = frame(tmp_path / ".benchmarks")
    assert cases.loc["test_it.py::test_sum", "median_s"] > 0
    assert cases.loc["test_it.py::test_sum", "blocks"] >= 3


def test_what_pyperf_itself_writes_is_read(tmp_path: Path) -> None:
    pyperf = pytest.importorskip("pyperf")
    runs = [
        pyperf.Run([0.1 + 0.01 * number], metadata={"name": "sum"}, collect_metadata=False)
        for number in range(3)
    ]
    pyperf.BenchmarkSuite([pyperf.Benchmark(runs)]).dump(str(tmp_path / "sum.json"))
    case = frame(tmp_path / "sum.json").loc["pyperf::sum"]
    assert (case["median_s"], case["launches"]) == (pytest.approx(0.11, rel=0.01), 3)


def test_what_one_benchmark_of_pyperf_says_is_not_the_next_one_s(tmp_path: Path) -> None:
    run = {"values": [1.0], "metadata": {}}
    of_a = {"name": "a", "inner_loops": 10, "date": "2024-01-01T10:00:00+05:00"}
    document = {"benchmarks": [{"metadata": of_a, "runs": [run]}, {"metadata": {"name": "b"}, "runs": [run]}]}
    (run_of,) = store.foreign_runs(write(tmp_path / "two.json", document))
    calls = run_of.blocks.set_index(run_of.blocks["case"].astype(str))["calls"].to_dict()
    assert calls == {"pyperf::a": 10, "pyperf::b": 1}
    assert run_of.header.created == "2024-01-01T05:00:00+00:00"


def test_our_own_benchmark_json_keeps_its_devices() -> None:
    assert foreign.case("t.py::test_x[cuda-1]", {"device": "cuda", "n": 1}).device == "cuda"
    assert foreign.case("t.py::test_x").device == "cpu"


@pytest.mark.parametrize(
    ("created", "kept"), [("yesterday", ""), ("", ""), ("2024-01-01T10:00:00", "2024-01-01T10:00:00")]
)
def test_a_date_that_is_none_is_left_out(created: str, kept: str) -> None:
    assert foreign.header("run", created, {}, {}).created == kept
