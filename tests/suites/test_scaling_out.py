"""Ranks by torchrun: what goes wrong is told in a line, and no process is left."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from suites.operations import launch
from tests import ROOT, rare
from tests.waiting import PATIENCE_S, until

OBEDIENT = """
import json, sys
print(json.dumps({"ranks": 2}), flush=True)
for line in sys.stdin:
    print(json.dumps({"did": line.strip()}), flush=True)
"""

SILENT = "import time; time.sleep(600)"

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("{}", flush=True)
time.sleep(600)
"""

DYING = """
import sys
print("{}", flush=True)
sys.stdin.readline()
sys.exit(SAID)
"""

SAID = """[rank1]: ValueError: the second rank fails
[rank0]: RuntimeError: Connection closed by peer
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
Root Cause (first observed failure):
  rank      : 1 (local_rank: 1)
  exitcode  : """

EXITED = "1 (pid: 7)"
KILLED = "-9 (pid: 7)\n  traceback : Signal 9 (SIGKILL) received by PID 7"


@pytest.fixture
def processes() -> Iterator[None]:
    """No process that a test starts outlives it."""
    before = set(psutil.Process().children(recursive=True))
    yield
    assert set(psutil.Process().children(recursive=True)) == before


def stand_in(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Has a script of Python run in the place of torchrun."""
    monkeypatch.setattr(launch, "TORCHRUN", (sys.executable, "-c", script))


@pytest.mark.usefixtures("processes")
def test_ranks_do_what_they_are_asked_and_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, OBEDIENT)
    monkeypatch.setattr(launch, "LEAVE_S", 600)
    with launch.started("cpu", 2) as ask:
        assert [ask("epoch"), ask("exchange")] == [{"did": "epoch"}, {"did": "exchange"}]


@pytest.mark.usefixtures("processes")
def test_ranks_that_do_not_answer_are_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, SILENT)
    monkeypatch.setattr(launch, "TIMEOUT_S", 0.01)
    monkeypatch.setattr(launch, "LEAVE_S", 0.01)
    with (
        pytest.raises(launch.LaunchError, match=r"2 ranks have not answered within 0\.01 s"),
        launch.started("cpu", 2),
    ):
        pytest.fail("they were never ready")


@pytest.mark.usefixtures("processes")
def test_what_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, STUBBORN)
    monkeypatch.setattr(launch, "LEAVE_S", 0.01)
    monkeypatch.setattr(launch, "END_S", 0.01)
    with launch.started("cpu", 2):
        pass


@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize(
    ("exitcode", "why"),
    [(EXITED, r"\[rank1\]: ValueError: the second rank fails"), (KILLED, r"killed by Signal 9 \(SIGKILL\)")],
)
def test_a_rank_that_dies_is_told_by_its_own_error(
    monkeypatch: pytest.MonkeyPatch, exitcode: str, why: str
) -> None:
    stand_in(monkeypatch, DYING.replace("SAID", repr(SAID + exitcode)))
    with (
        launch.started("cpu", 2) as ask,
        pytest.raises(launch.LaunchError, match=f"^rank 1 of 2 died: {why}$"),
    ):
        ask("epoch")


def test_a_taken_port_is_told_before_anything_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "TORCHRUN", ("never started",))
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(launch.LaunchError, match=f"port {port} of localhost is taken"),
            launch.started("cpu", 2, first=f"localhost:{port}"),
        ):
            pytest.fail("they were started")
    launch.check_port(f"localhost:{port}")


@pytest.mark.parametrize(
    "first", ["nowhere.invalid:29400", "localhost", "localhost:x", "localhost:99999"], ids=repr
)
def test_a_first_machine_that_cannot_be_is_told(first: str) -> None:
    with pytest.raises(launch.LaunchError, match="expected HOST:PORT"):
        launch.check_port(first)


def test_a_port_of_another_machine_is_not_asked_for_here() -> None:
    with socket.create_server(("", 0)) as taken:
        launch.check_port(f"192.0.2.1:{taken.getsockname()[1]}")  # RFC 5737 keeps it for documents


def test_the_line_for_several_machines_is_one_that_works(monkeypatch: pytest.MonkeyPatch) -> None:
    assert launch.__doc__ is not None
    (line,) = (line for line in launch.__doc__.splitlines() if "--machines" in line)
    monkeypatch.setattr(sys, "argv", line.replace("FIRST_MACHINE", "localhost").split()[1:])
    seen: dict[str, object] = {}

    def started(kind: str, ranks: int, **options: object) -> None:
        seen.update(options, kind=kind, ranks=ranks)
        raise launch.LaunchError("seen")

    monkeypatch.setattr(launch, "started", started)
    with pytest.raises(SystemExit, match="launch: seen"):
        launch.main()
    assert seen == {"kind": "cuda", "ranks": 8, "machines": 2, "first": "localhost:29400"}


BROKEN = """
import os, signal, sys, time
from pathlib import Path

here = Path(__file__)
here.with_name(os.environ["RANK"]).write_text(str(os.getpid()))
if os.environ["RANK"] == "1":
    while not here.with_name("0").exists():
        time.sleep(0.01)
    HOW
time.sleep(600)
"""


@rare
@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize(
    ("how", "why"),
    [
        ('raise ValueError("the second rank fails")', "ValueError: the second rank fails"),
        ("os.kill(os.getpid(), signal.SIGKILL)", r"killed by Signal 9 \(SIGKILL\)"),
    ],
)
def test_torchrun_tells_of_a_rank_that_dies_and_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, why: str
) -> None:
    pytest.importorskip("torch")
    (tmp_path / "ranks.py").write_text(BROKEN.replace("HOW", how))
    monkeypatch.setattr(launch, "RANKS", tmp_path / "ranks.py")
    monkeypatch.setattr(launch, "TIMEOUT_S", PATIENCE_S)
    with pytest.raises(launch.LaunchError, match=f"^rank 1 of 2 died: .*{why}$"), launch.started("cpu", 2):
        pytest.fail("they were never ready")
    assert not any(psutil.pid_exists(int((tmp_path / rank).read_text())) for rank in ("0", "1"))


HOLDER = """
import time
from suites.operations import launch
launch.TIMEOUT_S = PATIENCE_S
with launch.started("cpu", 2) as ask:
    print(ask("compare"), flush=True)
    time.sleep(600)
"""


@rare
def test_ranks_end_with_what_started_them() -> None:
    pytest.importorskip("torch")
    command = [sys.executable, "-c", HOLDER.replace("PATIENCE_S", str(PATIENCE_S))]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert "'value': 0.0" in holder.stdout.readline()
        ranks = psutil.Process(holder.pid).children(recursive=True)
        assert len(ranks) == 3  # torchrun and both
        os.kill(holder.pid, signal.SIGKILL)
    until(lambda: not any(rank.is_running() for rank in ranks), "the ranks did not end")
