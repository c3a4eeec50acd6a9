"""Photos as a training set has them: compressed files, decoded and augmented when they are fetched."""

import io
from functools import cache

import numpy as np
import pytest

from .sizes import CORES

torch = pytest.importorskip("torch")

BATCH = 8
PHOTOS = 4 * BATCH * min(max(4, CORES), 16)
"""Four batches for each of as many workers as there are cores, up to 16."""

DRAWN, CLASSES = 16, 10


class Photos(torch.utils.data.Dataset):
    """JPEG files in memory, each decoded, cropped at random and mirrored when it is fetched."""

    def __init__(self, side):
        transforms = pytest.importorskip("torchvision.transforms")
        self.files = [jpeg(number % DRAWN, side) for number in range(PHOTOS)]
        self.augment = transforms.Compose(
            [
                transforms.RandomResizedCrop(cropped(side)),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
            ]
        )

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        image = pytest.importorskip("PIL.Image")
        return self.augment(image.open(io.BytesIO(self.files[index])).convert("RGB")), index % CLASSES


def cropped(side):
    """The edge of what is left of a photo: 224 of 256, as networks for photos want them."""
    return side * 7 // 8


@cache
def jpeg(number, side):
    """A JPEG file of smooth noise, which compresses about as well as a photo."""
    image = pytest.importorskip("PIL.Image")
    coarse = np.random.default_rng(number).integers(0, 256, (side // 8, side // 8, 3), dtype=np.uint8)
    file = io.BytesIO()
    image.fromarray(coarse).resize((side, side), image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    return file.getvalue()
