"""Which launches a gate makes, with decisions that only say what they still want."""

from collections.abc import Collection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.analyze.gate.series import STAGES
from bench.app.sides import gate
from bench.measure.drive.plan import Progress


class Counted:
    """Two sides of one case whose launches are only counted."""

    cases = ("a",)
    elapsed_s = 0.0

    def __init__(self) -> None:
        self.fresh: list[str] = []

    def measure_launch(self, number: int, cases: Collection[str], fresh: str) -> None:
        assert (number, list(cases)) == (len(self.fresh), ["a"])
        self.fresh.append(fresh)


def test_what_confirms_a_change_starts_fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The forks that made a case suspect share where their memory lies: they may all be slow for that."""
    screen, confirm = STAGES[0].stop, STAGES[1].stop
    lockstep: Any = Counted()

    def wanting(_run: object) -> SimpleNamespace:
        made = len(lockstep.fresh)
        lacking = [stop - made for stop in (screen, confirm) if stop > made]
        return SimpleNamespace(wanted={"a": lacking[0]} if lacking else {})

    monkeypatch.setattr(gate, "replay", wanting)
    for name in ("AnalyzedRun", "read_run"):
        monkeypatch.setattr(gate, name, lambda _: None)
    gate._launches(lockstep, Progress(), tmp_path)
    assert lockstep.fresh == [""] * screen + [gate.CONFIRMING] * (confirm - screen)
