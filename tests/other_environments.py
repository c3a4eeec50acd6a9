"""Environments for other tools, and for projects that have nothing of ours; kept between sessions."""

import subprocess
import sys
from pathlib import Path

import pytest

WHOLE = "whole"
"""The file that an environment has once all is installed into it."""


def python(config: pytest.Config, name: str, *requirements: str) -> Path:
    """The Python of an environment with just these; the test is skipped where that cannot be made."""
    place = Path(config.cache.mkdir("environments")) / f"{name}-py{sys.version_info[0]}.{sys.version_info[1]}"
    interpreter = place / "bin" / "python"
    if (place / WHOLE).is_file() and (place / WHOLE).read_text() == " ".join(requirements):
        return interpreter
    commands = (
        [sys.executable, "-m", "venv", "--clear", str(place)],
        [str(interpreter), "-m", "pip", "install", "--quiet", "--retries", "1", *requirements],
    )
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            pytest.skip(f"needs {' '.join(requirements)} from PyPI: {last}")
    (place / WHOLE).write_text(" ".join(requirements))
    return interpreter
