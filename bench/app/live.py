"""A run of both sides, measured on this machine: what `gate` decides on, and `calibrate` learns from."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.app import recording
from bench.app.problems import UserError
from bench.events import End

if TYPE_CHECKING:
    from bench.analyze.gate.settings import Settings
    from bench.app.revisions import Compared
    from bench.measure.sides.lockstep import Lockstep
    from bench.measure.sides.matching import Matching
    from bench.measure.worker.code import Texts
    from bench.measure.worker.protocol import Collected
    from bench.storage.store import Journal

OBSERVED_S, BUSY_PROCESSORS = 1.0, 0.1
"""How long a machine is watched before anything is measured, and the use by others that makes it busy."""


@contextmanager
def begin(
    lockstep: "Lockstep",
    compared: "Compared",
    options: argparse.Namespace,
    calibration: Mapping[str, Any] | None = None,
) -> "Iterator[Journal]":
    """The journal of a new run, with what is on both sides in it, while the block measures into it."""
    from bench.analyze.gate.settings import recorded
    from bench.measure.drive.process import device_facts
    from bench.measure.host.gpu_monitor import exclusive

    collected, texts = lockstep.collect()
    matching = _matched(collected, texts, compared.settings, options)
    facts = collected[1].facts
    accelerators = device_facts(compared.sides[1].spec, facts.get("accelerators", []))
    entry = {
        "base": {**compared.base, "python": compared.sides[0].spec.python},
        "head": {**compared.head, "python": compared.sides[1].spec.python},
        "settings": recorded(compared.settings),
        "added": matching.added,
        "removed": matching.removed,
        "missing": matching.missing,
        "renamed": matching.renamed,
        "edited": matching.edited,
    }
    if shut := exclusive(recording.uuids(accelerators)):
        raise UserError(
            f"{', '.join(shut)} admits one process at a time (compute mode EXCLUSIVE_PROCESS), but two sides "
            "share it; run `sudo nvidia-smi -c DEFAULT`"
        )
    commit = compared.head["commit"]
    with (
        recording.begin(
            options.out, _arguments(options), facts, accelerators, commit, entry, calibration
        ) as journal,
        recording.watched(journal, accelerators) as record,
    ):
        lockstep.add_cases(matching, collected, record)
        yield journal


def _arguments(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "paths": options.paths,
        "k": options.keyword,
        "devices": options.device,
        "preset": options.preset,
        "suites": options.suites,
        "seed": options.seed,
    }


def _matched(
    collected: "Sequence[Collected]",
    texts: "Sequence[Texts]",
    settings: "Settings",
    options: argparse.Namespace,
) -> "Matching":
    """Which cases are on both sides. Raises UserError or SideError where there are none."""
    from bench.measure.sides.matching import match
    from bench.measure.sides.side import SideError

    _check_budgets(collected, texts, settings, options)
    base, head = texts
    matching = match(base, head, settings.renamed, settings.removed)
    if matching.names:
        return matching
    for side, each in zip(("base", "head"), collected, strict=True):
        for problem in each.problems:
            if problem.outcome == "failed":
                said = problem.message.strip().splitlines()[-1]
                raise SideError(f"{side} could not be collected: {problem.id}: {said}")
    if matching.missing:
        raise SideError(
            f"no case is on both sides: {len(base)} on base only, such as {next(iter(base))}, and "
            f"{len(head)} on head only; list those that were taken out or renamed in [tool.bench.gate]"
        )
    what = f" that match -k {options.keyword!r}" if options.keyword else ""
    raise UserError(
        f"no benchmarks{what} on both sides: {len(base)} on base, {len(head)} on head; expected tests that "
        "use the `benchmark` fixture; see `bench list`"
    )


def _check_budgets(
    collected: "Sequence[Collected]",
    texts: "Sequence[Texts]",
    settings: "Settings",
    options: argparse.Namespace,
) -> None:
    """Raises UserError for a budget that no case matches, whatever -k and the preset leave out.

    Paths to single files leave out more than anybody can know.
    """
    from bench.app.configuration import ConfigurationError, check_patterns

    if any(not Path(path).is_dir() for path in options.paths):
        return
    named = [case for each in texts for case in each] + [case for each in collected for case in each.left_out]
    try:
        check_patterns(settings, named)
    except ConfigurationError as error:
        raise UserError(str(error)) from None


def condition() -> str:
    """Whether others use this machine now: `busy` where they take a tenth of a processor or more."""
    import psutil

    share = psutil.cpu_percent(interval=OBSERVED_S) / 100
    return "busy" if share * (psutil.cpu_count() or 1) >= BUSY_PROCESSORS else "idle"


def end(lockstep: "Lockstep") -> End:
    """The last event of a run: what its time went to."""
    from bench.measure.host import environment

    return End(lockstep.spent_s(), load_after=environment.load())
