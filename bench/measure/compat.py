"""Every private name of another library that this project uses, since nothing public does the same.

They are there from the oldest release that pyproject.toml allows up to the one in `NEWEST`; `nox -s
compatibility` tries both ends. `check` ends a run with a sentence, before anything is measured.
"""

import copy
from collections.abc import Callable, Sequence
from dis import get_instructions
from importlib.metadata import version
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture, FixtureAlreadyUsed
from pytest_benchmark.utils import NameWrapper

NEWEST = {"pytest": "9.2.0", "pytest-benchmark": "5.3.1", "torch": "2.14.1"}
"""The latest releases that were tried."""

NEEDED: tuple[tuple[str, type, tuple[str, ...]], ...] = (
    ("pytest", pytest.Function, ("_initrequest", "_instance", "_obj")),
    ("pytest", pytest.Metafunc, ("_arg2fixturedefs",)),
    ("pytest-benchmark", BenchmarkFixture, ("_make_stats", "_add_stats", "_mode", "_timer")),
)
"""What no worker can do without: library, class, names."""


DROPPING = {
    ("_pytest.mark", "deselect_by_keyword"): ("keyword", "-k"),
    ("_pytest.mark", "deselect_by_mark"): ("markexpr", "-m"),
    ("_pytest.main", "pytest_collection_modifyitems"): ("deselect", "--deselect"),
}
"""Functions of pytest that drop tests, each with its option. One that is gone is told as a plugin's file."""


class CompatError(Exception):
    """A private name is gone: of which library and version, and what to install instead."""


def gone(library: str, name: str) -> CompatError:
    """The error that a library no longer has a name."""
    return CompatError(
        f"{library} {version(library)} has no {name} any more, which bench needs; "
        f'install an earlier release: pip install "{library}<={NEWEST[library]}"'
    )


def check() -> None:
    """Raises CompatError where pytest or pytest-benchmark lacks a name that every worker needs."""
    for library, owner, names in NEEDED:
        for name in names:
            if not hasattr(owner, name) and not _sets(owner, name):
                raise gone(library, f"{owner.__name__}.{name}")


def _sets(owner: type, name: str) -> bool:
    """True where a method or property of a class gives its instances the attribute."""
    members = (member for class_ in owner.__mro__ for member in vars(class_).values())
    codes = [getattr(getattr(member, "fget", member), "__code__", None) for member in members]
    using = [code for code in codes if code is not None and name in code.co_names]
    steps = (step for code in using for step in get_instructions(code))
    return any(step.opname == "STORE_ATTR" and step.argval == name for step in steps)


def runnable_copy(item: pytest.Item) -> pytest.Item:
    """A test that runs as if it never had: pytest runs an item once, with one request and one instance."""
    copied = copy.copy(item)
    for bound in ("_instance", "_obj"):
        copied.__dict__.pop(bound, None)
    copied._initrequest()  # type: ignore[attr-defined]  # functions have it
    return copied


def fixtures(metafunc: pytest.Metafunc, name: str) -> Sequence[pytest.FixtureDef[Any]]:
    """The fixtures of this name that a test can see, the closest last. Raises CompatError."""
    if not hasattr(metafunc, "_arg2fixturedefs"):
        raise gone("pytest", "Metafunc._arg2fixturedefs")
    return metafunc._arg2fixturedefs.get(name, ())


def fixture_functions(item: pytest.Item) -> list[Callable[..., Any]]:
    """The functions of the fixtures that a test may use; none where pytest no longer says."""
    known = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    return [each.func for fixtures in known.values() for each in fixtures]


def steer(fixture: BenchmarkFixture, class_: type[BenchmarkFixture]) -> None:
    """Makes a finished fixture obey `class_`; the session would keep the statistics of every visit."""
    fixture.__class__ = class_
    fixture.disabled = False
    fixture._add_stats = lambda _stats: None


def use(fixture: BenchmarkFixture, mode: str) -> None:
    """Notes that the test calls `benchmark`. Raises FixtureAlreadyUsed at the second call."""
    if fixture._mode:
        fixture.has_error = True
        raise FixtureAlreadyUsed(
            f"Fixture can only be used once. Previously it was used in {fixture._mode} mode."
        )
    fixture._mode = mode


def timer(fixture: BenchmarkFixture) -> Callable[[], float]:
    """The timer that a test's marker or pytest's options ask for."""
    asked: Callable[[], float] = fixture._timer
    return asked


def name_of(timer: Callable[[], float]) -> str:
    """A timer as pytest-benchmark calls it, such as `time.thread_time`."""
    return str(NameWrapper(timer))  # type: ignore[no-untyped-call]  # the library has no annotations


def unuse(fixture: BenchmarkFixture) -> None:
    """Makes a fixture that was used as good as new."""
    fixture._mode, fixture.stats, fixture.has_error = None, None, False


def fill_stats(fixture: BenchmarkFixture, per_call_s: Sequence[float]) -> None:
    """Lets a test read `benchmark.stats` afterwards, as under pytest-benchmark."""
    stats = fixture._make_stats(1)  # type: ignore[no-untyped-call]  # pytest-benchmark is untyped
    for seconds in per_call_s:
        stats.update(seconds)


def is_rewritten(module: Any) -> bool:
    """Whether pytest has rewritten a module's assertions, and warns where such a module is there before.

    pytest-benchmark's package asks pytest not to, so that only its parts are.
    """
    if getattr(module, "__name__", "").partition(".")[0] == "pytest_benchmark":
        return False
    return type(getattr(module, "__loader__", None)).__name__ == "AssertionRewritingHook"


def in_bad_fork(torch: Any) -> bool:
    """Whether an accelerator's driver was started before this process was forked: a fork cannot use it."""
    other = getattr(torch._C, "_get_privateuse1_backend_name", lambda: "privateuseone")()
    backends = ("cuda", "xpu", "mtia", other)
    checks = (getattr(getattr(torch, name, None), "_is_in_bad_fork", None) for name in backends)
    return any(check() for check in checks if check)


def sleep(module: Any) -> Callable[[int], object] | None:
    """What keeps a device busy for so many cycles; None where its module has nothing like it."""
    function: Callable[[int], object] | None = getattr(module, "_sleep", None)
    return function


def recorded_events(profiler: Any) -> Sequence[Any]:
    """The raw events of torch.profiler: its trace lacks their FLOPs, and `events()` takes a minute an epoch.

    Raises CompatError.
    """
    try:
        events: Sequence[Any] = profiler.profiler.kineto_results.events()
    except AttributeError:
        raise gone("torch", "profiler.profile.profiler.kineto_results") from None
    return events
