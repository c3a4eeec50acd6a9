"""What the project times: work on its threads, loading by its workers, and work that has neither."""

from typing import Any

import pipeline
import torch
from torch.utils.data import DataLoader


def test_threads(benchmark: Any) -> None:
    torch.set_num_threads(pipeline.THREADS)
    square = torch.rand(768, 768)
    benchmark(torch.mm, square, square)


def test_workers(benchmark: Any) -> None:
    loader = DataLoader(pipeline.Decoded(), batch_size=16, num_workers=pipeline.WORKERS)
    benchmark(lambda: sum(len(batch) for batch in loader))


def test_neither(benchmark: Any) -> None:
    benchmark(sum, range(20_000))
