"""The pytest plugin that turns a session into a worker: it obeys the coordinator, one case at a time.

pytest collects as ever; then, in place of its loop over the tests, the worker waits for commands. A visit
runs one test through pytest's own protocol; when the test calls `benchmark(...)`, `timing` announces it and
times the blocks that it is asked for; then pytest tears the test down.
"""

import gc
import os
import re
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench import plain
from bench.events import Outcome
from bench.measure import compat
from bench.measure.devices import available, ceilings, device, self_check
from bench.measure.devices.device import Device
from bench.measure.host import environment, priority
from bench.measure.host.interference import Readings
from bench.measure.worker import code, controls, dropped, hygiene, memory, plugin, protocol
from bench.measure.worker.calls import PlainCalls
from bench.measure.worker.settings import of_process, of_torch
from bench.measure.worker.settings.kept import Kept
from bench.measure.worker.timing import CaseTimer, SteeredFixture

MOST_NAMED = 3
"""Files that are named of those that a project's settings keep from being collected."""

MAX_MESSAGE = 2000
"""Characters of a failure that are kept: the end, where the exception stands."""


NEEDS_PLUGIN = "an async test, which no plugin runs here: install and switch on pytest-asyncio, or anyio's"

ASYNC_REFUSED = re.compile(r"async def functions? (are not natively supported|and no async plugin)")
"""What pytest says of a coroutine function that no plugin runs; 8.4 fails it, releases before skip it."""

OWN_FACTS = ("call", "counted_flops", "kept_bytes", "left_behind", "peak_memory_bytes")
"""What a worker itself writes beside a test's `extra_info`: the test's own by such a name get a `_`."""

GONE = "not collected any more: the test has gone, or has another name, since the run began"


class Steering:
    """The plugin; `timer` and `fixture` are those of the test that is being visited."""

    def __init__(self, channel: protocol.Channel) -> None:
        self.channel = channel
        self.readings = Readings()
        self.items: dict[str, pytest.Item] = {}
        self.session_items: list[pytest.Item] = []
        self.problems: list[protocol.Problem] = []
        self.root = Path()
        self.left_out: list[str] = []
        self.left_aside: list[Path] = []
        self.reports: list[pytest.TestReport] = []
        self.timer: CaseTimer | None = None
        self.fixture: BenchmarkFixture | None = None
        self.kept = Kept()
        self.visited: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_ignore_collect(self, collection_path: Path) -> Generator[None, bool | None, bool | None]:
        ignored = yield
        if ignored and not collection_path.name.startswith((".", "__")):
            self.left_aside.append(collection_path)
        return ignored

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        if isinstance(collector, pytest.File | pytest.Directory):
            here, self.root = collector.config.invocation_params.dir, collector.config.rootpath
            self.channel.send(protocol.Collecting(plain.text(os.path.relpath(collector.path, here))))
        try:
            return (yield)
        except SystemExit as error:  # pytest would end, and the other files with it
            return pytest.CollectReport(collector.nodeid, "failed", f"SystemExit: {error}", [])

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self) -> None:
        self.channel.send(protocol.Collecting())

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            told = plain.placed(report.longreprtext)
            told += hygiene.off_path(told, self.root)
            self.problems.append(protocol.Problem(report.nodeid, "failed", _tail(told)))
        elif report.skipped:
            self.problems.append(protocol.Problem(report.nodeid, "skipped", _reason(report)))

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        self.left_out += [item.nodeid for item in items if plugin.is_case(item)]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        gc.collect()
        gc.freeze()  # what was imported is not looked at again: it would take a tenth of a second each time
        gc.enable()
        hygiene.spare_the_log(session)
        self.session_items = session.items
        self.items = {plain.text(item.nodeid): item for item in session.items if plugin.is_case(item)}
        self.channel.send(self._collected(session.config))
        for command in iter(self.channel.receive, protocol.Exit()):
            match command:
                case protocol.VisitCase(case) if case in controls.FUNCTIONS:
                    self.channel.send(self._visit_control(case))
                case protocol.VisitCase(case) if case not in self.items:
                    self.channel.send(protocol.Visited("skipped", GONE))
                case protocol.VisitCase(case):
                    self.channel.send(self._visit(self.items[case]))
                case protocol.Ask("texts"):
                    self.channel.send(protocol.Answer(code.texts(self.items)))
                case protocol.Ask("modules"):
                    self.channel.send(protocol.Answer(code.loaded()))
                case protocol.Ask("installed"):
                    self.channel.send(protocol.Answer(_installed(session.config.rootpath)))
                case protocol.Ask():
                    self.channel.send(_use_device(command))
        return True

    def _collected(self, config: pytest.Config) -> protocol.Collected:
        """The collection as a whole: cases, what is skipped or left out, what could not be imported."""
        skips = {case: reason for case, item in self.items.items() if (reason := plugin.skipped(item))}
        facts: dict[str, Any] = {"nice": priority.nice(), "unlisted": config.stash.get(plugin.UNLISTED, 0)}
        if of_torch.is_loaded():
            facts |= {
                "torch": environment.torch_facts(),
                "unusable": available.unusable(),
                "accelerators": [name for name in plugin.chosen_devices() if name != "cpu"],
            }
        if dropped_by := config.stash.get(dropped.BY, None):
            facts["dropped"] = dict(dropped_by)
        if not self.items:
            facts["left_aside"] = list(islice(_tests_among(self.left_aside, config), MOST_NAMED))
        marked = [item for item in self.session_items if plugin.is_marked_only(item)]
        skips |= {item.nodeid: plugin.MARKED_ONLY for item in marked}
        cases = tuple(map(plugin.case_of, [*self.items.values(), *marked]))
        return protocol.Collected(cases, skips, tuple(self.problems), tuple(self.left_out), facts)

    def _visit(self, item: pytest.Item) -> protocol.Visited:
        """Runs a copy of the test through pytest's protocol, fixtures and all."""
        copied = compat.runnable_copy(item)
        self.kept = Kept()
        pinned = partial(self.kept.meant, of_process.PROCESSORS)  # by a gate's coordinator, not by the test
        name = plugin.device_of(item)
        before = memory.Before.of(available.get(name), item.nodeid not in self.visited)
        self.visited.add(item.nodeid)
        self.timer = CaseTimer(self.channel, self.readings, name, device.clock(), pinned, before)
        self.fixture, self.reports = None, []
        # Stands for the test to come: pytest then tears all down except what lives as long as the session.
        to_come = SimpleNamespace(listchain=lambda: [item.session])
        item.ihook.pytest_runtest_protocol(item=copied, nextitem=to_come)
        self.timer.end()
        self.kept.put_back()
        outcome, message = _outcome(self.reports)
        if outcome != "passed" and ASYNC_REFUSED.search(message):
            outcome, message = "failed", NEEDS_PLUGIN
        fixture = self.fixture
        if outcome == "passed" and not self.timer.called:
            outcome, message = "skipped", "the test passed without calling benchmark(...)"
        if fixture is None:
            return protocol.Visited(outcome, message)
        if outcome == "passed" and (raised := getattr(fixture, "raised", None)):
            what = f"{type(raised).__name__}: {_tail(plain.text(raised))}"
            outcome, message = "failed", f"the call raised, and its test caught it: nothing was timed\n{what}"
        group = None if fixture.group is None else plain.text(fixture.group)
        left = {"left_behind": ", ".join(self.kept.left)} if self.kept.left else {}
        return protocol.Visited(outcome, message, {**_facts(fixture.extra_info), **left}, group)

    def _visit_control(self, case: str) -> protocol.Visited:
        """A visit of a case that is ours: there is nothing to set up."""
        timer = CaseTimer(self.channel, self.readings, "cpu", device.clock())
        timer.time(PlainCalls(controls.FUNCTIONS[case], (), {}), {})
        return protocol.Visited("passed")

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        with self.kept.meant() if fixturedef.scope == "session" else nullcontext():
            result = yield
        if fixturedef.argname == "benchmark" and not isinstance(result, BenchmarkFixture):
            pytest.fail(f"`benchmark` is {result!r} here; expected pytest-benchmark's fixture", pytrace=False)
        if isinstance(result, BenchmarkFixture) and self.timer is not None:
            compat.steer(result, SteeredFixture)
            result.timer = self.timer  # type: ignore[attr-defined]  # it is a SteeredFixture now
            self.fixture = result
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.reports.append(report)


