"""DataLoader: how many workers, which batch size, and what the first batch of an epoch waits for.

A call that takes `images` loads them all, so its rate is samples per second in the long run. FashionMNIST's
images are tiny: fetching one takes less than handing it from a worker to the training process.
"""

import multiprocessing

import pytest

from .fashion import as_tensors
from .sizes import BATCHES_LOADED, WORKERS

torch = pytest.importorskip("torch")

pytestmark = [
    # Workers in excess of the cores are what is being tried out here.
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
    # Python 3.12 and later warn of any fork of a process with threads. A DataLoader worker computes on one.
    pytest.mark.filterwarnings("ignore:This process.*multi-threaded, use of fork:DeprecationWarning"),
]

IMAGES = 2048
COURSE_BATCH = 64


@pytest.fixture
def images(one_hot_data):
    """The first images of the course's dataset, as files hold them: transformed whenever they are fetched."""
    return torch.utils.data.Subset(one_hot_data, range(IMAGES))


@pytest.fixture
def few_images(images):
    """Sixteen of the course's batches: enough to keep workers busy while the first batch is waited for."""
    return torch.utils.data.Subset(images, range(16 * COURSE_BATCH))


@pytest.fixture(scope="session")
def image_tensors(one_hot_data):
    """The same images, transformed beforehand and held as two tensors."""
    return as_tensors(one_hot_data, IMAGES)


@pytest.fixture
def make_loader():
    """Makes DataLoaders and, after the test, ends their workers."""
    loaders = []

    def make(dataset, **options):
        loaders.append(torch.utils.data.DataLoader(dataset, shuffle=True, **options))
        return loaders[-1]

    yield make
    for loader in loaders:
        if loader._iterator is not None:  # persistent workers have no public end but garbage collection
            loader._iterator._shutdown_workers()


@pytest.fixture
def facts(one_hot_data):
    """What every result of this suite is to say."""
    return {
        "items": IMAGES,
        "data": one_hot_data.source,
        "start_method": torch.multiprocessing.get_start_method(),
    }


def load_all(loader):
    """Loads every batch and does nothing with it. Returns how many images there were."""
    return sum(len(images) for images, _ in loader)


@pytest.mark.crossover(axis="batch_size", between="num_workers")
@pytest.mark.parametrize("batch_size", BATCHES_LOADED)
@pytest.mark.parametrize("num_workers", WORKERS)
def test_load(benchmark, make_loader, images, facts, num_workers, batch_size):
    """Loading 2048 FashionMNIST images, with none, one or more workers that are already running."""
    loader = make_loader(
        images, batch_size=batch_size, num_workers=num_workers, persistent_workers=num_workers > 0
    )
    benchmark.extra_info |= facts
    assert benchmark(load_all, loader) == IMAGES


@pytest.mark.preset("default")
@pytest.mark.parametrize("num_workers", WORKERS)
def test_first_batch(benchmark, make_loader, few_images, facts, num_workers):
    """Waiting for the first batch of an epoch, while the workers start."""
    loader = make_loader(few_images, batch_size=COURSE_BATCH, num_workers=num_workers)
    benchmark.extra_info |= facts | {"items": COURSE_BATCH}
    time_first_batch(benchmark, loader)


@pytest.mark.preset("default")
@pytest.mark.parametrize("persistent_workers", [False, True])
def test_first_batch_of_next_epoch(benchmark, make_loader, few_images, facts, persistent_workers):
    """Waiting for the first batch of the next epoch: new workers, or the last one's (persistent)."""
    loader = make_loader(
        few_images, batch_size=COURSE_BATCH, num_workers=2, persistent_workers=persistent_workers
    )
    benchmark.extra_info |= facts | {"items": COURSE_BATCH}
    load_all(loader)
    time_first_batch(benchmark, loader)


