"""Worker processes: how they start, what they share, and that none outlives its coordinator."""

import math
import os
import py_compile
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from bench.events import Launch
from bench.measure.start import adoption, bytecode
from bench.measure.start.process import Spec, Worker, WorkerError
from bench.measure.worker.protocol import Collecting
from tests import ROOT
from tests.measure.builders import FAST, measured, suite
from tests.waiting import PATIENCE_S, until


def test_workers_are_as_nice_as_they_are_told(tmp_path: Path) -> None:
    """Anybody may be nicer; to be less nice takes a privilege, and asking for it in vain does no harm."""
    suite(tmp_path, "def test_a(benchmark):\n    benchmark(len, ())\n")
    for wanted, found in (("7", [7]), ("-20", [-20, os.getpriority(os.PRIO_PROCESS, 0)])):
        spec = Spec((str(tmp_path),), directory=tmp_path, environment={"BENCH_NICE": wanted})
        with Worker(spec) as worker:
            assert worker.collected(PATIENCE_S).facts["nice"] in found
    spec = replace(spec, environment={"BENCH_NICE": "much"})
    with Worker(spec) as worker, pytest.raises(WorkerError, match=r"BENCH_NICE='much'; expected a whole"):
        worker.collected(PATIENCE_S)


def test_what_pytest_raises_of_a_settings_file_is_one_sentence(tmp_path: Path) -> None:
    (suite(tmp_path, "") / "setup.cfg").write_text("[pytest]\naddopts = -q\n")  # its name of old
    with Worker(Spec((str(tmp_path),), directory=tmp_path)) as worker, pytest.raises(WorkerError) as raised:
        worker.collected(PATIENCE_S)
    (line,) = str(raised.value).splitlines()
    assert line.startswith("pytest ended by an error of its own or of a plugin: Failed: [pytest] section in")


def test_a_file_that_ends_its_worker_is_named_with_a_way_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (suite(tmp_path, "") / "test_of my own.py").write_text("import os\nos._exit(7)\n")
    round_it = (
        """; leave that out by --pytest-args='--ignore='"'"'test_of my own.py'"'"'', or name the folder"""
    )
    with Worker(Spec((str(tmp_path),), directory=tmp_path)) as worker:
        with pytest.raises(WorkerError) as raised:
            worker.collected(PATIENCE_S)
        seen = "the process exited with status 7, while it looked into test_of my own.py"
        assert str(raised.value).startswith(seen + round_it)
        hangs = iter([Collecting("test_of my own.py"), WorkerError("timeout", "no answer within 2.97 s")])
        monkeypatch.setattr(Worker, "hear", lambda *_: given(next(hangs)))
        with pytest.raises(WorkerError, match="collecting took more than 3 s, while it looked into test_of"):
            worker.collected(3.0)


def given(message: object) -> object:
    """What a worker says, or how it fails."""
    if isinstance(message, WorkerError):
        raise message
    return message


def test_workers_of_a_round_start_side_by_side(tmp_path: Path) -> None:
    """No worker imports anything while another measures."""
    log = tmp_path / "log"
    suite(
        tmp_path,
        f"""
import pytest

def say(text):
    with open({str(log)!r}, "a") as log:
        log.write(text + "\\n")

say("import")

@pytest.mark.isolate("one")
def test_one(benchmark):
    say("visit")
    benchmark(len, ())

@pytest.mark.isolate("two")
def test_two(benchmark):
    say("visit")
    benchmark(len, ())
""",
    )
    measured(tmp_path, launches=2, preset=replace(FAST, target=math.inf))
    said = log.read_text().split()
    assert said[:3] == ["import", "import", "visit"]
    assert said.count("import") == 4
    assert said[said.index("import", 2) :][:3] == ["import", "import", "visit"]


