"""The sizes that the suites step through: one grid a contest, so that contenders meet at every size.

Spaced evenly in logarithms, two an octave. A short preset measures a few of them, and more near a crossing;
those marked `thorough` are left to that one.
"""

import os

import pytest


def half_octaves(first: int, last: int) -> list[int]:
    """Powers of two and the numbers halfway between them (16, 24, 32, 48, ...), from `first` to `last`.

    Rounder than steps of the square root of two, so that matrix kernels get multiples they like.
    """
    powers = [2**exponent for exponent in range(last.bit_length())]
    sizes = {*powers, *(power * 3 // 2 for power in powers)}
    return sorted(size for size in sizes if first <= size <= last)


def kept_for(preset, sizes):
    """Sizes that only this preset and longer ones measure."""
    return [pytest.param(size, marks=pytest.mark.preset(preset)) for size in sizes]


VECTORS = half_octaves(2**6, 2**24)  # numbers that are shared or copied
WITHIN = half_octaves(2**10, 2**24)  # numbers copied within one memory
ACROSS = half_octaves(2**8, 2**26)  # numbers moved between host and device

MATRICES_ON_CPU = half_octaves(16, 2048)  # rows of square matrices
MATRICES = MATRICES_ON_CPU + kept_for("thorough", half_octaves(3072, 8192))  # and for a fast device
MATRICES_TF32 = half_octaves(256, 4096)
MATRICES_OF_DTYPES = half_octaves(256, 8192) + kept_for("thorough", half_octaves(12288, 16384))
MATRICES_OF_DTYPES_ON_CPU = [256, 512, *kept_for("thorough", [1024, 2048])]  # it may emulate some

BATCHES = half_octaves(1, 1024)  # images for the course's network
BATCHES_RESNET18 = [1, 2, *kept_for("default", [4]), *kept_for("thorough", [3, *half_octaves(6, 128)])]

BATCHES_TRAINED = [  # images a step of an epoch; 64 is the course's
    64,
    256,
    *kept_for("thorough", [size for size in half_octaves(16, 1024) if size not in (64, 256)]),
]
BATCHES_LOADED = [  # images a batch of a DataLoader
    16,
    *kept_for("default", [64]),
    256,
    *kept_for("thorough", [size for size in half_octaves(16, 256) if size not in (16, 64, 256)]),
]

CORES = os.cpu_count() or 1
WORKERS = [0, *(2**power for power in range(CORES.bit_length() + 1))]  # up to the cores, and one step beyond

# Of the operations one by one (`suites/operations`): few sizes, the finer grid in `thorough`.


def few(sizes, grid):
    """These sizes, and all others of a grid for `thorough`."""
    return [*sizes, *kept_for("thorough", [size for size in grid if size not in sizes])]


NUMBERS = few([2**8, 2**13, 2**18, 2**22], half_octaves(2**8, 2**24))  # of one tensor
LISTED = few([2**4, 2**10, 2**16], half_octaves(2**4, 2**18))  # in a Python list
ROWS = few([32, 256, 2048], half_octaves(16, 4096))  # of square matrices
SORTED = few([2**8, 2**13, 2**18], half_octaves(2**8, 2**20))  # numbers to sort
BATCHES_OF_PARTS = few([1, 64, 1024], BATCHES)  # images for a layer, a loss or a transform of their scores
BATCHES_OF_SEVERAL = few([2, 64, 1024], half_octaves(2, 1024))  # the same, where one alone will not do
PRODUCTS = few([1, 16, 256], BATCHES)  # small matrices in one call
REPEATS = few([1, 8, 64], half_octaves(1, 128))  # of a step that reads a number
IMAGE_SIDES = few([28, 224], [28, 64, 128, 224, 512])  # pixels along the edge of an image
BATCHES_COLLATED = few([16, 256], half_octaves(16, 1024))  # samples put together
BACKWARDS = few([1, 4, 16], half_octaves(1, 32))  # passes back through a graph
DEPTHS = few([2, 8], half_octaves(2, 32))  # blocks of layers
TENSORS = few([2, 16, 128], half_octaves(1, 256))  # of weights that an optimizer moves
BATCHES_LEARNED = few([64, 256], half_octaves(16, 512))  # images a step of training to a goal
WIDTHS = few([64, 512, 2048], half_octaves(64, 4096))  # numbers in and out of a layer that is kept in a file
BATCHES_SEEN = few([1, 16, 128], half_octaves(1, 256))  # images or clips for a small network
BATCHES_OF_PHOTOS = few([1, 4], half_octaves(1, 64))  # photos for a large one
LENGTHS = few([16, 128, 512], half_octaves(16, 2048))  # words that attend to each other
PHOTO_SIDES = few([64, 256], half_octaves(32, 512))  # pixels along the edge of a photo that is loaded
BATCHES_SHARED = few([64, 256], [64, 128, 256, 512])  # images a rank and step
