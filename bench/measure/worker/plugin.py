"""The pytest plugin: the `device` parameter, our markers, which cases a preset keeps, a synchronizing clock.

It defines no options and needs only the standard library, pytest and pytest-benchmark, so that a suite
which knows nothing of us, in an environment without torch, is untouched by it. Settings that concern a
whole run come as environment variables:

    BENCH_DEVICES   devices to measure, comma-separated; unset: those present
    BENCH_PRESET    quick, default or thorough; unset: default
    BENCH_SIZES     JSON, {"path::test": {"axis": [sizes]}}: sizes to measure near a crossover, listed or not
"""

import inspect
import json
import os
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Sequence
from types import CodeType
from typing import Any

import pytest

from bench import plain
from bench.measure import compat
from bench.measure.devices import available
from bench.records import PRESET_NAMES, Case, Scalar

SIZES_KEPT = {"quick": 4, "default": 5}
"""How many sizes of an axis a preset measures; thorough measures all. Four is the fewest that show a
curve and both its ends; five leave time for five launches, and the default adds more near crossovers."""

ADDED = pytest.StashKey[set[tuple[str, float]]]()
"""The sizes that no test lists: each with its test."""

UNLISTED = pytest.StashKey[int]()
"""How many cases a longer preset would measure as well."""

NO_ACCELERATOR = "no accelerator: torch.accelerator finds none on this machine"


def pytest_configure(config: pytest.Config) -> None:
    for line in (
        "accelerator: needs an accelerator; collected once and skipped where there is none",
        "crossover(axis, between): along `axis`, values of `between` compete; the report says where",
        "isolate(name): measured in a worker process of its own kind",
        "preset(name): measured in this preset and in longer ones",
    ):
        config.addinivalue_line("markers", line)


@pytest.fixture
def device(request: pytest.FixtureRequest) -> str:
    """The device that a benchmark runs on, by the name torch gives it: `cpu`, `cuda`, `mps`, ..."""
    return str(request.param)


def chosen_devices() -> tuple[str, ...]:
    """The devices to measure: those chosen for this run, else those present."""
    chosen = os.environ.get("BENCH_DEVICES")
    return tuple(chosen.split(",")) if chosen else available.present()


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    _extend_sizes(metafunc)
    fixtures = compat.fixtures(metafunc, "device")
    if not fixtures or fixtures[-1].func.__module__ != __name__:  # the suite has a `device` of its own
        return
    values: list[Any] = list(chosen_devices())
    if metafunc.definition.get_closest_marker("accelerator"):
        values = [name for name in values if name != "cpu"] or [_absent_accelerator()]
    metafunc.parametrize("device", values, indirect=True)


def _absent_accelerator() -> Any:
    chosen = os.environ.get("BENCH_DEVICES")
    reason = f"no accelerator among the chosen devices ({chosen})" if chosen else NO_ACCELERATOR
    return pytest.param("accelerator", marks=pytest.mark.skip(reason=available.unusable() or reason))


def _extend_sizes(metafunc: pytest.Metafunc) -> None:
    """Adds the sizes of BENCH_SIZES to a test's parameter, wherever that gets its values from."""
    wanted = _wanted_sizes(metafunc.definition.nodeid)
    if not wanted:
        return
    parametrize = metafunc.parametrize

    def extended(argnames: Any, argvalues: Iterable[Any], *args: Any, **kwargs: Any) -> None:
        sizes = wanted.get(argnames, []) if isinstance(argnames, str) else []
        if sizes:
            argvalues = list(argvalues)
            listed = [getattr(value, "values", (value,)) for value in argvalues]  # pytest.param has values
            sizes = [size for size in sizes if (size,) not in listed]
            argvalues += sizes
            if isinstance(kwargs.get("ids"), Sequence):
                kwargs["ids"] = [*kwargs["ids"], *(None for _ in sizes)]
            added = metafunc.config.stash.setdefault(ADDED, set())
            added.update((metafunc.definition.nodeid, size) for size in sizes)
        parametrize(argnames, argvalues, *args, **kwargs)

    metafunc.parametrize = extended  # type: ignore[method-assign]  # marks and hooks alike call it


