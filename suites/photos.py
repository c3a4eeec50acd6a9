"""Photos as a training set has them: compressed files of 256 x 256 pixels, augmented when fetched."""

import io

import numpy as np
import pytest

torch = pytest.importorskip("torch")

SIDE, CROP = 256, 224


class Photos(torch.utils.data.Dataset):
    """JPEG files in memory, each decoded, cropped at random to 224 x 224 and mirrored when fetched."""

    def __init__(self, count):
        transforms = pytest.importorskip("torchvision.transforms")
        self.files = [_file(number) for number in range(count)]
        self.augment = transforms.Compose(
            [transforms.RandomResizedCrop(CROP), transforms.RandomHorizontalFlip(), transforms.ToTensor()]
        )

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        image = pytest.importorskip("PIL.Image")
        return self.augment(image.open(io.BytesIO(self.files[index])).convert("RGB")), index


def _file(number):
    """A JPEG file of smooth noise, which compresses about as well as a photo."""
    image = pytest.importorskip("PIL.Image")
    coarse = np.random.default_rng(number).integers(0, 256, (SIDE // 8, SIDE // 8, 3), dtype=np.uint8)
    file = io.BytesIO()
    image.fromarray(coarse).resize((SIDE, SIDE), image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    return file.getvalue()
