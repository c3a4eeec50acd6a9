"""The course's dataset, FashionMNIST: the real one where it can be had, else a stand-in of the same format.

The files lie outside the source tree: in the folder that BENCH_DATA names, else in the user's cache. Put
the real files there by hand (in FashionMNIST/raw, as torchvision lays them out) where there is no network.
"""

import os
import socket
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

DOWNLOAD_TIMEOUT_S = 5.0
"""How long a server may stay silent before the stand-in is generated instead."""

RAW = Path("FashionMNIST", "raw")

GENERATED = "generated-1"
"""The folder of the stand-in; its number goes up when `generate` draws other images."""

CLASSES, SIDE = 10, 28

COURSE_BATCH, TEST_IMAGES = 64, 1_000


def one_hot(label: int) -> Any:
    """A label as ten zeros and a one: the course's lambda with a name, so that workers can unpickle it."""
    return torch.zeros(CLASSES, dtype=torch.float).scatter_(dim=0, index=torch.tensor(label), value=1)


def folder() -> Path:
    """Where the dataset's files are kept."""
    chosen = os.environ.get("BENCH_DATA")
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(chosen or Path(cache, "torch-course-bench")).expanduser()


def prepare() -> tuple[Path, str]:
    """Makes sure of the files. Returns torchvision's `root`, and `FashionMNIST` or `generated`."""
    real, generated = folder(), folder() / GENERATED
    if complete(real):
        return real, "FashionMNIST"
    if complete(generated):
        return generated, "generated"
    try:
        _put(real, download)
    except (OSError, RuntimeError):  # torchvision raises RuntimeError when every mirror has failed
        _put(generated, generate)
        return generated, "generated"
    return real, "FashionMNIST"


def complete(root: Path) -> bool:
    """Whether all four files are there."""
    names = [
        f"{part}-{kind}" for part in ("train", "t10k") for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")
    ]
    return all((root / RAW / name).is_file() for name in names)


def _put(root: Path, fill: Callable[[Path], None]) -> None:
    """Fills a new folder and moves it to `root` in one step, so that no other process reads half of it."""
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root) as incoming:
        fill(Path(incoming))
        try:
            Path(incoming, RAW.parent).rename(root / RAW.parent)
        except OSError:
            if not complete(root):  # else another process was quicker, with the same files
                raise


def download(root: Path) -> None:
    """Fetches the real files. Raises OSError or RuntimeError where they cannot be had."""
    from torchvision.datasets import FashionMNIST

    with _silence_at_most(DOWNLOAD_TIMEOUT_S):
        FashionMNIST(str(root), train=True, download=True)


@contextmanager
def _silence_at_most(seconds: float) -> Any:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def generate(root: Path, train: int = 60_000, test: int = 10_000) -> None:
    """Draws images of ten learnable classes and writes them as FashionMNIST's files are written.

    Each class has a pattern of bright patches on black. An image mixes its class's pattern with another
    one's, shifts it by up to two pixels and adds noise. After one epoch the course's network tells 84 %
    of the test images apart, about as many as of the real ones.
    """
    random = np.random.default_rng(0)
    patterns = np.stack([_patches(random.standard_normal((SIDE, SIDE))) for _ in range(CLASSES)])
    (root / RAW).mkdir(parents=True)
    for part, count in (("train", train), ("t10k", test)):
        labels = random.integers(0, CLASSES, count, dtype=np.uint8)
        _write_idx(root / RAW / f"{part}-labels-idx1-ubyte", labels)
        _write_idx(root / RAW / f"{part}-images-idx3-ubyte", _draw(random, patterns, labels))


def _patches(noise: np.ndarray) -> np.ndarray:
    """The slowest waves of the noise, where they are positive, up to 255."""
    waves = np.fft.rfft2(noise)
    waves[5:-4, :] = waves[:, 5:] = waves[0, 0] = 0
    smooth = np.fft.irfft2(waves, noise.shape)
    return np.asarray(255 * np.clip(smooth / smooth.max(), 0, 1), dtype=np.float32)


def _draw(random: np.random.Generator, patterns: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """One image per label, as bytes."""
    images = np.empty((len(labels), SIDE, SIDE), np.uint8)
    others = random.integers(0, CLASSES, len(labels))
    share = random.uniform(0.4, 1, (len(labels), 1, 1)).astype(np.float32)
    shifts = random.integers(-2, 3, (len(labels), 2))
    for down, right in np.unique(shifts, axis=0):
        here = np.flatnonzero((shifts == (down, right)).all(axis=1))
        own, other = patterns[labels[here]], patterns[others[here]]
        mixed = np.roll(share[here] * own + (1 - share[here]) * other, (down, right), axis=(1, 2))
        mixed += 30 * random.standard_normal(mixed.shape, dtype=np.float32)
        images[here] = np.clip(mixed, 0, 255)
    return images


def _write_idx(path: Path, values: np.ndarray) -> None:
    """Writes bytes in the IDX format: 0, 0, 8 for unsigned bytes, the rank, big-endian sizes, values."""
    header = bytes((0, 0, 8, values.ndim)) + np.array(values.shape, dtype=">i4").tobytes()
    path.write_bytes(header + values.tobytes())


def load(train: bool, one_hot_labels: bool = False) -> Any:
    """The course's dataset: images through `ToTensor()`, labels as integers or through `Lambda(one_hot)`.

    Its attribute `source` is `FashionMNIST` or `generated`.
    """
    pytest.importorskip("torchvision")
    from torchvision.datasets import FashionMNIST
    from torchvision.transforms import Lambda, ToTensor

    root, source = prepare()
    labels = Lambda(one_hot) if one_hot_labels else None
    dataset = FashionMNIST(str(root), train=train, transform=ToTensor(), target_transform=labels)
    dataset.source = source
    return dataset


def as_tensors(dataset: Any, count: int) -> Any:
    """The first images and labels, transformed beforehand and held as two tensors."""
    images, labels = zip(*(dataset[index] for index in range(count)), strict=True)
    return torch.utils.data.TensorDataset(torch.stack(images), torch.stack([*map(torch.as_tensor, labels)]))


def first(count: int, dataset: Any) -> Any:
    """The first images of a dataset."""
    return torch.utils.data.Subset(dataset, range(count))
