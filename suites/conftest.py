"""What several suites share: the dataset, how many threads compute, where random numbers start."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# DataLoader workers that are not forked import `suites.fashion` by way of sys.path. At its end, so that
# nothing installed is shadowed.
sys.path.append(str(Path(__file__).resolve().parents[1]))


@pytest.fixture(autouse=True)
def seed() -> None:
    """Starts torch's random numbers at the same place for every benchmark."""
    pytest.importorskip("torch").manual_seed(0)


@pytest.fixture
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """How many threads torch computes with: `1`, or `all` that it uses by itself. Put back afterwards."""
    torch = pytest.importorskip("torch")
    everything = torch.get_num_threads()
    if request.param == "all" and everything == 1:
        pytest.skip("torch uses a single thread on this machine, so `all` is the same as `1`")
    torch.set_num_threads(1 if request.param == "1" else everything)
    yield torch.get_num_threads()
    torch.set_num_threads(everything)


@pytest.fixture
def set_flag() -> Iterator[Callable[[Any, str, Any], None]]:
    """Sets a flag of torch's backends, `set_flag(torch.backends.cudnn, "benchmark", False)`, for one test.

    (`monkeypatch` would delete the flag afterwards, since it is computed, not stored in its module.)
    """
    before = []

    def set_one(part: Any, name: str, value: Any) -> None:
        before.append((part, name, getattr(part, name)))
        setattr(part, name, value)

    yield set_one
    for part, name, value in reversed(before):
        setattr(part, name, value)


@pytest.fixture(scope="session")
def training_data() -> Any:
    """The course's training images with integer labels."""
    from .fashion import load

    return load(train=True)


@pytest.fixture(scope="session")
def test_data() -> Any:
    """The course's test images with integer labels."""
    from .fashion import load

    return load(train=False)


@pytest.fixture(scope="session")
def one_hot_data() -> Any:
    """The course's training images with one-hot labels."""
    from .fashion import load

    return load(train=True, one_hot_labels=True)
