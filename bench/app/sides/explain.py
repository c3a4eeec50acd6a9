"""What differs between two sides of a case: their profiles, stored or made now, in sentences."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.analyze.gate.decision import Decision
from bench.analyze.profiles.differences import differences
from bench.app import UserError, profile
from bench.app.selection import Selection
from bench.app.sides import revisions
from bench.app.suggestions import case_meant
from bench.measure.sides.side import Side
from bench.measure.start.process import Spec
from bench.render import explanation
from bench.render.verdicts.words import ordered
from bench.storage import profiles
from bench.storage.journal import StoreError, new_run_folder

WORKING_TREE = "."

FOLDER = "explain"
"""Where a gate's run keeps the profiles of its slower cases, a folder a side."""

MAX_EXPLAINED = 3
"""Slower cases that a gate explains: one cause slows many, and each takes half a minute."""


def profiles_of(case: str, base: str, head: str, suites: str | None, out: Path) -> tuple[Path, Path]:
    """The folders of a case's profiles on two sides; what is not profiled yet is profiled into `out`.

    Raises UserError, StoreError and SideError where there is no such case, revision or profile.
    """
    stored = [_stored(side, case) for side in (base, head)]
    folder = new_run_folder(out, "explain", "") if None in stored else out
    folders = [
        there or _profiled(side, case, suites, folder / name)
        for there, side, name in zip(stored, (base, head), ("base", "head"), strict=True)
    ]
    return folders[0], folders[1]


def lines(base: Path, head: Path) -> list[str]:
    """What differs between the profiles in two folders, most telling first. Raises StoreError."""
    return explanation.lines(differences(profiles.read(base), profiles.read(head)))


def slower(gate: Path, decision: Decision, sides: Sequence[Side]) -> Iterator[tuple[str, Sequence[str]]]:
    """What differs between a gate's sides in the cases that got slower, the worst first: case and lines.

    `gate` is the folder that the gate is recorded in; the profiles are put there. A case that cannot be
    profiled says so.
    """
    before = {new: old for old, new in decision.sides.renamed.items()}
    for verdict in ordered(decision, "slower")[:MAX_EXPLAINED]:
        names = before.get(verdict.case, verdict.case), verdict.case
        try:
            of_sides = zip(sides, names, strict=True)
            base, head = (_profile(side.spec, name, gate / FOLDER / side.name) for side, name in of_sides)
            text = [*lines(base, head), f"profiles: {base.relative_to(gate)} {head.relative_to(gate)}"]
        except (UserError, StoreError) as error:
            text = [f"not explained: {error}"]
        yield verdict.case, text


def _profile(spec: Spec, case: str, folder: Path) -> Path:
    """Profiles one case of what a worker collects into a run's folder; the folder of its profile."""
    (written,) = profile.write(folder, spec, profile.chosen(spec, [case])[:1])
    if written is None:
        raise UserError(f"{case} could not be profiled; see above")
    return written


def _stored(side: str, case: str) -> Path | None:
    """The folder of a case's profile in a stored run; None where `side` is no folder, or the working tree."""
    if side == WORKING_TREE or not Path(side).is_dir():
        return None
    if folder := profiles.of_case(Path(side), case):
        return folder
    there = [profiles.read(each).case for each in profiles.of_run(Path(side))]
    raise UserError(
        f"{side} holds no profile of {case}; profiled there: {', '.join(there) or 'none'}"
        + (case_meant(case, there) or "; make one with `bench profile --run`")
    )


def _profiled(side: str, case: str, suites: str | None, folder: Path) -> Path:
    """Profiles the case on one side, in a checkout of its own; the folder of its profile."""
    paths = [] if suites else profile.paths_of([case])
    request = revisions.SidesRequest(Selection(paths, preset=profile.PRESET), suites)
    base, head = ("HEAD", None) if side == WORKING_TREE else (side, side)
    with revisions.compared(request, base, head) as compared:
        return _profile(compared.sides[1].spec, case, folder)
