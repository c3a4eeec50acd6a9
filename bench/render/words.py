"""Figures and names as sentences hold them: a prefix where people read, a few names and how many more."""

NAMED = 4
"""Names in one line; the rest are counted."""


def listed(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def gist(message: str) -> str:
    """The line of a failure's text that says most: what pytest marks as raised (`E  `), else the last one."""
    lines = message.strip().splitlines()
    raised = [line[1:].strip() for line in lines if line.startswith("E  ")]
    return raised[0] if raised else lines[-1].strip() if lines else ""


def time_(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if abs(seconds) >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def signed_time(seconds: float) -> str:
    return ("+" if seconds >= 0 else "−") + time_(abs(seconds))


def bytes_(size: float) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:.3g} {unit}"
    return f"{size:.0f} B"