def _wanted_sizes(test: str) -> dict[str, list[float]]:
    return dict(json.loads(os.environ.get("BENCH_SIZES", "{}")).get(test, {}))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, None, None]:
    longer = _of_longer_presets(items)  # of whole curves, before -k and its likes narrow them
    for item in filter(is_case, items):
        _give_synchronizing_clock(item)
    yield
    dropped = [item for item in items if item in longer]
    config.stash[UNLISTED] = sum(map(is_case, dropped))
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if item not in longer]


def _of_longer_presets(items: Sequence[pytest.Item]) -> set[pytest.Item]:
    """Items that this preset leaves to a longer one."""
    preset = os.environ.get("BENCH_PRESET", "default")
    longer = PRESET_NAMES[PRESET_NAMES.index(preset) + 1 :]
    # A function's own mark is closer than one of its parameters', and does not take that back.
    dropped = {item for item in items if set(_all_marked(item, "preset", "name")).intersection(longer)}
    dropped |= set(_sizes_left_out([item for item in items if item not in dropped], preset))
    return {item for item in dropped if not _is_wanted(item)}


def _is_wanted(item: pytest.Item) -> bool:
    """True where the item's size lies near a crossover."""
    axis = _axis(item)
    return axis is not None and _size(item) in _wanted_sizes(item.nodeid.partition("[")[0]).get(axis, ())


def _sizes_left_out(items: Sequence[pytest.Item], preset: str) -> Iterable[pytest.Item]:
    """Items whose size is not among those that the preset keeps of their crossover's axis."""
    if preset not in SIZES_KEPT:
        return
    curves: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if _axis(item):
            curves[item.nodeid.partition("[")[0]].append(item)
    added = items[0].config.stash.get(ADDED, set()) if items else set()
    for function, members in curves.items():
        sizes = sorted({_size(item) for item in members})
        listed = [size for size in sizes if (function, size) not in added]
        kept = evenly(listed, SIZES_KEPT[preset])
        yield from (item for item in members if _size(item) not in kept)


def evenly(values: Sequence[float], count: int) -> list[float]:
    """At most `count` of the values, evenly spread over their positions, both ends among them."""
    if len(values) <= count:
        return list(values)
    step = (len(values) - 1) / (count - 1)
    return [values[round(i * step)] for i in range(count)]


def _marked(item: pytest.Item, marker: str, *arguments: str) -> str | None:
    """The last of these arguments of the item's closest marker of that name; None where that is no text."""
    return next(_all_marked(item, marker, *arguments), None)


def _all_marked(item: pytest.Item, marker: str, *arguments: str) -> Iterator[str | None]:
    """The same of every marker of that name, the closest first.

    Other projects have markers of these names, with another meaning and other arguments.
    """
    for mark in item.iter_markers(marker):
        value = {**dict(zip(arguments, mark.args, strict=False)), **mark.kwargs}.get(arguments[-1])
        yield value if isinstance(value, str) else None


def _axis(item: pytest.Item) -> str | None:
    axis = _marked(item, "crossover", "axis")
    size = _parameters(item).get(axis)
    return axis if isinstance(size, int | float) and plain.fits(size) else None


def _size(item: pytest.Item) -> float:
    return float(_parameters(item)[_axis(item)])


def _parameters(item: pytest.Item) -> dict[Any, Any]:
    callspec = getattr(item, "callspec", None)
    return dict(callspec.params) if callspec else {}


