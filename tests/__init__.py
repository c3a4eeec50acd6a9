"""The tests: a folder for each room of `bench`, and what several of them share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
"""The project's folder."""

RECORDED = Path(__file__).resolve().parent / "recorded"
"""What commands printed, and runs that were recorded: what tests hold new ones against."""

rare = pytest.mark.skipif(not os.environ.get("BENCH_FAULTS"), reason="takes long; nox -s faults runs it")
"""What is rarely broken and takes long to test."""
