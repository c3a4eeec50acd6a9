"""Whatever text, numbers and objects a suite brings, in any field: its own field pays, and no neighbour."""

from pathlib import Path

from bench.events import Visit
from bench.records import Case
from tests.measure.builders import measured, suite

HOSTILE = """
import os, pytest
import numpy as np
from unittest.mock import MagicMock, Mock

BAD_NAME = os.fsdecode(b"caf\\xe9.csv")  # what os.listdir gives for a file name that is no UTF-8

class Unspeakable:
    def __repr__(self):
        raise RuntimeError("no")
    __str__ = __repr__
    def __getattr__(self, name):
        raise RuntimeError(name)

class Shouting(str):
    def __str__(self):
        raise RuntimeError("no")

class Disagreeable:
    def raising(self, *_):
        raise RuntimeError("no")
    __eq__ = __hash__ = __bool__ = __len__ = __iter__ = __reduce__ = __reduce_ex__ = __copy__ = raising

VALUES = [
    BAD_NAME, 2**64 - 1, -(10**5000), float("nan"), float("inf"), Unspeakable(), Shouting("quiet"),
    Mock(spec=str), MagicMock(), b"\\xff", "\\x00", (loop := []), object, 1j, 2**70,
    Disagreeable(), np.float64("nan"), np.int64(3), np.str_("a"), np.zeros(3), "\u202eabc", "x" * 10**6,
]
loop.append(loop)

@pytest.fixture
def value(request):
    return VALUES[request.param]

@pytest.mark.parametrize("value", range(len(VALUES)), indirect=True)
def test_extra_info(benchmark, value):
    benchmark.extra_info.update(flops=value, mine=value)
    try:
        benchmark.extra_info[value] = 1
    except (TypeError, RuntimeError):
        pass  # it cannot be a key
    benchmark(sum, [1])

@pytest.mark.parametrize("value", range(len(VALUES)), indirect=True)
def test_group(benchmark, value):
    benchmark.group = value
    benchmark(sum, [1])

@pytest.mark.parametrize("value", range(len(VALUES)), indirect=True)
def test_message(benchmark, value):
    raise ValueError(value)

@pytest.mark.parametrize("value", range(len(VALUES)), indirect=True)
def test_reason(benchmark, value):
    pytest.skip(value)

@pytest.mark.parametrize("given", [pytest.param(value, id=f"v{i}") for i, value in enumerate(VALUES)])
def test_parameter(benchmark, given):
    benchmark(sum, [1])

@pytest.mark.parametrize("n", [1, 2**64 - 1, 10**400, float("nan"), float("inf")])
@pytest.mark.crossover("n", "n")
def test_size(benchmark, n):
    benchmark(sum, [1])

def test_no_info(benchmark):
    benchmark.extra_info = None
    benchmark(sum, [1])

def test_documented(benchmark):
    benchmark(sum, [1])

test_documented.__doc__ = Unspeakable()

@pytest.mark.isolate
@pytest.mark.preset
@pytest.mark.crossover
@pytest.mark.skip(reason=Unspeakable())
def test_other_markers(benchmark):
    benchmark(sum, [1])

def test_good(benchmark):
    benchmark.extra_info["items"] = 3
    benchmark(sum, [1])
"""


def test_a_hostile_value_costs_its_own_field_alone(tmp_path: Path) -> None:
    events = measured(suite(tmp_path, HOSTILE), launches=1)
    visits = {event.case: event for event in events if isinstance(event, Visit)}
    cases = {event.id: event for event in events if isinstance(event, Case)}
    assert [event.message for event in events if isinstance(event, Visit) and "::" not in event.case] == []
    expected = {"test_message": {"failed"}, "test_reason": {"skipped", "failed"}}  # pytest wants text there
    assert cases.keys() - visits.keys() == {"test_it.py::test_other_markers"}
    for name, visit in visits.items():
        test = name.partition("::")[2].partition("[")[0]
        assert visit.outcome in expected.get(test, {"passed"}), (name, visit.message)
    for event in events:
        for text in _texts(event):
            text.encode("utf-8")
    sizes = [case.params["n"] for case in cases.values() if case.operation == "size"]
    assert sizes == [1, str(2**64 - 1), sizes[2], "nan", "inf"]
    assert visits["test_it.py::test_good"].extra_info["items"] == 3
    unspeakable = visits["test_it.py::test_extra_info[5]"].extra_info["mine"]
    assert unspeakable == "<Unspeakable, which cannot be written: RuntimeError>"
    assert "caf\\udce9.csv" in visits["test_it.py::test_message[0]"].message


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in _texts(part)]
    if isinstance(value, list | tuple):
        return [text for part in value for text in _texts(part)]
    return _texts(vars(value)) if hasattr(value, "__dict__") else []
