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

conftest.use = iter([machine.Use(*each) for each in {uses}]).__next__
"""


def said_of(folder: Path, suite: str, uses: list[tuple[float, float]]) -> str:
    """What pytest says of a suite on a machine that others use so: moments, and their time until then."""
    (folder / "conftest.py").write_text(CONFTEST.format(uses=uses))
    (folder / "test_it.py").write_text(suite)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = machine\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rx", "-p", "no:randomly", "-p", "no:cacheprovider"],
        cwd=folder, env={**environment, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    ).stdout  # fmt: skip


@pytest.mark.parametrize(("others_s", "outcome"), [(0.1, "2 failed"), (3.0, "1 failed, 1 xfailed")])
def test_only_others_excuse_a_failure(tmp_path: Path, others_s: float, outcome: str) -> None:
    said = said_of(tmp_path, SUITE, [(0.0, 0.0), (2.0, others_s)])
    assert outcome in said
    assert ("others used 1.5 processors in its 2.0 s" in said) == ("xfailed" in outcome)


SHARED = """
import pytest

pytestmark = pytest.mark.machine

@pytest.fixture(scope="module")
def shared():
    assert False

def test_makes_it(shared):
    pass

def test_finds_it_broken(shared):
    pass
"""


@pytest.mark.parametrize(("others_s", "outcome"), [(0.1, "2 errors"), (3.0, "2 xfailed")])
def test_what_was_made_on_a_busy_machine_excuses_all_that_share_it(
    tmp_path: Path, others_s: float, outcome: str
) -> None:
    """The second test finds what the first has made, and nobody at work."""
    uses = [(0.0, 0.0), (2.0, others_s), (2.0, others_s), (2.1, others_s)]
    assert outcome in said_of(tmp_path, SHARED, uses)


def test_a_short_test_is_not_excused_by_the_ticks_of_the_readings() -> None:
    assert excuse(Use(0.0, 0.0), Use(0.02, 0.04)) == ""


def test_others_are_all_but_this_process_and_its_children(monkeypatch: pytest.MonkeyPatch) -> None:
    times = namedtuple("times", "user idle steal guest")
    child = SimpleNamespace(cpu_times=lambda: (2.0, 1.0, 0.0, 0.0))
    ourselves = SimpleNamespace(cpu_times=lambda: (1.0, 0.5, 0.25, 0.25, 9.0), children=lambda **_: [child])
    monkeypatch.setattr(psutil, "cpu_times", lambda: times(100.0, 50.0, 3.0, 20.0))
    monkeypatch.setattr(psutil, "Process", lambda: ourselves)
    assert use().others_s == 103.0 - 2.0 - 3.0
