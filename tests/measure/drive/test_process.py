"""Worker processes: how they start, what they share, and that none outlives its coordinator."""

import math
import os
import py_compile
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.measure.drive.process import Spec, Worker, WorkerError
from bench.measure.host import bytecode
from tests import ROOT
from tests.measure.builders import FAST, measured, suite
from tests.waiting import until


def test_workers_are_as_nice_as_they_are_told(tmp_path: Path) -> None:
    """Anybody may be nicer; to be less nice takes a privilege, and asking for it in vain does no harm."""
    suite(tmp_path, "def test_a(benchmark):\n    benchmark(len, ())\n")
    for wanted, found in (("7", [7]), ("-20", [-20, os.getpriority(os.PRIO_PROCESS, 0)])):
        spec = Spec((str(tmp_path),), directory=tmp_path, environment={"BENCH_NICE": wanted})
        with Worker(spec) as worker:
            assert worker.collected(60).facts["nice"] in found
    spec = replace(spec, environment={"BENCH_NICE": "much"})
    with Worker(spec) as worker, pytest.raises(WorkerError, match=r"BENCH_NICE='much'; expected a whole"):
        worker.collected(60)


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
    measured(tmp_path, launches=2, preset=replace(FAST, width=math.inf))
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
        worker.collected(60)
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


def test_nothing_outlives_a_killed_coordinator(tmp_path: Path) -> None:
    suite(
        tmp_path,
        "import os, time\ndef test_it(benchmark):\n"
        "    open('pid', 'w').write(str(os.getpid()))\n    benchmark(time.sleep, 30)\n",
    )
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; "
        "from tests.measure.builders import measured; measured(Path(sys.argv[2]))"
    )
    home = str(ROOT)
    coordinator = subprocess.Popen([sys.executable, "-c", script, home, str(tmp_path)], cwd=tmp_path)
    try:
        worker = until(lambda: int(read(tmp_path / "pid") or 0), "the worker did not begin")
    finally:
        coordinator.kill()
        coordinator.wait()
    until(lambda: not _alive(worker), "the worker did not end")


def read(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")
