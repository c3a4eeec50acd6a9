"""The worker: a pytest session that obeys the coordinator, one case and one block at a time.

It collects like any pytest run and then, in place of pytest's loop over the tests, waits for commands.
A visit sets one test up through pytest's own protocol; when the test calls `benchmark(...)` the worker
announces it and times the blocks it is asked for, until it is told that this was all; then pytest tears the
test down. `bench.measure.worker.protocol` has what is said.

Run by `workers.Worker`, which passes the channel's file descriptor and pytest's arguments.
"""

import copy
import ctypes
import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import asdict
from multiprocessing.connection import Connection
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture, FixtureAlreadyUsed

from bench.events import Outcome
from bench.measure import devices
from bench.measure.devices import ceilings, self_check
from bench.measure.host import environment, priority
from bench.measure.host.interference import Readings
from bench.measure.worker import code, controls, flops, hygiene, plugin, profiler, protocol
from bench.measure.worker.calls import Calls, PedanticCalls, PlainCalls, leading
from bench.measure.worker.injection import injected
from bench.records import Block

MESSAGE_LIMIT = 2000
"""Characters of a failure that are kept: the end, where the exception stands."""


class SteeredFixture(BenchmarkFixture):
    """pytest-benchmark's fixture, made to obey the coordinator. Set on finished fixtures only."""

    steering: "Steering"

    def __call__(self, function_to_benchmark: Any, *args: Any, **kwargs: Any) -> Any:
        return self._obey("benchmark(...)", PlainCalls(injected(function_to_benchmark), args, kwargs))

    def pedantic(self, target: Any, *args: Any, **kwargs: Any) -> Any:
        return self._obey("benchmark.pedantic(...)", PedanticCalls.of(injected(target), *args, **kwargs))

    def _obey(self, mode: str, calls: Calls) -> Any:
        if self._mode:
            self.has_error = True
            raise FixtureAlreadyUsed(
                f"Fixture can only be used once. Previously it was used in {self._mode} mode."
            )
        self._mode = mode
        try:
            blocks = self.steering.time(calls)
        except Exception:
            self.has_error = True
            raise
        self._fill_stats(blocks)
        return calls.result

    def _fill_stats(self, blocks: list[Block]) -> None:
        """Lets tests read `benchmark.stats` afterwards, as under pytest-benchmark."""
        timed = [block for block in blocks if block.kind == "wall"] or blocks
        stats = self._make_stats(1)  # type: ignore[no-untyped-call]  # pytest-benchmark is untyped
        for block in timed:
            stats.update(block.wall_s / block.calls)


