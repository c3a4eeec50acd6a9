"""The best of several blocks: what others disturb is not believed, however fast it was."""

from dataclasses import dataclass

import pytest

from bench.measure.devices import best
from bench.measure.devices.device import Loop, Timed
from bench.measure.host.interference import Interference


class Quiet:
    """Readings of a machine on which others take `delays` from one block after the other, then nothing."""

    def __init__(self, *delays: float) -> None:
        self._delays = iter(delays)

    def before(self, _expected_s: float) -> None:
        """Nothing to keep."""

    def after(self) -> Interference:
        return Interference(next(self._delays, 0.0), None, 0.0, 1e-6, 1, 0, 2)


@dataclass
class Slow:
    """A processor whose calls take what `blocks` says, one block after the other, and 1 ms afterwards."""

    blocks: list[float]
    is_accelerator = False

    def time(self, _kind: str, run: Loop, calls: int) -> Timed:
        run(calls)
        return Timed(calls * (self.blocks.pop(0) if self.blocks else 1e-3))


def test_a_ceiling_waits_for_undisturbed_blocks() -> None:
    slow = Slow([1e-3] + [8e-2] * 7)
    timed = best.Best(slow, Quiet(*[1.0] * 7))  # type: ignore[arg-type]  # stand-ins
    assert timed.seconds("it", lambda: None) == pytest.approx(1e-3)
    assert timed.disturbed == []


def test_a_fast_block_beside_others_is_not_believed() -> None:
    """The rule never looks at how long a block took."""
    timed = best.Best(Slow([1e-3, 1e-9]), Quiet(1.0))  # type: ignore[arg-type]  # stand-ins
    assert timed.seconds("it", lambda: None) == pytest.approx(1e-3)


def test_a_ceiling_that_others_never_left_alone_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(best, "PATIENCE_S", 0.01)
    timed = best.Best(Slow([]), Quiet(*[1.0] * 10**6))  # type: ignore[arg-type]  # stand-ins
    assert timed.seconds("it", lambda: None) == pytest.approx(1e-3)
    assert timed.disturbed == ["it"]