def _tests_among(paths: Sequence[Path], config: pytest.Config) -> Iterator[str]:
    """The names of those that are files of tests, or folders with some in them, but no environments."""
    patterns = config.getini("python_files")
    for path in paths:
        if (path / "pyvenv.cfg").exists():
            continue
        inside = (file for pattern in patterns for file in path.rglob(pattern))
        if any(path.match(pattern) for pattern in patterns) or next(inside, None):
            yield plain.text(path.name)


def _installed(root: Path) -> dict[str, Any]:
    """What a template is to be told, in the fields of `Load`."""
    own = code.own_names(root)
    names = code.installed(root, own)
    rewritten = [name for name in names if compat.is_rewritten(sys.modules[name])]
    return {
        "modules": [name for name in names if name not in rewritten],
        "own": sorted(own),
        "rewritten": rewritten,
    }


def _use_device(command: protocol.Ask) -> protocol.Answer:
    """What came of a device's task; an error is an answer too, since the cases can still be measured."""
    tasks: dict[str, Callable[[Device], Any]] = {
        "initialize": lambda target: target.initialize(),
        "check": lambda target: [asdict(check) for check in self_check.run(target)],
        "ceilings": lambda target: ceilings.measure(target, dict(command.earlier)),
        "empty_cache": lambda target: target.empty_cache(),
    }
    try:
        return protocol.Answer(tasks[command.about](available.get(command.device)))
    except Exception as error:  # a device's driver raises what it likes
        return protocol.Answer(None, f"{type(error).__name__}: {_tail(plain.text(error))}")


def _outcome(reports: list[pytest.TestReport]) -> tuple[Outcome, str]:
    for report in reports:
        if report.failed:
            return "failed", _tail(report.longreprtext)
    for report in reports:
        if report.skipped:
            return "skipped", _reason(report)
    return "passed", ""


def _tail(text: str) -> str:
    return text[-MAX_MESSAGE:]


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    if isinstance(report.longrepr, tuple):
        return plain.text(report.longrepr[2]).removeprefix("Skipped: ")
    if hasattr(report, "wasxfail"):
        return plain.text(report.wasxfail or "it is expected to fail, and does")
    return plain.text(report.longreprtext)


def _facts(extra_info: object) -> dict[str, Any]:
    """What a test left in `extra_info`, beside which the worker's own facts find their place."""
    return {name + "_" * (name in OWN_FACTS): value for name, value in plain.facts(extra_info).items()}
