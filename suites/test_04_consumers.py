"""DataLoader for a consumer that takes its time, and images that take time to be made ready.

Loading ahead pays where there is something to do meanwhile, and workers where each image is work.
"""

import pytest

from .loaders import COURSE_BATCH, load_all
from .memory import placed
from .network import build
from .photos import BATCH, PHOTOS, Photos
from .sizes import CORES, PHOTO_SIDES, WORKERS, few

torch = pytest.importorskip("torch")

pytestmark = [
    # Workers in excess of the cores are what is being tried out here.
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
    # Python 3.12 and later warn of any fork of a process with threads. A DataLoader worker computes on one.
    pytest.mark.filterwarnings("ignore:This process.*multi-threaded, use of fork:DeprecationWarning"),
]

FEW_WORKERS = few(sorted({0, max(1, CORES // 4), CORES}), WORKERS)


@pytest.mark.preset("default")
@pytest.mark.crossover(axis="side", between="num_workers")
@pytest.mark.parametrize("side", PHOTO_SIDES)
@pytest.mark.parametrize("num_workers", FEW_WORKERS)
def test_load_photos(benchmark, make_loader, num_workers, side):
    """Loading photos that have to be decoded, cropped at random and mirrored: the larger, the more work."""
    loader = make_loader(
        Photos(side), batch_size=BATCH, num_workers=num_workers, persistent_workers=num_workers > 0
    )
    benchmark.extra_info |= {"items": PHOTOS, "data": "generated"}
    assert benchmark(load_all, loader) == PHOTOS


@pytest.mark.accelerator
@pytest.mark.preset("default")
@pytest.mark.isolate("pin_memory")
@pytest.mark.parametrize("pin_memory", [False, True])
@pytest.mark.parametrize("num_workers", sorted({0, 2, CORES}))
def test_train_on_photos(benchmark, device, make_loader, num_workers, pin_memory):
    """The same photos loaded for resnet18, which trains on them: what loads ahead has the time of a step."""
    time_training(benchmark, device, make_loader, Photos(256), BATCH, num_workers, pin_memory)
    benchmark.extra_info |= {"items": PHOTOS, "data": "generated"}


@pytest.mark.accelerator
@pytest.mark.isolate("pin_memory")
@pytest.mark.parametrize("pin_memory", [False, True])
@pytest.mark.parametrize("num_workers", [0, 2])
def test_load_for_training(benchmark, device, make_loader, images, facts, num_workers, pin_memory):
    """Loading for a consumer that takes its time, a training step on a device, from pinned memory or not."""
    time_training(benchmark, device, make_loader, images, COURSE_BATCH, num_workers, pin_memory)
    benchmark.extra_info |= facts


def time_training(benchmark, device, make_loader, dataset, batch_size, num_workers, pin_memory):
    """Times resnet18's training on a dataset of ten classes, grey images in all three colours."""
    if pin_memory:
        placed(torch.zeros(1), "pinned")  # skips where nothing can be pinned
    loader = make_loader(
        dataset,
        batch_size=batch_size,
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
        pin_memory=pin_memory,
    )
    model = build("resnet18").to(device)
    loss_fn, optimizer = torch.nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=1e-3)

    def train():
        for images, labels in loader:
            images = images.to(device, non_blocking=pin_memory).expand(-1, 3, -1, -1)
            loss = loss_fn(model(images)[:, :10], labels.to(device, non_blocking=pin_memory))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    benchmark(train)
    assert next(iter(loader))[0].is_pinned() == pin_memory
