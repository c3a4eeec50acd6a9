"""Which blocks others disturbed. The rule never looks at how long a block took, so that it favours no result.

Its functions take a `Block`, or a frame of blocks, whose columns have the names of a block's fields: a worker
asks about one block, the analysis about a million. A reading that the system does not offer disturbs nothing.
"""

from collections.abc import Collection
from typing import Any

DELAY_LIMIT = 0.01
"""Run-queue delay, as a share of the block, above which others disturbed a case on one thread: from there on
it takes longer than undisturbed, by more than the delay itself. `python -m trust.bias RUN` shows it."""

TEAM_DELAY_LIMIT = 0.02
"""The same for a case on several threads. A system's own background delays one of two threads by up to 1 %,
which costs such a case nothing: up to 2 % its blocks take as long as those without any delay."""

FOREIGN_LIMIT = 0.05
"""Processor time taken by others, as a share of the block on all processors, above which they disturbed
a case that disturbs itself: its own delay says nothing. The same for threads without priority, which others
can hold up for as long as a block lasts while no delay shows."""

MIN_FOREIGN_S = 0.5
"""Shortest block in which foreign time is read: processor time comes in ticks of 10 ms a processor, so that
over less than half a second a single tick would be over 2 %. A shorter block has what others took in the
last half second: where the worker has no priority over them, or the case may disturb itself."""

TELLING_S = 0.005
"""Shortest block that tells how many threads and children a case has: in a shorter one, threads that still
spin after another case's work would count as its own."""

MISFIT = 4
"""How many times the calls of a case's block must be too few before they are chosen anew; its blocks until
then do not count. Beside a busy process the first calls may take a hundred times as long as they need; a
processor's pace alone changes by little more than two."""

HANDING_OVER = "handing_over"
"""The note of a block whose threads waited often and each time for less than any other process holds a
processor: they hand over to each other."""

MIN_PAIRS, MIN_PAIRS_S = 3, 0.25
"""Clean pairs of blocks that a gate's launch must have of a case, since a median needs three; of long calls
fewer, as many as fit into so many seconds: of half a second and more one pair tells."""

UNSTEADY_NOTES = ("allocated", "throttled", "foreign_device_use")
"""Notes of a block during which the device asked for memory, slowed down, or served others."""

DISTURBING = frozenset({"sw_thermal_slowdown", "hw_thermal_slowdown", "hw_slowdown", "hw_power_brake"})
"""Why a GPU's clock is held down in a way that makes a block unlike its neighbours. A power cap is not among
these reasons: it is how the card works, and a label."""


def tells(blocks: Any) -> Any:
    """True for a block that shows whether its case disturbs itself."""
    return (blocks.kind == "wall") & (blocks.wall_s >= TELLING_S)


def disturbs_itself(blocks: Any, processors: Any) -> Any:
    """True where a block's own threads and processes wait for each other, so that delay proves nothing.

    `processors` are the most that the case may use: in lock step it may be held on one of them. Threads that
    hand over to each other wait for each other however many processors are free: one that is woken waits
    where the one that wakes it still runs.
    """
    crowd = (blocks.children > 0) | (blocks.threads > processors)
    handing_over = _noted(blocks.notes, (HANDING_OVER,)) & _delayed(blocks)
    return (blocks.wall_s >= TELLING_S) & (crowd | handing_over)


def disturbed(blocks: Any, case_disturbs_itself: Any) -> Any:
    """True where others took so much from a block that it must not count.

    A case that disturbs itself is judged by the processor time that others took, where that was read, every
    other case by its own run-queue delay; both by what a control group withheld. Threads without priority are
    judged by both. A device block whose queue stayed full does not depend on its host.
    """
    throttled = _exceeds(blocks.throttled_s, DELAY_LIMIT * blocks.wall_s)
    foreign = _exceeds(blocks.foreign_s, FOREIGN_LIMIT * blocks.wall_s * blocks.processors)
    by_foreign = case_disturbs_itself & _is_read(blocks.foreign_s)
    crowded = (blocks.threads > 1) & (blocks.wall_s < MIN_FOREIGN_S) & foreign
    on_device = (blocks.kind == "device") & _is_read(blocks.device_s)
    by_host = throttled | crowded | (by_foreign & foreign) | (_not(by_foreign) & _delayed(blocks))
    return _noted(blocks.notes, UNSTEADY_NOTES) | (by_host & _not(on_device))


def _delayed(blocks: Any) -> Any:
    team = blocks.threads > 1
    limit = DELAY_LIMIT + (TEAM_DELAY_LIMIT - DELAY_LIMIT) * team
    return _exceeds(blocks.delay_s, limit * blocks.wall_s)


def _exceeds(readings: Any, limits: Any) -> Any:
    return False if readings is None else readings > limits


def _is_read(readings: Any) -> Any:
    return readings.notna() if hasattr(readings, "notna") else readings is not None


def _not(conditions: Any) -> Any:
    return conditions ^ True  # `not` refuses a column, and `~` makes a number of a bool


def _noted(notes: Any, names: Collection[str]) -> Any:
    """True where one of these notes was taken. A frame has a block's notes as one text."""
    if isinstance(notes, tuple):
        return not set(notes).isdisjoint(names)
    return notes.str.contains("|".join(names))