class Steering:
    """The pytest plugin that turns a session into a worker."""

    def __init__(self, channel: protocol.Channel) -> None:
        self.channel = channel
        self.readings = Readings()
        self.items: dict[str, pytest.Item] = {}
        self.problems: list[protocol.Problem] = []
        self.left_out: list[str] = []
        self.reports: list[pytest.TestReport] = []
        self.item: pytest.Item | None = None
        self.device = "cpu"
        self.fixture: BenchmarkFixture | None = None
        self.started_s = 0.0

    # Collection is announced as a whole: cases, what is skipped or left out, what could not be imported.

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.problems.append(protocol.Problem(report.nodeid, "failed", _tail(report.longreprtext)))
        elif report.skipped:
            self.problems.append(protocol.Problem(report.nodeid, "skipped", _reason(report)))

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        self.left_out += [item.nodeid for item in items if plugin.is_case(item)]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        gc.collect()
        gc.enable()
        self.items = {item.nodeid: item for item in session.items if plugin.is_case(item)}
        self.channel.send(self._collected())
        for command in iter(self.channel.receive, protocol.Exit()):
            match command:
                case protocol.VisitCase(case) if case in controls.FUNCTIONS:
                    self._control(controls.FUNCTIONS[case])
                case protocol.VisitCase(case):
                    self._visit(self.items[case])
                case protocol.TellTexts():
                    self.channel.send(protocol.Answer(code.texts(self.items)))
                case protocol.TellModules():
                    self.channel.send(protocol.Answer(code.loaded()))
                case protocol.UseDevice():
                    self.channel.send(_answer(command))
        return True

    def _collected(self) -> protocol.Collected:
        skips = {case: reason for case, item in self.items.items() if (reason := plugin.skipped(item))}
        facts: dict[str, Any] = {"nice": priority.nice()}
        if "torch" in sys.modules:
            facts |= {
                "torch": environment.torch_facts(),
                "unusable": devices.unusable(),
                "accelerators": [name for name in plugin.chosen_devices() if name != "cpu"],
            }
        cases = tuple(map(plugin.case_of, self.items.values()))
        return protocol.Collected(cases, skips, tuple(self.problems), tuple(self.left_out), facts)

    # A visit runs a copy of the test through pytest's protocol, fixtures and all.

    def _visit(self, item: pytest.Item) -> None:
        visited = copy.copy(item)
        for bound in ("_instance", "_obj"):
            visited.__dict__.pop(bound, None)
        visited._initrequest()  # type: ignore[attr-defined]  # a fresh request is what makes the copy runnable
        self.item, self.fixture, self.reports = visited, None, []
        self.device = plugin.device_of(item)
        self.started_s = devices.clock()
        visited.ihook.pytest_runtest_protocol(item=visited, nextitem=OnlySession(item.session))
        self.channel.send(self._outcome())

    def _control(self, function: Callable[[], object]) -> None:
        """A visit of a case that is ours: there is nothing to set up."""
        self.device, self.started_s = "cpu", devices.clock()
        self.time(PlainCalls(function, (), {}))
        self.channel.send(protocol.Visited("passed"))

    def _outcome(self) -> protocol.Visited:
        fixture = self.fixture
        outcome, message = _verdict(self.reports)
        if outcome == "passed" and (fixture is None or fixture._mode is None):
            outcome, message = "skipped", "the test passed without calling benchmark(...)"
        if fixture is None:
            return protocol.Visited(outcome, message)
        return protocol.Visited(outcome, message, _plain(fixture.extra_info), fixture.group)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        result = yield
        if fixturedef.argname == "benchmark" and not isinstance(result, BenchmarkFixture):
            pytest.fail(f"`benchmark` is {result!r} here; expected pytest-benchmark's fixture", pytrace=False)
        if isinstance(result, BenchmarkFixture) and self.item is not None:
            result.__class__ = SteeredFixture
            result.steering = self  # type: ignore[attr-defined]  # it is a SteeredFixture now
            result.disabled = False
            result._add_stats = _forget  # the session would keep every visit's statistics
            self.fixture = result
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.reports.append(report)

    # At `benchmark(...)`: announce, then time what is asked for.

    def time(self, calls: Calls) -> list[Block]:
        """Times blocks as the coordinator asks; returns them all."""
        target = devices.get(self.device)
        blocks: list[Block] = []
        setup_s = devices.clock() - self.started_s
        self.channel.send(protocol.Announced(setup_s, calls.left))
        for command in iter(self.channel.receive, protocol.Done()):
            match command:
                case protocol.LookAside():
                    self.channel.send(self._aside(target, calls))
                case protocol.Record():
                    self.channel.send(profiler.record(target, calls, command))
                case protocol.TimeBlock():
                    blocks.append(self._block(target, calls, command))
                    self.channel.send(blocks[-1])
                case protocol.Exit():  # in the middle of a case, as on Ctrl-C
                    os._exit(0)
        return blocks

    def _aside(self, target: devices.Device, calls: Calls) -> protocol.Aside:
        """What untimed calls tell: a device's peak memory, and FLOPs where the case declares them."""
        found = {"peak_memory_bytes": target.peak_memory_bytes(calls.run)}
        if self.fixture is not None and self.fixture.extra_info.get("flops"):
            found["counted_flops"] = flops.counted(calls.run)
        return protocol.Aside({name: value for name, value in found.items() if value is not None})

    def _block(self, target: devices.Device, calls: Calls, command: protocol.TimeBlock) -> Block:
        if command.kind == "wall" and not target.is_accelerator and calls.left is None:
            calls.run(leading(command.calls))
        allocations = target.allocator_counts()
        start_s = time.monotonic()
        self.readings.before(command.expected_s)
        timed = calls.time(target, command.kind, command.calls)
        taken = self.readings.after()
        notes = [*timed.notes, *taken.notes]
        if allocations != target.allocator_counts():
            notes.append("allocated")
        return Block(
            kind=command.kind,
            start_s=start_s,
            calls=command.calls,
            wall_s=timed.wall_s,
            host_s=timed.host_s,
            device_s=timed.device_s,
            **{**asdict(taken), "notes": tuple(notes)},
        )