@pytest.mark.parametrize(
    ("keeps_none", "compiled", "shared"),
    [(True, False, True), (True, True, False), (True, None, False), (False, False, False)],
)
def test_workers_share_compiled_modules_where_there_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keeps_none: bool, compiled: bool | None, shared: bool
) -> None:
    """`compiled`: torch was compiled when it was installed; None: there is no torch."""
    suite(tmp_path, "def test_a(benchmark):\n    benchmark(len, ())\n")
    monkeypatch.setattr(sys, "dont_write_bytecode", keeps_none)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    monkeypatch.setattr(bytecode, "is_compiled", lambda _package: compiled)
    bytecode.variables.cache_clear()
    with Worker(Spec((str(tmp_path),), directory=tmp_path)) as worker:
        worker.collected(PATIENCE_S)
    found = bytecode.variables()
    bytecode.variables.cache_clear()
    assert bool(found) is shared
    assert not shared or any(Path(found["PYTHONPYCACHEPREFIX"]).rglob("*.pyc"))


def test_compiled_modules_are_looked_for_beside_a_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "some_package.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    assert bytecode.is_compiled("some_package") is False
    py_compile.compile(str(tmp_path / "some_package.py"))
    assert bytecode.is_compiled("some_package") is True
    assert bytecode.is_compiled("no_package_at_all") is None


LEAVES = """
import os, signal, subprocess, time
signal.signal(signal.SIGCHLD, signal.SIG_DFL)

def note(name, process):
    with open(name, "a") as file:
        file.write(f"{process}\\n")

def leave():
    # a child with a session of its own, one that was orphaned, and one that never runs a program
    note("left", subprocess.Popen(["sleep", "1000"], start_new_session=True).pid)
    subprocess.run("setsid sleep 1001 & echo $! >> left", shell=True)
    if not os.fork():
        os.setsid()
        orphan = os.fork()
        if orphan:
            note("left", orphan)
            os._exit(0)
        time.sleep(1000)
    os.wait()

def test_it(benchmark):
    if os.path.exists("left"):
        for process in open("left").read().split():
            if os.path.exists(f"/proc/{process}"):
                note("outlived", process)
    leave()
    note("visited", os.getpid())
    benchmark(time.sleep, SECONDS)
"""


def numbers(file: Path) -> list[int]:
    return [int(line) for line in read(file).split()]


@pytest.mark.skipif(not adoption.adopts(), reason="what has left its process group is found on Linux only")
def test_children_with_sessions_of_their_own_end_with_their_launch(tmp_path: Path) -> None:
    """Whether it was forked or started fresh; those that it waits for, and those that it has forgotten."""
    suite(tmp_path, LEAVES.replace("SECONDS", "0"))
    events = measured(tmp_path, launches=3, preset=replace(FAST, target=math.inf))
    assert [event.start for event in events if isinstance(event, Launch)] == ["fresh", "fork", "fork"]
    left = numbers(tmp_path / "left")
    assert len(left) == 9
    assert not numbers(tmp_path / "outlived"), "the launch, not only the run"
    assert not any(map(_exists, left)), "and have been waited for"
    assert not any(map(_exists, numbers(tmp_path / "visited")))


@pytest.mark.skipif(not adoption.adopts(), reason="what has left its process group is found on Linux only")
@pytest.mark.parametrize("launch", [1, 2], ids=["fresh", "fork"])
def test_nothing_outlives_a_killed_coordinator(tmp_path: Path, launch: int) -> None:
    """Neither its worker nor what that left, nor a template."""
    seconds = f"30 if open('visited').read().count(chr(10)) == {launch} else 0"
    suite(tmp_path, LEAVES.replace("SECONDS", seconds))
    script = (
        "import math, sys; sys.path.insert(0, sys.argv[1]); from dataclasses import replace; "
        "from pathlib import Path; from tests.measure.builders import FAST, measured; "
        "measured(Path(sys.argv[2]), preset=replace(FAST, target=math.inf, longest_call_s=math.inf))"
    )
    coordinator = subprocess.Popen([sys.executable, "-c", script, str(ROOT), str(tmp_path)], cwd=tmp_path)
    try:
        until(lambda: len(numbers(tmp_path / "visited")) == launch, "the worker did not begin")
        started = {each.pid for each in psutil.Process(coordinator.pid).children(recursive=True)}
    finally:
        coordinator.kill()
        coordinator.wait()
    assert len(started) >= 4 + (launch == 2), "worker, guard, two that it left; a template"
    until(lambda: not any(map(_alive, [*started, *numbers(tmp_path / "left")])), "something did not end")


def _exists(process: int) -> bool:
    return bool(psutil.pid_exists(process))


def read(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")