def _give_synchronizing_clock(item: pytest.Item) -> None:
    """Makes pytest-benchmark wait for the device, through its own public marker.

    Only the closest marker is read, so what the test's own one says is kept.
    """
    name = device_of(item)
    if name in ("cpu", "accelerator"):
        return
    closest = item.get_closest_marker("benchmark")
    settings = dict(closest.kwargs) if closest else {}
    settings.setdefault("timer", available.get(name).synchronized_clock)
    item.add_marker(pytest.mark.benchmark(**settings), append=False)


def is_case(item: pytest.Item) -> bool:
    """True for a test that uses the `benchmark` fixture."""
    return uses(item, "benchmark")


def uses(item: pytest.Item, fixture: str) -> bool:
    """True for a test whose fixtures include that one, or which asks for it: `request.getfixturevalue`."""
    names = getattr(item, "fixturenames", ())
    if fixture in names or "request" not in names:
        return fixture in names
    functions = (getattr(item, "function", None), *compat.fixture_functions(item))
    codes = (getattr(inspect.unwrap(each), "__code__", None) for each in functions if each is not None)
    return any(_asks_for(fixture, code) for code in codes if code is not None)


def _asks_for(fixture: str, code: CodeType) -> bool:
    """True where a function, or one within it, asks for the fixture by its name."""
    within = [each for each in code.co_consts if isinstance(each, CodeType)]
    asks = "getfixturevalue" in code.co_names and fixture in code.co_consts
    return asks or any(_asks_for(fixture, each) for each in within)


MARKED_ONLY = "marked `benchmark`, but it does not use the `benchmark` fixture: nothing says what to time"


def is_marked_only(item: pytest.Item) -> bool:
    """True for a test that is marked as a benchmark, as pytest-codspeed times them, and is no case."""
    return item.get_closest_marker("benchmark") is not None and not is_case(item)


def device_of(item: pytest.Item) -> str:
    """The device of a case: its `device` parameter where that names one, else `cpu`."""
    value = _parameters(item).get("device")
    if value is None:
        return "cpu"  # without asking for the devices present, which imports torch
    named = plain.text(value)
    return named if named in (*chosen_devices(), "accelerator") else "cpu"


def case_of(item: pytest.Item) -> Case:
    """The identity of a test as a benchmark."""
    function = getattr(item, "originalname", None) or item.name.partition("[")[0]
    doc = getattr(getattr(item, "function", None), "__doc__", None)
    return Case(
        id=item.nodeid,
        suite=item.path.stem,
        operation=function.removeprefix("test_"),
        device=device_of(item),
        params=_scalars(item),
        axis=_marked(item, "crossover", "axis"),
        between=_marked(item, "crossover", "axis", "between"),
        isolate=_marked(item, "isolate", "name"),
        doc="" if doc is None else plain.text(doc).strip().partition("\n")[0],
    )


def skipped(item: pytest.Item) -> str | None:
    """Why a case is skipped before it is even set up, or None."""
    mark = item.get_closest_marker("skip")
    if mark is None:
        return None
    return plain.text(mark.kwargs.get("reason") or (*mark.args, "marked to be skipped")[0])


def _scalars(item: pytest.Item) -> dict[str, Scalar]:
    """A case's parameters as scalars: pytest's own id stands for what is none or fits no table."""
    parameters = _parameters(item)
    ids = item.callspec.id.split("-") if parameters else []  # type: ignore[attr-defined]  # only if parametrized
    if len(ids) != len(parameters):
        ids = [_named(value) for value in parameters.values()]
    scalars: dict[str, Scalar] = {}
    for (name, value), pytest_id in zip(parameters.items(), ids, strict=True):
        if name == "device" and device_of(item) == plain.text(value):
            continue
        scalars[plain.text(name)] = plain.scalar(value) if plain.fits(value) else pytest_id
    return scalars


def _named(value: object) -> str:
    """A value by its name, such as that of a function, else as text."""
    try:
        return plain.text(value.__name__)  # type: ignore[attr-defined]  # most have none
    except Exception:  # a suite's __getattr__ raises what it likes
        return plain.text(value)
