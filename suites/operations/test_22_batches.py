"""Making batches: one sample, many put together, in order or shuffled, fetched or already on the device.

Here all is done by the training process itself; `suites/test_04_dataloader.py` has the workers. Images are
the course's, transformed beforehand where they are held as tensors.
"""

import pytest

from ..fashion import as_tensors, load, prepare
from ..sizes import BATCHES_COLLATED

torch = pytest.importorskip("torch")

IMAGES = 2048


@pytest.fixture(scope="session")
def image_tensors(one_hot_data):
    """The course's first images and labels, transformed beforehand."""
    return as_tensors(one_hot_data, IMAGES)


def test_open(benchmark):
    """The course's `datasets.FashionMNIST(root, train=False)`: all test images read from their file."""
    prepare()  # else the first call would fetch the files
    dataset = benchmark(load, train=False)
    benchmark.extra_info |= {"items": len(dataset), "data": dataset.source}
    assert dataset.data.shape[1:] == (28, 28)


def test_getitem(benchmark, training_data):
    """One sample of the course's dataset: its bytes found, made an image, and that a tensor."""
    benchmark.extra_info |= {"items": 1, "data": training_data.source}
    image, label = benchmark(training_data.__getitem__, 0)
    assert image.shape == (1, 28, 28)
    assert 0 <= label < 10


COLLATED = {
    "default_collate": torch.utils.data.default_collate,
    "stack": lambda samples: tuple(map(torch.stack, zip(*samples, strict=True))),
}


@pytest.mark.crossover(axis="batch_size", between="collating")
@pytest.mark.parametrize("batch_size", BATCHES_COLLATED)
@pytest.mark.parametrize("collating", COLLATED)
def test_collate(benchmark, image_tensors, collating, batch_size):
    """Samples put together to a batch: as a DataLoader does it, or by `stack` alone."""
    samples = [image_tensors[index] for index in range(batch_size)]
    benchmark.extra_info["items"] = batch_size
    images, labels = benchmark(COLLATED[collating], samples)
    assert torch.equal(images[-1], samples[-1][0])
    assert labels.shape == (batch_size, 10)


class Batched(torch.utils.data.TensorDataset):
    """Images and labels that answer for many indices at once: a DataLoader asks for `__getitems__` first."""

    def __getitems__(self, indices):
        return self[torch.tensor(indices)]


def load_all(batches):
    """Takes every batch and does nothing with it. Returns how many images there were."""
    return sum(len(images) for images, _ in batches)


@pytest.mark.crossover(axis="batch_size", between="fetching")
@pytest.mark.parametrize("batch_size", BATCHES_COLLATED)
@pytest.mark.parametrize("fetching", ["one by one", "__getitems__", "slices"])
def test_fetch(benchmark, image_tensors, fetching, batch_size):
    """2048 images in random order: by a DataLoader, one by one or a batch at once, or in slices."""
    benchmark.extra_info["items"] = IMAGES
    if fetching == "slices":
        loaded = benchmark(lambda: load_all(map(image_tensors.__getitem__, shuffled(batch_size))))
    elif fetching == "one by one":
        loaded = benchmark(load_all, loader(image_tensors, batch_size))
    else:
        together = loader(Batched(*image_tensors.tensors), batch_size, collate_fn=lambda batch: batch)
        loaded = benchmark(load_all, together)
    assert loaded == IMAGES


def shuffled(batch_size):
    """The images' indices in random order, a batch at a time."""
    return torch.randperm(IMAGES).split(batch_size)


def loader(dataset, batch_size, shuffle=True, **options):
    """The course's DataLoader."""
    return torch.utils.data.DataLoader(dataset, batch_size=batch_size, shuffle=shuffle, **options)


@pytest.mark.crossover(axis="batch_size", between="order")
@pytest.mark.parametrize("batch_size", BATCHES_COLLATED)
@pytest.mark.parametrize("order", ["as stored", "shuffled"])
def test_shuffle(benchmark, image_tensors, order, batch_size):
    """An epoch of 2048 images from a DataLoader with `shuffle=True` or without."""
    benchmark.extra_info["items"] = IMAGES
    batches = loader(image_tensors, batch_size, shuffle=order == "shuffled")
    assert benchmark(load_all, batches) == IMAGES
    first = next(iter(batches))[0]
    assert torch.equal(first, image_tensors.tensors[0][:batch_size]) == (order == "as stored")


def test_next_iter(benchmark, one_hot_data):
    """The course's `next(iter(loader))` for a look at one batch: all images shuffled, 64 made tensors."""
    batches = loader(one_hot_data, 64)
    benchmark.extra_info |= {"items": 64, "data": one_hot_data.source}
    images, _ = benchmark(lambda: next(iter(batches)))
    assert images.shape == (64, 1, 28, 28)


@pytest.mark.accelerator
@pytest.mark.crossover(axis="batch_size", between="kept")
@pytest.mark.parametrize("batch_size", BATCHES_COLLATED)
@pytest.mark.parametrize("kept", ["in host memory", "on the device"])
def test_resident(benchmark, device, image_tensors, kept, batch_size):
    """2048 images in random order on a device: moved there a batch at a time, or all kept there (6.4 MB)."""
    images, labels = image_tensors.tensors
    if kept == "on the device":
        images, labels = images.to(device), labels.to(device)
    synchronize = torch.get_device_module(device).synchronize

    def epoch():
        loaded = 0
        for indices in torch.randperm(IMAGES, device=images.device).split(batch_size):
            batch, _ = images[indices].to(device), labels[indices].to(device)
            loaded += len(batch)
        synchronize()
        return loaded

    benchmark.extra_info["items"] = IMAGES
    assert benchmark(epoch) == IMAGES
