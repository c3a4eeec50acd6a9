"""DataLoader: how many workers, which batch size, and what the first batch of an epoch waits for.

A call that takes `images` loads them all, so its rate is samples per second in the long run. FashionMNIST's
images are tiny: fetching one takes less than handing it from a worker to the training process.
"""

import multiprocessing

import pytest

from .fashion import as_tensors
from .loaders import COURSE_BATCH, IMAGES, load_all
from .sizes import BATCHES_LOADED, WORKERS

torch = pytest.importorskip("torch")

pytestmark = [
    # Workers in excess of the cores are what is being tried out here.
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
    # Python 3.12 and later warn of any fork of a process with threads. A DataLoader worker computes on one.
    pytest.mark.filterwarnings("ignore:This process.*multi-threaded, use of fork:DeprecationWarning"),
]


@pytest.fixture
def few_images(images):
    """Sixteen of the course's batches: enough to keep workers busy while the first batch is waited for."""
    return torch.utils.data.Subset(images, range(16 * COURSE_BATCH))


@pytest.fixture(scope="session")
def image_tensors(one_hot_data):
    """The same images, transformed beforehand and held as two tensors."""
    return as_tensors(one_hot_data, IMAGES)


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


@pytest.mark.preset("default")
@pytest.mark.parametrize("shuffle", [False, True])
def test_shuffle(benchmark, images, facts, shuffle):
    """Loading in the order of the files, or in a random one."""
    loader = torch.utils.data.DataLoader(images, batch_size=COURSE_BATCH, shuffle=shuffle)
    benchmark.extra_info |= facts
    assert benchmark(load_all, loader) == IMAGES