class OnlySession:
    """Stands for the test to come: pytest then tears all down except what lives as long as the session."""

    def __init__(self, session: pytest.Session) -> None:
        self._session = session

    def listchain(self) -> list[pytest.Session]:
        return [self._session]


def _answer(command: protocol.UseDevice) -> protocol.Answer:
    """What a device says of itself; an error is an answer too, since the cases can still be measured."""
    try:
        target = devices.get(command.device)
        match command.task:
            case "initialize":
                return protocol.Answer(target.initialize())
            case "ceilings":
                return protocol.Answer(ceilings.measure(target, dict(command.known)))
            case "empty_cache":
                target.empty_cache()
                return protocol.Answer(None)
            case "check":
                return protocol.Answer([asdict(check) for check in self_check.run(target)])
    except Exception as error:  # a device's driver raises what it likes
        return protocol.Answer(None, f"{type(error).__name__}: {_tail(str(error))}")


def _forget(_stats: object) -> None:
    """Keeps nothing."""


def _verdict(reports: list[pytest.TestReport]) -> tuple[Outcome, str]:
    for report in reports:
        if report.failed:
            return "failed", _tail(report.longreprtext)
    for report in reports:
        if report.skipped:
            return "skipped", _reason(report)
    return "passed", ""


def _tail(text: str) -> str:
    return text[-MESSAGE_LIMIT:]


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    return str(getattr(report, "wasxfail", "") or report.longreprtext)


def _plain(info: dict[str, Any]) -> dict[str, Any]:
    """What a test put into `extra_info`, as JSON can hold it."""
    return {
        str(name): value if isinstance(value, str | int | float | bool | None) else str(value)
        for name, value in info.items()
    }


def _die_with_parent() -> None:
    """Ends this process when the coordinator is killed, even in the middle of a call (Linux only)."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1  # <linux/prctl.h>
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def _hide_ourselves() -> None:
    """Frees the name `bench`, so that a suite which has a package of that name imports its own."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "bench"]:
        sys.modules[f"_{name}"] = sys.modules.pop(name)


def main(descriptor: int, arguments: list[str]) -> None:
    """Runs a worker over the channel at `descriptor`; returns when the coordinator says so or is gone."""
    _die_with_parent()
    channel = protocol.Channel(Connection(descriptor), protocol.REPLIES, protocol.COMMANDS)
    os.register_at_fork(after_in_child=channel.close)
    _hide_ourselves()
    gc.disable()  # until all is collected: importing torch takes a fifth less time
    try:
        priority.raise_priority()
        for name in filter(None, os.environ.get("BENCH_DEVICES", "").split(",")):
            devices.get(name)
        status = pytest.main(arguments, plugins=[plugin, hygiene, Steering(channel)])
    except (devices.DeviceError, priority.PriorityError) as error:
        channel.send(protocol.Refused(str(error)))
    except EOFError:
        os._exit(1)
    else:
        channel.send(protocol.Ended(int(status)))
        os._exit(0)  # pytest has torn all down; taking torch apart as well would cost seconds a launch
