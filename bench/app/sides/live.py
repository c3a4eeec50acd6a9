"""A run of both sides, measured on this machine: what `gate` decides on, and `calibrate` learns from."""

import difflib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import psutil

from bench import patterns
from bench.analyze.gate.settings import Settings
from bench.app import UserError, configuration, recording
from bench.app.sides.revisions import Compared, SidesRequest
from bench.events import End
from bench.measure.drive import left_out
from bench.measure.drive.device_tasks import device_facts
from bench.measure.host.gpu_monitor import exclusive
from bench.measure.sides.lockstep import Lockstep
from bench.measure.sides.matching import Matching, match
from bench.measure.sides.side import SideError
from bench.measure.worker.code import Texts
from bench.measure.worker.protocol import Collected
from bench.storage.journal import Journal

OBSERVED_S, BUSY_PROCESSORS = 1.0, 0.1
"""How long a machine is watched before anything is measured, and the use by others that makes it busy."""


UNINSTALLED = (
    "; only an installed distribution says that: install each side, by --install 'pip install --no-deps .' "
    "or as `install` in [tool.bench.gate]"
)


@contextmanager
def measured(
    lockstep: Lockstep,
    compared: Compared,
    request: SidesRequest,
    launches: Callable[[Path], None],
    **further: Mapping[str, Any],
) -> Iterator[Journal]:
    """A new run of both sides, in which `launches` has measured; its journal ends when the block does.

    `launches` gets the run's folder. Raises UserError or SideError where there is nothing to measure.
    """
    collected, texts = lockstep.collect()
    matching = _matched(collected, texts, compared.settings, request)
    if request.case:
        matching = _only(request.case, matching)
    facts = collected[1].facts
    accelerators = device_facts(compared.sides[1].spec, facts.get("accelerators", []))
    if shut := exclusive(recording.uuids(accelerators)):
        raise UserError(
            f"{', '.join(shut)} admits one process at a time (compute mode EXCLUSIVE_PROCESS), but two sides "
            "share it; run `sudo nvidia-smi -c DEFAULT`"
        )
    entry, commit = _entry(compared, matching), compared.head["commit"]
    with recording.begin(
        request.out, request.recorded, facts, accelerators, commit, gate=entry, **further
    ) as journal:
        with recording.watched(journal, accelerators) as record:
            lockstep.add_cases(matching, collected, record)
            launches(journal.folder)
        end = End(lockstep.ledger.spent_of(lockstep.elapsed_s), load_after=os.getloadavg())
        yield journal
        journal.append(end)


def _entry(compared: Compared, matching: Matching) -> dict[str, Any]:
    """What a run's header says of a gate: see `bench.analyze.gate.decision`."""
    names = ("added", "removed", "missing", "renamed", "edited")
    return {
        "base": {**compared.base, "python": compared.sides[0].spec.python},
        "head": {**compared.head, "python": compared.sides[1].spec.python},
        "settings": asdict(compared.settings),
        **{name: getattr(matching, name) for name in names},
    }


def _matched(
    collected: Sequence[Collected], texts: Sequence[Texts], settings: Settings, request: SidesRequest
) -> Matching:
    """Which cases are on both sides. Raises UserError or SideError where there are none.

    A budget that no case matches, whatever -k and the preset leave out, is an error, too.
    """
    named = [case for each in texts for case in each] + [case for each in collected for case in each.left_out]
    if all(Path(path).is_dir() for path in request.selection.paths):  # files leave out more than is known
        configuration.check_patterns(settings, named)
    base, head = texts
    matching = match(base, head, settings.renamed, settings.removed)
    if matching.names:
        return matching
    for side, each in zip(("base", "head"), collected, strict=True):
        for problem in each.problems:
            if problem.outcome == "failed":
                line = problem.last_line
                hint = UNINSTALLED if "PackageNotFoundError" in line else ""
                raise SideError(f"{side} could not be collected: {problem.id}: {line}{hint}")
    remarks = zip(("base", "head"), (left_out.dropped(each.facts) for each in collected), strict=True)
    dropped = "".join(f"; {side}: {remark.text}" for side, remark in remarks if remark)
    if matching.missing:
        raise SideError(
            f"no case is on both sides: {len(base)} on base only, such as {next(iter(base))}, and "
            f"{len(head)} on head only{_moved(matching)}; list those that were taken out or renamed in "
            f"[tool.bench.gate]{dropped}"
        )
    keyword = request.selection.keyword
    what = f" that match -k {keyword!r}" if keyword else ""
    raise UserError(
        f"no benchmarks{what} on both sides: {len(base)} on base, {len(head)} on head; expected tests that "
        f"use the `benchmark` fixture; see `bench list`{dropped}"
    )


def _moved(matching: Matching) -> str:
    """Where a case that is missing on head seems to have been moved to, the first of them."""
    moved = patterns.moved_to(matching.missing, matching.added)
    return next((f", such as {new}, where it may have been moved" for new in moved.values()), "")


def _only(wanted: str, matching: Matching) -> Matching:
    """The one case that is wanted, by its id, its name or a pattern. Raises UserError for none or several."""
    names = patterns.matching(wanted, matching.names)
    if len(names) == 1:
        return replace(matching, names={names[0]: matching.names[names[0]]})
    if names:
        raise UserError(
            f"{wanted!r} names {len(names)} cases, such as {' and '.join(names[:2])}; expected one"
        )
    near = difflib.get_close_matches(wanted, matching.names, 3, 0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join([*matching.names][:3])}"
    raise UserError(f"no case {wanted!r} is on both sides; {hint}")


def condition() -> str:
    """Whether others use this machine now: `busy` where they take a tenth of a processor or more."""
    share = psutil.cpu_percent(interval=OBSERVED_S) / 100
    return "busy" if share * (psutil.cpu_count() or 1) >= BUSY_PROCESSORS else "idle"
