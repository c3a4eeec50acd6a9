"""The command line as a user meets it: what it prints, where it puts things, how it ends."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import bench
from bench.__main__ import main
from bench.commands.waiting import waiting
from bench.measure.host.doctor import Examination, Finding, Fine
from bench.storage import store
from tests import ROOT
from tests.waiting import visited

SUITE = """
import pytest

@pytest.mark.parametrize("n", [1, 10, 100])
def test_total(benchmark, n):
    benchmark.extra_info["items"] = n
    assert benchmark(sum, [1] * n) == n
"""


def command(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """`python -m bench ...`, with this checkout on the path whatever the folder."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "bench", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        timeout=300,
    )


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "test_it.py").write_text(SUITE)
    return tmp_path / "test_it.py"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of one launch."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "test_it.py").write_text(SUITE)
    done = command("run", folder, "--launches", "1", "--preset", "quick", "--out", folder / "out")
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


def test_killed_run_is_resumed_with_the_same_cases_once_each(suite: Path) -> None:
    out = suite.parent / "out"
    arguments = ["run", str(suite), "--launches", "3", "--preset", "quick", "--out", str(out)]
    going = subprocess.Popen(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    journal = visited(out, 4)
    going.send_signal(signal.SIGKILL)
    going.wait()
    with journal.open("a") as torn:
        torn.write('{"event":"visit","case":"test_it')
    other = command(*arguments, "--resume", "--seed", "7")
    assert other.returncode == 2
    assert "seed 1 then, 7 now" in other.stderr
    resumed = command(*arguments, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert [folder.name for folder in out.iterdir()] == [journal.parent.name]
    cases = bench.load(out)
    assert list(cases["case"]) == [f"test_it.py::test_total[{n}]" for n in (1, 10, 100)]
    blocks = store.read_run(journal.parent).blocks
    assert (blocks.groupby("case", observed=True)["launch"].nunique() >= 3).all()
    assert command(*arguments, "--resume").returncode == 2


def test_interrupt_keeps_what_was_measured(suite: Path) -> None:
    out = suite.parent / "out"
    going = subprocess.Popen(
        [sys.executable, "-m", "bench", "run", str(suite), "--preset", "thorough", "--out", str(out)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    visited(out, 3)
    going.send_signal(signal.SIGINT)
    stdout, stderr = going.communicate(timeout=300)
    assert going.returncode == 130
    assert "interrupted" in stderr
    assert "Traceback" not in stderr
    assert Path(stdout.splitlines()[-1]).is_file()


def test_failing_case_is_exit_status_1_and_a_row(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        SUITE + "\ndef test_broken(benchmark):\n    raise ValueError('why')\n"
    )
    done = command("run", tmp_path, "--launches", "1", "--preset", "quick", "--out", tmp_path / "out")
    assert done.returncode == 1
    cases = bench.load(tmp_path / "out").set_index("case")
    assert cases.loc["test_it.py::test_broken", "status"] == "failed"
    assert "why" in cases.loc["test_it.py::test_broken", "reason"]
    assert "failed: test_broken: ValueError: why" in done.stdout


def test_a_run_in_which_all_is_skipped_says_why_and_is_no_success(tmp_path: Path) -> None:
    skipped = "import pytest\npytestmark = pytest.mark.skip(reason='only on the big machine')\n"
    (tmp_path / "test_it.py").write_text(skipped + "def test_sum(benchmark):\n    benchmark(sum, [1])\n")
    done = command("run", tmp_path, "--preset", "quick", "--out", tmp_path / "out")
    assert done.returncode == 5
    assert "skipped: test_sum: only on the big machine" in done.stdout


def test_an_error_of_our_own_is_one_line_that_names_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_options: object) -> int:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("bench.commands.run.command", fails)
    journal = tmp_path / "20260101T000000-here" / "journal.jsonl"
    journal.parent.mkdir()
    journal.touch()
    assert main(["run", "--out", str(tmp_path)]) == 70
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "bench: an error of its own, ZeroDivisionError: by zero; what was measured is kept"
    )
    assert str(journal) in line
    monkeypatch.setenv("BENCH_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        main(["run", "--out", str(tmp_path)])


def test_a_report_that_was_interrupted_names_the_next_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bench.app.run.measure", lambda *_: (tmp_path / "run", False))
    monkeypatch.setattr("bench.app.stored.read", interrupted)
    assert main(["run", str(tmp_path)]) == 130
    assert f"`bench report {tmp_path / 'run'}` writes what is kept" in capsys.readouterr().err
    monkeypatch.setattr("bench.__main__.parser", interrupted)
    assert main(["run"]) == 130


def test_an_interrupted_command_ends_by_its_own_status() -> None:
    """Python ends by the signal itself where code made of a text was interrupted, as a dataclass's."""
    script = """if True:
        import sys
        sys.argv[0] = "bench"
        import bench.__main__ as command
        command.parser = lambda: exec("raise KeyboardInterrupt")
        sys.exit(command.main([]))
    """
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "bench: interrupted\n")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "not/there"], "not/there does not exist"),
        (["run", "suites/test_04_dataloder.py"], "did you mean test_04_dataloader.py?"),
        (["list", "{suite}", "-k", "totl"], "did you mean total"),
        (["run", "{suite}::test_totl"], "test_it.py has no benchmark test_totl; did you mean test_total?"),
        (["run", "{suite}", "-k", "nothing_like_it"], "no benchmarks that match -k 'nothing_like_it'"),
        (
            ["run", "{suite}", "-k", "(("],
            "bench: pytest refuses its arguments: Wrong expression passed to '-k': ((",
        ),
        (["run", "{suite}", "--out", "/proc/nowhere"], "cannot be made"),
        (["run", "{suite}", "--preset", "slow"], "invalid choice: 'slow'"),
        (["run", "{suite}", "--launches", "0"], "expected a number of launches, at least 1"),
        (["run", "{suite}", "--launches", "x"], "'x'; expected a number of launches"),
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


def test_list_prints_the_cases(suite: Path) -> None:
    done = command("list", suite)
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
    done = command("run", suite, "--launches", "1", "--preset", "quick", "--out", run.parent)
    assert done.returncode == 0
    assert (run / "journal.jsonl").read_bytes() == before
    both = bench.load(run.parent)
    assert isinstance(both, pd.DataFrame)
    assert both["run"].nunique() == 2
    assert json.loads((run / "environment.json").read_text())["arguments"]["launches"] == 1


def test_a_second_ctrl_c_while_ending_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def impatient(*_: object) -> None:
        raise KeyboardInterrupt

    class Pressed(io.StringIO):
        def write(self, text: str) -> int:
            os.kill(os.getpid(), signal.SIGINT)
            return super().write(text)

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr("bench.__main__.parser", impatient)
    monkeypatch.setattr("bench.__main__.OURS", True)
    monkeypatch.setattr(sys, "stderr", pressed := Pressed())
    try:
        assert main([]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert pressed.getvalue() == "bench: interrupted\n"


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
