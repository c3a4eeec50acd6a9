"""What a preset leaves to a longer one, among the cases that were asked for."""

from contextlib import suppress
from typing import Any

import pytest

from bench.measure.worker import plugin


class Item:
    """As much of a collected benchmark as the plugin looks at: a size, and the marks of its test."""

    fixturenames = ("benchmark",)

    def __init__(self, config: pytest.Config, test: str, n: int, *marks: pytest.Mark) -> None:
        self.config, self.nodeid, self._marks = config, f"t.py::{test}[{n}]", marks
        self.callspec = type("CallSpec", (), {"params": {"n": n}})()

    def iter_markers(self, name: str) -> list[pytest.Mark]:
        return [mark for mark in self._marks if mark.name == name]


def test_what_a_longer_preset_adds_is_counted_among_what_is_asked_for(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with -k, which takes its cases out between the two halves of the hook."""
    monkeypatch.setenv("BENCH_PRESET", "quick")
    curve = pytest.mark.crossover(axis="n", between="device").mark
    longer = pytest.mark.preset("thorough").mark
    items: list[Any] = [Item(pytestconfig, "test_a", n, curve) for n in range(1, 8)]
    items += [Item(pytestconfig, "test_b", n, longer) for n in (1, 2)]
    told: list[str] = []
    config: Any = pytest.Config.__new__(pytest.Config)
    config.stash = pytest.Stash()
    config.hook = type("Hook", (), {"pytest_deselected": lambda _, items: told.extend(map(str, items))})()
    hook = plugin.pytest_collection_modifyitems(config, items)
    next(hook)
    items[:] = [
        item for item in items if item.nodeid.startswith("t.py::test_a") and item.callspec.params["n"] > 3
    ]
    with suppress(StopIteration):
        next(hook)
    kept = plugin.evenly(range(1, 8), plugin.SIZES_KEPT["quick"])
    assert [item.callspec.params["n"] for item in items] == [n for n in kept if n > 3]
    assert config.stash[plugin.UNLISTED] == len(told) == 4 - len(items)