@pytest.mark.preset("thorough")
@pytest.mark.parametrize("start_method", multiprocessing.get_all_start_methods())
def test_first_batch_start_method(benchmark, make_loader, few_images, facts, start_method):
    """Waiting for the first batch with two workers, by the way in which they are started."""
    loader = make_loader(
        few_images, batch_size=COURSE_BATCH, num_workers=2, multiprocessing_context=start_method
    )
    benchmark.extra_info |= facts | {"items": COURSE_BATCH, "start_method": start_method}
    time_first_batch(benchmark, loader)


def time_first_batch(benchmark, loader):
    """Times the way to the first batch; the rest of its epoch is loaded, and its workers end, untimed."""
    epochs = []

    def first_batch():
        epochs.append(iter(loader))
        return next(epochs[-1])

    def finish_epoch():
        while epochs:
            load_all(epochs.pop())

    features, labels = benchmark.pedantic(first_batch, setup=finish_epoch, rounds=5)
    finish_epoch()
    assert features.shape == (COURSE_BATCH, 1, 28, 28)
    assert (labels.sum(dim=1) == 1).all()


@pytest.mark.preset("default")
@pytest.mark.parametrize("prefetch_factor", [1, 2, 4, 8])
def test_prefetch(benchmark, make_loader, images, facts, prefetch_factor):
    """Loading with two workers that may run ahead by 1 to 8 batches each."""
    loader = make_loader(
        images,
        batch_size=COURSE_BATCH,
        num_workers=2,
        persistent_workers=True,
        prefetch_factor=prefetch_factor,
    )
    benchmark.extra_info |= facts
    assert benchmark(load_all, loader) == IMAGES


@pytest.mark.parametrize("way", ["DataLoader", "slices"])
def test_tensors(benchmark, make_loader, image_tensors, facts, way):
    """Loading images that are ready in one tensor: by a DataLoader one by one, or in slices."""
    loader = make_loader(image_tensors, batch_size=COURSE_BATCH)

    def slices():
        order = torch.randperm(IMAGES)
        return load_all(image_tensors[indices] for indices in order.split(COURSE_BATCH))

    benchmark.extra_info |= facts
    loaded = benchmark(load_all, loader) if way == "DataLoader" else benchmark(slices)
    assert loaded == IMAGES


@pytest.mark.preset("default")
@pytest.mark.parametrize("num_workers", WORKERS[1:])
def test_tensors_workers(benchmark, make_loader, image_tensors, facts, num_workers):
    """Loading images that are ready in one tensor, with workers."""
    loader = make_loader(
        image_tensors, batch_size=COURSE_BATCH, num_workers=num_workers, persistent_workers=True
    )
    benchmark.extra_info |= facts
    assert benchmark(load_all, loader) == IMAGES


@pytest.mark.accelerator
@pytest.mark.isolate("pin_memory")
@pytest.mark.parametrize("pin_memory", [False, True])
def test_pin_memory(benchmark, device, make_loader, images, facts, pin_memory):
    """Loading with two workers and moving every batch to the accelerator, from pinned memory or not."""
    if pin_memory:
        skip_unless_pinnable()
    loader = make_loader(
        images, batch_size=COURSE_BATCH, num_workers=2, persistent_workers=True, pin_memory=pin_memory
    )
    synchronize = torch.get_device_module(device).synchronize

    def load_and_move():
        moved = 0
        for features, labels in loader:
            moved += len(features.to(device, non_blocking=pin_memory))
            labels.to(device, non_blocking=pin_memory)
        synchronize()
        return moved

    benchmark.extra_info |= facts
    assert benchmark(load_and_move) == IMAGES
    assert next(iter(loader))[0].is_pinned() == pin_memory


def skip_unless_pinnable():
    """Skips where torch cannot pin memory for the accelerator."""
    try:
        torch.rand(1).pin_memory()
    except RuntimeError as error:
        pytest.skip(f"this accelerator has no pinned memory: {str(error)[:60]}")
