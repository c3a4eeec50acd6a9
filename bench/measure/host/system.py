"""Asking the operating system: a file, a field of a file, a command. What it does not say is None.

Functions that read files take the system's root folder, so that a made-up /proc and /sys will do.
"""

import subprocess
from pathlib import Path
from typing import Any

Facts = dict[str, Any]
"""Facts about something, by name; goes into a run's files as JSON."""

ROOT = Path("/")


def output(*command: str) -> str | None:
    """What a command prints; None where it fails, hangs for 10 s or is not installed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def text(path: Path) -> str | None:
    """A file's text; None where it cannot be read."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return None


def field(path: Path, name: str) -> str | None:
    """The value of the first `name: value` line of a file; None without one."""
    for line in (text(path) or "").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return None
