"""What is done to an image and its label before training: `ToTensor`, normalization, augmentation, one-hot.

torchvision has two generations of transforms. The second, `transforms.v2`, also takes tensors and whole
batches; what is done to a batch at once costs its calls once, not once an image.
"""

import io

import numpy as np
import pytest

from ..fashion import CLASSES, one_hot
from ..photos import cropped, jpeg
from ..sizes import BATCHES_OF_PARTS, IMAGE_SIDES, PHOTO_SIDES

torch = pytest.importorskip("torch")
transforms = pytest.importorskip("torchvision.transforms")
v2 = pytest.importorskip("torchvision.transforms.v2")
Image = pytest.importorskip("PIL.Image")

BYTE = 255
MEAN, DEVIATION = 0.2860, 0.3530  # of FashionMNIST's training images, as fractions of white


def random_image(side):
    """A square image in colours, as PIL holds it."""
    return Image.fromarray(np.random.default_rng(0).integers(0, BYTE + 1, (side, side, 3), dtype=np.uint8))


TO_TENSOR = {
    "ToTensor": transforms.ToTensor(),
    "v2": v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]),
    "from_numpy": lambda image: torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().div(BYTE),
}


@pytest.mark.crossover(axis="side", between="transform")
@pytest.mark.parametrize("side", IMAGE_SIDES)
@pytest.mark.parametrize("transform", TO_TENSOR)
def test_to_tensor(benchmark, transform, side):
    """An image of bytes as a tensor of fractions: the course's `ToTensor()`, its successor, or by hand."""
    image = random_image(side)
    benchmark.extra_info["items"] = 1
    tensor = benchmark(TO_TENSOR[transform], image)
    expected = np.asarray(image, dtype=np.float32).transpose(2, 0, 1) / BYTE
    assert np.allclose(tensor.numpy(), expected)


NORMALIZED = {
    "v1 each": lambda images, v1, _: torch.stack([v1(image) for image in images]),
    "v1 batch": lambda images, v1, _: v1(images),
    "v2 batch": lambda images, _, later: later(images),
    "arithmetic": lambda images, _v1, _v2: (images - MEAN) / DEVIATION,
}


@pytest.mark.crossover(axis="batch", between="normalizing")
@pytest.mark.parametrize("batch", BATCHES_OF_PARTS)
@pytest.mark.parametrize("normalizing", NORMALIZED)
def test_normalize(benchmark, device, normalizing, batch):
    """Images shifted and scaled to mean 0 and deviation 1: each by itself, or the whole batch at once."""
    images = torch.rand(batch, 1, 28, 28, device=device)
    both = transforms.Normalize([MEAN], [DEVIATION]), v2.Normalize([MEAN], [DEVIATION])
    benchmark.extra_info["items"] = batch
    normal = benchmark(NORMALIZED[normalizing], images, *both)
    assert torch.allclose(normal * DEVIATION + MEAN, images, atol=1e-6)


AUGMENTED = {
    "v1": [transforms.RandomHorizontalFlip(1.0), transforms.ToTensor()],
    "v2": [v2.RandomHorizontalFlip(1.0), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)],
    "v2 on tensors": [v2.ToImage(), v2.RandomHorizontalFlip(1.0), v2.ToDtype(torch.float32, scale=True)],
}


@pytest.mark.crossover(axis="side", between="generation")
@pytest.mark.parametrize("side", IMAGE_SIDES)
@pytest.mark.parametrize("generation", AUGMENTED)
def test_crop_and_flip(benchmark, generation, side):
    """An image enlarged by its edges, cropped at random, mirrored and made a tensor: what is learned anew."""
    pad = side // 8
    crop = transforms.RandomCrop if generation == "v1" else v2.RandomCrop
    augment = (transforms if generation == "v1" else v2).Compose(
        [*AUGMENTED[generation][:-2], crop(side, padding=pad), *AUGMENTED[generation][-2:]]
    )
    benchmark.extra_info["items"] = 1
    tensor = benchmark(augment, random_image(side))
    assert tensor.shape == (3, side, side)
    assert 0 <= tensor.min() <= tensor.max() <= 1


def augmentation(generation, crop):
    """Crop at random, resize, mirror and make a tensor, which the third makes first."""
    of = transforms if generation == "v1" else v2
    to_tensor = [TO_TENSOR["ToTensor" if generation == "v1" else "v2"]]
    augment = [of.RandomResizedCrop(crop), of.RandomHorizontalFlip()]
    return of.Compose([*to_tensor, *augment] if generation == "v2 on tensors" else [*augment, *to_tensor])


@pytest.mark.crossover(axis="side", between="generation")
@pytest.mark.parametrize("side", PHOTO_SIDES)
@pytest.mark.parametrize("generation", AUGMENTED)
def test_photo(benchmark, generation, side):
    """A JPEG file decoded by PIL, cropped at random, resized, mirrored and made a tensor."""
    file, crop = jpeg(0, side), cropped(side)
    benchmark.extra_info["items"] = 1
    augment = augmentation(generation, crop)
    tensor = benchmark(lambda: augment(Image.open(io.BytesIO(file)).convert("RGB")))
    assert tensor.shape == (3, crop, crop)
    assert -0.1 < tensor.min() < tensor.max() < 1.1  # resizing tensors overshoots a little


ENCODED = {
    "label by label": lambda labels: torch.stack([one_hot(label) for label in labels.tolist()]).to(
        labels.device
    ),
    "scatter_": lambda labels: torch.zeros(len(labels), CLASSES, device=labels.device).scatter_(
        1, labels[:, None], 1.0
    ),
    "F.one_hot": lambda labels: torch.nn.functional.one_hot(labels, CLASSES).float(),
    "rows of eye": lambda labels: torch.eye(CLASSES, device=labels.device)[labels],
}


@pytest.mark.crossover(axis="batch", between="encoding")
@pytest.mark.parametrize("batch", BATCHES_OF_PARTS)
@pytest.mark.parametrize("encoding", ENCODED)
def test_one_hot(benchmark, device, encoding, batch):
    """Labels as ten zeros and a one: the course's lambda for each, or for the batch, and `F.one_hot`."""
    labels = torch.randint(CLASSES, (batch,), device=device)
    benchmark.extra_info["items"] = batch
    encoded = benchmark(ENCODED[encoding], labels)
    assert encoded.shape == (batch, CLASSES)
    assert encoded.device == labels.device
    assert torch.equal(encoded.argmax(1).cpu(), labels.cpu())
    assert encoded.sum() == batch
