"""What training learned is drawn where a run recorded it, at the seconds that it took."""

from pathlib import Path
from typing import Any

import pytest

import bench
from tests import recorded_runs as recorded
from tests.made_cases import Made
from tests.render.figures import seen


def plotted(folder: Path, extra: dict[str, Any]) -> Any:
    cases = [
        Made("test_06_epoch", "epoch", {"batch_size": batch}, 0.5, device, "batch_size", "device", extra)
        for device in ("cpu", "cuda")
        for batch in (64, 256)
    ]
    axes: Any = bench.plot(recorded.write(folder / "run", cases), "epoch_device")
    assert seen.overlaps(axes.figure) == []
    return axes


def test_a_course_is_drawn_epoch_by_epoch(tmp_path: Path) -> None:
    axes = plotted(tmp_path, {"accuracies": [0.4, 0.7, 0.8], "trained_s": [1.0, 1.5, 2.0], "goal": 0.75})
    courses = [seen.at(line) for line in axes.lines if len(line.get_xdata()) == 3]
    assert courses[0] == [(1, 0.4), (1.5, 0.7), (2, 0.8)]
    assert axes.get_xlabel() == "seconds of training"


@pytest.mark.parametrize(
    "extra",
    [
        {"accuracies": 0.8},
        {"accuracies": [0.8], "trained_s": [1.0]},
        {"accuracies": ["?", 1], "trained_s": [1.0, 2.0]},
        {"accuracies": [0.4, 0.7], "trained_s": [1.0]},
    ],
)
def test_without_a_course_the_epochs_themselves_are_drawn(tmp_path: Path, extra: dict[str, Any]) -> None:
    assert plotted(tmp_path, extra).get_xlabel() == "batch size"
