"""The tests: a folder for each room of `bench`, and what several of them share."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""The project's folder."""

RECORDED = Path(__file__).resolve().parent / "recorded"
"""What commands printed, and runs that were recorded: what tests hold new ones against."""
