"""DataLoader for a consumer that takes its time, and images that take time to be made ready.

Loading ahead pays where there is something to do meanwhile, and workers where each image is work.
"""

import pytest

from .loaders import COURSE_BATCH, load_all
from .memory import placed
from .network import build
from .photos import Photos
from .sizes import CORES, WORKERS, kept_for

torch = pytest.importorskip("torch")

pytestmark = [
    # Workers in excess of the cores are what is being tried out here.
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
    # Python 3.12 and later warn of any fork of a process with threads. A DataLoader worker computes on one.
    pytest.mark.filterwarnings("ignore:This process.*multi-threaded, use of fork:DeprecationWarning"),
]

PHOTOS = 64


@pytest.mark.accelerator
@pytest.mark.isolate("pin_memory")
@pytest.mark.parametrize("pin_memory", [False, True])
@pytest.mark.parametrize("num_workers", [0, 2])
def test_load_for_training(benchmark, device, make_loader, images, facts, num_workers, pin_memory):
    """Loading for a consumer that takes its time, a training step on a device, from pinned memory or not."""
    if pin_memory:
        placed(torch.zeros(1), "pinned")  # skips where nothing can be pinned
    loader = make_loader(
        images,
        batch_size=COURSE_BATCH,
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
        pin_memory=pin_memory,
    )
    model = build("resnet18").to(device)
    loss_fn, optimizer = torch.nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=1e-3)

    def train():
        for features, labels in loader:
            features = features.to(device, non_blocking=pin_memory).expand(-1, 3, -1, -1)
            loss = loss_fn(model(features)[:, :10], labels.to(device, non_blocking=pin_memory))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    benchmark.extra_info |= facts
    benchmark(train)
    assert next(iter(loader))[0].is_pinned() == pin_memory


@pytest.mark.preset("default")
@pytest.mark.parametrize("num_workers", [WORKERS[0], CORES, *kept_for("thorough", WORKERS[1:-2])])
def test_load_photos(benchmark, make_loader, num_workers):
    """Loading 64 photos that have to be decoded, cropped at random and mirrored: work that workers share."""
    loader = make_loader(
        Photos(PHOTOS), batch_size=16, num_workers=num_workers, persistent_workers=num_workers > 0
    )
    benchmark.extra_info |= {"items": PHOTOS, "data": "generated"}
    assert benchmark(load_all, loader) == PHOTOS
