"""A project under a gate; what its head may lose is a thread, or a worker."""

from torch.utils.data import Dataset

THREADS = 2
"""Threads that compute."""

WORKERS = 2
"""Processes that load."""


class Decoded(Dataset[int]):
    """256 items that take about a millisecond of a processor each to decode."""

    def __len__(self) -> int:
        return 256

    def __getitem__(self, index: int) -> int:
        return sum(range(index, index + 50_000))
