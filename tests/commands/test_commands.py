"""The command line as a user meets it: what it prints, where it puts things, how it ends."""

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import bench
from bench.__main__ import main
from bench.app.waiting import waiting
from bench.measure.host.doctor import Examination, Finding, Fine
from tests import ROOT
from tests.commands.commanded import SUITE, command, here


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of one launch."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "test_it.py").write_text(SUITE)
    options = ("--launches", "1", "--preset", "quick", "--minutes", "5")
    done = here("run", folder, *options, "--out", folder / "out")
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.splitlines()[-1]).parent


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of it, in a folder of runs."""
    return shutil.copytree(finished, tmp_path / "out" / finished.name)


def test_run_leaves_everything_a_reader_needs(run: Path) -> None:
    expected = {"journal.jsonl", "cases.parquet", "blocks.parquet", "cases.csv", "benchmark.json"}
    expected |= {"environment.json", "report.html", "summary.md", "figures"}
    assert expected <= {path.name for path in run.iterdir()}
    assert json.loads((run / "environment.json").read_text())["arguments"]["minutes"] == 5
    cases = bench.load(run)
    assert list(cases["case"]) == [f"test_it.py::test_total[{n}]" for n in (1, 10, 100)]
    assert list(cases["n"]) == [1, 10, 100]
    assert cases["status"].isin(("ok", "noisy")).all()  # which of them is the machine's doing
    assert (cases["items_per_s"] * cases["median_s"]).round(6).tolist() == [1, 10, 100]


def test_pytest_benchmark_reads_benchmark_json(run: Path) -> None:
    compared = subprocess.run(
        [sys.executable, "-m", "pytest_benchmark", "compare", str(run / "benchmark.json")],
        capture_output=True,
        text=True,
    )
    assert compared.returncode == 0, compared.stderr
    assert "test_total[100]" in compared.stdout


def test_report_and_frame_need_no_torch(run: Path) -> None:
    (run / "report.html").unlink()
    script = (
        "import sys\n"
        "class NoTorch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'torch':\n            raise ImportError('torch is blocked')\n"
        "sys.meta_path.insert(0, NoTorch())\nfolder = sys.argv[1]\nsys.argv = ['bench', 'report', folder]\n"
        "from bench.__main__ import main; status = main(); import bench; "
        "print(len(bench.load(folder))); sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(run)], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert (run / "report.html").is_file()
    assert done.stdout.splitlines()[-1] == "3"


def test_failing_case_is_exit_status_1_and_a_row(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        SUITE + "\ndef test_broken(benchmark):\n    raise ValueError('why')\n"
    )
    done = here("run", tmp_path, "--launches", "1", "--preset", "quick", "--out", tmp_path / "out")
    assert done.returncode == 1
    cases = bench.load(tmp_path / "out").set_index("case")
    assert cases.loc["test_it.py::test_broken", "status"] == "failed"
    assert "why" in cases.loc["test_it.py::test_broken", "reason"]
    assert "failed: test_broken: ValueError: why" in done.stdout


def test_a_run_in_which_all_is_skipped_says_why_and_is_no_success(tmp_path: Path) -> None:
    skipped = "import pytest\npytestmark = pytest.mark.skip(reason='only on the big machine')\n"
    (tmp_path / "test_it.py").write_text(skipped + "def test_sum(benchmark):\n    benchmark(sum, [1])\n")
    done = here("run", tmp_path, "--preset", "quick", "--out", tmp_path / "out")
    assert done.returncode == 5
    assert "skipped: test_sum: only on the big machine" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "not/there"], "not/there does not exist"),
        (["list", "/"], "/ is the whole disk; expected a file or folder of benchmarks"),
        (["run", "suites/test_04_dataloder.py"], "did you mean test_04_dataloader.py?"),
        (["list", "{suite}", "-k", "totl"], "did you mean total"),
        (["run", "{suite}::test_totl"], "test_it.py has no benchmark test_totl; did you mean test_total?"),
        (["run", "{suite}", "-k", "nothing_like_it"], "no benchmarks that match -k 'nothing_like_it'"),
        (
            ["run", "{suite}", "-k", "(("],
            "bench: pytest refuses its arguments: Wrong expression passed to '-k': ((",
        ),
        (["run", "{suite}", "--out", "/proc/nowhere"], "cannot be made"),
        (["run", "not/there", "--out", "{suite}"], "test_it.py is a file); choose another --out"),
        (["gate", "--base", "nowhere", "--out", "{suite}/a"], "is a file); choose another --out"),
        (["run", "{suite}", "--device", "cpu:x"], "'cpu:x'; expected TYPE or TYPE:INDEX"),
        (["run", "{suite}", "--device", ""], "''; expected TYPE or TYPE:INDEX"),
        (["profile", "{suite}", "--device", "a b"], "'a b'; expected TYPE or TYPE:INDEX"),
        (
            ["gate", "--base", "main", "--json", "{empty}"],
            "empty cannot be written; expected a file in a folder",
        ),
        (
            ["gate", "--base", "main", "--junit", "{suite}/a"],
            "a cannot be written; expected a file in a folder",
        ),
        (["run", "{suite}", "--preset", "slow"], "invalid choice: 'slow'"),
        (["run", "{suite}", "--launches", "0"], "expected a number of launches, at least 1"),
        (["run", "{suite}", "--launches", "x"], "'x'; expected a number of launches"),
        (["run", "{suite}", "--minutes", "0"], "'0'; expected a number of minutes, at least 1"),
        (["run", "{suite}", "--pytest-args=-k 'a"], "expected options as in a shell"),
        (["run", "{suite}", "--resume", "--out", "{empty}"], "no unfinished run"),
        (["report", "not/there"], "does not exist"),
        (["report", "a" * 300], "cannot be looked into"),
        (["calibrate", "--launches", "-3"], "expected a number of launches, at least 0"),
        (["calibrate", "--busy", "x"], "expected a number of processes, at least 0"),
        (["gate", "--replay", "{empty}", "--base", "main"], "expected no sides and no paths"),
        (["gate", "--base", "main", "--head", "main", "--null"], "expected no --head, seen main"),
        (["report", "{empty}"], "holds no run"),
        (["nonsense"], "invalid choice: 'nonsense'"),
    ],
)
def test_mistakes_get_one_clear_message(
    suite: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    expected: str,
) -> None:
    (suite.parent / "empty").mkdir()
    filled = [text.format(suite=suite, empty=suite.parent / "empty") for text in arguments]
    monkeypatch.chdir(ROOT)
    try:
        status: object = main(filled)
    except SystemExit as ended:
        status = ended.code
    said = capfd.readouterr().err
    assert status == 2
    assert expected in said
    assert "Traceback" not in said


def test_a_mistake_ends_the_process_with_its_status(suite: Path) -> None:
    done = command("list", suite, "-k", "totl")
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean total" in done.stderr


def test_list_names_the_file_that_could_not_be_collected(suite: Path) -> None:
    suite.write_text("import nowhere_at_all\n" + suite.read_text())
    done = here("list", suite)
    raised = f"ModuleNotFoundError: No module named 'nowhere_at_all' ({suite}, line 1)"
    assert (done.returncode, done.stdout) == (2, f"test_it.py: failed: {raised}\n")
    assert done.stderr == f"bench: test_it.py could not be collected: {raised}\n"


@pytest.mark.parametrize("folder", [".", "src"])
def test_a_project_that_is_not_installed_is_found(tmp_path: Path, folder: str) -> None:
    (tmp_path / "pytest.ini").touch()
    (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / folder / "uninstalled.py").write_text("def total(numbers):\n    return sum(numbers)\n")
    (tmp_path / "benchmarks").mkdir()
    text = "from uninstalled import total\n\ndef test_total(benchmark):\n    benchmark(total, [1])\n"
    (tmp_path / "benchmarks" / "test_total.py").write_text(text)
    done = here("list", "benchmarks", cwd=tmp_path)
    assert done.stdout == "benchmarks/test_total.py::test_total\n", done.stderr


def test_list_prints_the_cases(suite: Path) -> None:
    done = here("list", suite)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [f"test_it.py::test_total[{n}]" for n in (1, 10, 100)]
    counted, time = done.stderr.splitlines()
    assert counted == "3 cases: 3 on cpu"
    assert "6 min at most" in time


def test_a_gpu_that_torch_cannot_use_is_said_before_anything_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def started(*_: object) -> None:
        raise KeyboardInterrupt

    finding = Finding("torch", "a GPU is there", "It cannot be used", "BENCH_TORCH_INDEX=x nox -s bench")
    monkeypatch.setattr("bench.app.run.unused_gpu", lambda: finding)
    monkeypatch.setattr("bench.app.run.Coordinator", started)
    assert main(["run", "suites/test_03_matmul_mul.py", "--out", str(tmp_path)]) == 130
    assert (
        "bench: warning: torch: a GPU is there. It cannot be used. To do: BENCH_TORCH"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(("serious", "grade"), [(True, "poor"), (False, "usable")])
def test_the_doctor_says_what_is_wrong_what_is_fine_and_a_grade(
    serious: bool, grade: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    finding = Finding("heat", "it is hot", "It is slow", "cool it", serious)
    seen = Examination((finding,), (Fine("memory", "75% of it is left"),))
    monkeypatch.setattr("bench.measure.host.doctor.examine", lambda: seen)
    assert main(["doctor"]) == int(serious)
    wrong, _, todo, fine, last = capsys.readouterr().out.splitlines()
    assert wrong == f"{'!' if serious else '-'} heat: it is hot"
    assert todo.strip() == "To do: cool it."
    assert fine == "+ memory: 75% of it is left"
    assert last.startswith(f"{grade}: ")


def test_second_run_does_not_disturb_the_first(run: Path, suite: Path) -> None:
    before = (run / "journal.jsonl").read_bytes()
    done = here("run", suite, "--launches", "1", "--preset", "quick", "--out", run.parent)
    assert done.returncode == 0
    assert (run / "journal.jsonl").read_bytes() == before
    both = bench.load(run.parent)
    assert isinstance(both, pd.DataFrame)
    assert both["run"].nunique() == 2
    assert json.loads((run / "environment.json").read_text())["arguments"]["launches"] == 1


def test_what_takes_a_while_is_said_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    said = {}
    for stream in (Terminal(), io.StringIO()):
        monkeypatch.setattr(sys, "stderr", stream)
        with waiting("writing the report"):
            pass
        said[stream.isatty()] = stream.getvalue()
    assert "writing the report" in said[True]
    assert said[False] == ""
