"""What a run did not measure: what its preset leaves to longer ones, and what the project's settings drop."""

from collections.abc import Mapping
from typing import Any

from bench.events import Note
from bench.measure.drive.ledger import Ledger
from bench.measure.drive.plan import PRESETS, Preset
from bench.measure.drive.worth import seconds_to, typical

LONGEST = PRESETS["thorough"]

NAME = "left out"
"""The name of the note in the journal."""

TOO_LONG = f"`--preset {LONGEST.name}` measures it"
"""How the reason ends of a case whose calls are too long for the preset."""


def too_long(call_s: float) -> str:
    """Why a case of so many seconds a call is left out."""
    return f"about {call_s:.1f} s a call; {TOO_LONG}"


def note(preset: Preset, ledger: Ledger, sizes: int) -> Note | None:
    """What was left out, `sizes` cases among it that the preset does not list; None where nothing was.

    A case that was not timed is taken to need what those timed need on average, so that the time is a rough
    one; calls that are too long are not in it.
    """
    skipped = sum(TOO_LONG in reason for reason in ledger.skips.values())
    timed = [entry for entry in ledger.entries.values() if entry.lifecycle.visits]
    if preset == LONGEST or not (skipped or sizes) or not timed:
        return None
    run = typical(timed)
    needed_s = [seconds_to(entry, run, LONGEST.target, LONGEST.launches) for entry in timed]
    minutes = sum(needed_s) * (1 + sizes / len(timed)) / 60
    parts = [f"{sizes} sizes and cases that a longer preset measures as well"] * bool(sizes)
    parts += [f"{skipped} whose calls take more than {preset.longest_call_s:g} s"] * bool(skipped)
    text = f"left out: {', and '.join(parts)}; `--preset {LONGEST.name}` takes about {_duration(minutes)}"
    return Note("info", text, NAME)


def dropped(facts: Mapping[str, Any]) -> Note | None:
    """How many cases the project's own settings drop, and by what, as a worker says; None for none."""
    by: Mapping[str, int] = facts.get("dropped", {})
    if not by:
        return None
    parts = [f"{count} case{'s' * (count != 1)} by {what}" for what, count in by.items()]
    round_them = "; `--pytest-args='-o addopts='` goes round its options" * any(
        " -" in f" {what}" for what in by
    )
    return Note("info", f"left out by the project's own settings: {', '.join(parts)}{round_them}", NAME)


def _duration(minutes: float) -> str:
    """With one digit that counts: what it rests on allows no more."""
    return f"{minutes / 60:.0f} h" if minutes >= 90 else f"{max(minutes, 1):.0f} min"
