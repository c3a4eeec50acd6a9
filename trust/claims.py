"""What a section says: claims, each with what was read, what is demanded, and whether it holds."""

from dataclasses import dataclass, field

import pandas as pd

from bench.analyze.estimates.changes import change


@dataclass(frozen=True)
class Claim:
    """A claim is one line of the table. Without a demand (`demanded` empty, `passed` None) it is there to
    compare with."""

    what: str
    read: str
    demanded: str = ""
    passed: bool | None = None


@dataclass(frozen=True)
class Proof:
    """A proof is a section's claims, and the figures behind them as frames by name."""

    claims: tuple[Claim, ...]
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)


def share(part: int, whole: int) -> str:
    """A share with what it rests on: "96 % (23 of 24)"."""
    return f"{part / whole:.0%} ({part} of {whole})".replace("%", " %") if whole else "none of none"


def per_cent(ratio: float) -> str:
    """How far a ratio is from 1: "+2.3 %"."""
    return change(ratio)
