"""Fixtures that several test modules share."""

import importlib.util
import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import hypothesis
import pytest

from tests import ROOT
from tests.machine import Use, excuse, excused, use

if TYPE_CHECKING:  # it imports pandas, which tests of the measuring half do without
    from bench.analyze.analyzed import AnalyzedRun

# A busy machine must not fail a test: its examples may take as long as they like.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


# As most people run Python, it holds back what is printed; where it never does, as in many containers, no
# test would miss a line that nobody writes out.
os.environ.pop("PYTHONUNBUFFERED", None)

# What a shell starts in the background ignores Ctrl-C, and so would the commands that tests interrupt.
for _number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)

LONGEST = (
    "app/sides/test_gate_live.py", "app/sides/test_bisect.py", "commands/test_commands.py",
    "render/browser/test_screens.py", "measure/start/test_templates.py", "app/sides/test_gate_simulated.py",
    "faults/test_in_tests.py", "analyze/contests/test_refine.py", "commands/test_ends.py",
    "faults/test_in_processes.py", "analyze/contests/test_simulated_crossovers.py",
    "measure/sides/test_starting.py", "trust/test_coverage.py", "commands/test_profile.py",
    "render/figures/test_figures.py", "faults/test_in_projects.py", "app/sides/test_gate_ends.py",
    "suites/test_suites.py",
)  # fmt: skip
"""Modules that take 25 s or more on two cores, the longest first."""

BEFORE = pytest.StashKey[Use]()
"""Of a test, what it began with; of a module, what its first test marked `machine` began with."""


@pytest.hookimpl(trylast=True)  # behind pytest-randomly, which shuffles modules
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Side by side, long modules begin first: one that begins last leaves all other processors idle."""
    if hasattr(config, "workerinput"):
        order = {ROOT / "tests" / name: place for place, name in enumerate(LONGEST)}
        items.sort(key=lambda item: order.get(item.path, len(order)))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where only tests marked `machine` are asked for, modules without one need not be imported.

    Modules that are named are, so that pytest finds what was asked for.
    """
    everywhere = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if not (everywhere and config.option.markexpr == "machine" and collection_path.match("test_*.py")):
        return None
    return True if "mark.machine" not in collection_path.read_text("utf-8") else None


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("machine"):
        item.stash[BEFORE] = use()
        item.getparent(pytest.Module).stash.setdefault(BEFORE, item.stash[BEFORE])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test marked `machine` that fails on a busy machine says so instead.

    The machine may have been busy before, while what the tests of its module share was made.
    """
    report = yield
    if not (report.failed and BEFORE in item.stash):
        return report
    began, now = (item.stash[BEFORE], item.getparent(pytest.Module).stash[BEFORE]), use()
    return excused(report, next(filter(None, (excuse(before, now) for before in began)), ""))


@pytest.fixture(scope="session", autouse=True)
def _registered_simulation() -> None:
    """The simulated accelerator is known to torch before the first backward pass, whatever test comes first.

    torch's autograd engine counts the devices once, at a process's first backward pass. Tests with fake
    tensors have a process of their own: there a registered simulation would abort.
    """
    if importlib.util.find_spec("torch") and not os.environ.get("BENCH_TESTS_FAKE_TENSORS"):
        import simulated_accelerator

        simulated_accelerator.autoload()


@pytest.fixture(scope="session")
def h200() -> "AnalyzedRun":
    """The recorded run beside an NVIDIA H200, read and analyzed once in a process."""
    from bench.analyze.analyzed import AnalyzedRun
    from bench.storage.store import read_run

    return AnalyzedRun(read_run(ROOT / "reports" / "example-gpu"))


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The simulated accelerator `sim` in this process, host and device on one virtual clock at zero."""
    pytest.importorskip("torch")
    import simulated_accelerator

    from bench.measure.devices import available, device

    simulated_accelerator.autoload()
    simulated_accelerator.reset(simulated_accelerator.Parameters(virtual=True))
    monkeypatch.setattr(simulated_accelerator.BackendModule, "available", True)
    monkeypatch.setattr(device, "clock", simulated_accelerator.timeline.clock)
    available.get.cache_clear()
    yield simulated_accelerator
    available.get.cache_clear()
