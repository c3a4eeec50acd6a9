"""What several suites share: the dataset, how many threads compute, where random numbers start."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# DataLoader workers that are not forked import `suites.fashion` by way of sys.path. At its end, so that
# nothing installed is shadowed.
sys.path.append(str(Path(__file__).resolve().parents[1]))

# Without a path, a run stays the seven families of this folder: these are collected where they are named.
collect_ignore = ["operations"]


def device_of(request: pytest.FixtureRequest) -> str:
    """The device that a benchmark computes on."""
    return str(getattr(getattr(request.node, "callspec", None), "params", {}).get("device", "cpu"))


def start_random_numbers(torch: Any, device: str) -> None:
    """Starts torch's random numbers at the same place, on the processor its own alone.

    Of devices that have not begun torch would note each time where they are to start, with a stack: a quarter
    of what the set-up of a small benchmark takes.
    """
    (torch.default_generator if device == "cpu" else torch).manual_seed(0)


@pytest.fixture(autouse=True)
def seed(request: pytest.FixtureRequest) -> None:
    """Starts torch's random numbers at the same place for every benchmark."""
    start_random_numbers(pytest.importorskip("torch"), device_of(request))


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


@pytest.fixture(autouse=True)
def settings(
    request: pytest.FixtureRequest, benchmark: Any, set_flag: Callable[[Any, str, Any], None]
) -> Iterator[None]:
    """What decides how fast torch computes, on record in every case: its threads, and its precision."""
    from .precision import has_tf32, set_tf32

    torch = pytest.importorskip("torch")
    benchmark.extra_info["torch_threads"] = torch.get_num_threads()
    device = device_of(request)
    if device.startswith("cuda") and has_tf32(device):
        tf32 = str(request.node.callspec.params.get("tf32", "off"))
        set_tf32(set_flag, tf32 == "on")
        benchmark.extra_info["tf32"] = tf32
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


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


@pytest.fixture
def test_batches(test_data: Any) -> Any:
    """A thousand test images, in the course's batches."""
    from .fashion import COURSE_BATCH, TEST_IMAGES, first

    torch = pytest.importorskip("torch")
    return torch.utils.data.DataLoader(first(TEST_IMAGES, test_data), batch_size=COURSE_BATCH)


@pytest.fixture(scope="session")
def training_tensors(training_data: Any) -> Any:
    """The images that an epoch trains on, transformed beforehand and held as two tensors."""
    from .fashion import as_tensors
    from .test_06_epoch import SUBSET

    return as_tensors(training_data, SUBSET).tensors


@pytest.fixture
def images(one_hot_data: Any) -> Any:
    """The first images of the course's dataset, as files hold them: transformed whenever they are fetched."""
    from .fashion import first
    from .loaders import IMAGES

    return first(IMAGES, one_hot_data)


@pytest.fixture
def make_loader() -> Iterator[Callable[..., Any]]:
    """Makes DataLoaders and, after the test, ends their workers."""
    from .loaders import end_workers

    torch = pytest.importorskip("torch")
    loaders = []

    def make(dataset: Any, **options: Any) -> Any:
        loaders.append(torch.utils.data.DataLoader(dataset, shuffle=True, **options))
        return loaders[-1]

    yield make
    for loader in loaders:
        end_workers(loader)


@pytest.fixture
def facts(one_hot_data: Any) -> dict[str, Any]:
    """What every result of a DataLoader is to say."""
    from .loaders import IMAGES

    torch = pytest.importorskip("torch")
    start_method = torch.multiprocessing.get_start_method()
    return {"items": IMAGES, "data": one_hot_data.source, "start_method": start_method}
