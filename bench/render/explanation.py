"""What differs between two profiles, in sentences: `bench explain`."""

from collections.abc import Iterator, Sequence

from bench.analyze.profiles.differences import Differences
from bench.analyze.profiles.structure import BACKWARD, OperatorChange, PlaceChange
from bench.render.units import quantity

MAX_NAMES = 4
"""Names in one line; the rest are counted."""

FUSED = 2
"""Operators that must have come where a single one went, and nothing else, for it to be called unfused."""

EFFECTS = {
    "reads a value": "reads one value, for which the host waits",
    "waits for a count": "the host waits for how many there are",
    "waits for the device": "the host waits for the device",
    "copies": "a copy",
    "copies and converts": "a converted copy",
    "converts": "a conversion",
}

SETTINGS = {
    "threads": "torch computes with {head} thread(s) instead of {base}",
    "processes": "{head} worker process(es) at work beside it instead of {base}",
}

ALLOCATOR = {
    "retries": "the allocator ran out of memory and freed its cache",
    "device_allocations": "the allocator asked the device for memory",
}


def lines(changes: Differences) -> list[str]:
    """What differs, a line each, most telling first; a line that says so where nothing does."""
    sentences = [*_settings_and_types(changes), *(_place(each, changes.piece) for each in changes.places)]
    sentences += [*_inputs_and_memory(changes), *_times(changes)]
    return sentences or ["nothing differs in settings, operators, types, shapes, bytes or Python functions"]


def _settings_and_types(changes: Differences) -> Iterator[str]:
    for name, base, head in changes.settings:
        was, now = ("not set" if each is None else each for each in (base, head))
        yield SETTINGS.get(name, "{name}: {head} instead of {base}").format(name=name, base=was, head=now)
    for each in changes.types:
        instead = f" instead of {_names(each.lost)}" if each.lost else " as well"
        yield f"{each.name}{instead} in {_names(each.operators)}"


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more


def _place(change: PlaceChange, piece: str) -> str:
    """What came, went, and is called more or less often in one place."""
    operators = change.operators
    gone, came = [each for each in operators if not each.head], [each for each in operators if not each.base]
    more = [each for each in operators if each.head > each.base > 0]
    less = [each for each in operators if each.base > each.head > 0]
    groups = {"gone": gone, "came": came, "more often": more, "less often": less}
    parts = [
        f"{word}: {_names([_operator(each, piece) for each in group])}"
        for word, group in groups.items()
        if group
    ]
    if len(gone) == 1 and len(came) > FUSED and change.within != BACKWARD:
        parts[0] = f"unfused into {len(came)} operators; {parts[0]}"
    elif len(came) == 1 and len(gone) > FUSED and change.within != BACKWARD:
        parts[0] = f"fused from {len(gone)} operators; {parts[0]}"
    where = "backward, " if change.within == BACKWARD else f"in {change.within}, "
    sign = "+" if change.more_s >= 0 else "−"
    took = f"({sign}{quantity(abs(change.more_s), 's')} a {piece})"
    return f"{'' if change.within in ('', 'call') else where}{'; '.join(parts)} {took}"


def _operator(change: OperatorChange, piece: str) -> str:
    """One operator: how often, and where it came or is called more often, what it does and allocates."""
    often = f"{change.head or change.base:.3g} × a {piece}"
    if change.base and change.head:
        often += f" instead of {change.base:.3g}"
    facts = [often]
    if change.head > change.base:
        facts += [EFFECTS[change.effect]] if change.effect else []
        facts += [quantity(change.allocated_bytes, "B")] if change.allocated_bytes > 0 else []
    return f"{change.name} ({'; '.join(facts)})"


def _inputs_and_memory(changes: Differences) -> Iterator[str]:
    if shapes := changes.shapes:
        rest = f" and {shapes.operators - 1} more" if shapes.operators > 1 else ""
        was = f" instead of {shapes.old}" if shapes.old else ""
        if shapes.new:
            yield f"other shapes: {shapes.costliest}{rest}, such as {shapes.new}{was}"
        else:
            yield f"fewer shapes: {shapes.costliest}{rest}, such as {shapes.old} no more"
    if changes.allocated_bytes:
        base, head = (quantity(each, "B") for each in changes.allocated_bytes)
        yield f"allocates {head} a {changes.piece} instead of {base}"
    for name, base, head in changes.allocator:
        yield f"{ALLOCATOR[name]} {head} time(s) in a call instead of {base}"
    if changes.process_threads:
        yield "the process has {1} threads instead of {0}".format(*changes.process_threads)


def _times(changes: Differences) -> Iterator[str]:
    for name, base_s, head_s in changes.slower:
        yield f"{name} takes {quantity(head_s, 's')} instead of {quantity(base_s, 's')}"
    if changes.pace:
        yield (
            f"every operator takes about {changes.pace:.2g} times as long: the machine's speed, or threads, "
            "rather than the code"
        )
    for name, base, head in changes.functions:
        yield f"Python: {name} has {head:.0%} of the samples instead of {base:.0%}"
