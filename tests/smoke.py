"""Runs every benchmark once, untimed: on the processor, and on the simulated accelerator where that has it.

    python -m tests.smoke [PYTEST'S ARGUMENTS]

Of a size axis the smallest is run that every preset may choose. On the processor the work that a benchmark
declares is counted as well (`tests/suites/declared.py`). This module is also the pytest plugin that chooses
the cases.
"""

import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

SIMULATED = "sim"

EXCEPTIONS = {
    "cpu": {
        "test_epoch_of_all_images*": "60000 images take a minute; test_epoch runs the same on 6400",
        "test_first_batch_start_method[[]spawn]": "its workers import torch anew: seconds each",
        "test_first_batch_start_method[[]forkserver]": "its workers import torch anew, as with spawn",
    },
    SIMULATED: {
        "test_epoch*": "a hundred steps take the simulation a minute; test_training_step runs one",
        "test_time_to_accuracy*": "as many epochs as it takes, in the simulation",
        "test_train_on_photos*": "a minute in the simulation; test_load_for_training trains the same",
        "test_transpose_in_place*": "the simulation's tensors keep their shape in `t_()`",
        "test_ways_to_epoch*": "a hundred steps take the simulation a minute",
        "test_ways_to_*autocast*": "the simulation has no autocast",
        "test_transfer*": "the simulation takes a minute; test_small_cnn takes a step, too",
        "test_network*": "ten seconds each; test_forward_resnet18 runs such a network",
        "test_spectrum*": "the simulation has no complex numbers",
        "test_stft*": "the simulation has no complex numbers",
        "test_change*dB[]]": "the simulation has no complex numbers",
        "test_classify*made*": "the simulation has no complex numbers",
        "test_classify*LSTM*": "the simulation has no LSTM",
        "test_save*": "the simulation's tensors cannot be pickled",
        "test_step[[]*fused-SGD-*": "torch knows no shapes of what fused SGD makes",
    },
}  # fmt: skip
"""What is left out, by device: patterns of tests' names, and why."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    device = os.environ["BENCH_DEVICES"]
    left_out = EXCEPTIONS[device]
    for item in items:
        for pattern, reason in left_out.items():
            if fnmatchcase(item.name, pattern):
                item.add_marker(pytest.mark.skip(reason=reason))
    kept = {item for group in _by_contender(items, device).values() for item in (min(group, key=_size),)}
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]


def _by_contender(items: list[pytest.Item], device: str) -> dict[object, list[pytest.Item]]:
    """The items on the device, or without any on the processor, that differ in nothing but their size."""
    groups: dict[object, list[pytest.Item]] = defaultdict(list)
    for item in items:
        parameters = _parameters(item)
        if parameters.pop("device", "cpu") == device:
            parameters.pop(_axis(item), None)
            groups[item.nodeid.partition("[")[0], repr(parameters)].append(item)
    return groups


def _parameters(item: pytest.Item) -> dict[str, object]:
    callspec = getattr(item, "callspec", None)
    return dict(callspec.params) if callspec else {}


def _axis(item: pytest.Item) -> str:
    marker = item.get_closest_marker("crossover")
    return str(marker.kwargs["axis"]) if marker else ""


def _size(item: pytest.Item) -> tuple[int, float]:
    """What sorts items by size, those that are left to longer presets last."""
    return len(list(item.iter_markers("preset"))), float(str(_parameters(item).get(_axis(item), 0)))


def command(arguments: list[str]) -> list[str]:
    """pytest on all suites, each benchmark once."""
    suites = [*map(str, sorted((ROOT / "suites").rglob("test_*.py")))]
    options = ["--benchmark-disable", "-p", "tests.smoke", "-p", "no:cacheprovider", "-q"]
    return [sys.executable, "-m", "pytest", *suites, *options, *arguments]


def environment(device: str, folder: Path) -> dict[str, str]:
    """What makes a process run on the device; `folder` is where the simulated one is announced."""
    variables = {**os.environ, "BENCH_PRESET": "thorough", "BENCH_DEVICES": device}
    if device == SIMULATED:
        sys.path.insert(0, str(ROOT / "tests" / "simulation"))  # workers know it by the name it has there
        from simulated_accelerator import install

        variables |= install(folder)
    return variables


def main(arguments: list[str]) -> int:
    """The first exit status of pytest that is not 0, else 0."""
    counted = [*arguments, "-p", "tests.suites.declared"]
    with tempfile.TemporaryDirectory() as folder:
        for device, options in (("cpu", counted), (SIMULATED, arguments)):
            print(f"on {device}", flush=True)
            done = subprocess.run(command(options), cwd=ROOT, env=environment(device, Path(folder)))
            if done.returncode:
                return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
