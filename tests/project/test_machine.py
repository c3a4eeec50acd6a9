"""A test marked `machine` fails on an idle machine, and says what it saw on a busy one."""

import os
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from tests import ROOT
from tests.machine import Use, excuse, use

SUITE = """
import pytest

@pytest.mark.machine
def test_rests_on_time():
    assert False

def test_rests_on_nothing():
    assert False
"""

CONFTEST = """
from tests import conftest, machine
from tests.conftest import pytest_runtest_makereport, pytest_runtest_setup

conftest.use = iter([machine.Use(0.0, 0.0), machine.Use(2.0, {others_s})]).__next__
"""


@pytest.mark.parametrize(("others_s", "outcome"), [(0.1, "2 failed"), (3.0, "1 failed, 1 xfailed")])
def test_only_others_excuse_a_failure(tmp_path: Path, others_s: float, outcome: str) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST.format(others_s=others_s))
    (tmp_path / "test_it.py").write_text(SUITE)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = machine\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rx", "-p", "no:randomly", "-p", "no:cacheprovider"],
        cwd=tmp_path, env={**environment, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert outcome in done.stdout
    assert ("others used 1.5 processors in its 2.0 s" in done.stdout) == ("xfailed" in outcome)


def test_a_short_test_is_not_excused_by_the_ticks_of_the_readings() -> None:
    assert excuse(Use(0.0, 0.0), Use(0.02, 0.04)) == ""


def test_others_are_all_but_this_process_and_its_children(monkeypatch: pytest.MonkeyPatch) -> None:
    times = namedtuple("times", "user idle steal guest")
    child = SimpleNamespace(cpu_times=lambda: (2.0, 1.0, 0.0, 0.0))
    ourselves = SimpleNamespace(cpu_times=lambda: (1.0, 0.5, 0.25, 0.25, 9.0), children=lambda **_: [child])
    monkeypatch.setattr(psutil, "cpu_times", lambda: times(100.0, 50.0, 3.0, 20.0))
    monkeypatch.setattr(psutil, "Process", lambda: ourselves)
    assert use().others_s == 103.0 - 2.0 - 3.0
